use std::time::Duration;

use tokio::sync::mpsc;

use super::*;

pub(super) fn range() -> VirtualRange {
    "10.96.0.0/12".parse().unwrap()
}

pub(super) fn node(n: u8) -> Change {
    let spec = serde_json::json!({"address": format!("172.30.0.{n}"), "mtu": 1500, "datapath": "netdev"});
    Change::PutNode(format!("h{n}").parse().unwrap(), serde_json::from_value(spec).unwrap())
}

pub(super) fn channel() -> (Subscriber, mpsc::UnboundedReceiver<Arc<Txn>>) {
    let (tx, rx) = mpsc::unbounded_channel();
    (Box::new(move |txn, _| drop(tx.send(txn))), rx)
}

#[tokio::test]
async fn what_was_accepted_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.redb");
    let (tx, mut rx) = channel();
    let store = Store::open(&path, range(), tx).unwrap();
    let accepted = store.propose(vec![node(1)]).await.unwrap();
    assert!(accepted.changed());
    assert_eq!(rx.try_recv().unwrap().revision, accepted.revision);
    assert!(!store.propose(vec![node(1)]).await.unwrap().changed());
    let before = store.read().nodes;
    let generation = store.read().generation();
    drop(store);
    // The writer thread ends with the last handle, and the file is free again.
    let reopened = loop {
        match Store::open(&path, range(), channel().0) {
            Ok(store) => break store,
            Err(error) if error.reason.contains("another controller") => {
                tokio::time::sleep(Duration::from_millis(5)).await
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(reopened.read().nodes, before);
    assert_eq!(reopened.read().generation(), generation + 1);
}

#[tokio::test]
async fn a_second_controller_on_the_same_file_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.redb");
    let _first = Store::open(&path, range(), channel().0).unwrap();
    let error = Store::open(&path, range(), channel().0).err().unwrap().to_string();
    assert!(error.contains("another controller"), "{error}");
}

#[test]
fn a_file_that_is_none_of_ours_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.redb");
    std::fs::write(&path, vec![7; 10_000]).unwrap();
    let error = Store::open(&path, range(), channel().0).err().unwrap().to_string();
    assert!(error.contains("store.redb") && error.contains("backup"), "{error}");
}

struct FullDisk;

impl Backend for FullDisk {
    fn load(&mut self) -> Result<Vec<Value>, StoreError> {
        Ok(Vec::new())
    }

    fn commit(&mut self, txns: &[Arc<Txn>]) -> Result<(), StoreError> {
        // The very first commit counts the generation up.
        if txns.iter().any(|txn| txn.revision == 1) {
            return Ok(());
        }
        Err(StoreError { path: "memory".into(), reason: "no space left on device".into() })
    }
}

#[tokio::test]
async fn what_could_not_be_written_did_not_happen() {
    let (tx, mut rx) = channel();
    let store = Store::start(Box::new(FullDisk), "memory".into(), range(), tx).unwrap();
    let error = store.propose(vec![node(1)]).await.unwrap_err().to_string();
    assert!(error.contains("no space left"), "{error}");
    assert!(store.read().nodes.is_empty());
    assert_eq!(store.read().revision(), 1);
    assert!(rx.try_recv().is_err());
}

#[tokio::test]
async fn a_watcher_sees_every_transaction_or_is_told_to_list_again() {
    let store = Store::start(Box::new(Memory), "memory".into(), range(), channel().0).unwrap();
    let start = store.read().revision();
    let mut watch = store.watch(start);
    let mut early = store.watch(start);
    for n in 1..=3 {
        store.propose(vec![node(n)]).await.unwrap();
    }
    let mut seen = Vec::new();
    while seen.len() < 3 {
        seen.extend(watch.next().await.unwrap().iter().map(|txn| txn.revision));
    }
    assert_eq!(seen, [start + 1, start + 2, start + 3]);
    let name: api::Name = "h1".parse().unwrap();
    // Each writes the node and the counters.
    for n in 0..=published::KEPT / 2 {
        store.propose(vec![Change::SetNodeDown(name.clone(), n % 2 == 0)]).await.unwrap();
    }
    let error = early.next().await.unwrap_err();
    assert!(error.oldest > start, "{error}");
}

struct Memory;

impl Backend for Memory {
    fn load(&mut self) -> Result<Vec<Value>, StoreError> {
        Ok(Vec::new())
    }

    fn commit(&mut self, _: &[Arc<Txn>]) -> Result<(), StoreError> {
        Ok(())
    }
}

#[test]
fn who_missed_transactions_is_told_of_the_difference_as_one() {
    let plan = |intent: &Intent, changes: &[Change]| intent.plan(changes, &range(), 0).unwrap().txn.unwrap();
    let mut old = Intent::default();
    old.apply(&plan(&old, &[node(1), node(2)]));
    let mut new = old.clone();
    new.apply(&plan(&new, &[Change::DeleteNode("h1".parse().unwrap())]));
    new.apply(&plan(&new, &[node(3)]));
    let (tell, mut told) = channel();
    let published = Arc::new(Published::new(old.clone(), tell));
    let mut watch = Watch::new(published.clone(), old.revision());
    published.replace(new.clone());
    old.apply(&told.try_recv().unwrap());
    assert_eq!(old.values().collect::<Vec<_>>(), new.values().collect::<Vec<_>>());
    assert_eq!(published.read().revision(), new.revision());
    let next = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(watch.next());
    assert!(next.is_err(), "a watcher is never served a gap");
}
