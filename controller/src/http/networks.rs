//! `/v1/networks`

use std::time::Instant;

use api::{Create, Kind, List, Name, Network, NetworkConnections, NetworkSpec, Written};
use axum::{Json, response::Response};

use super::{
    App, Shared,
    body::{Body, Path, Query},
    error::Failure,
    write::{WaitQuery, write},
};
use crate::intent::Change;

/// All networks.
#[utoipa::path(get, path = "/v1/networks", tag = "networks", responses((status = OK, body = List<Network>)))]
pub async fn list(app: Shared) -> Json<List<Network>> {
    let intent = app.store.read();
    Json(List { revision: intent.revision(), items: intent.networks.values().map(|n| (**n).clone()).collect() })
}

/// A network.
#[utoipa::path(get, path = "/v1/networks/{name}", tag = "networks", params(("name" = Name, Path)),
    responses((status = OK, body = Network)))]
pub async fn inspect(app: Shared, Path(name): Path) -> Result<Json<Network>, Failure> {
    find(&app, &name).map(Json).ok_or_else(|| Failure::not_found(Kind::Network, &name))
}

/// How many of a network's connections the switches remember, as agents told lately.
#[utoipa::path(get, path = "/v1/networks/{name}/connections", tag = "networks", params(("name" = Name, Path)),
    responses((status = OK, body = NetworkConnections)))]
pub async fn connections(app: Shared, Path(name): Path) -> Result<Json<NetworkConnections>, Failure> {
    find(&app, &name).ok_or_else(|| Failure::not_found(Kind::Network, &name))?;
    Ok(Json(NetworkConnections { limit: app.settings.tracked, nodes: app.agents.connections(&name, Instant::now()) }))
}

/// Makes a network; the same again changes nothing.
#[utoipa::path(post, path = "/v1/networks", tag = "networks", params(WaitQuery), request_body = Create<NetworkSpec>,
    responses((status = OK, body = Written<Network>), (status = ACCEPTED, body = Written<Network>)))]
pub async fn create(
    app: Shared,
    Query(query): Query<WaitQuery>,
    Body(Create { name, spec }): Body<Create<NetworkSpec>>,
) -> Result<Response, Failure> {
    write(&app, Change::PutNetwork(name.clone(), spec), query, |app| find(app, &name)).await
}

/// Removes a network.
#[utoipa::path(delete, path = "/v1/networks/{name}", tag = "networks", params(("name" = Name, Path), WaitQuery),
    responses((status = OK, body = Written<Network>), (status = ACCEPTED, body = Written<Network>)))]
pub async fn remove(app: Shared, Path(name): Path, Query(query): Query<WaitQuery>) -> Result<Response, Failure> {
    write(&app, Change::DeleteNetwork(name.clone()), query, |app| find(app, &name)).await
}

fn find(app: &App, name: &Name) -> Option<Network> {
    app.store.read().networks.get(name).map(|network| (**network).clone())
}
