//! `/v1/nodes`, and what agents ask and say.

use std::time::Instant;

use api::{AgentConfig, AgentReport, Kind, List, Name, Node, NodeSpec, Written};
use axum::{Json, http::StatusCode, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    App, Shared,
    body::{Body, Path, Query},
    error::Failure,
    write::{WaitQuery, seconds, write},
};
use crate::{compile::agent_config, intent::Change};

/// `?after=…&timeout=…`
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConfigQuery {
    /// The revision that the agent has: there is no answer while the content is that of this revision.
    after: Option<u64>,
    /// The longest to wait for another, in seconds.
    #[serde(default)]
    timeout: f64,
}

/// All nodes.
#[utoipa::path(get, path = "/v1/nodes", tag = "nodes", responses((status = OK, body = List<Node>)))]
pub async fn list(app: Shared) -> Json<List<Node>> {
    let intent = app.store.read();
    Json(List { revision: intent.revision(), items: intent.nodes.values().map(|n| (**n).clone()).collect() })
}

/// A node.
#[utoipa::path(get, path = "/v1/nodes/{name}", tag = "nodes", params(("name" = Name, Path)),
    responses((status = OK, body = Node)))]
pub async fn inspect(app: Shared, Path(name): Path) -> Result<Json<Node>, Failure> {
    find(&app, &name).map(Json).ok_or_else(|| Failure::not_found(Kind::Node, &name))
}

/// An agent joins.
///
/// It is not made to wait for switches: its own is not there before it has joined.
#[utoipa::path(put, path = "/v1/nodes/{name}", tag = "nodes", params(("name" = Name, Path)), request_body = NodeSpec,
    responses((status = OK, body = Written<Node>), (status = ACCEPTED, body = Written<Node>)))]
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

/// Removes a node.
#[utoipa::path(delete, path = "/v1/nodes/{name}", tag = "nodes", params(("name" = Name, Path), WaitQuery),
    responses((status = OK, body = Written<Node>), (status = ACCEPTED, body = Written<Node>)))]
pub async fn remove(app: Shared, Path(name): Path, Query(query): Query<WaitQuery>) -> Result<Response, Failure> {
    write(&app, Change::DeleteNode(name.clone()), query, |app| find(app, &name)).await
}

/// What the node's agent is to make true, as soon as it is newer than `after`.
#[utoipa::path(get, path = "/v1/nodes/{name}/config", tag = "agents", params(("name" = Name, Path), ConfigQuery),
    responses((status = OK, body = AgentConfig)))]
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

/// What the node's agent saw since its last report.
#[utoipa::path(post, path = "/v1/nodes/{name}/report", tag = "agents", params(("name" = Name, Path)),
    request_body = AgentReport, responses((status = OK, body = serde_json::Value)))]
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
