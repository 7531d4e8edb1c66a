//! `/v1/policies`

use api::{Create, Kind, List, Name, Policy, PolicySpec, Written};
use axum::{Json, response::Response};

use super::{
    App, Shared,
    body::{Body, Path, Query},
    error::Failure,
    write::{WaitQuery, write},
};
use crate::intent::Change;

/// All policies.
#[utoipa::path(get, path = "/v1/policies", tag = "policies", responses((status = OK, body = List<Policy>)))]
pub async fn list(app: Shared) -> Json<List<Policy>> {
    let intent = app.store.read();
    Json(List { revision: intent.revision(), items: intent.policies.values().map(|s| (**s).clone()).collect() })
}

/// A policy.
#[utoipa::path(get, path = "/v1/policies/{name}", tag = "policies", params(("name" = Name, Path)),
    responses((status = OK, body = Policy)))]
pub async fn inspect(app: Shared, Path(name): Path) -> Result<Json<Policy>, Failure> {
    find(&app, &name).map(Json).ok_or_else(|| Failure::not_found(Kind::Policy, &name))
}

/// Makes a policy; the same again changes nothing.
#[utoipa::path(post, path = "/v1/policies", tag = "policies", params(WaitQuery), request_body = Create<PolicySpec>,
    responses((status = OK, body = Written<Policy>), (status = ACCEPTED, body = Written<Policy>)))]
pub async fn create(
    app: Shared,
    Query(query): Query<WaitQuery>,
    Body(Create { name, spec }): Body<Create<PolicySpec>>,
) -> Result<Response, Failure> {
    write(&app, Change::PutPolicy(name.clone(), spec), query, |app| find(app, &name)).await
}

/// Makes or changes a policy.
#[utoipa::path(put, path = "/v1/policies/{name}", tag = "policies", params(("name" = Name, Path), WaitQuery),
    request_body = PolicySpec, responses((status = OK, body = Written<Policy>), (status = ACCEPTED, body = Written<Policy>)))]
pub async fn put(
    app: Shared,
    Path(name): Path,
    Query(query): Query<WaitQuery>,
    Body(spec): Body<PolicySpec>,
) -> Result<Response, Failure> {
    write(&app, Change::PutPolicy(name.clone(), spec), query, |app| find(app, &name)).await
}

/// Removes a policy.
#[utoipa::path(delete, path = "/v1/policies/{name}", tag = "policies", params(("name" = Name, Path), WaitQuery),
    responses((status = OK, body = Written<Policy>), (status = ACCEPTED, body = Written<Policy>)))]
pub async fn remove(app: Shared, Path(name): Path, Query(query): Query<WaitQuery>) -> Result<Response, Failure> {
    write(&app, Change::DeletePolicy(name.clone()), query, |app| find(app, &name)).await
}

fn find(app: &App, name: &Name) -> Option<Policy> {
    app.store.read().policies.get(name).map(|policy| (**policy).clone())
}
