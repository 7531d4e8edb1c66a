//! `/v1/services`

use api::{Create, Kind, List, Name, Service, ServiceSpec, Written};
use axum::{Json, response::Response};

use super::{
    App, Shared,
    body::{Body, Path, Query},
    error::Failure,
    write::{WaitQuery, write},
};
use crate::intent::Change;

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

fn find(app: &App, name: &Name) -> Option<Service> {
    app.store.read().services.get(name).map(|service| (**service).clone())
}
