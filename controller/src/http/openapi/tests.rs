use std::{collections::BTreeSet, sync::Arc, time::Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::{
    agents::Agents,
    cluster::Cluster,
    compile::{Mesh, Settings},
    core::Core,
    events::Events,
    http::{App, router},
    metrics::Metrics,
    pki::Gate,
    runtime::{CoreHandle, Event, Outlets, run},
    southbound::Switches,
    store::Store,
};

/// The document as it is committed.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../api/openapi.json");

const METHODS: [Method; 4] = [Method::GET, Method::PUT, Method::POST, Method::DELETE];

fn document() -> Value {
    serde_json::to_value(&*DOCUMENT).unwrap()
}

/// Whether `value` is as `schema` says, and if not, why.
fn mismatch(schema: &Value, value: &Value) -> Option<String> {
    let mut root = schema.clone();
    root["components"] = document()["components"].clone();
    let validator = jsonschema::draft202012::new(&root).unwrap();
    validator.validate(value).err().map(|error| format!("{}: {error}", error.instance_path()))
}

/// A controller that no switch calls, behind a URL.
async fn serve() -> (String, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let services = "10.96.0.0/12".parse().unwrap();
    let settings = Settings::new(Mesh::Flow, services);
    let (core, events) = CoreHandle::new();
    let tell = core.clone();
    let subscriber = Box::new(move |txn, intent| tell.tell(Event::Txn(txn, Box::new(intent))));
    let store = Store::open(&dir.path().join("store.redb"), services, subscriber).unwrap();
    let (metrics, log) = (Arc::new(Metrics::default()), Arc::new(Events::default()));
    let agents = Arc::new(Agents::new(0));
    let (challenges, downs) = (mpsc::unbounded_channel().0, mpsc::unbounded_channel().0);
    let outlets = Outlets { agents: agents.clone(), log: log.clone(), challenges, downs };
    tokio::spawn(run(Core::new(settings.clone(), store.read(), Instant::now()), outlets, events));
    let switches = Switches::new(metrics.clone(), log.clone());
    let cluster = Cluster::alone(store.read().generation());
    let others = peers::router(core.clone(), cluster.clone());
    let (started, pki) = (Instant::now(), None);
    let app = App {
        store,
        core,
        cluster,
        switches,
        agents,
        names: Default::default(),
        events: log,
        metrics,
        settings,
        pki,
        started,
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(crate::http::serve(listener, Gate::open(), router(Arc::new(app)).merge(others)));
    (url, dir)
}

/// `cargo test -p controller openapi` with `WRITE_OPENAPI=1` writes it anew.
#[test]
fn the_committed_document_is_this_one() {
    let text = serde_json::to_string_pretty(&*DOCUMENT).unwrap() + "\n";
    if std::env::var_os("WRITE_OPENAPI").is_some() {
        std::fs::write(COMMITTED, &text).unwrap();
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(committed == text, "api/openapi.json is old; `make openapi` writes it anew");
}

#[tokio::test]
async fn every_operation_is_served_and_no_other() {
    let (url, _dir) = serve().await;
    let http = api::plain_http().build().unwrap();
    let (document, mut ids) = (document(), BTreeSet::new());
    for (path, operations) in document["paths"].as_object().unwrap() {
        let at = format!("{url}{}", path.replace("{name}", "none").replace("{revision}", "0"));
        for method in METHODS {
            let answer = http.request(method.clone(), &at).body("{").send().await.unwrap();
            let status = answer.status().as_u16();
            let nowhere = status == 405 || (status == 404 && answer.text().await.unwrap().contains("no such path"));
            let documented = operations.get(method.as_str().to_lowercase()).is_some();
            assert_eq!(!nowhere, documented, "{method} {path}: {status}");
            let id = &operations[method.as_str().to_lowercase()]["operationId"];
            assert!(id.is_null() || ids.insert(id.to_string()), "two operations are called {id}");
        }
    }
    let sources = [include_str!("../mod.rs"), include_str!("../../cluster/peers.rs")];
    let bare = sources.iter().any(|source| source.contains(".route(") || source.contains(".nest("));
    assert!(!bare, "a route that routes!() does not know is not in the document");
}

#[tokio::test]
async fn what_is_answered_is_as_the_document_says() {
    let (url, _dir) = serve().await;
    let http = api::plain_http().build().unwrap();
    let put = |path: &'static str, body: Value| http.post(format!("{url}{path}?wait=false")).body(body.to_string());
    let objects = json!({"objects": examples()});
    let refused = mismatch(&json!({"$ref": "#/components/schemas/Apply"}), &objects);
    assert_eq!(refused, None);
    let node = json!({"kind": "node", "name": "h1", "spec": {"address": "172.30.0.1", "mtu": 1500}});
    let pod = json!({"kind": "endpoint", "name": "a", "spec": {"node": "h1", "device": "p1", "network": "blue"}});
    let network = json!({"kind": "network", "name": "default", "spec": {"subnets": ["10.244.0.0/16"]}});
    let mut answered = BTreeSet::new();
    for objects in [json!([node, network]), json!(examples()), json!([pod])] {
        let answer = put("/v1/apply", json!({ "objects": objects })).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        check("/v1/apply", "post", answer, &mut answered).await;
    }
    for path in document()["paths"].as_object().unwrap().keys().filter(|path| *path != "/v1/watch") {
        let name = match path.split('/').nth(2) {
            Some("networks") => "blue",
            Some("endpoints") => "a",
            Some("services") => "web",
            _ => "h1",
        };
        let at = format!("{url}{}", path.replace("{name}", name).replace("{revision}", "0"));
        check(path, "get", http.get(at).send().await.unwrap(), &mut answered).await;
    }
    let all = document()["components"]["schemas"].as_object().unwrap().len();
    assert!(answered.len() > 14, "only {answered:?} of {all} paths were looked at");
}

async fn check(path: &str, method: &str, answer: reqwest::Response, answered: &mut BTreeSet<String>) {
    let json = answer.headers().get("content-type").is_some_and(|kind| kind == "application/json");
    let status = answer.status();
    let document = document();
    let responses = &document["paths"][path][method]["responses"];
    if !json || responses.is_null() {
        return;
    }
    let response = responses.get(status.as_str()).unwrap_or(&responses["default"]);
    let body: Value = answer.json().await.unwrap();
    let wrong = mismatch(&response["content"]["application/json"]["schema"], &body);
    assert_eq!(wrong, None, "{method} {path} answers {status} {body}");
    if status.is_success() {
        answered.insert(path.into());
    }
}

/// The objects that the README shows.
fn examples() -> Vec<Value> {
    let readme = include_str!("../../../../README.md");
    let (_, after) = readme.split_once("A file of objects:\n").unwrap();
    let indented = after.lines().skip_while(|line| line.is_empty()).take_while(|line| line.starts_with("    "));
    let yaml: Vec<&str> = indented.map(|line| &line[4..]).collect();
    serde_saphyr::from_multiple(&yaml.join("\n")).unwrap()
}

#[test]
fn what_the_document_does_not_allow_is_refused() {
    let one = json!({"$ref": "#/components/schemas/Manifest"});
    let network = |spec: Value| json!({"kind": "network", "name": "blue", "spec": spec});
    assert_eq!(mismatch(&one, &network(json!({"subnets": ["10.50.0.0/16"]}))), None);
    for wrong in [
        network(json!({})),
        network(json!({"subnets": ["10.50.0.0/16"], "colour": "blue"})),
        network(json!({"subnets": ["10.50.0.0/16"], "mode": "flattish"})),
        network(json!({"subnets": [50]})),
        json!({"kind": "bridge", "name": "blue", "spec": {}}),
        json!({"kind": "service", "name": "a/b", "spec": {"vip": "10.96.0.1", "ports": []}}),
    ] {
        assert!(mismatch(&one, &wrong).is_some(), "{wrong}");
    }
}
