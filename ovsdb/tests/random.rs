//! Random operations on a real server: after every step the replica is what `ovsdb-client dump`
//! prints.

mod common;

use common::Server;
use common::dump::{follow, of_replica, of_server};
use ovsdb::{Client, MonitorMethod, Options, Replica, TransactError, Txn, Uuid, Where};

const TABLES: [&str; 3] = ["Queue", "QoS", "Mirror"];

/// xorshift64: the same steps for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit
    }

    fn row(&mut self, replica: &Replica, table: &str) -> Uuid {
        let rows: Vec<Uuid> = replica.rows(table).map(|row| row.uuid()).collect();
        match rows.len() {
            0 => Uuid::ZERO,
            n => rows[self.below(n)],
        }
    }

    fn text(&mut self) -> String {
        ["a", "b", "c", "", "é \"\\\n", "long long long long"][self.below(6)].to_owned()
    }
}

/// One operation, which the server may well refuse.
fn step(random: &mut Random, replica: &Replica, txn: &mut Txn) {
    let (queue, qos) = (random.row(replica, "Queue"), random.row(replica, "QoS"));
    let (key, value) = (random.text(), random.text());
    match random.below(9) {
        0 | 1 => {
            let _ = txn.insert("Queue").set("external_ids", [(key, value)]);
        }
        2 => {
            let number = random.below(64) as i64;
            let dscp = (number < 32).then_some(number);
            txn.update("Queue", queue).set("dscp", dscp);
        }
        3 => {
            txn.mutate("Queue", queue).put("external_ids", &[(key, value)]);
        }
        4 => {
            txn.mutate("Queue", queue).delete("external_ids", [key]).insert("other_config", [("k", value)]);
        }
        5 => {
            let number = random.below(4) as i64;
            let _ = txn.insert("QoS").set("type", key).set("queues", [(number, queue)]);
        }
        6 => {
            let number = random.below(4) as i64;
            txn.mutate("QoS", qos).put("queues", &[(number, queue)]);
        }
        7 => {
            let number = random.below(4) as i64;
            txn.mutate("QoS", Where::all()).delete("queues", [number]);
        }
        _ => {
            let table = if random.below(2) == 0 { "Queue" } else { "QoS" };
            txn.delete(table, if table == "Queue" { queue } else { qos });
        }
    }
}

async fn run(seed: u64, method: MonitorMethod, steps: usize) {
    let Some(server) = Server::start() else { return };
    let mut options = Options::new("Open_vSwitch");
    for table in TABLES {
        options = options.whole_table(table);
    }
    options = options.index("Queue", &["dscp"]);
    let ours: Client = server.client(Options { method, ..options.clone() }).await;
    let other: Client = server.client(options).await;
    let mut random = Random(seed);
    let mut model = ours.replica();
    let mut told = of_replica(&model);
    for number in 0..steps {
        let client = if random.below(4) == 0 { &other } else { &ours };
        let mut txn = Txn::new("Open_vSwitch");
        for _ in 0..1 + random.below(3) {
            step(&mut random, &client.replica(), &mut txn);
        }
        match client.transact(txn).await {
            Ok(_) | Err(TransactError::Operation { .. } | TransactError::Commit(_)) => {}
            Err(error) => panic!("seed {seed} step {number}: {error}"),
        }
        // An answer to us comes after every update before it.
        ours.echo().await.expect("echo");
        let replica = ours.replica();
        assert_eq!(of_replica(&replica), of_server(&server, &replica), "seed {seed} step {number}");
        // The changes between two copies are all there is between them.
        follow(&mut told, &replica.changes_since(&model));
        assert_eq!(told, of_replica(&replica), "seed {seed} step {number}");
        model = replica.clone();
        for row in replica.rows("Queue") {
            let dscp = row.get("dscp").expect("a column");
            assert!(replica.find("Queue", "dscp", dscp).contains(&row), "seed {seed} step {number}");
        }
    }
}

#[tokio::test]
async fn the_replica_is_the_database_by_update3() {
    run(1, MonitorMethod::Since, 100).await;
}

#[tokio::test]
async fn the_replica_is_the_database_by_update2() {
    run(2, MonitorMethod::Cond, 100).await;
}

#[tokio::test]
async fn the_replica_is_the_database_by_update() {
    run(3, MonitorMethod::Plain, 100).await;
}
