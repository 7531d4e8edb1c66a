//! A private ovsdb-server in a folder of its own.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod dump;
pub mod proxy;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ovsdb::{Backoff, Client, Connector, Options, State};
use tokio::net::UnixStream;

/// A server that ends when it is dropped.
pub struct Server {
    pub dir: tempfile::TempDir,
    child: Option<Child>,
    arguments: Vec<String>,
}

pub fn schema_file() -> PathBuf {
    // From this crate or one beside it.
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ovsdb/tests/schema/vswitch-3.1.ovsschema")
}

/// Whether this machine has Open vSwitch's tools.
fn available() -> bool {
    let found = Command::new("ovsdb-server").arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: no ovsdb-server here");
    }
    found
}

pub fn tool(arguments: &[&str]) -> String {
    let (program, rest) = arguments.split_first().expect("a program");
    let output = Command::new(program).args(rest).output().expect(program);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).expect("utf-8")
}

impl Server {
    /// A standalone server of Open_vSwitch on a unix socket. `None` without Open vSwitch's tools:
    /// tests that need them then pass, saying so.
    pub fn start() -> Option<Server> {
        Server::with(&[])
    }

    /// The same with more arguments; `DIR` in them stands for its folder.
    pub fn with(arguments: &[&str]) -> Option<Server> {
        let (dir, db) = Server::folder()?;
        tool(&["ovsdb-tool", "create", &db, &text(&schema_file())]);
        let mut all = vec![db];
        all.extend(arguments.iter().map(|a| a.replace("DIR", &text(dir.path()))));
        Some(Server::launch(dir, all))
    }

    /// A folder for a server, and where its database is to be.
    pub fn folder() -> Option<(tempfile::TempDir, String)> {
        let dir = available().then(tempfile::tempdir)?.expect("folder");
        let db = text(&dir.path().join("conf.db"));
        Some((dir, db))
    }

    /// A server of a database that is there.
    pub fn launch(dir: tempfile::TempDir, arguments: Vec<String>) -> Server {
        let mut server = Server { dir, child: None, arguments };
        server.run();
        server
    }

    pub fn run(&mut self) {
        let path = |name: &str| text(&self.dir.path().join(name));
        let log = std::fs::File::create(path("log")).expect("log");
        let _ = std::fs::remove_file(path("sock"));
        let child = Command::new("ovsdb-server")
            .arg(format!("--remote=punix:{}", path("sock")))
            .arg(format!("--unixctl={}", path("ctl")))
            .arg("--no-chdir")
            .args(&self.arguments)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("ovsdb-server");
        self.child = Some(child);
        let end = Instant::now() + Duration::from_secs(10);
        while std::os::unix::net::UnixStream::connect(self.socket()).is_err() {
            assert!(Instant::now() < end, "ovsdb-server does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills the server at once.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("sock")
    }

    pub fn remote(&self) -> String {
        format!("unix:{}", text(&self.socket()))
    }

    pub fn ctl(&self, arguments: &[&str]) -> String {
        let target = text(&self.dir.path().join("ctl"));
        tool(&[&["ovs-appctl", "-t", &target], arguments].concat())
    }

    pub fn vsctl(&self, arguments: &[&str]) -> String {
        let db = format!("--db={}", self.remote());
        tool(&[&["ovs-vsctl", "--no-wait", &db], arguments].concat())
    }

    pub async fn stream(&self) -> UnixStream {
        UnixStream::connect(self.socket()).await.expect("connect")
    }

    pub async fn client(&self, options: Options) -> Client {
        let client = Client::from_stream(self.stream().await, options);
        client.ready().await.expect("ready");
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

pub fn text(path: &Path) -> String {
    path.to_str().expect("utf-8 path").to_owned()
}

/// Connects again at once.
pub fn connector(addresses: &str) -> Connector {
    let backoff = Backoff { min: Duration::from_millis(20), max: Duration::from_millis(100), ..Backoff::default() };
    Connector { backoff, ..Connector::new(addresses).expect("addresses") }
}

/// Waits until a client stands as wanted.
pub async fn until(client: &Client, wanted: State) {
    let mut state = client.state();
    let reached = tokio::time::timeout(Duration::from_secs(10), state.wait_for(|s| *s == wanted));
    reached.await.expect("in time").expect("a client");
}
