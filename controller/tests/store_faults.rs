//! The embedded store when the machine fails it: killed at any instant, truncated, bits flipped, the disk full.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use api::Name;
use controller::{
    intent::{Change, Intent},
    store::{Store, StoreError},
};

/// Names the file when this program is to write to it until it is killed.
const WRITE_TO: &str = "STORE_FAULTS_WRITE_TO";

fn open(path: &Path) -> Result<Store, StoreError> {
    Store::open(path, "10.96.0.0/12".parse().expect("a subnet"), Box::new(|_, _| ()))
}

/// Opens a file whose last user may not have ended yet.
fn reopen(path: &Path) -> Store {
    for _ in 0..2000 {
        match open(path) {
            Err(error) if error.reason.contains("another controller") => std::thread::sleep(Duration::from_millis(5)),
            other => return other.unwrap_or_else(|error| panic!("{error}")),
        }
    }
    panic!("{} stays in use", path.display());
}

fn name(text: &str) -> Name {
    text.parse().expect("a valid name")
}

fn endpoint(n: u32) -> Change {
    let spec = serde_json::json!({"node": "h1", "device": format!("p{n}")});
    Change::PutEndpoint(name(&format!("e{n}")), serde_json::from_value(spec).expect("an endpoint"))
}

fn basis() -> Vec<Change> {
    let network = serde_json::json!({"subnets": ["10.128.0.0/9"], "node_prefix": 12});
    let node = serde_json::json!({"address": "172.30.0.1", "mtu": 1500});
    vec![
        Change::PutNetwork(name("default"), serde_json::from_value(network).expect("a network")),
        Change::PutNode(name("h1"), serde_json::from_value(node).expect("a node")),
    ]
}

fn addresses_differ(intent: &Intent) {
    let mut ips: Vec<_> = intent.endpoints.values().map(|endpoint| endpoint.ips[0]).collect();
    let count = ips.len();
    ips.sort();
    ips.dedup();
    assert_eq!(ips.len(), count, "an address was given twice");
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_at_any_instant() {
    if let Some(path) = std::env::var_os(WRITE_TO) {
        return write_for_ever(Path::new(&path)).await;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("store.redb");
    let mut acknowledged = Vec::new();
    for round in 0..12u64 {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(["--exact", "what_was_acknowledged_survives_a_kill_at_any_instant", "--nocapture"])
            .env(WRITE_TO, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let out = child.stdout.take().expect("its output");
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(150 + 37 * round));
            child.kill().expect("it was alive");
            child.wait().expect("it ends");
        });
        let said = BufReader::new(out).lines().map_while(Result::ok).filter(|line| line.starts_with("wrote "));
        acknowledged.extend(said.filter_map(|line| line.get(6..).map(name)));
        killer.join().expect("the killer ends");
        let intent = reopen(&path).read();
        let lost: Vec<_> = acknowledged.iter().filter(|name| !intent.endpoints.contains_key(*name)).collect();
        assert!(lost.is_empty(), "round {round} lost {lost:?}");
        addresses_differ(&intent);
    }
    assert!(acknowledged.len() > 50, "only {} writes in all", acknowledged.len());
}

async fn write_for_ever(path: &Path) {
    let store = reopen(path);
    store.propose(basis()).await.expect("the basis");
    let first = store.read().endpoints.len() as u32;
    for n in first.. {
        store.propose(vec![endpoint(n)]).await.expect("room");
        // Whole lines at once: a line that was half said was not acknowledged.
        std::io::stdout().lock().write_all(format!("wrote e{n}\n").as_bytes()).expect("someone listens");
    }
}

/// A file as a controller leaves it that ended well, and what it holds.
async fn written(path: &Path, endpoints: u32) -> Intent {
    let store = reopen(path);
    store.propose(basis()).await.expect("the basis");
    for n in 0..endpoints {
        store.propose(vec![endpoint(n)]).await.expect("room");
    }
    let intent = store.read();
    drop(store);
    drop(reopen(path));
    intent
}

/// The file tells the truth, or nothing.
fn right_or_refused(path: &Path, whole: &Intent, what: &str) -> bool {
    let opened = std::panic::catch_unwind(|| open(path));
    match opened.unwrap_or_else(|_| panic!("{what}: panicked")) {
        Ok(store) => {
            let read = store.read();
            assert_eq!(read.endpoints, whole.endpoints, "{what}: another intent");
            assert_eq!(
                (&read.nodes, &read.networks, &read.subnets),
                (&whole.nodes, &whole.networks, &whole.subnets),
                "{what}"
            );
            true
        }
        Err(error) => {
            assert!(error.reason.contains("backup") && error.to_string().lines().count() == 1, "{what}: {error}");
            false
        }
    }
}

#[tokio::test]
async fn a_damaged_file_tells_the_truth_or_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("store.redb");
    let whole = written(&path, 60).await;
    std::thread::sleep(Duration::from_millis(300));
    let bytes = std::fs::read(&path).expect("the file");
    // Each under a name of its own: the thread that has the one before open may not have ended.
    let copy = |n: usize, damaged: &[u8]| {
        let copy = dir.path().join(format!("copy-{n}.redb"));
        std::fs::write(&copy, damaged).expect("room");
        copy
    };
    let mut refused = 0;
    for n in 0..300usize {
        let mut damaged = bytes.clone();
        let (at, bit) = ((n * 7919 * 31) % bytes.len().min(1 << 20), n % 8);
        damaged[at] ^= 1 << bit;
        let what = format!("bit {bit} of byte {at} flipped");
        refused += usize::from(!right_or_refused(&copy(n, &damaged), &whole, &what));
    }
    for n in 1..40usize {
        let length = bytes.len() * n / 40;
        let what = format!("cut to {length} bytes");
        refused += usize::from(!right_or_refused(&copy(1000 + n, &bytes[..length]), &whole, &what));
    }
    assert!(refused > 20, "only {refused} were noticed");
}

#[tokio::test]
async fn a_full_disk_refuses_and_keeps_what_it_has() {
    let dir = tempfile::tempdir().expect("a directory");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(dir.path()).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("not root: no disk to fill");
        return;
    }
    let path = dir.path().join("store.redb");
    let store = reopen(&path);
    store.propose(basis()).await.expect("the basis");
    let mut kept = 0;
    let error = loop {
        let batch = (kept..kept + 200).map(endpoint).collect();
        match store.propose(batch).await {
            Ok(_) => kept += 200,
            Err(error) => break error.to_string(),
        }
        assert!(kept < 100_000, "the disk is never full");
    };
    assert!(error.contains("store.redb") && error.lines().count() == 1, "{error}");
    assert_eq!(store.read().endpoints.len(), kept as usize);
    drop(store);
    std::thread::sleep(Duration::from_millis(100));
    let refused = open(&path).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("No space left"), "it cannot say that it started: {refused}");
    let remounted = Command::new("mount").args(["-o", "remount,size=64m"]).arg(dir.path()).status();
    assert!(remounted.is_ok_and(|status| status.success()));
    let again = reopen(&path).read();
    let unmounted = Command::new("umount").arg("-l").arg(dir.path()).status();
    assert_eq!(again.endpoints.len(), kept as usize, "{unmounted:?}");
    addresses_differ(&again);
}
