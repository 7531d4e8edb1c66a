//! A real server killed in mid-line, in mid-copy and in mid-transaction, and started again: the
//! replica then is what the server dumps, and its readers saw only the difference.

mod common;

use std::time::Duration;

use common::dump::{Dump, follow, of_replica, of_server};
use common::proxy::{Proxy, Way};
use common::{Server, connector, until};
use ovsdb::{Changes, Client, Options, State, Submitted, TransactError, Txn, Where};

fn options() -> Options {
    let tables = ["Bridge", "Port", "Interface", "Queue"];
    let all = tables.iter().fold(Options::new("Open_vSwitch"), |options, table| options.whole_table(table));
    all.table("Open_vSwitch", &["next_cfg", "bridges"])
}

/// A client behind a proxy, and a reader of its changes.
struct Stage {
    server: Server,
    proxy: Proxy,
    client: Client,
    changes: Changes,
    told: Dump,
}

impl Stage {
    async fn new() -> Option<Stage> {
        let server = Server::start()?;
        server.vsctl(&["add-br", "br0", "--", "add-br", "br1"]);
        let proxy = Proxy::before(&server);
        let client = Client::connect(connector(&proxy.remote()), options());
        client.ready().await.expect("ready");
        let changes = client.changes();
        let told = of_replica(&client.replica());
        Some(Stage { server, proxy, client, changes, told })
    }

    async fn kill(&mut self) {
        self.server.kill();
        until(&self.client, State::Disconnected).await;
    }

    /// Starts the server again and tells how many changes the reader then was told.
    async fn restart(&mut self) -> usize {
        self.server.run();
        until(&self.client, State::Ready).await;
        let replica = self.client.replica();
        assert_eq!(of_replica(&replica), of_server(&self.server, &replica));
        let mut count = 0;
        while self.told != of_replica(&replica) {
            let list = tokio::time::timeout(Duration::from_secs(10), self.changes.next()).await;
            let list = list.expect("in time").expect("changes");
            follow(&mut self.told, &list);
            count += list.len();
        }
        count
    }

    async fn add(&self) -> Submitted {
        let mut txn = Txn::new("Open_vSwitch");
        txn.mutate("Open_vSwitch", Where::all()).add("next_cfg", 1);
        self.client.submit(txn).await.expect("sent")
    }

    fn number(&self) -> i64 {
        self.client.replica().rows("Open_vSwitch").next().expect("root").read("next_cfg")
    }
}

#[tokio::test]
async fn killed_in_mid_line() {
    let Some(mut stage) = Stage::new().await else { return };
    let places = [("update3", 0), ("\"Bridge\"", 1), ("\"Bridge\"", 25), ("\"modify\"", 3), ("mark", 2), ("mark", 9)];
    for (round, (pattern, more)) in places.into_iter().enumerate() {
        let before = of_replica(&stage.client.replica());
        stage.proxy.cut(Way::ToClient, pattern, more);
        stage.server.vsctl(&["set", "Bridge", "br0", &format!("external_ids:mark=value-{round}")]);
        stage.proxy.reached().await;
        stage.kill().await;
        assert_eq!(of_replica(&stage.client.replica()), before, "half a line left a trace");
        assert_eq!(stage.restart().await, 1, "cut at {pattern} and {more}");
    }
}

#[tokio::test]
async fn killed_between_the_updates_of_two_transactions() {
    let Some(mut stage) = Stage::new().await else { return };
    stage.proxy.cut(Way::ToClient, "second", 0);
    stage.server.vsctl(&["set", "Bridge", "br0", "external_ids:a=first"]);
    stage.server.vsctl(&["set", "Bridge", "br1", "external_ids:a=second"]);
    stage.proxy.reached().await;
    stage.kill().await;
    let names: Vec<String> = stage.client.replica().rows("Bridge").map(|b| format!("{b:?}")).collect();
    assert!(names.iter().any(|row| row.contains("first")) && !names.iter().any(|row| row.contains("second")));
    // The reader was told of neither yet, and is of both at once.
    assert_eq!(stage.restart().await, 2);
}

#[tokio::test]
async fn killed_in_the_middle_of_a_copy() {
    let Some(mut stage) = Stage::new().await else { return };
    for (pattern, more) in [("\"initial\"", 0), ("\"initial\"", 700), ("\"tables\"", 2000)] {
        stage.kill().await;
        stage.proxy.cut(Way::ToClient, pattern, more);
        let before = of_replica(&stage.client.replica());
        stage.server.run();
        stage.server.vsctl(&["--", "--id=@q", "create", "Queue", "dscp=1", "--", "create", "QoS", "queues:1=@q"]);
        stage.server.vsctl(&["set", "Bridge", "br0", &format!("external_ids:more=n{more}")]);
        stage.proxy.reached().await;
        stage.kill().await;
        assert_eq!(of_replica(&stage.client.replica()), before, "half a copy was shown");
        assert!(stage.restart().await <= 2);
    }
}

#[tokio::test]
async fn killed_before_a_transaction_was_sent_in_full() {
    let Some(mut stage) = Stage::new().await else { return };
    let before = stage.number();
    for (pattern, more) in [("\"mutations\"", 0), ("\"transact\"", 0), ("next_cfg", 4)] {
        stage.proxy.cut(Way::ToServer, pattern, more);
        let submitted = stage.add().await;
        stage.proxy.reached().await;
        stage.kill().await;
        assert!(matches!(submitted.outcome().await, Err(TransactError::Unknown(_))));
        assert_eq!(stage.restart().await, 0);
        assert_eq!(stage.number(), before, "it did not happen");
    }
}

#[tokio::test]
async fn killed_before_a_transaction_was_answered_in_full() {
    let Some(mut stage) = Stage::new().await else { return };
    let before = stage.number();
    for (round, (pattern, more)) in [("\"count\"", 0), ("\"count\"", 2), ("next_cfg", 0)].into_iter().enumerate() {
        stage.proxy.cut(Way::ToClient, pattern, more);
        let submitted = stage.add().await;
        stage.proxy.reached().await;
        stage.kill().await;
        assert!(matches!(submitted.outcome().await, Err(TransactError::Unknown(_))));
        assert_eq!(stage.restart().await, 1);
        assert_eq!(stage.number(), before + 1 + round as i64, "it did happen, once");
    }
}
