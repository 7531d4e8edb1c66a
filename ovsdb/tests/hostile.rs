//! Servers that lie, stall, flood and break off: the client ends that one session, says why, and
//! neither panics, hangs nor grows.

use std::time::Duration;

use ovsdb::{Client, CloseReason, Limits, Options, TransactError, Txn, Where};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const ROW: &str = "00000000-0000-0000-0000-00000000000a";

/// The far end of a client's stream, played by the test.
struct Peer(DuplexStream);

fn pair(options: Options) -> (Client, Peer) {
    let (near, far) = tokio::io::duplex(4096);
    (Client::from_stream(near, options), Peer(far))
}

fn options() -> Options {
    Options::new("db").table("T", &["s"])
}

impl Peer {
    async fn send(&mut self, bytes: &[u8]) {
        // The client may have hung up; that is for the test to see.
        let _ = self.0.write_all(bytes).await;
    }

    async fn say(&mut self, message: Value) {
        self.send(message.to_string().as_bytes()).await;
    }

    /// Brings the client to where it is ready.
    async fn serve(&mut self) {
        let schema = json!({"name": "db", "tables": {"T": {"columns": {"s": {"type": "string"}}}}});
        self.say(json!({"id": 0, "result": {}, "error": null})).await;
        self.say(json!({"id": 1, "result": schema, "error": null})).await;
        let updates = json!({"T": {ROW: {"initial": {"s": "x"}}}});
        self.say(json!({"id": 2, "result": [false, ROW, updates], "error": null})).await;
    }
}

async fn reason(client: &Client) -> String {
    let closed = tokio::time::timeout(Duration::from_secs(20), client.closed());
    closed.await.expect("the client hangs").to_string()
}

#[tokio::test]
async fn rubbish_ends_the_session() {
    for rubbish in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"[1,2,3]",
        b"{\"id\":0,\"result\":{},\"error\":null}}",
        b"{\"id\":0,\"id\":1}",
        b"{\"s\":\"\xff\xfe\"}",
        b"{\"id\":77,\"result\":{},\"error\":null}",
        b"{\"id\":1,\"result\":[],\"error\":null}",
        b"{\"id\":1,\"result\":{\"name\":\"other\",\"tables\":{}},\"error\":null}",
        b"{}",
    ] {
        let (client, mut peer) = pair(options());
        peer.send(rubbish).await;
        let text = reason(&client).await;
        assert!(
            text.starts_with("peer sent") || text.starts_with("peer broke") || text.starts_with("bad schema"),
            "{}: {text}",
            String::from_utf8_lossy(rubbish)
        );
        assert!(client.ready().await.is_err());
    }
}

#[tokio::test]
async fn a_message_without_end_is_cut_off() {
    let limits = Limits { message_size: 1 << 20, ..Limits::default() };
    let (client, mut peer) = pair(options().limits(limits));
    let flood = tokio::spawn(async move {
        peer.send(b"{\"id\":0,\"result\":\"").await;
        let block = vec![b'x'; 1 << 16];
        let mut sent = 0usize;
        while sent < 1 << 30 && peer.0.write_all(&block).await.is_ok() {
            sent += block.len();
        }
        sent
    });
    let text = reason(&client).await;
    assert!(text.starts_with("peer sent malformed json: message too long"), "{text}");
    drop(client);
    assert!(flood.await.expect("flood") < 2 << 20);
}

#[tokio::test]
async fn nesting_without_end_is_cut_off() {
    let (client, mut peer) = pair(options());
    let text = tokio::spawn(async move {
        peer.send("{\"a\":[".repeat(100_000).as_bytes()).await;
    });
    assert!(reason(&client).await.starts_with("peer sent malformed json: nested too deeply"));
    text.await.expect("peer");
}

#[tokio::test]
async fn a_thousand_levels_are_taken_as_open_vswitch_takes_them() {
    let (client, mut peer) = pair(options());
    peer.serve().await;
    client.ready().await.expect("ready");
    let levels = 997;
    let deep = format!("{{\"id\":9,\"method\":\"echo\",\"params\":[{}{}]}}", "[".repeat(levels), "]".repeat(levels));
    peer.send(deep.as_bytes()).await;
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") || !answer.windows(8).any(|w| w == b"\"id\":9,\"") {
        assert_ne!(peer.0.read_buf(&mut answer).await.expect("read"), 0);
    }
    client.close().await;
}

#[tokio::test]
async fn a_peer_that_stops_reading_is_given_up() {
    let limits = Limits { unsent_bytes: 100_000, ..Limits::default() };
    let (client, mut peer) = pair(options().limits(limits));
    peer.serve().await;
    client.ready().await.expect("ready");
    let flood = tokio::spawn(async move {
        let echo = json!({"id": 0, "method": "echo", "params": ["x".repeat(1000)]}).to_string();
        while peer.0.write_all(echo.as_bytes()).await.is_ok() {}
    });
    assert_eq!(reason(&client).await, "unsent bytes over the limit of 100000");
    flood.await.expect("flood");
}

#[tokio::test]
async fn a_replica_that_grows_without_end_is_given_up() {
    let limits = Limits { replica_bytes: 100_000, ..Limits::default() };
    let (client, mut peer) = pair(options().limits(limits));
    peer.serve().await;
    let flood = tokio::spawn(async move {
        for n in 0.. {
            let row = format!("{n:08x}-0000-0000-0000-000000000000");
            let rows = json!({ row: {"insert": {"s": "y".repeat(100)}} });
            let update = json!({"id": null, "method": "update2", "params": ["main", {"T": rows}]});
            if peer.0.write_all(update.to_string().as_bytes()).await.is_err() {
                return n;
            }
        }
        0
    });
    assert_eq!(reason(&client).await, "bytes of rows over the limit of 100000");
    assert!(flood.await.expect("flood") < 1000);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_is_given_up() {
    let (client, _peer) = pair(options());
    let reason = client.closed().await;
    assert_eq!(*reason, CloseReason::Silent { seconds: 5 });
    let (client, mut peer) = pair(options());
    peer.serve().await;
    client.ready().await.expect("ready");
    assert_eq!(*client.closed().await, CloseReason::Silent { seconds: 5 });
}

#[tokio::test]
async fn a_stream_that_breaks_in_mid_line_leaves_the_copy_whole() {
    let (client, mut peer) = pair(options());
    peer.serve().await;
    client.ready().await.expect("ready");
    let mut txn = Txn::new("db");
    txn.update("T", Where::all()).set("s", "y");
    let submitted = client.submit(txn).await.expect("sent");
    peer.send(b"{\"id\":null,\"method\":\"update2\",\"params\":[\"main\",{\"T\":{\"0000").await;
    drop(peer);
    assert!(matches!(submitted.outcome().await, Err(TransactError::Unknown(_))));
    assert_eq!(reason(&client).await, "peer closed the connection");
    let row = client.replica().rows("T").next().expect("row");
    assert_eq!(row.read::<String>("s"), "x");
    let late = client.transact(Txn::new("db")).await;
    assert_eq!(late, Err(TransactError::NotConnected));
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_session() {
    let (client, mut peer) = pair(options());
    peer.serve().await;
    client.ready().await.expect("ready");
    let copy = client.clone();
    drop(client);
    copy.ready().await.expect("still ready");
    drop(copy);
    let mut rest = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(5), peer.0.read_to_end(&mut rest));
    end.await.expect("the session goes on").expect("read");
}
