//! `/v1/services`

use std::{net::IpAddr, time::Instant};

use api::{
    Create, HeldPort, Kind, List, Name, Service, ServiceSpec, Written,
    balance::{Balance, HeldOn, NodeBalance},
};
use axum::{Json, response::Response};
use futures::{StreamExt, stream};

use super::{
    App, Shared,
    body::{Body, Path, Query},
    error::Failure,
    observe::read,
    write::{WaitQuery, write},
};
use crate::{
    balance,
    compile::announcer,
    intent::{Change, Intent},
    southbound::SwitchSession,
};

/// How many switches are read at once.
const AT_ONCE: usize = 16;

/// All services.
#[utoipa::path(get, path = "/v1/services", tag = "services", responses((status = OK, body = List<Service>)))]
pub async fn list(app: Shared) -> Json<List<Service>> {
    let intent = app.store.read();
    Json(List { revision: intent.revision(), items: intent.services.values().map(|s| (**s).clone()).collect() })
}

/// A service.
#[utoipa::path(get, path = "/v1/services/{name}", tag = "services", params(("name" = Name, Path)),
    responses((status = OK, body = Service)))]
pub async fn inspect(app: Shared, Path(name): Path) -> Result<Json<Service>, Failure> {
    find(&app, &name).map(Json).ok_or_else(|| Failure::not_found(Kind::Service, &name))
}

/// How a service's connections are balanced, read from the switches themselves.
#[utoipa::path(get, path = "/v1/services/{name}/balance", tag = "services", params(("name" = Name, Path)),
    responses((status = OK, body = Balance)))]
pub async fn balance(app: Shared, Path(name): Path) -> Result<Json<Balance>, Failure> {
    let service = find(&app, &name).ok_or_else(|| Failure::not_found(Kind::Service, &name))?;
    let intent = app.store.read();
    let names: Vec<Name> = intent.nodes.keys().cloned().collect();
    let read = names.into_iter().map(|node| {
        let (app, intent, service) = (&app, &intent, &service);
        async move { read_balance(app, intent, service, &node).await.ok_or(node) }
    });
    let read: Vec<Result<NodeBalance, Name>> = stream::iter(read).buffered(AT_ONCE).collect().await;
    let (mut nodes, mut unread) = (Vec::new(), Vec::new());
    for node in read {
        match node {
            Ok(node) => nodes.push(node),
            Err(node) => unread.push(node),
        }
    }
    nodes.retain(|node| !node.groups.is_empty());
    let announcer = |ip: &IpAddr| Some((*ip, announcer(&intent, &app.settings, *ip)?));
    let announcers = service.external_ips.iter().filter_map(announcer).collect();
    let (members, held) = (balance::members(&intent, &service, &nodes), held(&app, &service));
    Ok(Json(Balance { service, members, nodes, unread, announcers, held }))
}

async fn read_balance(app: &App, intent: &Intent, service: &Service, node: &Name) -> Option<NodeBalance> {
    let ask = async |switch: SwitchSession| {
        let groups = switch.read_groups().await?;
        let bound = match balance::counting(service) {
            Some(request) => switch.read_some_flows(request).await?,
            None => Vec::new(),
        };
        Ok((groups, bound))
    };
    let (groups, bound) = read(app, node, ask).await.ok()?;
    Some(balance::node(intent, service, node, &groups, &bound))
}

/// Makes a service.
#[utoipa::path(post, path = "/v1/services", tag = "services", params(WaitQuery), request_body = Create<ServiceSpec>,
    responses((status = OK, body = Written<Service>), (status = ACCEPTED, body = Written<Service>)))]
pub async fn create(
    app: Shared,
    Query(query): Query<WaitQuery>,
    Body(Create { name, spec }): Body<Create<ServiceSpec>>,
) -> Result<Response, Failure> {
    write(&app, Change::CreateService(name.clone(), spec), query, |app| find(app, &name)).await
}

/// Makes or changes a service.
#[utoipa::path(put, path = "/v1/services/{name}", tag = "services", params(("name" = Name, Path), WaitQuery),
    request_body = ServiceSpec, responses((status = OK, body = Written<Service>), (status = ACCEPTED, body = Written<Service>)))]
pub async fn put(
    app: Shared,
    Path(name): Path,
    Query(query): Query<WaitQuery>,
    Body(spec): Body<ServiceSpec>,
) -> Result<Response, Failure> {
    write(&app, Change::PutService(name.clone(), spec), query, |app| find(app, &name)).await
}

/// Removes a service.
#[utoipa::path(delete, path = "/v1/services/{name}", tag = "services", params(("name" = Name, Path), WaitQuery),
    responses((status = OK, body = Written<Service>), (status = ACCEPTED, body = Written<Service>)))]
pub async fn remove(app: Shared, Path(name): Path, Query(query): Query<WaitQuery>) -> Result<Response, Failure> {
    write(&app, Change::DeleteService(name.clone()), query, |app| find(app, &name)).await
}

/// The published ports of a service that processes of nodes hold, too.
fn held(app: &App, service: &Service) -> Vec<HeldOn> {
    let held = app.agents.held(Instant::now());
    let on = |(protocol, port)| {
        let port = HeldPort { protocol, port };
        let nodes = held.get(&port).cloned().unwrap_or_default();
        nodes.into_iter().map(move |node| HeldOn { node, protocol, port: port.port })
    };
    // The health port is held by the agent itself.
    let published = service.ports.iter().filter_map(|port| Some((port.protocol, port.node_port?)));
    published.flat_map(on).collect()
}

fn find(app: &App, name: &Name) -> Option<Service> {
    app.store.read().services.get(name).map(|service| (**service).clone())
}
