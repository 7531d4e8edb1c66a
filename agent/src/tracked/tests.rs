use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixListener,
};

use super::*;
use crate::follow::Current;

#[test]
fn what_is_wrong_is_set_and_what_there_is_is_added_up() {
    let network = |text: &str| Name::new(text).unwrap();
    let zones = [(2, "default"), (3, "default"), (4, "blue")].map(|(zone, name)| (zone, network(name)));
    let tracking = Tracking { limit: 100, zones: zones.into() };
    let seen = parse("default limit=0\nzone=2,limit=100,count=7\nzone=3,limit=0,count=1\nzone=x,limit=1\n");
    assert_eq!(seen.len(), 2);
    assert_eq!(wrong(&tracking, &seen), ["zone=3,limit=100", "zone=4,limit=100"]);
    let sums = by_network(&tracking, &seen).into_iter().map(|it| (it.network.to_string(), it.connections));
    assert_eq!(sums.collect::<Vec<_>>(), [("blue".to_owned(), 0), ("default".to_owned(), 8)]);
}

#[test]
fn nonsense_is_no_zone() {
    for line in
        ["", "zone=", "zone=1", "zone=70000,limit=1,count=1", "limit=1,zone=2,count=1", "zone=1,limit=-1,count=0"]
    {
        assert!(parse(line).is_empty(), "{line}");
    }
}

/// An ovs-vswitchd that has no zone bounded, and what it was asked.
struct Vswitchd {
    dir: tempfile::TempDir,
    asked: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Vswitchd {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ovs-vswitchd.pid"), "7\n").unwrap();
        let (asked, listener) = (Arc::default(), listen(dir.path()));
        tokio::spawn(serve(listener, Arc::clone(&asked)));
        Self { dir, asked }
    }

    fn db(&self) -> String {
        format!("unix:{}/db.sock", self.dir.path().display())
    }

    /// What it was asked since the last time, when there was as much as that.
    async fn asked(&self, count: usize) -> Vec<String> {
        while self.asked.lock().unwrap().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        std::mem::take(&mut *self.asked.lock().unwrap()).iter().map(|words| words.join(" ")).collect()
    }
}

fn listen(dir: &Path) -> UnixListener {
    UnixListener::bind(dir.join("ovs-vswitchd.7.ctl")).unwrap()
}

async fn serve(listener: UnixListener, asked: Arc<Mutex<Vec<Vec<String>>>>) {
    loop {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        let request: Value = loop {
            socket.read_buf(&mut read).await.unwrap();
            if let Ok(request) = serde_json::from_slice(&read) {
                break request;
            }
        };
        let words = request["params"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned());
        asked.lock().unwrap().push([request["method"].as_str().unwrap().to_owned()].into_iter().chain(words).collect());
        let answer = json!({ "id": 0, "result": "default limit=0\n", "error": null }).to_string();
        socket.write_all(answer.as_bytes()).await.unwrap();
    }
}

fn config(revision: u64, zones: &[u16]) -> Option<Arc<Current>> {
    let node = json!({
        "name": "h1", "id": 1, "revision": 1, "down": false, "drained": false,
        "spec": {"address": "192.0.2.1", "prefix": 24, "mtu": 1500, "datapath": "netdev"},
    });
    let zones: BTreeMap<String, &str> = zones.iter().map(|zone| (zone.to_string(), "blue")).collect();
    let config = json!({
        "revision": revision, "node": node, "bridge": "kbr0", "gateway": "10.244.1.1/24",
        "gateway_mac": "0a:58:0a:f4:01:01", "mtu": 1450, "router": "169.254.93.1", "routes": [], "masquerade": [],
        "peers": [], "endpoints": [], "ovsdb_port": 6640, "tracking": {"limit": 100, "zones": zones},
    });
    Some(Arc::new(Current { config: serde_json::from_value(config).unwrap(), fresh: true }))
}

#[tokio::test]
async fn a_new_zone_is_bounded_at_once_and_nothing_is_asked_when_nothing_changed() {
    let (vswitchd, start) = (Vswitchd::start(), Instant::now());
    let (configs, changed) = watch::channel(None);
    let (bridge, ready) = watch::channel(None);
    let (usage, _used) = watch::channel(Vec::new());
    let db = vswitchd.db();
    tokio::spawn(async move { keep(&db, changed, ready, &usage).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    configs.send_replace(config(1, &[2]));
    let get = "dpctl/ct-get-limits netdev@ovs-netdev zone=2";
    let set = "dpctl/ct-set-limits netdev@ovs-netdev zone=2,limit=100";
    assert_eq!(vswitchd.asked(2).await, [get, set], "the first configuration does not wait");
    configs.send_replace(config(2, &[2]));
    configs.send_replace(config(3, &[2, 3, 4]));
    let set = "dpctl/ct-set-limits netdev@ovs-netdev zone=3,limit=100 zone=4,limit=100";
    assert_eq!(vswitchd.asked(1).await, [set], "new zones only");
    for revision in 4..8 {
        configs.send_replace(config(revision, &[2, 3]));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(vswitchd.asked(0).await.is_empty(), "there is nothing to bound");
    bridge.send_replace(None);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(vswitchd.asked(0).await.is_empty(), "there is no bridge");
    bridge.send_replace(Some(7));
    assert_eq!(vswitchd.asked(2).await.len(), 2, "a bridge made anew has no bounds");
    assert!(start.elapsed() < INTERVAL, "not by its turn: {:?}", start.elapsed());
}
