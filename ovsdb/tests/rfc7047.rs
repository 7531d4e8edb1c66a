//! RFC 7047, method by method and operation by operation, against a real server.

mod common;

use std::time::Duration;

use common::Server;
use ovsdb::op::{Function, Mutator};
use ovsdb::{Client, Condition, Datum, ErrorKind, OperationResult, Options, TransactError, Txn, Uuid, Where};

/// What is built stays in the transaction.
fn ignore<T>(_: T) {}

async fn client(server: &Server) -> Client {
    server.client(Options::new("Open_vSwitch").whole_table("Queue").whole_table("QoS")).await
}

fn txn(build: impl FnOnce(&mut Txn)) -> Txn {
    let mut txn = Txn::new("Open_vSwitch");
    build(&mut txn);
    txn
}

async fn done(client: &Client, build: impl FnOnce(&mut Txn)) -> ovsdb::Outcome {
    client.transact(txn(build)).await.expect("commit")
}

async fn refused(client: &Client, build: impl FnOnce(&mut Txn)) -> ErrorKind {
    match client.transact(txn(build)).await.expect_err("an error") {
        TransactError::Operation { error, .. } | TransactError::Commit(error) | TransactError::Request(error) => {
            error.kind
        }
        other => panic!("{other}"),
    }
}

async fn queue(client: &Client, dscp: i64) -> Uuid {
    let mut id = None;
    let outcome = done(client, |t| {
        id = Some(t.insert("Queue").set("dscp", dscp).set("external_ids", [("k", "v")]).id());
    });
    outcome.await.uuid(&id.expect("a name")).expect("a row")
}

/// The dscp of the rows that a condition finds.
async fn found(client: &Client, condition: Condition) -> Vec<i64> {
    let outcome = done(client, |t| ignore(t.select("Queue", condition).columns(&["dscp"]))).await;
    let mut found: Vec<i64> = outcome.rows().iter().filter_map(|row| row["dscp"].as_integer()).collect();
    found.sort_unstable();
    found
}

#[tokio::test]
async fn section_5_1_conditions() {
    let Some(server) = Server::start() else { return };
    let client = client(&server).await;
    for dscp in [1, 2, 3] {
        queue(&client, dscp).await;
    }
    let dscp = |function, value: i64| Condition::new("dscp", function, value);
    assert_eq!(found(&client, dscp(Function::Eq, 2)).await, [2]);
    assert_eq!(found(&client, dscp(Function::Ne, 2)).await, [1, 3]);
    assert_eq!(found(&client, dscp(Function::Lt, 2)).await, [1]);
    assert_eq!(found(&client, dscp(Function::Le, 2)).await, [1, 2]);
    assert_eq!(found(&client, dscp(Function::Ge, 2)).await, [2, 3]);
    assert_eq!(found(&client, dscp(Function::Gt, 2)).await, [3]);
    let pair = [("k", "v")];
    assert_eq!(found(&client, Condition::includes("external_ids", pair)).await, [1, 2, 3]);
    assert!(found(&client, Condition::excludes("external_ids", pair)).await.is_empty());
}

#[tokio::test]
async fn section_5_1_mutations() {
    let Some(server) = Server::start() else { return };
    let client = client(&server).await;
    let row = queue(&client, 10).await;
    for (mutator, value, wanted) in [
        (Mutator::Add, 5, 15),
        (Mutator::Subtract, 1, 14),
        (Mutator::Multiply, 2, 28),
        (Mutator::Divide, 3, 9),
        (Mutator::Remainder, 5, 4),
    ] {
        done(&client, |t| ignore(t.mutate("Queue", row).by("dscp", mutator, value))).await;
        let now = client.replica().row("Queue", row).expect("row");
        assert_eq!(now.get("dscp").and_then(Datum::as_integer), Some(wanted), "{mutator:?}");
    }
    let by = |mutator, value: i64| move |t: &mut Txn| ignore(t.mutate("Queue", row).by("dscp", mutator, value));
    assert_eq!(refused(&client, by(Mutator::Divide, 0)).await, ErrorKind::Domain);
    assert_eq!(refused(&client, by(Mutator::Add, 100)).await, ErrorKind::Constraint);
    assert_eq!(refused(&client, by(Mutator::Multiply, i64::MAX)).await, ErrorKind::Range);
    done(&client, |t| ignore(t.mutate("Queue", row).insert("external_ids", [("k", "other"), ("l", "w")]))).await;
    let ids = |client: &Client| client.replica().row("Queue", row).and_then(|r| r.get("external_ids").cloned());
    let map = |pairs: &[(&str, &str)]| Some(ovsdb::ToDatum::to_datum(pairs));
    assert_eq!(ids(&client), map(&[("k", "v"), ("l", "w")]), "a key that is there stays");
    done(&client, |t| ignore(t.mutate("Queue", row).delete("external_ids", ["l"]))).await;
    assert_eq!(ids(&client), map(&[("k", "v")]));
}

#[tokio::test]
async fn section_5_2_1_insert() {
    let Some(server) = Server::start() else { return };
    let client = client(&server).await;
    let id: Uuid = "00000000-0000-4000-8000-00000000000a".parse().expect("uuid");
    let with_id = |t: &mut Txn| ignore(t.insert("Queue").with_uuid(id).id());
    assert_eq!(done(&client, with_id).await.results, [OperationResult::Inserted(id)]);
    assert_eq!(refused(&client, with_id).await, ErrorKind::DuplicateUuid);
    let missing = |t: &mut Txn| ignore(t.insert("QoS").set("type", "x").set("queues", [(1, Uuid([7; 16]))]).id());
    assert_eq!(refused(&client, missing).await, ErrorKind::ReferentialIntegrity);
}

#[tokio::test]
async fn sections_5_2_2_to_5_2_5_select_update_mutate_delete() {
    let Some(server) = Server::start() else { return };
    let client = client(&server).await;
    let row = queue(&client, 1).await;
    let outcome = done(&client, |t| {
        t.update("Queue", row).set("dscp", Some(5));
        t.mutate("Queue", row).add("dscp", 1);
        t.select("Queue", row).columns(&["dscp", "_uuid", "_version"]);
        t.delete("Queue", row);
        t.delete("Queue", row);
    });
    let outcome = outcome.await;
    assert_eq!(outcome.results[0], OperationResult::Count(1));
    assert_eq!(outcome.results[1], OperationResult::Count(1));
    assert_eq!(outcome.rows()[0]["dscp"].as_integer(), Some(6));
    assert_eq!(outcome.rows()[0]["_uuid"].as_uuid(), Some(row));
    assert!(outcome.rows()[0]["_version"].as_uuid().is_some());
    assert_eq!(outcome.results[3..], [OperationResult::Count(1), OperationResult::Count(0)]);
    assert!(client.replica().row("Queue", row).is_none());
}

#[tokio::test]
async fn section_5_2_6_wait() {
    let Some(server) = Server::start() else { return };
    let client = client(&server).await;
    let row = queue(&client, 1).await;
    done(&client, |t| ignore(t.wait("Queue", row).row(&[("dscp", 1)]))).await;
    done(&client, |t| ignore(t.wait("Queue", row).row(&[("dscp", 2)]).until_not())).await;
    let other = |t: &mut Txn| ignore(t.wait("Queue", row).row(&[("dscp", 2)]).timeout(Duration::from_millis(20)));
    assert_eq!(refused(&client, other).await, ErrorKind::TimedOut);
    let waits = txn(|t| {
        t.wait("Queue", row).row(&[("dscp", 2)]).timeout(Duration::from_secs(20));
        t.delete("Queue", row);
    });
    let waiting = client.submit(waits).await.expect("sent");
    done(&client, |t| ignore(t.update("Queue", row).set("dscp", 2))).await;
    assert_eq!(waiting.outcome().await.expect("commit").count(), 1);
}

#[tokio::test]
async fn sections_5_2_7_to_5_2_10_commit_abort_comment_assert() {
    let Some(server) = Server::start() else { return };
    let client = client(&server).await;
    done(&client, |t| {
        let _ = t.insert("Queue");
        t.comment("words").durable();
    })
    .await;
    let log = std::fs::read_to_string(server.dir.path().join("conf.db")).expect("the database");
    assert!(log.contains("\"_comment\":\"words\""), "durable, yet not on disk");
    let aborted = |t: &mut Txn| {
        t.delete("Queue", Where::all());
        t.abort();
    };
    assert_eq!(refused(&client, aborted).await, ErrorKind::Aborted);
    assert_eq!(client.replica().rows("Queue").count(), 1);
    assert_eq!(refused(&client, |t| ignore(t.assert("L"))).await, ErrorKind::NotOwner);
}
