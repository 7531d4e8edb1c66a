//! A controller by itself, without hosts: what simulated ones are put in front of.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::load::mesh;
use crate::{control, tool};

const PATIENCE: Duration = Duration::from_secs(20);

/// A controller on the loopback address that keeps what it knows in a directory of its own. Both go when it is dropped.
#[derive(Debug)]
pub struct Alone {
    child: Child,
    http: SocketAddr,
    ovsdb: SocketAddr,
    _dir: TempDir,
}

impl Alone {
    /// Starts it, with room for 32,768 nodes.
    ///
    /// # Errors
    /// When it does not start to listen.
    pub fn start() -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("sdn-alone-").tempdir()?;
        let (http, ovsdb, openflow) = (free()?, free()?, free()?);
        let child = Command::new(control::program("sdn-controller")?)
            .arg("--insecure")
            .arg("--data-dir")
            .arg(dir.path())
            .args(["--pod-cidr", "10.128.0.0/9"])
            .arg(format!("--listen-http={http}"))
            .arg(format!("--listen-ovsdb={ovsdb}"))
            .arg(format!("--listen-openflow={openflow}"))
            .stdout(Stdio::null())
            .stderr(File::create(dir.path().join("controller.log"))?)
            .spawn()
            .context("cannot start sdn-controller")?;
        let alone = Self { child, http, ovsdb, _dir: dir };
        tool::wait_until("sdn-controller", PATIENCE, || TcpStream::connect(http).is_ok())?;
        Ok(alone)
    }

    /// What measures a mesh of `nodes` simulated hosts in front of it; all else is left at nothing.
    #[must_use]
    pub fn mesh(&self, nodes: usize) -> mesh::Config {
        mesh::Config { nodes, pid: i32::try_from(self.child.id()).ok(), ..mesh::Config::at(self.http, self.ovsdb) }
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address on which nobody listens.
fn free() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?)
}
