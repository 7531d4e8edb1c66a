//! The API, `/metrics` and health checks. One file per noun.

mod apply;
mod backup;
mod blame;
mod body;
mod endpoints;
mod error;
mod networks;
mod nodes;
mod observe;
mod services;
mod watch;
mod write;

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    routing::{get, post},
};

use crate::{
    agents::Agents, cluster::Cluster, events::Events, metrics::Metrics, runtime::CoreHandle, southbound::Switches,
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
    /// What happened lately.
    pub events: Arc<Events>,
    /// What `/metrics` serves.
    pub metrics: Arc<Metrics>,
    /// What the cluster has in common.
    pub settings: crate::compile::Settings,
    /// When the controller started.
    pub started: Instant,
}

type Shared = axum::extract::State<Arc<App>>;

/// All routes.
pub fn router(app: Arc<App>) -> Router {
    let files = Router::new()
        .route("/v1/apply", post(apply::apply))
        .route("/v1/plan", post(apply::plan))
        .route("/v1/restore", post(backup::restore))
        .layer(DefaultBodyLimit::max(MAX_FILE));
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(observe::ready))
        .route("/metrics", get(observe::metrics))
        .route("/v1/status", get(observe::status))
        .route("/v1/mesh", get(observe::mesh))
        .route("/v1/events", get(observe::events))
        .route("/v1/pipeline", get(observe::pipeline))
        .route("/v1/nodes", get(nodes::list))
        .route("/v1/nodes/{name}", get(nodes::inspect).put(nodes::put).delete(nodes::remove))
        .route("/v1/nodes/{name}/config", get(nodes::config))
        .route("/v1/nodes/{name}/report", post(nodes::report))
        .route("/v1/nodes/{name}/flows", get(observe::flows))
        .route("/v1/nodes/{name}/groups", get(observe::groups))
        .route("/v1/nodes/{name}/blame", get(blame::blame))
        .route("/v1/networks", get(networks::list).post(networks::create))
        .route("/v1/networks/{name}", get(networks::inspect).delete(networks::remove))
        .route("/v1/endpoints", get(endpoints::list).post(endpoints::create))
        .route("/v1/endpoints/{name}", get(endpoints::inspect).delete(endpoints::remove))
        .route("/v1/services", get(services::list).post(services::create))
        .route("/v1/services/{name}", get(services::inspect).put(services::put).delete(services::remove))
        .route("/v1/watch", get(watch::watch))
        .route("/v1/backup", get(backup::backup))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .merge(files)
        .fallback(|| async { Failure::new(StatusCode::NOT_FOUND, "there is no such path; the API is below /v1") })
        .method_not_allowed_fallback(|| async {
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method")
        })
        .with_state(app)
}
