//! A private ovsdb-server and ovs-vswitchd with the dummy datapath, in a temporary directory.
#![allow(dead_code, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use integration::tool;

const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Vswitchd {
    dir: tempfile::TempDir,
    children: Vec<Child>,
}

impl Vswitchd {
    /// Starts both daemons, without a bridge.
    pub fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("sdn-load-").tempdir().expect("a temporary directory");
        let mut vswitchd = Self { dir, children: Vec::new() };
        let database = vswitchd.path("conf.db");
        tool::run(vswitchd.command("ovsdb-tool").arg("create").arg(&database).arg(SCHEMA)).expect("a database");
        let socket = format!("--remote=punix:{}", vswitchd.path("db.sock").display());
        vswitchd.daemon("ovsdb-server", &[&socket, &database.display().to_string()]);
        vswitchd.await_path(&vswitchd.path("db.sock"));
        vswitchd.vsctl("--no-wait init");
        let remote = format!("unix:{}", vswitchd.path("db.sock").display());
        vswitchd.daemon("ovs-vswitchd", &["--enable-dummy=override", "--disable-system", &remote]);
        vswitchd
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The socket on which a bridge takes OpenFlow connections, as soon as it is there.
    pub fn mgmt(&self, bridge: &str) -> PathBuf {
        let path = self.path(&format!("{bridge}.mgmt"));
        self.await_path(&path);
        path
    }

    /// Runs `ovs-vsctl` with these words and returns what it prints.
    pub fn vsctl(&self, words: &str) -> String {
        let database = format!("--db=unix:{}", self.path("db.sock").display());
        let mut command = self.command("ovs-vsctl");
        command.arg(database).arg("--timeout=20").args(words.split_whitespace());
        tool::run(&mut command).unwrap_or_else(|error| panic!("ovs-vsctl {words}: {error:#}"))
    }

    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for variable in ["OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"] {
            command.env(variable, self.dir.path());
        }
        command
    }

    /// Starts a daemon that ends with this.
    pub fn daemon(&mut self, program: &str, args: &[&str]) {
        let mut command = self.command(program);
        let log = std::fs::File::create(self.path(&format!("{program}.err"))).expect("a log");
        command.args(args).stdout(Stdio::null()).stderr(log);
        self.children.push(command.spawn().unwrap_or_else(|error| panic!("{program}: {error}")));
    }

    fn await_path(&self, path: &Path) {
        let what = path.display().to_string();
        tool::wait_until(&what, PATIENCE, || path.exists()).unwrap_or_else(|error| panic!("{error:#}"));
    }
}

impl Drop for Vswitchd {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
