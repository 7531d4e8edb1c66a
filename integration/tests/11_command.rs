//! The `sdn-testbed` command as it is typed.

mod common;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use integration::state::StateDir;
use integration::{Config, Pod, Testbed, netns, teardown};

/// Ends the testbed also when an assertion fails.
struct Named(&'static str);

impl Drop for Named {
    fn drop(&mut self) {
        Testbed::down(self.0).expect("it can be ended");
    }
}

impl Named {
    /// Runs `sdn-testbed VERB --name NAME REST`, words split at blanks.
    fn command(&self, line: &str) -> Command {
        let (verb, command) = line.split_once(" -- ").unwrap_or((line, ""));
        let mut run = Command::new(env!("CARGO_BIN_EXE_sdn-testbed"));
        run.args(verb.split_whitespace()).args(["--name", self.0]);
        if !command.is_empty() {
            run.arg("--").args(command.split_whitespace());
        }
        run
    }

    fn output(&self, line: &str) -> Output {
        self.command(line).output().expect("it runs")
    }

    fn ok(&self, line: &str) -> String {
        let output = self.output(line);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {error}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// The one line of a failure with `status`.
    fn refused(&self, line: &str, status: i32) -> String {
        let output = self.output(line);
        let error = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(status), "{line}: {error}");
        assert!(output.stdout.is_empty() && error.lines().count() == 1, "{line}: {error}");
        error
    }
}

#[test]
fn a_session_at_the_terminal() {
    let lab = Named("t11-session");
    assert!(lab.refused("pod add web --host h1", 1).contains("sdn-testbed up"));
    lab.ok("up --hosts 2");
    assert!(lab.refused("up", 1).contains("sdn-testbed down"));

    let pod: Pod = serde_json::from_str(&lab.ok("pod add web --host h2 --label app=web")).expect("JSON");
    assert_eq!((pod.name.as_str(), pod.host.as_str()), ("web", "h2"));
    assert!(lab.ok("exec web -- ip -4 addr show eth0").contains(&pod.ip));
    assert!(lab.ok("exec web -- ip link show eth0").contains(&pod.mac));
    lab.refused("pod add web --host h1", 1);
    lab.refused("pod add other --host h9", 1);
    lab.refused("pod add controller --host h1", 1);
    lab.refused("pod add other --host h1 --ip 192.0.2.1", 1);
    assert!(!lab.ok("exec controller -- ip netns list").contains("other"), "a refused pod leaves nothing");

    assert!(lab.ok("exec controller -- sdnctl endpoint ls").contains("web"));
    assert!(lab.ok("exec h2 -- ovs-vsctl show").contains("kbr0"));
    assert!(lab.ok("exec h2 -- ovs-ofctl -O OpenFlow13 dump-flows kbr0").contains("table=0"));
    lab.ok("exec h1 -- ovs-appctl version");
    assert!(lab.ok("exec external -- ip -4 addr").contains("172.30.255.253/16"));
    assert!(lab.ok("exec h1 -- ls /sys/class/net").contains("br-phy"), "/sys is the host's own");

    lab.ok("pod rm web");
    lab.refused("pod rm web", 1);
    lab.refused("exec web -- true", 1);
    lab.ok("down");
    lab.ok("down");
    assert!(!StateDir::of(lab.0).exists());
}

#[test]
fn exec_is_the_command_it_runs() {
    let lab = Named("t11-exec");
    lab.ok("up --hosts 1");
    let mut run = lab.command("exec h1 -- sh");
    let mut child = run.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"echo out; echo err >&2; echo $SDN_SERVER >&2; exit 7").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(output.stdout, b"out\n");
    assert_eq!(output.stderr, b"err\nhttp://172.30.255.254:6680\n");
    assert!(lab.refused("exec h1 -- no-such-program", 1).contains("no-such-program"));
    assert!(lab.refused("exec h2 -- true", 1).contains("h1"));
    for (line, named) in [
        ("exec h1", "COMMAND"),
        ("pod add web", "--host"),
        ("kill h1", "agent@h1"),
        ("up --tunnel ipip", "ipip"),
        ("pod", "verb"),
        ("frobnicate", "frobnicate"),
    ] {
        assert!(lab.refused(line, 2).contains(named), "{line}");
    }
}

#[test]
fn what_is_killed_stays_dead_until_it_is_started() {
    let lab = Named("t11-kill");
    lab.ok("up --hosts 2");
    for what in ["controller", "agent@h1", "ovs@h2"] {
        lab.ok(&format!("kill {what}"));
        assert!(lab.refused(&format!("kill {what}"), 1).contains(what));
        lab.ok(&format!("start {what}"));
        lab.refused(&format!("start {what}"), 1);
    }
    lab.refused("kill agent@h3", 1);
    lab.ok("partition h1 h2");
    assert!(!lab.output("exec h1 -- ping -c 1 -W 1 172.30.0.2").status.success());
    lab.ok("heal");
    lab.ok("exec h1 -- ping -c 3 -W 1 172.30.0.2");
}

#[test]
fn down_cleans_up_whenever_up_was_killed() {
    let lab = Named("t11-crash");
    let config = Config { hosts: 3, ..Config::new(lab.0) };
    for milliseconds in [1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300] {
        let mut up = lab.command("up --hosts 3").stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        up.kill().unwrap();
        up.wait().unwrap();
        lab.ok("down");
        assert!(!StateDir::of(lab.0).exists(), "after {milliseconds} ms");
        let there = teardown::static_namespaces(&config);
        let there: Vec<_> = there.into_iter().filter(|name| netns::path(name).exists()).collect();
        assert!(there.is_empty(), "after {milliseconds} ms: {there:?}");
        assert_eq!(daemons_of(lab.0), [""; 0], "after {milliseconds} ms");
    }
}

/// Command lines that speak of the state directory of testbed `name`.
fn daemons_of(name: &str) -> Vec<String> {
    let dir = format!("{}/", StateDir::of(name).path().display());
    let processes = Path::new("/proc").read_dir().unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(&dir)).collect()
}
