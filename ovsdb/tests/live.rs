//! Against a real ovsdb-server in a folder of its own.

mod common;

use common::Server;
use ovsdb::tables::{Bridge, OpenVswitch};
use ovsdb::{CallError, ErrorKind, Lagged, Limits, MonitorMethod, Options, Replica, TransactError, Txn, Where};

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
    let Some(server) = Server::start() else { return };
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
    let Some(server) = Server::start() else { return };
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

#[tokio::test]
async fn changes_are_told_as_net_differences() {
    let Some(server) = Server::start() else { return };
    server.vsctl(&["init"]);
    let client = server.client(options()).await;
    let mut changes = client.changes();
    server.vsctl(&["add-br", "br0"]);
    server.vsctl(&["set", "Bridge", "br0", "external_ids:k=v"]);
    let mut tables = Vec::new();
    while !client
        .replica()
        .find("Bridge", "name", "br0")
        .iter()
        .any(|row| row.get("external_ids").and_then(|d| d.get_str("k")) == Some("v"))
    {
        let list = changes.next().await.expect("changes");
        tables.extend(list.iter().map(|change| change.table().to_owned()));
    }
    for table in ["Bridge", "Interface", "Open_vSwitch", "Port"] {
        assert!(tables.iter().any(|t| t == table), "{table} in {tables:?}");
    }
    let all = client.changes_since(Replica::empty()).next().await.expect("all rows");
    let rows: usize = client.replica().tables().map(|(_, table)| table.len()).sum();
    assert_eq!(all.iter().filter(|c| c.old.is_none()).count(), rows);
    client.close().await;
    while let Some(list) = changes.next().await {
        drop(list);
    }
}

#[tokio::test]
async fn a_reader_that_does_not_keep_up_is_told() {
    let Some(server) = Server::start() else { return };
    server.vsctl(&["init"]);
    let limits = Limits { unread_updates: 2, ..Limits::default() };
    let client = server.client(options().limits(limits)).await;
    let (mut slow, mut coalesced) = (client.updates(), client.changes());
    for n in 0..10 {
        let mut txn = Txn::new("Open_vSwitch");
        txn.update("Open_vSwitch", Where::all()).set("next_cfg", n + 100);
        client.transact(txn).await.expect("commit");
    }
    assert_eq!(slow.next().await, Some(Err(Lagged { missed: 8 })));
    assert!(matches!(slow.next().await, Some(Ok(update)) if update.len() == 1));
    let list = coalesced.next().await.expect("changes");
    assert_eq!(list.len(), 1, "ten changes of one row are one");
}

#[tokio::test]
async fn locks_are_granted_taken_and_given_back() {
    let Some(server) = Server::start() else { return };
    let (one, two) = (server.client(options()).await, server.client(options()).await);
    assert_eq!(one.lock("L").await, Ok(true));
    assert_eq!(two.lock("L").await, Ok(false));
    assert!(one.owns("L") && !two.owns("L"));
    let mut txn = Txn::new("Open_vSwitch");
    txn.assert("L");
    one.transact(txn.clone()).await.expect("the owner may");
    let error = two.transact(txn).await.expect_err("the other may not");
    assert!(matches!(error, TransactError::Operation { error, .. } if error.kind == ErrorKind::NotOwner));
    one.unlock("L").await.expect("unlock");
    two.owned("L", true).await.expect("granted");
    one.steal("L").await.expect("steal");
    two.owned("L", false).await.expect("stolen");
    assert!(one.owns("L"));
    let error = one.lock("not an id").await.expect_err("a bad name");
    assert!(matches!(error, CallError::Refused(e) if e.kind == ErrorKind::Syntax));
}

#[tokio::test]
async fn other_rows_can_be_monitored() {
    let Some(server) = Server::start() else { return };
    server.vsctl(&["add-br", "br0", "--", "add-br", "br1"]);
    let some = Options::new("Open_vSwitch").table("Bridge", &["name"]).rows("Bridge", Where::eq("name", "br0"));
    let client = server.client(some).await;
    let names = || -> Vec<String> {
        let mut names: Vec<_> = client.replica().all::<Bridge>().map(|b| b.name).collect();
        names.sort();
        names
    };
    assert_eq!(names(), ["br0"]);
    client.set_rows("Bridge", Where::eq("name", "br1")).await.expect("other rows");
    assert_eq!(names(), ["br1"]);
    client.set_rows("Bridge", Where::all()).await.expect("all rows");
    assert_eq!(names(), ["br0", "br1"]);
    let error = client.set_rows("Bridge", Where::eq("nom", "x")).await.expect_err("no column");
    assert!(matches!(error, CallError::Check(_)));
    client.stop_monitoring().await.expect("stop");
    server.vsctl(&["del-br", "br0"]);
    client.echo().await.expect("still there");
    assert_eq!(names(), ["br0", "br1"], "what is not monitored does not change");
}

#[tokio::test]
async fn a_transaction_that_waits_can_be_cancelled() {
    let Some(server) = Server::start() else { return };
    let client = server.client(options()).await;
    let mut txn = Txn::new("Open_vSwitch");
    txn.wait("Bridge", Where::all()).row(&[("name", "never")]).forever();
    let submitted = client.submit(txn).await.expect("sent");
    submitted.cancel().await;
    let error = submitted.outcome().await.expect_err("canceled");
    assert!(matches!(error, TransactError::Request(e) if e.kind == ErrorKind::Canceled));
}

#[tokio::test]
async fn the_server_is_asked_about_itself() {
    let Some(server) = Server::start() else { return };
    let client = server.client(options()).await;
    assert_eq!(client.list_dbs().await.expect("dbs"), ["Open_vSwitch", "_Server"]);
    let schema = client.get_schema("_Server").await.expect("schema");
    assert!(schema.table("Database").is_some());
    let id: ovsdb::Uuid = client.server_id().await.expect("id").parse().expect("a uuid");
    assert_ne!(id, ovsdb::Uuid::ZERO);
    let error = client.get_schema("nope").await.expect_err("no such database");
    assert!(matches!(error, CallError::Refused(e) if e.kind == ErrorKind::UnknownDatabase));
    let stream = server.stream().await;
    let lost = ovsdb::Client::from_stream(stream, Options::new("nope"));
    let reason = lost.ready().await.expect_err("no such database");
    assert_eq!(
        reason.to_string(),
        "peer refused get_schema: unknown database: get_schema request specifies unknown database nope"
    );
}

#[tokio::test]
async fn older_methods_give_the_same_copy() {
    let Some(server) = Server::start() else { return };
    server.vsctl(&["add-br", "br0", "--", "set", "Bridge", "br0", "external_ids:a=b"]);
    let mut copies = Vec::new();
    for method in [MonitorMethod::Since, MonitorMethod::Cond, MonitorMethod::Plain] {
        let client = server.client(Options { method, ..options() }).await;
        let mut txn = Txn::new("Open_vSwitch");
        txn.mutate("Bridge", Where::all()).put("external_ids", &[("a", "c"), ("d", "e")]);
        txn.update("Bridge", Where::all()).set("protocols", ["OpenFlow13", "OpenFlow15"]);
        client.transact(txn).await.expect("commit");
        let replica = client.replica();
        copies.push(replica.rows("Bridge").chain(replica.rows("Interface")).collect::<Vec<_>>());
    }
    assert_eq!(copies[0].len(), 2);
    assert_eq!(copies[0], copies[1]);
    assert_eq!(copies[0], copies[2]);
}

#[tokio::test]
async fn a_thousand_transactions_can_be_under_way() {
    let Some(server) = Server::start() else { return };
    server.vsctl(&["init"]);
    let client = server.client(options()).await;
    let mut under_way = Vec::new();
    for _ in 0..1000 {
        let mut txn = Txn::new("Open_vSwitch");
        txn.mutate("Open_vSwitch", Where::all()).add("next_cfg", 1);
        under_way.push(client.submit(txn).await.expect("sent"));
    }
    for submitted in under_way {
        assert_eq!(submitted.outcome().await.expect("commit").count(), 1);
    }
    let root = client.replica().all::<OpenVswitch>().next().expect("root");
    assert_eq!(root.next_cfg, 1000);
}
