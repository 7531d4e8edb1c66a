//! A private ovsdb-server and ovs-vswitchd with the dummy datapath, in a temporary directory.
//!
//! `OVS_TREE` names a directory with the files of another Open vSwitch than the installed one, as
//! its packages have them (`usr/bin`, `usr/sbin`, `usr/share`, ...). If the C library is among
//! them, the programs run with the libraries there.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SCHEMA: &str = "usr/share/openvswitch/vswitch.ovsschema";
const PROGRAMS: [&str; 3] = ["usr/bin", "usr/sbin", "usr/lib/openvswitch-switch"];
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
const LOADER: &str = "usr/lib64/ld-linux-x86-64.so.2";

fn tree() -> Option<PathBuf> {
    std::env::var_os("OVS_TREE").map(PathBuf::from)
}

fn schema() -> PathBuf {
    tree().unwrap_or_else(|| PathBuf::from("/")).join(SCHEMA)
}

/// A program of Open vSwitch.
pub fn program(name: &str) -> Command {
    let Some(tree) = tree() else { return Command::new(name) };
    let found = PROGRAMS.iter().map(|dir| tree.join(dir).join(name)).find(|path| path.exists());
    let path = found.unwrap_or_else(|| panic!("no {name} in {}", tree.display()));
    if !tree.join(LOADER).exists() {
        return Command::new(path);
    }
    let mut command = Command::new(tree.join(LOADER));
    command.arg("--library-path").arg(tree.join(LIBRARIES)).arg(path);
    command
}

pub struct Switch {
    dir: tempfile::TempDir,
    children: Vec<Child>,
}

impl Switch {
    /// Starts a switch with bridge `br0`, or prints why it cannot.
    pub fn start() -> Option<Switch> {
        let schema = schema();
        if !schema.exists() {
            println!("skipped: Open vSwitch is not installed");
            return None;
        }
        let dir = tempfile::Builder::new().prefix("openflow-live-").tempdir().unwrap();
        let mut switch = Switch { dir, children: Vec::new() };
        let db = switch.path("conf.db");
        assert!(switch.command("ovsdb-tool").arg("create").arg(&db).arg(&schema).status().unwrap().success());
        let socket = format!("--remote=punix:{}", switch.path("db.sock").display());
        switch.daemon("ovsdb-server", &[&socket, &db.display().to_string()]);
        switch.await_path("db.sock");
        switch.vsctl(&["--no-wait", "init"]);
        let remote = format!("unix:{}", switch.path("db.sock").display());
        switch.daemon("ovs-vswitchd", &["--enable-dummy=override", "--disable-system", &remote]);
        switch.vsctl(&[
            "add-br",
            "br0",
            "--",
            "set",
            "bridge",
            "br0",
            "datapath_type=dummy",
            "fail_mode=secure",
            "protocols=OpenFlow13,OpenFlow15",
            "other_config:datapath-id=00000000000000aa",
        ]);
        switch.await_path("br0.mgmt");
        Some(switch)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The socket on which the bridge takes OpenFlow connections.
    pub fn mgmt(&self) -> PathBuf {
        self.path("br0.mgmt")
    }

    pub fn command(&self, program: &str) -> Command {
        let mut command = self::program(program);
        for variable in ["OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"] {
            command.env(variable, self.dir.path());
        }
        command
    }

    /// Runs `ovs-vsctl` and returns what it prints.
    pub fn vsctl(&self, args: &[&str]) -> String {
        let db = format!("--db=unix:{}", self.path("db.sock").display());
        self.run("ovs-vsctl", &[&[db.as_str(), "--timeout=20"], args].concat())
    }

    fn run(&self, program: &str, args: &[&str]) -> String {
        let out = self.command(program).args(args).output().unwrap();
        assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    fn daemon(&mut self, program: &str, args: &[&str]) {
        let mut command = self.command(program);
        let log = std::fs::File::create(self.path(&format!("{program}.err"))).unwrap();
        command.args(args).stdout(Stdio::null()).stderr(log);
        self.children.push(command.spawn().unwrap());
    }

    fn await_path(&self, name: &str) {
        let until = Instant::now() + Duration::from_secs(20);
        while !self.path(name).exists() {
            assert!(Instant::now() < until, "{name} does not appear");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
