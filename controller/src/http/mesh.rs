//! `/v1/mesh`: how it is, and how it is to be.

use std::time::Instant;

use api::{MeshPair, MeshSpec, Name, PairSpec, Way, Written, status::Mesh};
use axum::{Json, response::Response};

use super::{
    App, Shared,
    body::{Body, Path, Query},
    error::Failure,
    write::{WaitQuery, write},
};
use crate::{
    compile::{View, mesh_mode},
    intent::Change,
};

/// Every directed pair of nodes, as probed through the tunnels.
#[utoipa::path(get, path = "/v1/mesh", tag = "status", responses((status = OK, body = Mesh)))]
pub async fn show(app: Shared) -> Json<Mesh> {
    let intent = app.store.read();
    let view = View { intent: &intent, settings: &app.settings };
    let nodes: Vec<Name> = intent.nodes.keys().cloned().collect();
    let mut mesh = app.agents.mesh(&nodes, Instant::now());
    mesh.mode = mesh_mode(&intent, &app.settings);
    mesh.pairs = intent.mesh.as_ref().map(|chosen| chosen.pairs.clone()).unwrap_or_default();
    app.switches.bfd(|sessions| {
        for link in &mut mesh.links {
            let ends = intent.nodes.get(&link.from).zip(intent.nodes.get(&link.to));
            link.way = ends.map(|(from, to)| view.way(from, to)).unwrap_or_default();
            link.bfd = sessions.get(&link.from, &link.to);
        }
    });
    Json(mesh)
}

/// Lays the mesh out in another way, while it is live.
#[utoipa::path(put, path = "/v1/mesh", tag = "status", params(WaitQuery), request_body = MeshSpec,
    responses((status = OK, body = Written<MeshSpec>), (status = ACCEPTED, body = Written<MeshSpec>)))]
pub async fn put(app: Shared, Query(query): Query<WaitQuery>, Body(spec): Body<MeshSpec>) -> Result<Response, Failure> {
    let chosen = |app: &App| Some(MeshSpec { mode: mesh_mode(&app.store.read(), &app.settings) });
    write(&app, Change::PutMesh(spec), query, chosen).await
}

/// Two nodes reach each other by this way, whatever the mode.
#[utoipa::path(put, path = "/v1/mesh/pairs/{one}/{other}", tag = "status",
    params(("one" = Name, Path), ("other" = Name, Path), WaitQuery), request_body = PairSpec,
    responses((status = OK, body = Written<MeshPair>), (status = ACCEPTED, body = Written<MeshPair>)))]
pub async fn choose(
    app: Shared,
    Path(pair): Path<(Name, Name)>,
    Query(query): Query<WaitQuery>,
    Body(PairSpec { way }): Body<PairSpec>,
) -> Result<Response, Failure> {
    set(&app, pair, Some(way), query).await
}

/// Two nodes reach each other as the mode says again.
#[utoipa::path(delete, path = "/v1/mesh/pairs/{one}/{other}", tag = "status",
    params(("one" = Name, Path), ("other" = Name, Path), WaitQuery),
    responses((status = OK, body = Written<MeshPair>), (status = ACCEPTED, body = Written<MeshPair>)))]
pub async fn release(
    app: Shared,
    Path(pair): Path<(Name, Name)>,
    Query(query): Query<WaitQuery>,
) -> Result<Response, Failure> {
    set(&app, pair, None, query).await
}

/// Answers with the way that they use now.
async fn set(app: &App, (one, other): (Name, Name), way: Option<Way>, query: WaitQuery) -> Result<Response, Failure> {
    let mut between = [one, other];
    between.sort_unstable();
    let used = |app: &App| {
        let intent = app.store.read();
        let ends = intent.nodes.get(&between[0]).zip(intent.nodes.get(&between[1]));
        let way = ends.map(|(one, other)| View { intent: &intent, settings: &app.settings }.way(one, other))?;
        Some(MeshPair { between: between.clone(), way })
    };
    write(app, Change::PutPair(between.clone(), way), query, used).await
}
