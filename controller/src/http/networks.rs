//! `/v1/networks`

use api::{Create, Kind, List, Network, NetworkSpec};
use axum::{Json, response::Response};

use super::{
    App, Shared,
    body::{Body, Path, Query},
    error::Failure,
    write::{WaitQuery, write},
};
use crate::intent::Change;

pub async fn list(app: Shared) -> Json<List<Network>> {
    let intent = app.store.read();
    Json(List { revision: intent.revision(), items: intent.networks.values().map(|n| (**n).clone()).collect() })
}

pub async fn inspect(app: Shared, Path(name): Path) -> Result<Json<Network>, Failure> {
    find(&app, &name).map(Json).ok_or_else(|| Failure::not_found(Kind::Network, &name))
}

pub async fn create(
    app: Shared,
    Query(query): Query<WaitQuery>,
    Body(Create { name, spec }): Body<Create<NetworkSpec>>,
) -> Result<Response, Failure> {
    write(&app, Change::PutNetwork(name.clone(), spec), query, |app| find(app, &name)).await
}

pub async fn remove(app: Shared, Path(name): Path, Query(query): Query<WaitQuery>) -> Result<Response, Failure> {
    write(&app, Change::DeleteNetwork(name.clone()), query, |app| find(app, &name)).await
}

fn find(app: &App, name: &api::Name) -> Option<Network> {
    app.store.read().networks.get(name).map(|network| (**network).clone())
}
