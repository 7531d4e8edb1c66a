//! `/v1/mesh`: how it is, and how it is to be.

use std::time::Instant;

use api::{MeshSpec, Name, Written, status::Mesh};
use axum::{Json, response::Response};

use super::{
    App, Shared,
    body::{Body, Query},
    error::Failure,
    write::{WaitQuery, write},
};
use crate::{compile::mesh_mode, intent::Change};

/// Every directed pair of nodes, as probed through the tunnels.
#[utoipa::path(get, path = "/v1/mesh", tag = "status", responses((status = OK, body = Mesh)))]
pub async fn show(app: Shared) -> Json<Mesh> {
    let nodes: Vec<Name> = app.store.read().nodes.keys().cloned().collect();
    let mode = chosen(&app).mode;
    Json(Mesh { mode, ..app.agents.mesh(&nodes, Instant::now()) })
}

/// Lays the mesh out in another way, while it is live.
#[utoipa::path(put, path = "/v1/mesh", tag = "status", params(WaitQuery), request_body = MeshSpec,
    responses((status = OK, body = Written<MeshSpec>), (status = ACCEPTED, body = Written<MeshSpec>)))]
pub async fn put(app: Shared, Query(query): Query<WaitQuery>, Body(spec): Body<MeshSpec>) -> Result<Response, Failure> {
    write(&app, Change::PutMesh(spec), query, |app| Some(chosen(app))).await
}

fn chosen(app: &App) -> MeshSpec {
    MeshSpec { mode: mesh_mode(&app.store.read(), &app.settings) }
}
