//! `/v1/join`, `/v1/tokens` and renewal

use std::sync::Arc;

use api::{JoinAnswer, JoinRequest, JoinToken, List, Name, RenewRequest, TokenCreate, TokenMade, TokenStatus};
use axum::{Json, extract::ConnectInfo, http::StatusCode};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey},
};

use super::{App, Shared, body::Body, error::Failure};
use crate::{
    events::EventKind,
    intent::{Change, Enrolment, Known, Role, Token},
    pki::{Issuer, Shown, point, unix_now},
};

/// The longest that a token may be good for, in seconds.
const MAX_TTL: f64 = 366.0 * 86_400.0;

/// A host joins with a token: it is given a certificate.
#[utoipa::path(post, path = "/v1/join", tag = "join", request_body = JoinRequest,
    responses((status = OK, body = JoinAnswer)))]
pub async fn join(app: Shared, Body(asked): Body<JoinRequest>) -> Result<Json<JoinAnswer>, Failure> {
    let (answer, known) = signed(&app, &asked.node, &asked.public_key)?;
    let (hash, before) = (JoinToken::hash(&asked.secret), before(&app, &asked));
    let JoinRequest { token, node, .. } = asked;
    app.store.propose(vec![Change::Enrol(Enrolment { token, hash, node: node.clone(), known, before })]).await?;
    app.events.record(EventKind::Join, Some(&node), None, "was given a certificate".to_owned());
    Ok(Json(answer))
}

/// A host has another certificate, in time; the one before it counts until it ends.
#[utoipa::path(post, path = "/v1/nodes/{name}/certificate", tag = "join", params(("name" = Name, Path)),
    request_body = RenewRequest, responses((status = OK, body = JoinAnswer)))]
pub async fn renew(
    app: Shared,
    ConnectInfo(shown): ConnectInfo<Shown>,
    super::body::Path(name): super::body::Path,
    Body(asked): Body<RenewRequest>,
) -> Result<Json<JoinAnswer>, Failure> {
    let (answer, known) = signed(&app, &name, &asked.public_key)?;
    let Shown::Certificate(shown) = shown else {
        return Err(Failure::new(StatusCode::UNAUTHORIZED, "who shows no certificate gets no other"));
    };
    app.store.propose(vec![Change::Renew(known, shown)]).await?;
    Ok(Json(answer))
}

/// A certificate for a host's public key, and what is kept of it.
fn signed(app: &App, node: &Name, public_key: &str) -> Result<(JoinAnswer, Known), Failure> {
    let wrong = || Failure::new(StatusCode::BAD_REQUEST, "public_key: not an uncompressed point of P-256 in base64");
    let (key, issuer) = (point(public_key).ok_or_else(wrong)?, issuer(app)?);
    let certificate = issuer.sign(node.as_str(), &key, unix_now()).map_err(|error| failed(&error))?;
    let known = Known::of(&certificate, Role::Node(node.clone())).map_err(|error| failed(&error))?;
    let answer = JoinAnswer { certificate, authority: issuer.certificate().to_owned() };
    Ok((answer, Known { public_key: Some(public_key.to_owned()), ..known }))
}

/// The certificate of that node with whose key the host has signed that it is the same.
fn before(app: &App, asked: &JoinRequest) -> Option<String> {
    let signature = STANDARD.decode(asked.signature.as_ref()?).ok()?;
    let message = JoinRequest::signed(&asked.node, &asked.public_key);
    let signed_it = |known: &&Arc<Known>| {
        let key = known.public_key.as_deref().and_then(point);
        key.is_some_and(|key| UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(&message, &signature).is_ok())
    };
    let intent = app.store.read();
    intent.known_of(&asked.node).find(signed_it).map(|known| known.fingerprint.clone())
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
    app.pki.as_ref().map(|pki| &pki.issuer).ok_or_else(insecure)
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

pub(super) fn time(unix: u64) -> String {
    i64::try_from(unix).ok().and_then(|unix| Timestamp::from_second(unix).ok()).unwrap_or(Timestamp::MAX).to_string()
}
