//! Writes: proposed to the store, then, if asked, awaited until every switch concerned has acknowledged them.

use std::time::{Duration, Instant};

use api::Written;
use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::{App, error::Failure};
use crate::{
    intent::Change,
    store::{Accepted, ProposeError},
};

/// The longest a request may ask to wait, in seconds.
const MAX_TIMEOUT: f64 = 600.0;

/// `?wait=…&timeout=…`
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WaitQuery {
    /// Whether to answer only when every switch concerned has acknowledged the write.
    #[serde(default = "yes")]
    #[param(default = true)]
    wait: bool,
    /// The longest to wait for that, in seconds.
    #[serde(default = "ten")]
    #[param(default = 10.0, minimum = 0.0, maximum = 600.0)]
    timeout: f64,
}

impl WaitQuery {
    /// Answers at once.
    pub const DO_NOT_WAIT: Self = Self { wait: false, timeout: 0.0 };
}

fn yes() -> bool {
    true
}

fn ten() -> f64 {
    10.0
}

/// Seconds of a query as a duration.
pub fn seconds(timeout: f64) -> Result<Duration, Failure> {
    if !(0.0..=MAX_TIMEOUT).contains(&timeout) {
        return Err(Failure::new(
            StatusCode::BAD_REQUEST,
            format!("timeout: {timeout} is not within 0 and {MAX_TIMEOUT} seconds"),
        ));
    }
    Ok(Duration::from_secs_f64(timeout))
}

/// Makes a change and answers with the object that `show` finds.
///
/// The answer is 200, or 202 if switches have not acknowledged it yet.
pub async fn write<T: Serialize>(
    app: &App,
    change: Change,
    query: WaitQuery,
    show: impl FnOnce(&App) -> Option<T>,
) -> Result<Response, Failure> {
    let started = Instant::now();
    let accepted = app.propose(vec![change]).await?;
    let pending = settle(app, &accepted, query, started).await?;
    let status = if pending.is_empty() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let written = Written { revision: accepted.revision, object: show(app), pending };
    Ok((status, Json(written)).into_response())
}

impl App {
    /// Asks for what a user wants: all of it or nothing.
    pub async fn propose(&self, changes: Vec<Change>) -> Result<Accepted, ProposeError> {
        let held = self.agents.held(Instant::now());
        self.store.propose_beside(held, changes).await.inspect_err(|_| {
            self.metrics.writes_refused.inc();
        })
    }
}

/// The nodes that have not acknowledged what was accepted, after waiting for them as long as was asked for.
pub async fn settle(
    app: &App,
    accepted: &Accepted,
    query: WaitQuery,
    started: Instant,
) -> Result<Vec<String>, Failure> {
    if !query.wait {
        return Ok(app.core.pending(accepted.revision).await);
    }
    let pending = wait(app, accepted.revision, seconds(query.timeout)?).await;
    if accepted.changed() && pending.is_empty() {
        app.metrics.realize_seconds.observe(started.elapsed().as_secs_f64());
    }
    Ok(pending)
}

async fn wait(app: &App, revision: u64, timeout: Duration) -> Vec<String> {
    let acknowledged = app.core.wait(revision);
    match tokio::time::timeout(timeout, acknowledged).await {
        Ok(()) => Vec::new(),
        Err(_) => app.core.pending(revision).await,
    }
}
