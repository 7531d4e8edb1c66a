//! A real etcd for tests.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::{Client, RangeRequest, Url};

/// An etcd of one member; it ends when this is dropped.
pub struct Server {
    dir: tempfile::TempDir,
    ports: [u16; 2],
    child: Child,
}

impl Server {
    /// Starts one and waits until it answers. None where there is no etcd to be found.
    pub async fn start() -> Option<Self> {
        let free = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
        let ports = free.map(|listener| listener.local_addr().unwrap().port());
        let dir = tempfile::tempdir().unwrap();
        let child = spawn(&dir, ports)?;
        let server = Self { dir, ports, child };
        server.answers().await;
        Some(server)
    }

    /// Ends it as a crash would, and starts it again on the same data.
    pub async fn restart(&mut self) {
        self.kill();
        self.child = spawn(&self.dir, self.ports).unwrap();
        self.answers().await;
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Where it is.
    pub fn url(&self) -> Url {
        format!("etcd://127.0.0.1:{}/test", self.ports[0]).parse().unwrap()
    }

    async fn answers(&self) {
        let client = Client::new(self.url()).unwrap();
        for _ in 0..600 {
            if client.range(&RangeRequest::key("x")).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("etcd does not answer");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(dir: &tempfile::TempDir, [client, peer]: [u16; 2]) -> Option<Child> {
    let (client, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
    let mut command = Command::new("etcd");
    command
        .arg("--data-dir")
        .arg(dir.path())
        .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
        .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
        .args(["--initial-cluster", &format!("default={peer}"), "--log-level", "error"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().ok()
}
