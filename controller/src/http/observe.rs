//! What is observed: status, mesh, what switches hold, metrics.

use std::{collections::BTreeMap, time::Instant};

use api::{
    Kind, Name,
    status::{ControllerStatus, EndingCertificate, Event, FlowDump, GroupDump, PipelineTable, Status, SwitchStatus},
};
use axum::{Json, http::StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    App, Shared,
    apply::ending,
    body::{Path, Query},
    error::Failure,
};
use crate::{
    cluster::{Duties, Known},
    dump,
    metrics::Present,
    pipeline::Table,
    pki::unix_now,
    southbound::{ReadError, SwitchSession},
};

/// That the controller runs.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = OK, body = String)))]
pub async fn healthy() -> &'static str {
    "ok\n"
}

/// Whether every switch has acknowledged the store's revision.
#[utoipa::path(get, path = "/readyz", tag = "health", responses((status = OK, body = String)))]
pub async fn ready(app: Shared) -> Result<&'static str, Failure> {
    let status = observe(&app).await;
    if status.converged {
        return Ok("ok\n");
    }
    Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "not every switch has acknowledged the store's revision"))
}

/// Figures for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = OK, body = String)))]
pub async fn metrics(app: Shared) -> String {
    let (intent, now) = (app.store.read(), unix_now());
    let ends = app.pki.iter().flat_map(|pki| pki.ends(&intent));
    app.metrics.page(&Present {
        certificate_seconds: ends.map(|(holder, until)| (holder, until.saturating_sub(now))).collect(),
        connections: app.agents.all_connections(|network| intent.networks.contains_key(network), Instant::now()),
    })
}

/// The controllers, the switches, and whether all is converged.
#[utoipa::path(get, path = "/v1/status", tag = "status", responses((status = OK, body = Status)))]
pub async fn status(app: Shared) -> Json<Status> {
    Json(observe(&app).await)
}

/// What happened lately.
#[utoipa::path(get, path = "/v1/events", tag = "status", responses((status = OK, body = Vec<Event>)))]
pub async fn events(app: Shared) -> Json<Vec<Event>> {
    Json(app.events.all())
}

/// The tables packets go through.
#[utoipa::path(get, path = "/v1/pipeline", tag = "status", responses((status = OK, body = Vec<PipelineTable>)))]
pub async fn pipeline() -> Json<Vec<PipelineTable>> {
    let table = |table: Table| PipelineTable {
        id: table.id(),
        name: table.name().into(),
        does: table.does().into(),
        miss: table.miss().into(),
    };
    Json(Table::ALL.into_iter().map(table).collect())
}

/// `?diff=…&at=…`
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FlowsQuery {
    /// Only what is not as it is to be.
    #[serde(default)]
    diff: bool,
    /// What it was to have at that time, as RFC 3339.
    #[param(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
}

/// The flows that the switch itself answers.
#[utoipa::path(get, path = "/v1/nodes/{name}/flows", tag = "switches", params(("name" = Name, Path), FlowsQuery), responses((status = OK, body = FlowDump)))]
pub async fn flows(app: Shared, Path(name): Path, Query(query): Query<FlowsQuery>) -> Result<Json<FlowDump>, Failure> {
    let compiled = match query.at {
        Some(time) => {
            let then = app.core.compiled_at(time).await.ok_or_else(ending)?;
            Some(then.map_err(|old| Failure::new(StatusCode::NOT_FOUND, format!("at: {old}")))?)
        }
        None if query.diff => Some(app.core.compiled().await.ok_or_else(ending)?),
        None => None,
    };
    let owners = match &compiled {
        Some(then) => dump::Owners::new(&[&app.store.read(), then.intent()]),
        None => app.owners(),
    };
    if let Some(then) = compiled.as_ref().filter(|_| !query.diff) {
        if !then.has(&name) {
            return Err(Failure::not_found(Kind::Node, &name));
        }
        return Ok(Json(dump::desired(&name, &then.state(&name).flows, &owners)));
    }
    let read = read(&app, &name, async |switch| switch.read_flows().await).await?;
    Ok(Json(match compiled {
        Some(then) => dump::difference(&name, &read, then.state(&name).flows, &owners),
        None => dump::flows(&name, &read, &owners),
    }))
}

/// The groups that the switch itself answers.
#[utoipa::path(get, path = "/v1/nodes/{name}/groups", tag = "switches", params(("name" = Name, Path)), responses((status = OK, body = GroupDump)))]
pub async fn groups(app: Shared, Path(name): Path) -> Result<Json<GroupDump>, Failure> {
    let (described, counted) = read(&app, &name, async |switch| switch.read_groups().await).await?;
    let owners = app.owners();
    Ok(Json(dump::groups(&name, &described, &counted, &owners)))
}

/// What `ask` gets from a node's switch. One that has just begun anew is waited for, but not that of a node that is down.
pub async fn read<T, F>(app: &App, name: &Name, ask: impl Fn(SwitchSession) -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, ReadError>>,
{
    let is_down = app.store.read().nodes.get(name).ok_or_else(|| Failure::not_found(Kind::Node, name))?.down;
    let read = match is_down && !app.switches.is_connected(name) {
        true => Err(ReadError::Gone),
        false => app.switches.read(name, ask).await,
    };
    read.map_err(|error| {
        let status = match error {
            ReadError::Gone => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        };
        Failure::new(status, format!("the switch of node {name} could not be read: {error}"))
    })
}

fn controllers(app: &App, duties: &Duties) -> Vec<ControllerStatus> {
    let status = |(id, known): (&String, &Known)| ControllerStatus {
        id: id.clone(),
        address: known.member.http.to_string(),
        alive: known.alive,
        here: id == app.cluster.me(),
        switches: duties.masters.values().filter(|master| *master == id).count() as u64,
    };
    duties.members.iter().map(status).collect()
}

async fn observe(app: &App) -> Status {
    let progress = app.core.progress().await;
    let now = Instant::now();
    let intent = app.store.read();
    let revision = intent.revision();
    let there: Vec<Name> = intent.nodes.values().filter(|node| !node.down).map(|node| node.name.clone()).collect();
    let (duties, masters) = (app.cluster.duties(), app.switches.masters());
    let switches: Vec<SwitchStatus> = intent
        .nodes
        .values()
        .map(|node| {
            let done = progress.get(&node.name).cloned().unwrap_or_default();
            let openflow = app.switches.is_connected(&node.name);
            let ovsdb = app.switches.host_connected(&node.name);
            let agent = app.agents.is_fresh(&node.name, now);
            SwitchStatus {
                node: node.name.clone(),
                datapath_id: format!("{:016x}", node.datapath_id()),
                openflow,
                ovsdb,
                agent,
                down: node.down,
                ready: !node.down && openflow && ovsdb && agent && done.converged,
                revision: done.first_pending.map_or(revision, |pending| pending.saturating_sub(1)),
                flows: done.desired.flows as u64,
                groups: done.desired.groups as u64,
                digest: format!("{:016x}", done.desired.digest),
                master: duties.masters.get(&node.name).cloned(),
                mastered_here: masters.contains(&node.name),
                flow_mods_sent: done.flow_mods_sent,
                error: done.error,
            }
        })
        .collect();
    let objects: BTreeMap<String, u64> = [
        (Kind::Node, intent.nodes.len()),
        (Kind::Network, intent.networks.len()),
        (Kind::Endpoint, intent.endpoints.len()),
        (Kind::Service, intent.services.len()),
        (Kind::Policy, intent.policies.len()),
    ]
    .into_iter()
    .map(|(kind, count)| (kind.to_string(), count as u64))
    .collect();
    let late = app.pki.as_ref().map(|pki| pki.late(&intent, unix_now())).unwrap_or_default();
    let ending = late.into_iter().map(|(holder, until)| EndingCertificate {
        holder: holder.to_string(),
        until: super::join::time(until.unsigned_abs()),
    });
    let ending = ending.collect();
    drop(intent);
    Status {
        version: env!("CARGO_PKG_VERSION").into(),
        revision,
        converged: switches
            .iter()
            .all(|s| s.down || (s.openflow && s.ovsdb && progress.get(&s.node).is_some_and(|p| p.converged))),
        mesh_ready: app.agents.all_up(&there, now),
        ending_certificates: ending,
        uptime_seconds: app.started.elapsed().as_secs_f64(),
        switches,
        objects,
        controllers: controllers(app, &duties),
    }
}
