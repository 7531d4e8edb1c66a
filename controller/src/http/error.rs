//! Every answer that is not a success: one line for people, as JSON.

use api::{ErrorBody, Kind, Name};
use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::{intent::Refused, store::ProposeError};

/// An answer that is not a success.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    body: ErrorBody,
}

impl Failure {
    /// A failure with this status and reason.
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, body: ErrorBody { error: error.into(), field: None } }
    }

    /// The same, said of an object.
    pub fn about(mut self, object: &str) -> Self {
        self.body.error = format!("{object}: {}", self.body.error);
        self
    }

    /// There is no such object.
    pub fn not_found(kind: Kind, name: &Name) -> Self {
        Refused::NotFound(kind, name.clone()).into()
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let (status, field) = match &refused {
            Refused::Invalid(invalid) => (StatusCode::UNPROCESSABLE_ENTITY, Some(invalid.field.to_owned())),
            Refused::Conflict(_) | Refused::Exhausted(_) => (StatusCode::CONFLICT, None),
            Refused::Forbidden(_) => (StatusCode::FORBIDDEN, None),
            Refused::NotFound(..) => (StatusCode::NOT_FOUND, None),
        };
        Self { status, body: ErrorBody { error: refused.to_string(), field } }
    }
}

impl From<ProposeError> for Failure {
    fn from(error: ProposeError) -> Self {
        match error {
            ProposeError::Rejected(rejected) => rejected.refused.into(),
            ProposeError::Store(error) => Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        tracing::info!(status = self.status.as_u16(), error = self.body.error, "request refused");
        (self.status, Json(self.body)).into_response()
    }
}
