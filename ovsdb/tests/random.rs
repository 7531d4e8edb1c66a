//! Random operations on a real server: after every step the replica is what `ovsdb-client dump`
//! prints.

mod common;

use std::collections::BTreeMap;

use common::{Server, available, tool};
use ovsdb::schema::ColumnType;
use ovsdb::{Client, Datum, MonitorMethod, Options, Replica, TransactError, Txn, Uuid, Where};
use serde_json::Value;

const TABLES: [&str; 3] = ["Queue", "QoS", "Mirror"];

type Dump = BTreeMap<(String, Uuid), BTreeMap<String, Datum>>;

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

fn of_replica(replica: &Replica) -> Dump {
    let tables = TABLES.iter().flat_map(|table| replica.rows(table));
    let columns = |row: &ovsdb::Row| row.columns().map(|(n, d)| (n.to_owned(), d.clone())).collect();
    tables.map(|row| ((row.table().to_owned(), row.uuid()), columns(&row))).collect()
}

fn of_server(server: &Server, replica: &Replica) -> Dump {
    let mut dump = Dump::new();
    for table in TABLES {
        let schema = replica.schema().table(table).expect("a table");
        let text = tool(&["ovsdb-client", "-f", "json", "dump", &server.remote(), "Open_vSwitch", table]);
        let json: Value = serde_json::from_str(&text).expect("json");
        let names: Vec<&str> =
            json["headings"].as_array().expect("headings").iter().filter_map(Value::as_str).collect();
        for row in json["data"].as_array().expect("rows") {
            let mut columns = BTreeMap::new();
            let mut uuid = Uuid::ZERO;
            for (name, value) in names.iter().zip(row.as_array().expect("a row")) {
                let ty: &ColumnType = &schema.column(name).expect("a column").ty;
                let datum = Datum::from_json(ty, value).expect("a value");
                match *name {
                    "_uuid" => uuid = datum.as_uuid().expect("a uuid"),
                    _ => drop(columns.insert((*name).to_owned(), datum)),
                }
            }
            dump.insert((table.to_owned(), uuid), columns);
        }
    }
    dump
}

async fn run(seed: u64, method: MonitorMethod, steps: usize) {
    let server = Server::start();
    let mut options = Options::new("Open_vSwitch");
    for table in TABLES {
        options = options.whole_table(table);
    }
    options = options.index("Queue", &["dscp"]);
    let ours: Client = server.client(Options { method, ..options.clone() }).await;
    let other: Client = server.client(options).await;
    let mut random = Random(seed);
    let mut model = ours.replica();
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
        follow(&mut model, &replica);
        for row in replica.rows("Queue") {
            let dscp = row.get("dscp").expect("a column");
            assert!(replica.find("Queue", "dscp", dscp).contains(&row), "seed {seed} step {number}");
        }
    }
}

/// The changes between two copies are all there is between them.
fn follow(model: &mut Replica, now: &Replica) {
    let mut dump = of_replica(model);
    for change in now.changes_since(model) {
        let key = (change.table().to_owned(), change.uuid);
        let columns = |row: &ovsdb::Row| row.columns().map(|(n, d)| (n.to_owned(), d.clone())).collect();
        assert_eq!(dump.get(&key).cloned(), change.old.as_ref().map(columns));
        match change.new {
            Some(row) => drop(dump.insert(key, columns(&row))),
            None => drop(dump.remove(&key)),
        }
    }
    assert_eq!(dump, of_replica(now));
    *model = now.clone();
}

#[tokio::test]
async fn the_replica_is_the_database_by_update3() {
    if available() {
        run(1, MonitorMethod::Since, 100).await;
    }
}

#[tokio::test]
async fn the_replica_is_the_database_by_update2() {
    if available() {
        run(2, MonitorMethod::Cond, 100).await;
    }
}

#[tokio::test]
async fn the_replica_is_the_database_by_update() {
    if available() {
        run(3, MonitorMethod::Plain, 100).await;
    }
}
