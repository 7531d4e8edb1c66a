//! What controllers ask each other: how far the switches are that the other one is master of.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use api::{Name, Trust};
use axum::{
    Json, Router,
    extract::{Path, State},
};
use serde::de::DeserializeOwned;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Cluster;
use crate::{core::NodeProgress, runtime::CoreHandle};

/// How long one question about a revision stays open.
const POLL: Duration = Duration::from_secs(5);

/// How long another controller may take to answer what it knows at once.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long to wait before one that did not answer is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// The other controllers, to be asked.
#[derive(Clone)]
pub struct Peers {
    cluster: Cluster,
    http: reqwest::Client,
    scheme: &'static str,
}

impl Peers {
    /// The others of `cluster`, who are known by `trust` if they speak TLS.
    ///
    /// # Errors
    /// When the client cannot be set up.
    pub fn new(cluster: Cluster, trust: Option<Trust<'_>>) -> anyhow::Result<Self> {
        let (builder, scheme) = match trust {
            Some(trust) => (reqwest::Client::builder().tls_backend_preconfigured(trust.client_config()?), "https"),
            None => (api::plain_http(), "http"),
        };
        Ok(Self { cluster, http: builder.connect_timeout(PATIENCE).no_proxy().build()?, scheme })
    }

    /// Returns when every switch concerned has acknowledged `revision`: those of other controllers, and those of `here`.
    ///
    /// A controller that dies meanwhile is asked no more: who takes its switches over is.
    pub async fn wait(&self, revision: u64, here: &CoreHandle) {
        loop {
            let before = self.cluster.duties();
            let mut asked = JoinSet::new();
            for (id, base) in self.others() {
                asked.spawn(self.clone().wait_for(id, base, revision));
            }
            asked.join_all().await;
            here.wait_here(revision).await;
            if before.masters == self.cluster.duties().masters {
                return;
            }
        }
    }

    async fn wait_for(self, id: String, base: String, revision: u64) {
        while self.others().contains_key(&id) {
            let url = format!("{base}/v1/cluster/wait/{revision}");
            match ask::<Vec<String>>(self.http.clone(), url, POLL * 2).await {
                Some(pending) if pending.is_empty() => return,
                Some(_) => {}
                None => sleep(PAUSE).await,
            }
        }
    }

    /// The nodes of the other controllers that have not acknowledged `revision`.
    pub async fn pending(&self, revision: u64) -> Vec<String> {
        self.ask_all::<Vec<String>>(&format!("/v1/cluster/pending/{revision}")).await.into_iter().flatten().collect()
    }

    /// How far the nodes are that others are to be master of; those of whom nobody knows are left out.
    pub async fn progress(&self) -> BTreeMap<Name, NodeProgress> {
        self.ask_all::<BTreeMap<Name, NodeProgress>>("/v1/cluster/progress").await.into_iter().flatten().collect()
    }

    async fn ask_all<T: DeserializeOwned + Send + 'static>(&self, path: &str) -> Vec<T> {
        let mut asked = JoinSet::new();
        for base in self.others().into_values() {
            asked.spawn(ask::<T>(self.http.clone(), format!("{base}{path}"), PATIENCE));
        }
        asked.join_all().await.into_iter().flatten().collect()
    }

    /// The other controllers that are alive, and their URLs.
    fn others(&self) -> BTreeMap<String, String> {
        let duties = self.cluster.duties();
        let others = duties.members.iter().filter(|(id, known)| known.alive && *id != self.cluster.me());
        others.map(|(id, known)| (id.clone(), format!("{}://{}", self.scheme, known.member.http))).collect()
    }
}

async fn ask<T: DeserializeOwned>(http: reqwest::Client, url: String, within: Duration) -> Option<T> {
    let answer = http.get(url).timeout(within).send().await.ok()?;
    answer.error_for_status().ok()?.json().await.ok()
}

/// What this controller answers the others.
pub fn router(core: CoreHandle, cluster: Cluster) -> Router {
    Router::from(routes()).with_state(Arc::new((core, cluster)))
}

/// Routes, each with what the OpenAPI document says of it.
pub fn routes() -> OpenApiRouter<Arc<(CoreHandle, Cluster)>> {
    OpenApiRouter::new().routes(routes!(wait)).routes(routes!(pending)).routes(routes!(progress))
}

type Shared = State<Arc<(CoreHandle, Cluster)>>;

/// The nodes of this controller that have not acknowledged a revision, as soon as there are none, or after some time.
#[utoipa::path(get, path = "/v1/cluster/wait/{revision}", tag = "controllers", params(("revision" = u64, Path)),
    responses((status = OK, body = Vec<String>)))]
async fn wait(State(shared): Shared, Path(revision): Path<u64>) -> Json<Vec<String>> {
    let core = &shared.0;
    match timeout(POLL, core.wait_here(revision)).await {
        Ok(()) => Json(Vec::new()),
        Err(_) => {
            let pending = core.pending_here(revision).await;
            // Not even the revision has come by yet.
            Json(if pending.is_empty() { vec!["".into()] } else { pending })
        }
    }
}

/// The nodes of this controller that have not acknowledged a revision.
#[utoipa::path(get, path = "/v1/cluster/pending/{revision}", tag = "controllers", params(("revision" = u64, Path)),
    responses((status = OK, body = Vec<String>)))]
async fn pending(State(shared): Shared, Path(revision): Path<u64>) -> Json<Vec<String>> {
    Json(shared.0.pending_here(revision).await)
}

/// How far the switches of this controller are.
#[utoipa::path(get, path = "/v1/cluster/progress", tag = "controllers",
    responses((status = OK, body = BTreeMap<Name, NodeProgress>)))]
async fn progress(State(shared): Shared) -> Json<BTreeMap<Name, NodeProgress>> {
    let (core, cluster) = &*shared;
    let duties = cluster.duties();
    let mut progress = core.progress_here().await;
    progress.retain(|node, _| duties.mine.contains_key(node));
    Json(progress)
}
