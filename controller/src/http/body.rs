//! Request parts, with refusals that say what was wrong.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{StatusCode, request::Parts},
};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::error::Failure;

/// How many bytes before a mistake are shown.
const NEAR: usize = 24;

/// A JSON body, whatever its Content-Type.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let status = rejection.status();
            let reason = match status {
                StatusCode::PAYLOAD_TOO_LARGE => "the body is larger than this path takes".into(),
                _ => format!("the body could not be read: {rejection}"),
            };
            Failure::new(status, reason)
        })?;
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| wrong(&error, &bytes))?;
        json.end().map_err(|_| Failure::new(StatusCode::BAD_REQUEST, "the body goes on after its JSON value"))?;
        Ok(Self(parsed))
    }
}

/// Names the field, what is wrong with it, and the text there.
fn wrong(error: &serde_path_to_error::Error<serde_json::Error>, body: &[u8]) -> Failure {
    let at = error.inner();
    let line = body.split(|byte| *byte == b'\n').nth(at.line().saturating_sub(1)).unwrap_or_default();
    let end = at.column().min(line.len());
    let near = String::from_utf8_lossy(line.get(end.saturating_sub(NEAR)..end).unwrap_or_default());
    let field = error.path().to_string();
    let field = if field == "." { "the body".to_owned() } else { field };
    Failure::new(StatusCode::BAD_REQUEST, format!("{field}: {at}, near {near:?}"))
}

/// The object's name in the path, or what else stands there.
pub struct Path<T = api::Name>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|e| Failure::new(StatusCode::BAD_REQUEST, e.body_text()))
    }
}

/// The query.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query.map(|query| Self(query.0)).map_err(|e| Failure::new(StatusCode::BAD_REQUEST, e.body_text()))
    }
}
