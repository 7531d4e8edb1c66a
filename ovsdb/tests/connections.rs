//! Reconnecting, callers, TLS, and servers that die at bad moments.

mod common;

use std::path::Path;
use std::time::Duration;

use common::{Server, connector, text, tool, until};
use ovsdb::transport::{Listener, Tls, TlsFiles};
use ovsdb::{Client, CloseReason, Connector, Options, State, TransactError, Txn, Where};

fn options() -> Options {
    Options::new("Open_vSwitch").table("Bridge", &["name", "external_ids"]).table("Open_vSwitch", &["next_cfg"])
}

#[tokio::test]
async fn readers_see_only_the_difference_after_a_reconnect() {
    let Some(mut server) = Server::start() else { return };
    server.vsctl(&["add-br", "br0", "--", "add-br", "br1"]);
    let client = Client::connect(connector(&server.remote()), options());
    client.ready().await.expect("ready");
    let mut changes = client.changes();
    assert_eq!(client.lock("L").await, Ok(true));
    server.kill();
    until(&client, State::Disconnected).await;
    assert_eq!(client.replica().rows("Bridge").count(), 2, "readers keep the last copy");
    assert!(!client.owns("L"));
    let refused = client.transact(Txn::new("Open_vSwitch")).await;
    assert_eq!(refused, Err(TransactError::NotConnected));
    server.run();
    until(&client, State::Ready).await;
    client.owned("L", true).await.expect("the lock is asked for again");
    server.vsctl(&["add-br", "br2"]);
    let mut new = Vec::new();
    while !new.iter().any(|(table, _)| table == "Bridge") {
        let list = changes.next().await.expect("changes");
        new.extend(list.iter().map(|change| (change.table().to_owned(), change.old.is_none())));
    }
    let bridges: Vec<_> = new.iter().filter(|(table, _)| table == "Bridge").collect();
    assert_eq!(bridges, [&("Bridge".to_owned(), true)], "only br2 is new");
    client.close().await;
}

#[tokio::test]
async fn a_server_killed_in_mid_transaction_leaves_no_doubt_unsaid() {
    let Some(mut server) = Server::start() else { return };
    server.vsctl(&["init"]);
    let client = Client::connect(connector(&server.remote()), options());
    client.ready().await.expect("ready");
    for round in 0..5u64 {
        let mut under_way = Vec::new();
        for _ in 0..200 {
            let mut txn = Txn::new("Open_vSwitch");
            txn.mutate("Open_vSwitch", Where::all()).add("next_cfg", 1);
            under_way.push(client.submit(txn).await.expect("sent"));
        }
        tokio::time::sleep(Duration::from_millis(round)).await;
        server.kill();
        let (mut done, mut unknown) = (0, 0);
        for submitted in under_way {
            match submitted.outcome().await {
                Ok(_) => done += 1,
                Err(TransactError::Unknown(_)) => unknown += 1,
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(done + unknown, 200);
        until(&client, State::Disconnected).await;
        server.run();
        until(&client, State::Ready).await;
        let dumped = tool(&[
            "ovsdb-client",
            "--no-headings",
            "-f",
            "csv",
            "dump",
            &server.remote(),
            "Open_vSwitch",
            "Open_vSwitch",
            "next_cfg",
        ]);
        let counted = client.replica().rows("Open_vSwitch").next().map(|row| row.read::<i64>("next_cfg"));
        let dumped = dumped.lines().find_map(|line| line.trim().parse().ok());
        assert_eq!(counted, dumped, "round {round}");
    }
}

#[tokio::test]
async fn it_gives_up_after_as_many_failures_as_allowed() {
    let mut connector = connector("unix:/nonexistent/socket");
    connector.backoff.max_tries = Some(3);
    let client = Client::connect(connector, options());
    let reason = tokio::time::timeout(Duration::from_secs(10), client.closed()).await.expect("over");
    assert!(matches!(&*reason, CloseReason::Io(_)), "{reason}");
    assert!(client.ready().await.is_err());
}

#[tokio::test]
async fn the_next_remote_is_tried() {
    let Some(server) = Server::start() else { return };
    let addresses = format!("unix:/nonexistent/socket,{}", server.remote());
    let client = Client::connect(connector(&addresses), options());
    client.ready().await.expect("ready");
}

#[tokio::test]
async fn hosts_call_in() {
    let listener = Listener::bind(&"ptcp:0:127.0.0.1".parse().expect("address"), None).await;
    let listener = listener.expect("listener");
    let remote = format!("--remote=tcp:127.0.0.1:{}", listener.port());
    let Some(server) = Server::with(&[&remote]) else { return };
    server.vsctl(&["add-br", "br0"]);
    let incoming = listener.accept().await.expect("a caller");
    assert!(incoming.peer().starts_with("127.0.0.1:"));
    let client = Client::from_stream(incoming.stream().await.expect("stream"), options());
    client.ready().await.expect("ready");
    assert_eq!(client.replica().rows("Bridge").count(), 1);
    drop(server);
    assert_eq!(*client.closed().await, CloseReason::Eof);
}

/// Keys of one authority: for the server, and for us; and a stranger's.
fn keys(dir: &Path) -> Option<(TlsFiles, TlsFiles, TlsFiles)> {
    let run = |arguments: &[&str]| {
        let done = std::process::Command::new("openssl").args(arguments).current_dir(dir).output();
        done.is_ok_and(|output| output.status.success())
    };
    let authority = |name: &str| {
        run(&[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            &format!("/CN={name}"),
            "-keyout",
            &format!("{name}.key"),
            "-out",
            &format!("{name}.pem"),
        ])
    };
    let signed = |name: &str, ca: &str| {
        std::fs::write(dir.join("ext"), "basicConstraints=CA:FALSE\n").is_ok()
            && run(&[
                "req",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-subj",
                &format!("/CN={name}"),
                "-keyout",
                &format!("{name}.key"),
                "-out",
                &format!("{name}.csr"),
            ])
            && run(&[
                "x509",
                "-req",
                "-in",
                &format!("{name}.csr"),
                "-CA",
                &format!("{ca}.pem"),
                "-CAkey",
                &format!("{ca}.key"),
                "-CAcreateserial",
                "-days",
                "2",
                "-extfile",
                "ext",
                "-out",
                &format!("{name}.pem"),
            ])
    };
    let files = |name: &str, ca: &str| TlsFiles {
        private_key: dir.join(format!("{name}.key")),
        certificate: dir.join(format!("{name}.pem")),
        ca_cert: dir.join(format!("{ca}.pem")),
    };
    let made = authority("ca")
        && authority("other")
        && signed("server", "ca")
        && signed("client", "ca")
        && signed("stranger", "other");
    made.then(|| (files("server", "ca"), files("client", "ca"), files("stranger", "ca")))
}

fn tls_arguments(files: &TlsFiles) -> Vec<String> {
    vec![
        format!("--private-key={}", text(&files.private_key)),
        format!("--certificate={}", text(&files.certificate)),
        format!("--ca-cert={}", text(&files.ca_cert)),
    ]
}

#[tokio::test]
async fn tls_works_both_ways_and_asks_for_certificates() {
    let dir = tempfile::tempdir().expect("folder");
    let Some((theirs, ours, stranger)) = keys(dir.path()) else {
        eprintln!("skipped: no openssl here");
        return;
    };
    let tls = Tls::load(&ours).expect("keys");
    let listener = Listener::bind(&"pssl:0:127.0.0.1".parse().expect("address"), Some(tls.clone())).await;
    let listener = listener.expect("listener");
    let port = free_port();
    let mut arguments = tls_arguments(&theirs);
    arguments.push(format!("--remote=pssl:{port}:127.0.0.1"));
    arguments.push(format!("--remote=ssl:127.0.0.1:{}", listener.port()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some(server) = Server::with(&arguments) else { return };
    server.vsctl(&["add-br", "br0"]);

    let address = format!("ssl:127.0.0.1:{port}");
    let active = Connector { tls: Some(tls), ..connector(&address) };
    let client = Client::connect(active, options());
    client.ready().await.expect("active");
    assert_eq!(client.replica().rows("Bridge").count(), 1);

    let incoming = listener.accept().await.expect("a caller");
    let passive = Client::from_stream(incoming.stream().await.expect("handshake"), options());
    passive.ready().await.expect("passive");
    assert_eq!(passive.replica().rows("Bridge").count(), 1);

    let mut refused = Connector { tls: Some(Tls::load(&stranger).expect("keys")), ..connector(&address) };
    refused.backoff.max_tries = Some(1);
    let client = Client::connect(refused, options());
    assert!(client.ready().await.is_err(), "a stranger got in");
    let mut without = connector(&address);
    without.backoff.max_tries = Some(1);
    let reason = Client::connect(without, options()).closed().await;
    assert_eq!(reason.to_string(), "connection failed: ssl needs a private key, certificate and ca");
}

fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("address").port()
}

#[test]
fn keys_that_are_of_no_use_are_named() {
    let dir = tempfile::tempdir().expect("folder");
    let file = dir.path().join("empty.pem");
    std::fs::write(&file, "").expect("write");
    let files = TlsFiles { private_key: file.clone(), certificate: file.clone(), ca_cert: file };
    let error = Tls::load(&files).expect_err("no keys");
    assert!(error.to_string().ends_with("empty.pem: no certificate"), "{error}");
}
