//! `/v1/endpoints`

use api::{Create, Endpoint, EndpointSpec, Kind, List, Name, Written};
use axum::{Json, response::Response};

use super::{
    App, Shared,
    auth::Speaker,
    body::{Body, Path, Query},
    error::Failure,
    write::{WaitQuery, write},
};
use crate::intent::Change;

/// All endpoints.
#[utoipa::path(get, path = "/v1/endpoints", tag = "endpoints", responses((status = OK, body = List<Endpoint>)))]
pub async fn list(app: Shared) -> Json<List<Endpoint>> {
    let intent = app.store.read();
    Json(List { revision: intent.revision(), items: intent.endpoints.values().map(|e| (**e).clone()).collect() })
}

/// An endpoint.
#[utoipa::path(get, path = "/v1/endpoints/{name}", tag = "endpoints", params(("name" = Name, Path)),
    responses((status = OK, body = Endpoint)))]
pub async fn inspect(app: Shared, speaker: Speaker, Path(name): Path) -> Result<Json<Endpoint>, Failure> {
    let endpoint = find(&app, &name).ok_or_else(|| Failure::not_found(Kind::Endpoint, &name))?;
    speaker.about(&endpoint.node)?;
    Ok(Json(endpoint))
}

/// Makes an endpoint, or changes its labels and whether it is about to end; the same again changes nothing.
#[utoipa::path(post, path = "/v1/endpoints", tag = "endpoints", params(WaitQuery), request_body = Create<EndpointSpec>,
    responses((status = OK, body = Written<Endpoint>), (status = ACCEPTED, body = Written<Endpoint>)))]
pub async fn create(
    app: Shared,
    speaker: Speaker,
    Query(query): Query<WaitQuery>,
    Body(Create { name, spec }): Body<Create<EndpointSpec>>,
) -> Result<Response, Failure> {
    speaker.about(&spec.node)?;
    if let Some(there) = find(&app, &name) {
        speaker.about(&there.node)?;
    }
    write(&app, Change::PutEndpoint(name.clone(), spec), query, |app| find(app, &name)).await
}

/// Removes an endpoint.
#[utoipa::path(delete, path = "/v1/endpoints/{name}", tag = "endpoints", params(("name" = Name, Path), WaitQuery),
    responses((status = OK, body = Written<Endpoint>), (status = ACCEPTED, body = Written<Endpoint>)))]
pub async fn remove(
    app: Shared,
    speaker: Speaker,
    Path(name): Path,
    Query(query): Query<WaitQuery>,
) -> Result<Response, Failure> {
    if let Some(there) = find(&app, &name) {
        speaker.about(&there.node)?;
    }
    write(&app, Change::DeleteEndpoint(name.clone()), query, |app| find(app, &name)).await
}

fn find(app: &App, name: &Name) -> Option<Endpoint> {
    app.store.read().endpoints.get(name).map(|endpoint| (**endpoint).clone())
}
