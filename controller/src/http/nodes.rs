//! `/v1/nodes`, and what agents ask and say.

use std::time::Instant;

use api::{AgentConfig, AgentReport, Kind, List, Name, Node, NodeSpec};
use axum::{Json, http::StatusCode, response::Response};
use serde::Deserialize;

use super::{
    App, Shared,
    body::{Body, Path, Query},
    error::Failure,
    write::{WaitQuery, seconds, write},
};
use crate::{compile::agent_config, intent::Change};

/// `?after=…&timeout=…`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigQuery {
    after: Option<u64>,
    #[serde(default)]
    timeout: f64,
}

pub async fn list(app: Shared) -> Json<List<Node>> {
    let intent = app.store.read();
    Json(List { revision: intent.revision(), items: intent.nodes.values().map(|n| (**n).clone()).collect() })
}

pub async fn inspect(app: Shared, Path(name): Path) -> Result<Json<Node>, Failure> {
    find(&app, &name).map(Json).ok_or_else(|| Failure::not_found(Kind::Node, &name))
}

/// An agent joins. It is not made to wait for switches: its own is not there before it has joined.
pub async fn put(app: Shared, Path(name): Path, Body(spec): Body<NodeSpec>) -> Result<Response, Failure> {
    if let Some(there) = find(&app, &name)
        && there.spec.address != spec.address
        && app.agents.is_fresh(&name, Instant::now())
    {
        let reason = format!("node {name} is {} and alive; give this host another --node name", there.spec.address);
        return Err(Failure::new(StatusCode::CONFLICT, reason));
    }
    let query = WaitQuery::DO_NOT_WAIT;
    write(&app, Change::PutNode(name.clone(), spec), query, |app| find(app, &name)).await
}

pub async fn remove(app: Shared, Path(name): Path, Query(query): Query<WaitQuery>) -> Result<Response, Failure> {
    write(&app, Change::DeleteNode(name.clone()), query, |app| find(app, &name)).await
}

/// What the node's agent is to make true, as soon as it is newer than `after`.
pub async fn config(
    app: Shared,
    Path(name): Path,
    Query(query): Query<ConfigQuery>,
) -> Result<Json<AgentConfig>, Failure> {
    let timeout = seconds(query.timeout)?;
    let missing = || Failure::not_found(Kind::Node, &name);
    find(&app, &name).ok_or_else(missing)?;
    let mut changed = app.agents.config(&name);
    if query.after == Some(*changed.borrow_and_update()) {
        // Nothing new within the time: the same once more.
        let _ = tokio::time::timeout(timeout, changed.changed()).await;
    }
    let revision = *changed.borrow();
    let config = agent_config(&app.store.read(), &app.settings, &name, revision);
    config.map(Json).ok_or_else(missing)
}

pub async fn report(
    app: Shared,
    Path(name): Path,
    Body(report): Body<AgentReport>,
) -> Result<Json<serde_json::Value>, Failure> {
    find(&app, &name).ok_or_else(|| Failure::not_found(Kind::Node, &name))?;
    app.agents.report(&name, report, Instant::now());
    Ok(Json(serde_json::json!({})))
}

fn find(app: &App, name: &Name) -> Option<Node> {
    app.store.read().nodes.get(name).map(|node| (**node).clone())
}
