//! `/v1/nodes/NODE/names`: what names stand for, and changes of those that a host follows.

use std::{sync::Arc, time::Duration};

use api::{Kind, MAX_NAMES, Name, NameKeys, Named, NamesAnswer, NamesQuery};
use axum::{Json, http::StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout_at};
use utoipa::IntoParams;

use super::{
    App, Shared,
    body::{Body, Path, Query},
    error::Failure,
    write::seconds,
};
use crate::names::lookup;

/// How long a name is kept back that the host's switch has no flows for yet, and how often the switch is asked.
const TOGETHER: (Duration, Duration) = (Duration::from_millis(500), Duration::from_millis(2));
/// How long changes are gathered before a host is told of them.
const GATHER: Duration = Duration::from_millis(5);

/// `?timeout=…`
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TimeoutQuery {
    /// The longest to wait for a change, in seconds.
    #[serde(default)]
    timeout: f64,
}

/// What names stand for: of those that are wanted at once, and of those that are known as soon as one has changed.
///
/// A host is told of a change when its switch has acknowledged it, or half a second after it.
#[utoipa::path(post, path = "/v1/nodes/{name}/names", tag = "agents", params(("name" = Name, Path), TimeoutQuery),
    request_body = NamesQuery, responses((status = OK, body = NamesAnswer)))]
pub async fn names(
    app: Shared,
    Path(node): Path,
    Query(query): Query<TimeoutQuery>,
    Body(NamesQuery { after, known, wanted }): Body<NamesQuery>,
) -> Result<Json<NamesAnswer>, Failure> {
    let until = Instant::now() + seconds(query.timeout)?;
    for keys in [&known, &wanted] {
        check(keys)?;
    }
    if !app.store.read().nodes.contains_key(&node) {
        return Err(Failure::not_found(Kind::Node, &node));
    }
    let mut told = app.names.subscribe();
    loop {
        told.borrow_and_update();
        if !wanted.is_empty() || !app.names.changes(&known, after).keys.is_empty() {
            break;
        }
        if timeout_at(until, told.changed()).await.is_err() {
            break;
        }
        sleep(GATHER).await;
    }
    let last = app.names.last_touch(&wanted).max(app.names.changes(&known, after).last);
    together(&app, &node, last).await;
    let intent = app.names.intent();
    // What came meanwhile is told with it: a host may know a little too early, but never too late.
    let changed = app.names.changes(&known, after).keys;
    let look = |keys: &NameKeys| -> Vec<Named> {
        let each = keys.iter().flat_map(|(network, keys)| keys.iter().map(move |key| (network, key)));
        each.flat_map(|(network, key)| lookup(&intent, &node, network, key)).collect()
    };
    let names = [&wanted, &changed].into_iter().flat_map(look).collect();
    Ok(Json(NamesAnswer { revision: intent.revision(), names }))
}

/// Waits until the node's switch has what `revision` changed.
async fn together(app: &Arc<App>, node: &Name, revision: u64) {
    let until = Instant::now() + TOGETHER.0;
    while revision > 0 && Instant::now() < until && app.core.awaits(node, revision).await {
        sleep(TOGETHER.1).await;
    }
}

fn check(keys: &NameKeys) -> Result<(), Failure> {
    let count: usize = keys.values().map(|keys| keys.len()).sum();
    if count > MAX_NAMES || keys.values().flatten().any(|key| !key.is_valid()) {
        let reason = format!("known, wanted: at most {MAX_NAMES} names of 128 bytes each");
        return Err(Failure::new(StatusCode::BAD_REQUEST, reason));
    }
    Ok(())
}
