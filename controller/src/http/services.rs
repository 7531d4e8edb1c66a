//! `/v1/services`

use api::{Create, Kind, List, Service, ServiceSpec};
use axum::{Json, response::Response};

use super::{
    App, Shared,
    body::{Body, Path, Query},
    error::Failure,
    write::{WaitQuery, write},
};
use crate::intent::Change;

pub async fn list(app: Shared) -> Json<List<Service>> {
    let intent = app.store.read();
    Json(List { revision: intent.revision(), items: intent.services.values().map(|s| (**s).clone()).collect() })
}

pub async fn inspect(app: Shared, Path(name): Path) -> Result<Json<Service>, Failure> {
    find(&app, &name).map(Json).ok_or_else(|| Failure::not_found(Kind::Service, &name))
}

pub async fn create(
    app: Shared,
    Query(query): Query<WaitQuery>,
    Body(Create { name, spec }): Body<Create<ServiceSpec>>,
) -> Result<Response, Failure> {
    write(&app, Change::CreateService(name.clone(), spec), query, |app| find(app, &name)).await
}

pub async fn put(
    app: Shared,
    Path(name): Path,
    Query(query): Query<WaitQuery>,
    Body(spec): Body<ServiceSpec>,
) -> Result<Response, Failure> {
    write(&app, Change::PutService(name.clone(), spec), query, |app| find(app, &name)).await
}

pub async fn remove(app: Shared, Path(name): Path, Query(query): Query<WaitQuery>) -> Result<Response, Failure> {
    write(&app, Change::DeleteService(name.clone()), query, |app| find(app, &name)).await
}

fn find(app: &App, name: &api::Name) -> Option<Service> {
    app.store.read().services.get(name).map(|service| (**service).clone())
}
