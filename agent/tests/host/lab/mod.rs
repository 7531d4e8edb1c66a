//! A host in a network namespace with a running agent, and a controller that only pretends.

mod fake;

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use agent::netns::Namespace;
use tempfile::TempDir;

pub use fake::Fake;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Whether tests can make namespaces; says so when they cannot.
pub fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        eprintln!("skipped: needs root for network namespaces");
    }
    root
}

/// Runs a command and gives what it printed.
pub fn sh(command: &str) -> String {
    let output = Command::new("sh").args(["-c", command]).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command}: {err}{out}");
    out.into_owned()
}

/// Waits until `done` holds.
pub async fn until(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(10), "not within 10 s: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A host; everything of it goes when it is dropped.
pub struct Lab {
    pub dir: TempDir,
    pub host: String,
    pub fake: Fake,
    number: u8,
    namespaces: Vec<String>,
    agent: Option<Child>,
}

impl Lab {
    /// Host number 1: an underlay device, the bridge's local port (a tap here), a controller and a running agent.
    pub async fn up() -> Self {
        let host = Self::bare(1).await;
        host.ip("link add up0 type veth peer name up1");
        host.ip("addr add 192.0.2.11/24 dev up0");
        host.ip("link set up0 up");
        host.ip("link set up1 up");
        host.ip("tuntap add kbr0 mode tap");
        host.started().await
    }

    /// A host with this number, without devices and agent.
    pub async fn bare(number: u8) -> Self {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let host = format!("agent{}-{count}", std::process::id());
        sh(&format!("ip netns add {host}"));
        sh(&format!("ip netns exec {host} sysctl -q -w net.ipv6.conf.default.disable_ipv6=1"));
        sh(&format!("ip -n {host} link set lo up"));
        let listener = Namespace::open(&netns(&host)).unwrap();
        let listener = listener.run(|| std::net::TcpListener::bind("127.0.0.1:6680")).await.unwrap();
        let (fake, namespaces) = (Fake::serve(listener, number), vec![host.clone()]);
        Self { dir: TempDir::new().unwrap(), host, fake, number, namespaces, agent: None }
    }

    /// The same host, with its agent running.
    pub async fn started(mut self) -> Self {
        self.start().await;
        self
    }

    /// Waits until the agent has its configuration.
    pub async fn configured(&self) {
        until("a report", || !self.fake.lock().reports.is_empty()).await;
    }

    /// Starts the agent and waits until it listens.
    pub async fn start(&mut self) {
        let child = Command::new("ip")
            .args(["netns", "exec", &self.host, env!("CARGO_BIN_EXE_sdn-agent"), "run"])
            .args(["--controller", "http://127.0.0.1:6680", "--node", &format!("h{}", self.number)])
            .args(["--underlay-ip", &format!("192.0.2.1{}", self.number)])
            .args(["--ovs-db", "unix:/nonexistent", "--datapath", "netdev"])
            .args(["--socket", &self.socket().to_string_lossy(), "--state-dir", &self.state().to_string_lossy()])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        self.agent = Some(child);
        let socket = self.socket();
        until("the agent listens", || std::os::unix::net::UnixStream::connect(&socket).is_ok()).await;
    }

    /// Kills the agent, as hard as can be.
    pub fn kill(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            agent.kill().unwrap();
            agent.wait().unwrap();
        }
    }

    /// A new namespace for a pod.
    pub fn pod(&mut self, name: &str) -> PathBuf {
        let full = format!("{}-{name}", self.host);
        sh(&format!("ip netns add {full}"));
        self.namespaces.push(full.clone());
        netns(&full)
    }

    /// Runs `sdn-agent` with these words and the lab's socket: what it printed, or its complaint.
    pub async fn agent(&self, words: &str) -> Result<String, String> {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sdn-agent"));
        let output = command.args(words.split_whitespace()).arg("--socket").arg(self.socket()).output().await.unwrap();
        match output.status.success() {
            true => Ok(String::from_utf8(output.stdout).unwrap()),
            false => Err(String::from_utf8(output.stderr).unwrap()),
        }
    }

    /// What `ip` prints about the host.
    pub fn ip(&self, words: &str) -> String {
        sh(&format!("ip -n {} {words}", self.host))
    }

    /// Where the agent listens.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("agent.sock")
    }

    /// Where the agent keeps its state.
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.kill();
        for name in &self.namespaces {
            let _ = Command::new("ip").args(["netns", "del", name]).stderr(Stdio::null()).status();
        }
    }
}

fn netns(name: &str) -> PathBuf {
    Path::new("/run/netns").join(name)
}
