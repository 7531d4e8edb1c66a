//! Against a real ovsdb-server in a folder of its own.

mod common;

use common::{Server, available};
use ovsdb::{ErrorKind, Options, TransactError, Txn, Where};

fn options() -> Options {
    Options::new("Open_vSwitch")
        .whole_table("Open_vSwitch")
        .whole_table("Bridge")
        .whole_table("Port")
        .table("Interface", &["name", "type", "options", "no_such_column"])
        .index("Bridge", &["name"])
}

fn add_bridge(root: ovsdb::Uuid, name: &str) -> (Txn, ovsdb::NamedUuid) {
    let mut txn = Txn::new("Open_vSwitch");
    let interface = txn.insert("Interface").set("name", name).set("type", "internal").id();
    let port = txn.insert("Port").set("name", name).set("interfaces", interface).id();
    let bridge = txn
        .insert("Bridge")
        .set("name", name)
        .set("ports", port)
        .set("fail_mode", "secure")
        .set("external_ids", [("a", "b"), ("c", "d")])
        .id();
    txn.mutate("Open_vSwitch", root).insert("bridges", &bridge);
    txn.comment("a bridge");
    (txn, bridge)
}

#[tokio::test]
async fn a_transaction_is_in_the_replica_when_it_returns() {
    if !available() {
        return;
    }
    let server = Server::start();
    server.vsctl(&["init"]);
    let client = server.client(options()).await;
    let root = client.replica().rows("Open_vSwitch").next().expect("root").uuid();
    for n in 0..50 {
        let name = format!("br{n}");
        let (txn, bridge) = add_bridge(root, &name);
        let outcome = client.transact(txn).await.expect("commit");
        let replica = client.replica();
        let row = replica.row("Bridge", outcome.uuid(&bridge).expect("id")).expect("row");
        assert_eq!(row.get("name").and_then(|d| d.as_str()), Some(name.as_str()));
        assert_eq!(row.get("external_ids").and_then(|d| d.get_str("c")), Some("d"));
        assert_eq!(replica.find("Bridge", "name", name.as_str()), [row]);
    }
    assert_eq!(client.replica().table("Interface").map(|t| t.len()), Some(50));
}

#[tokio::test]
async fn the_server_refuses_one_operation() {
    if !available() {
        return;
    }
    let server = Server::start();
    server.vsctl(&["init"]);
    let client = server.client(options()).await;
    let root = client.replica().rows("Open_vSwitch").next().expect("root").uuid();
    client.transact(add_bridge(root, "br0").0).await.expect("first");
    let error = client.transact(add_bridge(root, "br0").0).await.expect_err("same name");
    assert!(matches!(&error, TransactError::Commit(e) if e.kind == ErrorKind::Constraint), "{error}");
    let mut txn = Txn::new("Open_vSwitch");
    txn.wait("Bridge", Where::eq("name", "br0")).row(&[("fail_mode", "standalone")]);
    let error = client.transact(txn).await.expect_err("wait");
    assert!(
        matches!(&error, TransactError::Operation { index: 0, operation: "wait", error }
            if error.kind == ErrorKind::TimedOut),
        "{error}"
    );
}
