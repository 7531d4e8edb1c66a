use std::fmt::Display;

/// What can go wrong with a request to the agent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field of the request is wrong.
    #[error(transparent)]
    Invalid(#[from] api::Invalid),
    /// The request contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// The agent has never heard from its controller.
    #[error("the controller has not given this host its configuration yet; is it running?")]
    NotReady,
    /// The controller refused or did not answer.
    #[error("controller: {}", plain(.0))]
    Controller(#[from] api::ClientError),
    /// The endpoint exists, but some switches have not acknowledged it in time.
    #[error("not acknowledged in time by the switch of {}", .0.join(", "))]
    Pending(Vec<String>),
    /// The kernel refused.
    #[error("{what}: {reason}")]
    Kernel {
        /// What was asked of it.
        what: String,
        /// What it said.
        reason: String,
    },
    /// Something failed, and so did some of the undoing.
    #[error("{}", join(.0))]
    Several(Vec<Error>),
}

impl Error {
    /// The kernel's refusal to do `what`.
    pub fn kernel(what: impl Into<String>, reason: impl Display) -> Self {
        Self::Kernel { what: what.into(), reason: reason.to_string() }
    }

    /// One error out of all that happened, the cause first.
    pub fn all(first: Self, mut others: Vec<Self>) -> Self {
        if others.is_empty() {
            return first;
        }
        others.insert(0, first);
        Self::Several(others)
    }

    /// Whether the controller could not be reached at all.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Controller(api::ClientError::Unreachable { .. }))
    }
}

/// What went wrong with a request, without the client's advice about command lines other than the agent's.
pub fn plain(error: &api::ClientError) -> String {
    match error {
        api::ClientError::Unreachable { server, reason } => format!("cannot reach {server}: {reason}"),
        api::ClientError::Refused { .. } | api::ClientError::Answer { .. } => error.to_string(),
    }
}

fn join(errors: &[Error]) -> String {
    errors.iter().map(Error::to_string).collect::<Vec<_>>().join("; ")
}
