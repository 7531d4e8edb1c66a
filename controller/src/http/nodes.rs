//! `/v1/nodes`, and what agents ask and say.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use api::{AgentConfig, AgentReport, Containers, Kind, List, Membership, Name, Node, NodeSpec, NodeStatus, Written};
use axum::{Json, http::StatusCode, response::Response};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    App, Shared,
    body::{Body, Path, Query},
    error::Failure,
    join::time,
    write::{WaitQuery, seconds, write},
};
use crate::{
    compile::agent_config, events::EventKind, housekeeping::step_gossip, intent::Change, membership, runtime::Event,
};

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
    /// The path MTU that the agent has: there is an answer as soon as another is known.
    path_mtu: Option<u32>,
}

/// All nodes, and which of them are there.
#[utoipa::path(get, path = "/v1/nodes", tag = "nodes", responses((status = OK, body = List<NodeStatus>)))]
pub async fn list(app: Shared) -> Json<List<NodeStatus>> {
    let mut standings = standings(&app).await;
    let intent = app.store.read();
    let mut ends = intent.certificate_ends();
    let mut status = |node: &Node| NodeStatus {
        node: node.clone(),
        membership: standings.remove(&node.name),
        bfd: Vec::new(),
        certificate_until: ends.remove(&node.name).map(time),
    };
    Json(List { revision: intent.revision(), items: intent.nodes.values().map(|node| status(node)).collect() })
}

/// A node, and whether it is there.
#[utoipa::path(get, path = "/v1/nodes/{name}", tag = "nodes", params(("name" = Name, Path)),
    responses((status = OK, body = NodeStatus)))]
pub async fn inspect(app: Shared, Path(name): Path) -> Result<Json<NodeStatus>, Failure> {
    let node = find(&app, &name).ok_or_else(|| Failure::not_found(Kind::Node, &name))?;
    let membership = standings(&app).await.remove(&name);
    let membership = membership.map(|found| Membership { gossip: app.agents.gossip(&name), ..found });
    let bfd = app.switches.bfd(|sessions| sessions.of(&name));
    let certificate_until = app.store.read().certificate_ends().remove(&name).map(time);
    Ok(Json(NodeStatus { node, membership, bfd, certificate_until }))
}

/// What is made of each host.
async fn standings(app: &App) -> BTreeMap<Name, Membership> {
    let now = Timestamp::now();
    let ago = |seconds| now.checked_sub(Duration::from_secs_f64(seconds)).unwrap_or(now).to_string();
    let shown = |status: membership::Status| Membership {
        state: status.standing.as_str().into(),
        since: ago(status.since_seconds),
        seen_by: status.seen_by,
        of: status.of,
        silent_seconds: status.silent_seconds,
        gossip: None,
    };
    app.core.standings().await.into_iter().map(|status| (status.node.clone(), shown(status))).collect()
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

/// Removes a node that has no endpoint.
#[utoipa::path(delete, path = "/v1/nodes/{name}", tag = "nodes", params(("name" = Name, Path), WaitQuery),
    responses((status = OK, body = Written<Node>), (status = ACCEPTED, body = Written<Node>)))]
pub async fn remove(app: Shared, Path(name): Path, Query(query): Query<WaitQuery>) -> Result<Response, Failure> {
    write(&app, Change::DeleteNode(name.clone()), query, |app| find(app, &name)).await
}

/// Removes a node with its endpoints: a host that is gone for good.
#[utoipa::path(delete, path = "/v1/nodes/{name}/all", tag = "nodes", params(("name" = Name, Path), WaitQuery),
    responses((status = OK, body = Written<Node>), (status = ACCEPTED, body = Written<Node>)))]
pub async fn evict(app: Shared, Path(name): Path, Query(query): Query<WaitQuery>) -> Result<Response, Failure> {
    write(&app, Change::EvictNode(name.clone()), query, |app| find(app, &name)).await
}

/// Nothing new goes to a node any more: new connections to services, new endpoints. What is established goes on.
#[utoipa::path(put, path = "/v1/nodes/{name}/drain", tag = "nodes", params(("name" = Name, Path), WaitQuery),
    responses((status = OK, body = Written<Node>), (status = ACCEPTED, body = Written<Node>)))]
pub async fn drain(app: Shared, Path(name): Path, Query(query): Query<WaitQuery>) -> Result<Response, Failure> {
    write(&app, Change::SetNodeDrained(name.clone(), true), query, |app| find(app, &name)).await
}

/// A node takes what is new again.
#[utoipa::path(delete, path = "/v1/nodes/{name}/drain", tag = "nodes", params(("name" = Name, Path), WaitQuery),
    responses((status = OK, body = Written<Node>), (status = ACCEPTED, body = Written<Node>)))]
pub async fn undrain(app: Shared, Path(name): Path, Query(query): Query<WaitQuery>) -> Result<Response, Failure> {
    write(&app, Change::SetNodeDrained(name.clone(), false), query, |app| find(app, &name)).await
}

/// A node gives part of its share of the default network to containers itself; nobody else gets these addresses.
#[utoipa::path(put, path = "/v1/nodes/{name}/containers", tag = "agents", params(("name" = Name, Path), WaitQuery),
    request_body = Containers, responses((status = OK, body = Written<Node>), (status = ACCEPTED, body = Written<Node>)))]
pub async fn reserve(
    app: Shared,
    Path(name): Path,
    Query(query): Query<WaitQuery>,
    Body(Containers { cidr }): Body<Containers>,
) -> Result<Response, Failure> {
    write(&app, Change::SetContainers(name.clone(), Some(cidr)), query, |app| find(app, &name)).await
}

/// A node gives no addresses to containers any more.
#[utoipa::path(delete, path = "/v1/nodes/{name}/containers", tag = "agents", params(("name" = Name, Path), WaitQuery),
    responses((status = OK, body = Written<Node>), (status = ACCEPTED, body = Written<Node>)))]
pub async fn release(app: Shared, Path(name): Path, Query(query): Query<WaitQuery>) -> Result<Response, Failure> {
    write(&app, Change::SetContainers(name.clone(), None), query, |app| find(app, &name)).await
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
    let has_path_mtu = |known: Option<u32>| known.is_none() || known == query.path_mtu;
    if query.after == Some(*changed.borrow_and_update()) && has_path_mtu(app.agents.path_mtu()) {
        // Nothing new within the time: the same once more.
        let _ = tokio::time::timeout(timeout, changed.changed()).await;
    }
    let revision = *changed.borrow();
    let config = agent_config(&app.store.read(), &app.settings, &name, revision).ok_or_else(missing)?;
    Ok(Json(AgentConfig { path_mtu: app.agents.path_mtu(), ..config }))
}

/// What the node's agent saw since its last report.
#[utoipa::path(post, path = "/v1/nodes/{name}/report", tag = "agents", params(("name" = Name, Path)),
    request_body = AgentReport, responses((status = OK, body = serde_json::Value)))]
pub async fn report(
    app: Shared,
    Path(name): Path,
    Body(mut report): Body<AgentReport>,
) -> Result<Json<serde_json::Value>, Failure> {
    find(&app, &name).ok_or_else(|| Failure::not_found(Kind::Node, &name))?;
    let members = std::mem::take(&mut report.members);
    app.core.tell(Event::Reported(name.clone(), members, report.all_members));
    app.metrics.count_probes(&name, &report);
    let intent = app.store.read();
    report.tracked.retain(|of| intent.networks.contains_key(&of.network));
    let there = |node: &Name| intent.nodes.get(node).is_some_and(|node| !node.down);
    for change in app.agents.report(&name, report, there, Instant::now()) {
        app.metrics.show_direction(&change);
        app.events.record(EventKind::Mesh, Some(&change.to), None, change.message());
    }
    app.metrics.mesh_path_mtu.set(app.agents.path_mtu().unwrap_or_default().into());
    Ok(Json(serde_json::json!({})))
}

/// Agents get another gossip key, step by step.
#[utoipa::path(post, path = "/v1/gossip/rotate", tag = "agents", responses((status = OK, body = serde_json::Value)))]
pub async fn rotate(app: Shared) -> Result<Json<serde_json::Value>, Failure> {
    let gossip = app.store.read().gossip;
    if gossip.as_ref().is_some_and(|gossip| gossip.is_under_way()) {
        return Err(Failure::new(StatusCode::CONFLICT, "the gossip key is being replaced already; wait until it is"));
    }
    let stepped = step_gossip(&app.store, gossip.map(|gossip| gossip.step)).await;
    stepped.map_err(|error| Failure::new(StatusCode::SERVICE_UNAVAILABLE, format!("{error:#}")))?;
    Ok(Json(serde_json::json!({})))
}

fn find(app: &App, name: &Name) -> Option<Node> {
    app.store.read().nodes.get(name).map(|node| (**node).clone())
}
