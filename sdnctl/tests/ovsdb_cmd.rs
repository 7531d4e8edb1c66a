//! `sdnctl ovsdb` against a real server prints what `ovsdb-client` prints.

#[path = "../../ovsdb/tests/common/mod.rs"]
mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{Server, text};

fn sdnctl(server: &Server, global: &[&str], verb: &str, rest: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sdnctl"));
    command.args(global).args(["ovsdb", verb, &text(&server.socket())]).args(rest);
    command
}

fn ovsdb_client(server: &Server, global: &[&str], verb: &str, rest: &[&str]) -> Command {
    let mut command = Command::new("ovsdb-client");
    command.args(global).args([verb, &server.remote(), "Open_vSwitch"]).args(rest);
    command
}

/// A monitor under way, and the lines it printed.
struct Watch {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Watch {
    fn start(mut command: Command) -> Watch {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a monitor");
        let (send, lines) = std::sync::mpsc::channel();
        let output = BufReader::new(child.stdout.take().expect("output"));
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Watch { child, lines }
    }

    /// The lines up to the one that holds a text.
    fn until(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        while !found.last().is_some_and(|line: &String| line.contains(text)) {
            found
                .push(self.lines.recv_timeout(Duration::from_secs(10)).unwrap_or_else(|_| panic!("{text}: {found:?}")));
        }
        found
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Changes of one row of a table at a time, since ovsdb-client has no order among several.
const CHANGES: [&[&str]; 6] = [
    &["set", "Bridge", "br0", "external_ids:a=b", "external_ids:c=\"d e\""],
    &["set", "Bridge", "br0", "fail_mode=secure", "other_config:n=1"],
    &["--id=@q", "create", "Queue", "dscp=7", "--", "set", "Bridge", "br0", "stp_enable=true"],
    &["remove", "Bridge", "br0", "external_ids", "a"],
    &["add-br", "br1"],
    &["del-br", "br1"],
];
/// Stands in the last line that either prints.
const LAST: &str = "the-end";

/// What both print of the same changes.
fn watched(ours: (&[&str], &[&str]), theirs: &[&str], tables: &[&str]) -> Option<(Vec<String>, Vec<String>)> {
    let server = Server::start()?;
    server.vsctl(&["add-br", "br0"]);
    let (global, local) = ours;
    let all = if tables.is_empty() { &["ALL"] } else { tables };
    let ours = Watch::start(sdnctl(&server, global, "monitor", &[tables, local].concat()));
    let theirs = Watch::start(ovsdb_client(&server, theirs, "monitor", all));
    // The last table that both print first has the name of the last one in the alphabet.
    let begun = if tables.is_empty() { "Port" } else { "br0" };
    let mut printed = (ours.until(begun), theirs.until(begun));
    for change in CHANGES {
        server.vsctl(change);
    }
    server.vsctl(&["set", "Bridge", "br0", &format!("datapath_id={LAST}")]);
    printed.0.extend(ours.until(LAST));
    printed.1.extend(theirs.until(LAST));
    Some(printed)
}

#[test]
fn monitor_prints_what_ovsdb_client_prints() {
    for tables in [&["Bridge"][..], &[]] {
        let Some((ours, theirs)) = watched((&[], &[]), &[], tables) else { return };
        assert!(ours.len() > 15 && ours.iter().any(|line| line.contains("_version")), "{ours:?}");
        assert_eq!(ours, theirs);
    }
}

#[test]
fn monitor_prints_json_as_ovsdb_client_does() {
    let Some((ours, theirs)) = watched((&["-o", "json"], &[]), &["-f", "json"], &["Bridge"]) else { return };
    assert_eq!(ours, theirs);
}

#[test]
fn monitor_prints_when_a_change_came() {
    let Some((ours, theirs)) = watched((&[], &["--timestamp"]), &["--timestamp"], &["Bridge"]) else {
        return;
    };
    let is_time = |line: &str| line.len() == 23 && line.starts_with("20") && line.as_bytes().get(19) == Some(&b'.');
    let without = |lines: &[String]| -> Vec<String> {
        lines.iter().map(|line| if is_time(line) { "TIME".to_owned() } else { line.clone() }).collect()
    };
    assert_eq!(without(&ours), without(&theirs));
    assert!(ours.iter().filter(|line| is_time(line)).count() > 5, "{ours:?}");
}

#[test]
fn dump_prints_what_ovsdb_client_prints() {
    let Some(server) = Server::start() else { return };
    server.vsctl(&["add-br", "br0", "--", "add-br", "br1", "--", "set", "Bridge", "br0", "external_ids:a=b"]);
    let text = |mut command: Command| String::from_utf8(command.output().expect("output").stdout).expect("utf-8");
    for (ours, theirs, tables) in
        [(&[][..], &[][..], &[][..]), (&[], &[], &["Bridge"]), (&["-o", "json"], &["-f", "json"], &[])]
    {
        let theirs = text(ovsdb_client(&server, theirs, "dump", tables));
        assert!(theirs.contains("br0"));
        assert_eq!(text(sdnctl(&server, ours, "dump", tables)), theirs);
    }
}

#[test]
fn a_table_that_is_not_there_is_named() {
    let Some(server) = Server::start() else { return };
    for verb in ["dump", "monitor"] {
        let output = sdnctl(&server, &[], verb, &["Nope"]).output().expect("output");
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "sdnctl: database Open_vSwitch has no table Nope\n");
    }
}
