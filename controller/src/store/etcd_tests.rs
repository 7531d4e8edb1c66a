//! The shared store against a real etcd; where there is none, nothing is tested and that is said.

use std::collections::BTreeSet;

use std::time::Duration;

use super::{
    compact::compact,
    tests::{channel, node, range},
    *,
};
use crate::etcd::testing::Server;

async fn connect(server: &Server, writer: &str) -> (Store, tokio::sync::mpsc::UnboundedReceiver<Arc<Txn>>) {
    let (subscriber, told) = channel();
    let client = Client::new(server.url()).unwrap();
    (Store::connect(client, writer, range(), subscriber).await.unwrap(), told)
}

async fn server() -> Option<Server> {
    let server = Server::start().await;
    if server.is_none() {
        println!("no etcd here: integration/deps installs it");
    }
    server
}

fn endpoint(name: String) -> Change {
    let spec = serde_json::json!({"node": "h1", "device": format!("d-{name}")});
    Change::PutEndpoint(name.parse().unwrap(), serde_json::from_value(spec).unwrap())
}

fn network() -> Change {
    let spec = serde_json::json!({"subnets": ["10.244.0.0/16"], "node_prefix": 24});
    Change::PutNetwork("default".parse().unwrap(), serde_json::from_value(spec).unwrap())
}

/// Waits until all stores are at the revision of the first.
async fn level(stores: &[&Store]) {
    for _ in 0..200 {
        if stores.iter().all(|store| store.read().revision() == stores[0].read().revision()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", stores.iter().map(|store| store.read().revision()).collect::<Vec<_>>());
}

fn same(a: &Intent, b: &Intent) -> bool {
    a.values().collect::<Vec<_>>() == b.values().collect::<Vec<_>>()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_once_never_give_an_address_or_an_id_twice() {
    let Some(server) = server().await else { return };
    let (one, mut told) = connect(&server, "c1").await;
    let (two, _) = connect(&server, "c2").await;
    let (three, _) = connect(&server, "c3").await;
    one.propose(vec![network(), node(1)]).await.unwrap();
    let mut tasks = Vec::new();
    for (writer, store) in [&one, &two, &three].into_iter().enumerate() {
        for n in 0..20 {
            let store = store.clone();
            // Every third name is wanted by all of them.
            let name = if n % 3 == 0 { format!("all-{n}") } else { format!("c{writer}-{n}") };
            // A writer that has not heard of the node yet is refused, and asks again.
            tasks.push(tokio::spawn(async move {
                loop {
                    match store.propose(vec![endpoint(name.clone())]).await {
                        Ok(accepted) => return (name, accepted),
                        Err(ProposeError::Rejected(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
                        Err(error) => panic!("{error}"),
                    }
                }
            }));
        }
    }
    let mut created = Vec::new();
    for task in tasks {
        let (name, accepted) = task.await.unwrap();
        if accepted.effects == [Effect::Created] {
            created.push((name, accepted.revision));
        }
    }
    level(&[&one, &two, &three]).await;
    let intent = one.read();
    assert!(same(&intent, &two.read()) && same(&intent, &three.read()));
    let names: BTreeSet<_> = created.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names.len(), created.len(), "each is created once");
    assert_eq!(names.len(), intent.endpoints.len());
    let revisions: BTreeSet<u64> = created.iter().map(|(_, revision)| *revision).collect();
    assert_eq!(revisions.len(), created.len(), "each at a revision of its own");
    let ips: BTreeSet<_> = intent.endpoints.values().flat_map(|endpoint| endpoint.ips.clone()).collect();
    assert_eq!(ips.len(), intent.endpoints.len());
    let ids: BTreeSet<_> = intent.endpoints.values().map(|endpoint| endpoint.id).collect();
    assert_eq!(ids.len(), intent.endpoints.len());
    let mut last = 0;
    while let Ok(txn) = told.try_recv() {
        assert_eq!(txn.revision, last + 1, "told in order, none left out");
        last = txn.revision;
    }
    assert_eq!(last, intent.revision());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_once_give_each_service_another_port_and_none_that_a_process_holds() {
    let Some(server) = server().await else { return };
    let (one, _told) = connect(&server, "c1").await;
    let (two, _told) = connect(&server, "c2").await;
    one.propose(vec![network(), node(1)]).await.unwrap();
    level(&[&one, &two]).await;
    let tcp = |port| api::HeldPort { protocol: api::Protocol::Tcp, port };
    let held: HeldPorts = (30_000..30_100).step_by(2).map(|port| (tcp(port), vec!["h1".parse().unwrap()])).collect();
    let tasks: Vec<_> = [&one, &two, &one, &two]
        .into_iter()
        .cycle()
        .zip(0..40)
        .map(|(store, n)| {
            let (store, held) = (store.clone(), held.clone());
            let spec = serde_json::json!({"ports": [{"port": 80, "target_port": 80, "node_port": 0}]});
            let change = Change::PutService(format!("s{n}").parse().unwrap(), serde_json::from_value(spec).unwrap());
            tokio::spawn(async move { store.propose_beside(held, vec![change]).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    level(&[&one, &two]).await;
    let intent = two.read();
    let ports: BTreeSet<u16> = intent.services.values().flat_map(|it| it.node_ports()).map(|(_, port)| port).collect();
    assert_eq!(ports, (30_001..30_080).step_by(2).collect(), "the lowest that are free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_etcd_held_when_it_crashed_is_there_and_goes_on() {
    let Some(mut server) = server().await else { return };
    let (one, _told) = connect(&server, "c1").await;
    let (two, _told) = connect(&server, "c2").await;
    one.propose(vec![network(), node(1)]).await.unwrap();
    server.kill();
    let during = tokio::spawn({
        let one = one.clone();
        async move { one.propose(vec![node(2)]).await }
    });
    let error = during.await.unwrap().unwrap_err().to_string();
    assert!(error.contains("no etcd member answers") && error.contains("not known"), "{error}");
    assert!(!one.read().nodes.contains_key(&"h2".parse::<api::Name>().unwrap()));
    server.restart().await;
    two.propose(vec![node(3)]).await.unwrap();
    level(&[&two, &one]).await;
    let (three, _told) = connect(&server, "c3").await;
    assert!(same(&one.read(), &three.read()));
    assert_eq!(three.read().nodes.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compacted_log_loses_nothing_also_for_who_lags_behind() {
    let Some(server) = server().await else { return };
    let (one, _told) = connect(&server, "c1").await;
    one.propose(vec![network(), node(1)]).await.unwrap();
    for n in 0..150 {
        one.propose(vec![endpoint(format!("e{n}"))]).await.unwrap();
        if n % 2 == 0 {
            one.propose(vec![Change::DeleteEndpoint(format!("e{n}").parse().unwrap())]).await.unwrap();
        }
    }
    let client = Client::new(server.url()).unwrap();
    compact(&client, "c1", 100).await.unwrap();
    // Two at once: at most one of them goes on to the end, and neither does harm.
    let (first, second) = tokio::join!(compact(&client, "c1", 200), compact(&client, "c2", 220));
    assert!(first.is_ok() && second.is_ok());
    let (two, _told) = connect(&server, "c2").await;
    assert!(same(&one.read(), &two.read()));
    compact(&client, "c2", 226).await.unwrap();
    let (three, _told) = connect(&server, "c3").await;
    assert!(same(&one.read(), &three.read()));
    three.propose(vec![node(2)]).await.unwrap();
    level(&[&three, &one, &two]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_too_large_for_etcd_are_refused_with_the_reason() {
    let Some(server) = server().await else { return };
    let (one, _told) = connect(&server, "c1").await;
    let spec = serde_json::json!({"subnets": ["10.244.0.0/16"], "node_prefix": 20});
    let wide = Change::PutNetwork("default".parse().unwrap(), serde_json::from_value(spec).unwrap());
    one.propose(vec![wide, node(1)]).await.unwrap();
    let label = "x".repeat(60);
    let large = |n: u32| {
        let labels: std::collections::BTreeMap<String, String> =
            (0..60).map(|k| (format!("k{k}"), label.clone())).collect();
        let spec = serde_json::json!({"node": "h1", "device": format!("d{n}"), "labels": labels});
        Change::PutEndpoint(format!("e{n}").parse().unwrap(), serde_json::from_value(spec).unwrap())
    };
    let many: Vec<Change> = (0..400).map(large).collect();
    let error = one.propose(many).await.unwrap_err().to_string();
    assert!(error.contains("in parts"), "{error}");
    assert!(one.read().endpoints.is_empty());
    one.propose((0..100).map(large).collect()).await.unwrap();
}

/// What `sdnctl backup` writes and `sdnctl restore` sends, from one store to another.
async fn move_intent(from: &Store, to: &Store) {
    let values: Vec<Value> = from.read().values().filter(|value| !value.key().is_secret()).collect();
    let written = values.iter().map(|value| (value.key().encode(), value.encode()));
    let values = written.map(|(key, bytes)| Value::decode(&key, &bytes).unwrap()).collect();
    to.propose(vec![Change::Restore { values, force: true }]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_moves_intent_from_a_file_to_etcd_and_back() {
    let Some(server) = server().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| Store::open(&dir.path().join(name), range(), channel().0).unwrap();
    let objects = |store: &Store| {
        let intent = store.read();
        (intent.nodes.clone(), intent.networks.clone(), intent.endpoints.clone(), intent.subnets.clone())
    };
    let (first, last, (shared, _told)) = (file("first"), file("last"), connect(&server, "c1").await);
    first.propose(vec![network(), node(1), node(2)]).await.unwrap();
    first.propose((0..50).map(|n| endpoint(format!("e{n}"))).collect()).await.unwrap();
    move_intent(&first, &shared).await;
    assert_eq!(objects(&shared), objects(&first));
    move_intent(&shared, &last).await;
    assert_eq!(objects(&last), objects(&first));
    // What comes next gets an address that nobody has.
    last.propose(vec![endpoint("new".into())]).await.unwrap();
    let ips: BTreeSet<_> = last.read().endpoints.values().flat_map(|endpoint| endpoint.ips.clone()).collect();
    assert_eq!(ips.len(), 51);
}
