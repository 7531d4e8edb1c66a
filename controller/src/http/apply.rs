//! `/v1/apply` and `/v1/plan`: objects of a file, together or not at all.

use std::time::Instant;

use api::{
    Applied, Apply, DEFAULT_NETWORK, Effect, Kind, Manifest, Name, Outcome, Planned, PlannedNode, Prediction, Size,
};
use axum::{Json, http::StatusCode, response::IntoResponse, response::Response};

use super::{
    App, Shared,
    body::{Body, Query},
    error::Failure,
    write::{WaitQuery, settle},
};
use crate::{
    compile::mesh_mode,
    dump::{self, Owners},
    intent::{self, Change, Intent, Refused, Rejected},
    predict,
    store::ProposeError,
};

/// The objects of a file: kind and name.
type About = Vec<(Kind, Name)>;

/// Makes objects what a file says, all of them or none.
#[utoipa::path(post, path = "/v1/apply", tag = "files", params(WaitQuery), request_body = Apply,
    responses((status = OK, body = Applied), (status = ACCEPTED, body = Applied)))]
pub async fn apply(app: Shared, Query(query): Query<WaitQuery>, Body(file): Body<Apply>) -> Result<Response, Failure> {
    let (about, changes) = changes(file)?;
    let started = Instant::now();
    let accepted = app.propose(changes).await.map_err(|error| match error {
        ProposeError::Rejected(rejected) => refusal(&about, rejected),
        other => other.into(),
    })?;
    let pending = settle(&app, &accepted, query, started).await?;
    let status = if pending.is_empty() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let objects = outcomes(about, &accepted.effects, &app.store.read());
    Ok((status, Json(Applied { revision: accepted.revision, objects, pending })).into_response())
}

/// What applying a file would change, and on which nodes; touches nothing.
#[utoipa::path(post, path = "/v1/plan", tag = "files", request_body = Apply, responses((status = OK, body = Planned)))]
pub async fn plan(app: Shared, Body(file): Body<Apply>) -> Result<Json<Planned>, Failure> {
    let (about, changes) = changes(file)?;
    let mut compiler = app.core.compiled().await.ok_or_else(ending)?;
    let (intent, services) = (compiler.intent().clone(), compiler.settings().services);
    let held = app.agents.held(Instant::now());
    let plan = intent.plan_beside(&held, &changes, &services, unix_now());
    let plan = plan.map_err(|rejected| refusal(&about, rejected))?;
    let deltas = plan.txn.as_ref().map(|txn| compiler.apply(txn)).unwrap_or_default();
    let owners = Owners::new(&[&intent, compiler.intent()]);
    let node = |(node, delta)| PlannedNode {
        flows: dump::changes(&node, &delta, &owners).flows,
        groups: delta.groups.into_keys().collect(),
        ports: delta.ports.into_iter().collect(),
        node,
    };
    let nodes = deltas.into_iter().map(node).collect();
    Ok(Json(Planned { revision: intent.revision(), objects: outcomes(about, &plan.effects, compiler.intent()), nodes }))
}

/// What a size that is not built would take.
#[utoipa::path(get, path = "/v1/plan", tag = "files", params(Size), responses((status = OK, body = Prediction)))]
pub async fn predict(app: Shared, Query(size): Query<Size>) -> Result<Json<Prediction>, Failure> {
    let network = app.store.read().networks.get(DEFAULT_NETWORK).cloned();
    let network = network.ok_or_else(ending)?;
    Ok(Json(predict::predict(mesh_mode(&app.store.read(), &app.settings), &network.spec, size).map_err(Refused::from)?))
}

/// The objects in the order in which they build on each other, and what makes each of them so.
fn changes(file: Apply) -> Result<(About, Vec<Change>), Failure> {
    let mut objects = file.objects;
    objects.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.id().cmp(&b.id())));
    if let Some(twice) = objects.windows(2).find(|pair| pair[0].id() == pair[1].id()) {
        let (kind, name) = twice[0].id();
        let reason = format!("{kind}/{name} stands there twice; give each object once");
        return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, reason));
    }
    let about = objects.iter().map(|object| (object.id().0, object.id().1.clone())).collect();
    let change = |object| match object {
        Manifest::Network { name, spec } => Change::PutNetwork(name, spec),
        Manifest::Node { name, spec } => Change::PutNode(name, spec),
        Manifest::Endpoint { name, spec } => Change::PutEndpoint(name, spec),
        Manifest::Service { name, spec } => Change::PutService(name, spec),
        Manifest::Policy { name, spec } => Change::PutPolicy(name, spec),
    };
    Ok((about, objects.into_iter().map(change).collect()))
}

/// Addresses that a file asks for come before those that are chosen, or these might take them.
fn order(object: &Manifest) -> u8 {
    match object {
        Manifest::Network { .. } => 0,
        Manifest::Node { .. } => 1,
        Manifest::Endpoint { spec, .. } if spec.ip.is_some() => 2,
        Manifest::Endpoint { .. } => 3,
        Manifest::Service { .. } => 4,
        Manifest::Policy { .. } => 5,
    }
}

fn refusal(about: &[(Kind, Name)], Rejected { index, refused }: Rejected) -> Failure {
    let failure = Failure::from(refused);
    match about.get(index) {
        Some((kind, name)) => failure.about(&format!("{kind}/{name}")),
        None => failure,
    }
}

/// What became of objects that are in `intent` now.
fn outcomes(about: About, effects: &[intent::Effect], intent: &Intent) -> Vec<Outcome> {
    let effect = |effect: &intent::Effect| match effect {
        intent::Effect::Created => Effect::Created,
        intent::Effect::Changed | intent::Effect::Removed => Effect::Changed,
        intent::Effect::Unchanged(_) => Effect::Unchanged,
    };
    let published = |kind: Kind, name: &Name| {
        let service = intent.services.get(name).filter(|_| kind == Kind::Service);
        let ports = service.iter().flat_map(|service| &service.ports);
        ports.filter(|port| port.node_port.is_some()).copied().collect()
    };
    let outcome = |((kind, name), is)| Outcome { kind, published: published(kind, &name), name, effect: effect(is) };
    about.into_iter().zip(effects).map(outcome).collect()
}

fn unix_now() -> u64 {
    jiff::Timestamp::now().as_second().unsigned_abs()
}

/// The core is no more.
pub fn ending() -> Failure {
    Failure::new(StatusCode::SERVICE_UNAVAILABLE, "the controller is ending; ask again")
}

impl App {
    /// The names of all objects there are.
    pub fn owners(&self) -> Owners {
        Owners::new(&[&self.store.read()])
    }
}
