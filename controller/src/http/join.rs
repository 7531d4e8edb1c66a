//! `/v1/join` and `/v1/tokens`

use api::{JoinAnswer, JoinRequest, JoinToken, List, Name, TokenCreate, TokenMade, TokenStatus};
use axum::{Json, http::StatusCode};
use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};

use super::{App, Shared, body::Body, error::Failure};
use crate::{
    intent::{Change, Enrolment, Token},
    pki::{Issuer, point},
};

/// The longest that a token may be good for, in seconds.
const MAX_TTL: f64 = 366.0 * 86_400.0;

/// A host joins with a token: it is given a certificate.
#[utoipa::path(post, path = "/v1/join", tag = "join", request_body = JoinRequest,
    responses((status = OK, body = JoinAnswer)))]
pub async fn join(app: Shared, Body(asked): Body<JoinRequest>) -> Result<Json<JoinAnswer>, Failure> {
    let key = point(&asked.public_key);
    let wrong = || Failure::new(StatusCode::BAD_REQUEST, "public_key: not an uncompressed point of P-256 in base64");
    let key = key.ok_or_else(wrong)?;
    let issuer = issuer(&app)?;
    let (certificate, fingerprint) = issuer.sign(asked.node.as_str(), &key).map_err(|error| failed(&error))?;
    let enrolment =
        Enrolment { token: asked.token, hash: JoinToken::hash(&asked.secret), node: asked.node.clone(), fingerprint };
    app.store.propose(vec![Change::Enrol(enrolment)]).await?;
    let message = "was given a certificate".to_owned();
    app.events.record(crate::events::EventKind::Join, Some(&asked.node), None, message);
    Ok(Json(JoinAnswer { certificate, authority: issuer.certificate().to_owned() }))
}

/// Makes a token that hosts join with. It is answered this once: only a hash of it is kept.
#[utoipa::path(post, path = "/v1/tokens", tag = "join", request_body = TokenCreate,
    responses((status = OK, body = TokenMade)))]
pub async fn create(app: Shared, Body(asked): Body<TokenCreate>) -> Result<Json<TokenMade>, Failure> {
    if !(1.0..=MAX_TTL).contains(&asked.ttl_seconds) {
        let reason = format!("ttl_seconds: {} is not within 1 and {MAX_TTL}", asked.ttl_seconds);
        return Err(Failure::new(StatusCode::BAD_REQUEST, reason));
    }
    let authority = issuer(&app)?.fingerprint().map_err(|error| failed(&error))?;
    let mut random = [0; JoinToken::RANDOM];
    SystemRandom::new().fill(&mut random).map_err(|_| failed(&"the random number generator failed"))?;
    let token = JoinToken::new(random, &authority);
    let until = Timestamp::now().as_second().saturating_add(asked.ttl_seconds as i64);
    app.store.propose(vec![Change::PutToken(Token::of(&token, until.unsigned_abs()))]).await?;
    Ok(Json(TokenMade { token: token.to_string(), expires: time(until.unsigned_abs()) }))
}

/// The tokens there are, without what makes them good.
#[utoipa::path(get, path = "/v1/tokens", tag = "join", responses((status = OK, body = List<TokenStatus>)))]
pub async fn list(app: Shared) -> Json<List<TokenStatus>> {
    let intent = app.store.read();
    let now = Timestamp::now().as_second().unsigned_abs();
    let status = |token: &Token| TokenStatus {
        name: token.name.clone(),
        expires: time(token.until),
        expired: token.until <= now,
    };
    Json(List { revision: intent.revision(), items: intent.tokens.values().map(|token| status(token)).collect() })
}

/// Revokes a token; who joined with it stays.
#[utoipa::path(delete, path = "/v1/tokens/{name}", tag = "join", params(("name" = Name, Path)),
    responses((status = OK, body = serde_json::Value)))]
pub async fn remove(
    app: Shared,
    super::body::Path(name): super::body::Path,
) -> Result<Json<serde_json::Value>, Failure> {
    app.store.propose(vec![Change::DeleteToken(name.to_string())]).await?;
    Ok(Json(serde_json::json!({})))
}

fn issuer(app: &App) -> Result<&Issuer, Failure> {
    let insecure = || Failure::new(StatusCode::CONFLICT, "this controller runs --insecure: hosts join without a token");
    app.issuer.as_ref().ok_or_else(insecure)
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

fn time(unix: u64) -> String {
    i64::try_from(unix).ok().and_then(|unix| Timestamp::from_second(unix).ok()).unwrap_or(Timestamp::MAX).to_string()
}
