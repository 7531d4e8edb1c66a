use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use api::{
    AgentConfig, AgentReport, Create, Datapath, Endpoint, EndpointSpec, ErrorBody, Mac, Name, Node, NodeSpec, Written,
};
use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use tokio::sync::Notify;

/// What the pretended controller knows, and how it is to behave.
pub struct Inner {
    pub config: AgentConfig,
    pub endpoints: BTreeMap<Name, Endpoint>,
    pub joins: u32,
    pub reports: Vec<AgentReport>,
    /// Every write to endpoints, like `POST web`.
    pub writes: Vec<String>,
    /// Whether creating an endpoint fails.
    pub refuse: bool,
    /// Switches that never acknowledge.
    pub pending: Vec<String>,
}

/// The pretended controller.
#[derive(Clone)]
pub struct Fake {
    inner: Arc<Mutex<Inner>>,
    changed: Arc<Notify>,
}

impl Fake {
    pub fn serve(listener: TcpListener, number: u8) -> Self {
        let spec = NodeSpec {
            address: [192, 0, 2, 10 + number].into(),
            prefix: Some(24),
            address6: None,
            mtu: 1500,
            datapath: Datapath::Netdev,
            zone: None,
        };
        let config = AgentConfig {
            revision: 1,
            node: Node {
                name: Name::new(format!("h{number}")).unwrap(),
                id: 1,
                revision: 1,
                down: false,
                drained: false,
                containers: None,
                spec,
            },
            bridge: "kbr0".into(),
            gateway: format!("10.244.{number}.1/24").parse().unwrap(),
            gateway6: None,
            gateway_mac: Mac([0x0a, 0x58, 10, 244, number, 1]),
            mtu: 1450,
            path_mtu: None,
            router: "169.254.93.1".parse().unwrap(),
            router6: None,
            routes: vec!["10.244.0.0/16".parse().unwrap(), "10.96.0.0/12".parse().unwrap()],
            masquerade: vec!["10.244.0.0/16".parse().unwrap()],
            announced: Vec::new(),
            served_udp: Default::default(),
            published: Vec::new(),
            health: Vec::new(),
            services: None,
            services6: None,
            peers: vec![],
            endpoints: vec![],
            ovsdb_port: 6640,
            gossip_keys: None,
            names: None,
            tracking: None,
        };
        let inner = Inner {
            config,
            endpoints: BTreeMap::new(),
            joins: 0,
            reports: vec![],
            writes: vec![],
            refuse: false,
            pending: vec![],
        };
        let fake = Self { inner: Arc::new(Mutex::new(inner)), changed: Arc::default() };
        let router = Router::new()
            .route("/v1/nodes/{node}", put(join))
            .route("/v1/nodes/{node}/config", get(config_after))
            .route("/v1/nodes/{node}/report", post(report))
            .route("/v1/endpoints", post(create))
            .route("/v1/endpoints/{name}", get(read).delete(remove))
            .with_state(fake.clone());
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Changes what the controller knows, and tells the agent.
    pub fn change(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.lock();
        inner.config.revision += 1;
        change(&mut inner);
        inner.config.endpoints = inner.endpoints.values().cloned().collect();
        drop(inner);
        self.changed.notify_waiters();
    }
}

async fn join(State(fake): State<Fake>, Json(spec): Json<NodeSpec>) -> Json<Written<Node>> {
    let mut inner = fake.lock();
    inner.joins += 1;
    assert_eq!(inner.config.node.spec, spec);
    Json(Written { revision: 1, object: Some(inner.config.node.clone()), pending: vec![] })
}

async fn config_after(State(fake): State<Fake>, Query(query): Query<BTreeMap<String, u64>>) -> Json<AgentConfig> {
    let changed = fake.changed.notified();
    if fake.lock().config.revision == query["after"] {
        let _ = tokio::time::timeout(Duration::from_secs(query["timeout"]), changed).await;
    }
    Json(fake.lock().config.clone())
}

async fn report(State(fake): State<Fake>, Json(report): Json<AgentReport>) -> Json<serde_json::Value> {
    fake.lock().reports.push(report);
    Json(serde_json::json!({}))
}

async fn create(State(fake): State<Fake>, Json(body): Json<Create<EndpointSpec>>) -> Response {
    fake.lock().writes.push(format!("POST {}", body.name));
    if fake.lock().refuse {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, "ip: the subnet is full");
    }
    if fake.lock().endpoints.contains_key(&body.name) {
        return refusal(StatusCode::CONFLICT, "exists already");
    }
    let mut made = None;
    fake.change(|inner| {
        let spec = body.spec;
        let id = inner.config.revision as u32;
        let ip = spec.ip.unwrap_or_else(|| std::net::IpAddr::from([10, 244, 1, 1 + id as u8]));
        let endpoint = Endpoint {
            name: body.name.clone(),
            id,
            revision: inner.config.revision,
            node: spec.node,
            network: spec.network,
            device: spec.device,
            port: id,
            ips: vec![ip],
            mac: Mac::of_ip(ip),
            labels: spec.labels,
            terminating: spec.terminating,
        };
        inner.endpoints.insert(body.name, endpoint.clone());
        made = Some(endpoint);
    });
    let inner = fake.lock();
    Json(Written { revision: inner.config.revision, object: made, pending: inner.pending.clone() }).into_response()
}

async fn read(State(fake): State<Fake>, Path(name): Path<Name>) -> Response {
    match fake.lock().endpoints.get(&name) {
        Some(endpoint) => Json(endpoint.clone()).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "no such endpoint"),
    }
}

async fn remove(State(fake): State<Fake>, Path(name): Path<Name>) -> Response {
    let mut gone = None;
    fake.change(|inner| {
        inner.writes.push(format!("DELETE {name}"));
        gone = inner.endpoints.remove(&name);
    });
    match gone {
        Some(_) => Json(Written::<Endpoint> { revision: fake.lock().config.revision, object: None, pending: vec![] })
            .into_response(),
        None => refusal(StatusCode::NOT_FOUND, "no such endpoint"),
    }
}

fn refusal(status: StatusCode, error: &str) -> Response {
    (status, Json(ErrorBody { error: error.into(), field: None })).into_response()
}
