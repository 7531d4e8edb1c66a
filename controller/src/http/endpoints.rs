//! `/v1/endpoints`

use api::{Create, Endpoint, EndpointSpec, Kind, List};
use axum::{Json, response::Response};

use super::{
    App, Shared,
    body::{Body, Path, Query},
    error::Failure,
    write::{WaitQuery, write},
};
use crate::intent::Change;

pub async fn list(app: Shared) -> Json<List<Endpoint>> {
    let intent = app.store.read();
    Json(List { revision: intent.revision(), items: intent.endpoints.values().map(|e| (**e).clone()).collect() })
}

pub async fn inspect(app: Shared, Path(name): Path) -> Result<Json<Endpoint>, Failure> {
    find(&app, &name).map(Json).ok_or_else(|| Failure::not_found(Kind::Endpoint, &name))
}

pub async fn create(
    app: Shared,
    Query(query): Query<WaitQuery>,
    Body(Create { name, spec }): Body<Create<EndpointSpec>>,
) -> Result<Response, Failure> {
    write(&app, Change::PutEndpoint(name.clone(), spec), query, |app| find(app, &name)).await
}

pub async fn remove(app: Shared, Path(name): Path, Query(query): Query<WaitQuery>) -> Result<Response, Failure> {
    write(&app, Change::DeleteEndpoint(name.clone()), query, |app| find(app, &name)).await
}

fn find(app: &App, name: &api::Name) -> Option<Endpoint> {
    app.store.read().endpoints.get(name).map(|endpoint| (**endpoint).clone())
}
