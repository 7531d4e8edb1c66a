//! The Manager row in a real ovsdb-server.

use std::process::Command;

use agent::ovs::{Want, ensure};
use tempfile::TempDir;

struct Server {
    dir: TempDir,
}

impl Server {
    /// A database server of its own; none where Open vSwitch is not installed.
    fn start() -> Option<Self> {
        let server = Self { dir: TempDir::new().unwrap() };
        let at = |file: &str| server.dir.path().join(file).display().to_string();
        let schema = "/usr/share/openvswitch/vswitch.ovsschema";
        let made = Command::new("ovsdb-tool").args(["create", &at("db"), schema]).status();
        if !made.is_ok_and(|status| status.success()) {
            eprintln!("skipped: needs ovsdb-tool and ovsdb-server");
            return None;
        }
        let remote = format!("--remote=punix:{}", at("sock"));
        let options = [format!("--pidfile={}", at("pid")), format!("--unixctl={}", at("ctl"))];
        let started =
            Command::new("ovsdb-server").args([&at("db"), &remote, "--detach", "--no-chdir"]).args(options).status();
        assert!(started.unwrap().success());
        server.vsctl(&["init"]);
        Some(server)
    }

    fn db(&self) -> String {
        format!("unix:{}", self.dir.path().join("sock").display())
    }

    fn vsctl(&self, words: &[&str]) -> String {
        let output = Command::new("ovs-vsctl").arg(format!("--db={}", self.db())).arg("--no-wait").args(words).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = std::fs::read_to_string(self.dir.path().join("pid")).unwrap_or_default();
        if let Ok(pid) = pid.trim().parse() {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGTERM);
        }
    }
}

#[tokio::test]
async fn one_manager_is_ours_and_the_others_stay() {
    let Some(server) = Server::start() else { return };
    let want = |target: &str| Want { targets: vec![target.into()], node: "h1".into() };
    assert!(ensure(&server.db(), &want("tcp:10.0.0.1:6640")).await.unwrap());
    assert!(!ensure(&server.db(), &want("tcp:10.0.0.1:6640")).await.unwrap());
    assert_eq!(server.vsctl(&["get", "Open_vSwitch", ".", "external_ids:sdn-node"]), "h1");
    let columns =
        ["max_backoff", "inactivity_probe"].map(|c| server.vsctl(&["get", "Manager", "tcp:10.0.0.1:6640", c]));
    assert_eq!(columns, ["1000", "5000"]);

    server.vsctl(&[
        "--",
        "--id=@m",
        "create",
        "Manager",
        "target=\"ptcp:6641:127.0.0.1\"",
        "--",
        "add",
        "Open_vSwitch",
        ".",
        "manager_options",
        "@m",
    ]);
    server.vsctl(&["set", "Manager", "tcp:10.0.0.1:6640", "max_backoff=9000"]);
    assert!(ensure(&server.db(), &want("tcp:10.0.0.1:6640")).await.unwrap());
    assert_eq!(server.vsctl(&["get", "Manager", "tcp:10.0.0.1:6640", "max_backoff"]), "1000");
    assert!(ensure(&server.db(), &want("tcp:10.0.0.2:6640")).await.unwrap());
    assert_eq!(server.vsctl(&["get-manager"]), "ptcp:6641:127.0.0.1\ntcp:10.0.0.2:6640");
    assert!(!ensure(&server.db(), &want("tcp:10.0.0.2:6640")).await.unwrap());
    assert!(ensure("unix:/nonexistent", &want("tcp:10.0.0.2:6640")).await.is_err());
}
