//! The API, `/metrics` and health checks. One file per noun.

mod apply;
mod auth;
mod backup;
mod blame;
mod body;
mod endpoints;
mod error;
mod join;
mod mesh;
mod names;
mod networks;
mod nodes;
mod observe;
mod openapi;
mod policies;
mod services;
mod watch;
mod write;

use std::{sync::Arc, time::Instant};

use axum::{Router, extract::DefaultBodyLimit, http::StatusCode, middleware};
use tokio::net::TcpListener;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    agents::Agents,
    cluster::Cluster,
    events::Events,
    metrics::Metrics,
    names::NameLog,
    pki::{Gate, Listener, Shown},
    runtime::CoreHandle,
    southbound::Switches,
    store::Store,
};

use error::Failure;

/// The largest request body, in bytes.
const MAX_BODY: usize = 1 << 20;

/// The largest file of objects or backup, in bytes.
const MAX_FILE: usize = 128 << 20;

/// What handlers work on.
pub struct App {
    /// Intent.
    pub store: Store,
    /// The core, for progress and waiting.
    pub core: CoreHandle,
    /// The other controllers, if there are any.
    pub cluster: Cluster,
    /// Sessions to switches, to read them.
    pub switches: Switches,
    /// What agents said.
    pub agents: Arc<Agents>,
    /// What changed of names lately.
    pub names: Arc<NameLog>,
    /// What happened lately.
    pub events: Arc<Events>,
    /// What `/metrics` serves.
    pub metrics: Arc<Metrics>,
    /// What the cluster has in common.
    pub settings: crate::compile::Settings,
    /// Signs certificates; none where nobody is asked for any.
    pub pki: Option<Arc<crate::pki::Pki>>,
    /// When the controller started.
    pub started: Instant,
}

type Shared = axum::extract::State<Arc<App>>;

/// All routes.
pub fn router(app: Arc<App>) -> Router {
    Router::from(routes())
        .fallback(|| async { Failure::new(StatusCode::NOT_FOUND, "there is no such path; the API is below /v1") })
        .method_not_allowed_fallback(|| async {
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method")
        })
        .with_state(app)
}

/// Serves `routes` to whoever comes through `gate` and may ask, until the process ends.
///
/// # Errors
/// When connections can no longer be taken.
pub async fn serve(listener: TcpListener, gate: Gate, routes: Router) -> std::io::Result<()> {
    let routes = routes.layer(middleware::from_fn_with_state(gate.clone(), auth::authorize));
    axum::serve(Listener::new(listener, gate), routes.into_make_service_with_connect_info::<Shown>()).await
}

/// Routes, each with what the OpenAPI document says of it.
fn routes() -> OpenApiRouter<Arc<App>> {
    let files = OpenApiRouter::new()
        .routes(routes!(apply::apply))
        .routes(routes!(apply::plan, apply::predict))
        .routes(routes!(backup::restore))
        .layer(DefaultBodyLimit::max(MAX_FILE));
    OpenApiRouter::new()
        .routes(routes!(openapi::document))
        .routes(routes!(observe::healthy))
        .routes(routes!(observe::ready))
        .routes(routes!(observe::metrics))
        .routes(routes!(observe::status))
        .routes(routes!(mesh::show, mesh::put))
        .routes(routes!(mesh::choose, mesh::release))
        .routes(routes!(observe::events))
        .routes(routes!(observe::pipeline))
        .routes(routes!(nodes::list))
        .routes(routes!(nodes::inspect, nodes::put, nodes::remove))
        .routes(routes!(nodes::drain, nodes::undrain))
        .routes(routes!(nodes::evict))
        .routes(routes!(nodes::reserve, nodes::release))
        .routes(routes!(nodes::config))
        .routes(routes!(nodes::report))
        .routes(routes!(names::names))
        .routes(routes!(nodes::rotate))
        .routes(routes!(join::join))
        .routes(routes!(join::renew))
        .routes(routes!(join::list, join::create))
        .routes(routes!(join::remove))
        .routes(routes!(observe::flows))
        .routes(routes!(observe::groups))
        .routes(routes!(blame::blame))
        .routes(routes!(networks::list, networks::create))
        .routes(routes!(networks::inspect, networks::remove))
        .routes(routes!(networks::connections))
        .routes(routes!(endpoints::list, endpoints::create))
        .routes(routes!(endpoints::inspect, endpoints::remove))
        .routes(routes!(services::balance))
        .routes(routes!(services::list, services::create))
        .routes(routes!(services::inspect, services::put, services::remove))
        .routes(routes!(policies::list, policies::create))
        .routes(routes!(policies::inspect, policies::put, policies::remove))
        .routes(routes!(watch::watch))
        .routes(routes!(backup::backup))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .merge(files)
}
