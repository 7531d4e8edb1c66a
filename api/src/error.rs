use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A value that was refused: which field, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Invalid {
    /// The field as it is called in JSON.
    pub field: &'static str,
    /// What is wrong with it and what would be right.
    pub reason: String,
}

impl Invalid {
    /// An error about `field`.
    pub fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self { field, reason: reason.into() }
    }
}

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// One line for people: what was wrong and what to do.
    pub error: String,
    /// The field that was wrong, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}
