//! Three servers of one clustered database: following the leader, and resuming.

mod common;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use common::{Server, connector, schema_file, text, tool};
use ovsdb::{Client, Connector, Options, Replica, Session, Txn, Where};

struct Cluster {
    servers: Vec<Server>,
}

impl Cluster {
    fn start() -> Option<Cluster> {
        let raft = (0..3).map(|_| Server::folder()).collect::<Option<Vec<_>>>()?;
        let address = |n: usize| format!("unix:{}/raft", text(raft[n].0.path()));
        let addresses: Vec<String> = (0..3).map(address).collect();
        let mut servers = Vec::new();
        for (n, (dir, db)) in raft.into_iter().enumerate() {
            if n == 0 {
                tool(&["ovsdb-tool", "create-cluster", &db, &text(&schema_file()), &addresses[0]]);
            } else {
                tool(&["ovsdb-tool", "join-cluster", &db, "Open_vSwitch", &addresses[n], &addresses[0]]);
            }
            servers.push(Server::launch(dir, vec![db]));
        }
        for server in &servers {
            tool(&["ovsdb-client", "--timeout=20", "wait", &server.remote(), "Open_vSwitch", "connected"]);
        }
        Some(Cluster { servers })
    }

    fn leader(&self) -> Option<usize> {
        self.servers.iter().position(|server| {
            server.pid() != 0 && server.ctl(&["cluster/status", "Open_vSwitch"]).contains("Role: leader")
        })
    }

    fn connector(&self) -> Connector {
        let addresses: Vec<String> = self.servers.iter().map(Server::remote).collect();
        connector(&addresses.join(","))
    }
}

fn options() -> Options {
    Options::new("Open_vSwitch").whole_table("Queue")
}

fn add_queues(count: i64) -> Txn {
    let mut txn = Txn::new("Open_vSwitch");
    for n in 0..count {
        let _ = txn.insert("Queue").set("external_ids", [("number", n.to_string())]);
    }
    txn
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_is_followed_when_it_changes() {
    let Some(mut cluster) = Cluster::start() else { return };
    let client = Client::connect(cluster.connector(), options().leader_only());
    client.ready().await.expect("ready");
    client.transact(add_queues(10)).await.expect("by the first leader");
    let mut changes = client.changes();
    for round in 0..2 {
        let leader = cluster.leader().expect("a leader");
        if round == 0 {
            cluster.servers[leader].kill();
        } else {
            // The cluster is whole again and its leader steps down in good health.
            let dead = cluster.servers.iter().position(|s| s.pid() == 0).expect("the dead one");
            cluster.servers[dead].run();
            cluster.servers[leader].kill();
        }
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let ready = tokio::time::timeout(Duration::from_secs(10), client.ready());
            ready.await.expect("in time").expect("ready");
            if client.transact(add_queues(1)).await.is_ok() {
                break;
            }
            assert!(Instant::now() < end, "no leader takes the transaction");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let rows = client.replica().rows("Queue").count();
    assert!(rows >= 12, "{rows}");
    let mut new = 0;
    while new < rows - 10 {
        let list = changes.next().await.expect("changes");
        assert!(list.iter().all(|change| change.old.is_none()), "a known row was told again");
        new += list.len();
    }
}

/// Brings a session to where it is ready, without tokio.
fn run(server: &Server, mut session: Session) -> Session {
    let mut stream = UnixStream::connect(server.socket()).expect("connect");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("timeout");
    let mut buffer = [0; 4096];
    while !session.is_ready() {
        while let Some(bytes) = session.poll_transmit() {
            stream.write_all(&bytes).expect("write");
        }
        let count = stream.read(&mut buffer).expect("read");
        session.handle_input(&buffer[..count], Instant::now());
    }
    session
}

#[tokio::test]
async fn a_resumed_session_receives_only_what_changed() {
    let Some(cluster) = Cluster::start() else { return };
    let leader = &cluster.servers[cluster.leader().expect("a leader")];
    let writer = leader.client(options()).await;
    // In many transactions: a server forgets those that outweigh the database itself.
    for _ in 0..20 {
        writer.transact(add_queues(100)).await.expect("rows");
    }

    let now = Instant::now();
    let without = run(leader, Session::new(Options::new("Open_vSwitch"), now)).bytes_in();
    let first = run(leader, Session::new(options(), now));
    let full = first.bytes_in() - without;
    let mut txn = Txn::new("Open_vSwitch");
    let chosen = first.replica().rows("Queue").next().expect("a row").uuid();
    txn.update("Queue", Where::from(chosen)).set("dscp", 7);
    writer.transact(txn).await.expect("one row");

    let second = run(leader, Session::resume(options(), first.replica().clone(), now));
    let resumed = second.bytes_in() - without;
    println!("full copy {full} bytes, resumed {resumed} bytes");
    assert!(full > 100_000 && resumed < 500, "full {full}, resumed {resumed}");
    let changed = second.replica().changes_since(first.replica());
    assert_eq!(changed.iter().map(|c| c.uuid).collect::<Vec<_>>(), [chosen]);
    let whole = run(leader, Session::new(options(), now));
    assert!(whole.replica().rows("Queue").eq(second.replica().rows("Queue")));
    let missed = Session::resume(options(), Replica::empty(), now);
    assert_eq!(run(leader, missed).bytes_in() - without, whole.bytes_in() - without);
}
