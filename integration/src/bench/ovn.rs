//! OVN on the testbed's hosts: a logical switch for each, one router among them.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::scale::{BACKENDS, EACH, HOSTS, ROUNDS, SERVICES, Scale};
use crate::load::figures::Times;
use crate::ovs::Ovs;
use crate::plan::{CONTROLLER_IP, Config, HostId, Place};
use crate::process::{self, Daemon};
use crate::testbed::{Scoped, Testbed};
use crate::{host, tool};

const SOUTHBOUND: u16 = 6642;
const SCHEMAS: &str = "/usr/share/ovn";
const PATIENCE: Duration = Duration::from_secs(30);

/// Its version, as it says.
///
/// # Errors
/// When it is not installed.
pub fn version() -> Result<String> {
    let said = tool::run(Command::new("ovn-northd").arg("--version"))?;
    Ok(said.lines().next().and_then(|line| line.split(' ').next_back()).unwrap_or("of unknown version").to_owned())
}

/// Measures it on hosts of its own.
///
/// # Errors
/// When a step fails.
pub fn measure() -> Result<Scale> {
    let config = Config { hosts: HOSTS, ..Config::new("bench-ovn") };
    let testbed = Scoped::up_hosts(&config, &mut |_| {})?;
    let ovn = Ovn::of(&testbed);
    ovn.start()?;
    ovn.build()?;
    ovn.figures()
}

/// A cluster of it on a testbed's hosts.
pub(super) struct Ovn<'a> {
    testbed: &'a Testbed,
    /// Where its central databases and sockets are.
    dir: PathBuf,
}

impl<'a> Ovn<'a> {
    /// On these hosts, not yet started.
    pub(super) fn of(testbed: &'a Testbed) -> Self {
        Self { testbed, dir: testbed.state().path().join("ovn") }
    }

    /// Starts its databases, and what each host runs.
    pub(super) fn start(&self) -> Result<()> {
        self.start_all().context("OVN")
    }

    fn start_all(&self) -> Result<()> {
        fs::create_dir_all(&self.dir)?;
        for which in ["nb", "sb"] {
            self.start_database(which)?;
        }
        let mut northd = Command::new("ovn-northd");
        northd.arg(format!("--ovnnb-db={}", self.socket("nb"))).arg(format!("--ovnsb-db={}", self.socket("sb")));
        start(&self.central("northd"), northd, &self.dir)?;
        host::each(self.testbed.config(), |host| self.start_host(host))?;
        self.nbctl(&["--wait=hv", "--timeout=120", "sync"])
    }

    fn start_database(&self, which: &str) -> Result<()> {
        let file = self.dir.join(format!("{which}.db"));
        let schema = Path::new(SCHEMAS).join(format!("ovn-{which}.ovsschema"));
        tool::run(Command::new("ovsdb-tool").arg("create").arg(&file).arg(schema))?;
        let mut server = Command::new("ovsdb-server");
        server.arg(&file).arg(format!("--remote=p{}", self.socket(which)));
        if which == "sb" {
            server.arg(format!("--remote=ptcp:{SOUTHBOUND}"));
        }
        start(&self.central(which), server, &self.dir)?;
        let socket = self.dir.join(format!("{which}.sock"));
        tool::wait_until("its database", PATIENCE, || std::os::unix::net::UnixStream::connect(&socket).is_ok())?;
        let ctl = format!("ovn-{which}ctl");
        tool::run(Command::new(ctl).arg(format!("--db={}", self.socket(which))).arg("init")).map(drop)
    }

    fn start_host(&self, host: HostId) -> Result<()> {
        let config = self.testbed.config();
        let ovs = Ovs::new(config, self.testbed.state(), host);
        let ids = [
            format!("external_ids:ovn-remote=tcp:{CONTROLLER_IP}:{SOUTHBOUND}"),
            "external_ids:ovn-encap-type=geneve".to_owned(),
            format!("external_ids:ovn-encap-ip={}", host.ip()),
            "external_ids:ovn-bridge-datapath-type=netdev".to_owned(),
            "external_ids:ovn-monitor-all=false".to_owned(),
        ];
        let words: Vec<&str> =
            ["ovs-vsctl", "set", "Open_vSwitch", "."].into_iter().chain(ids.iter().map(|id| id.as_str())).collect();
        self.testbed.run(&Place::from(host), &words)?;
        let dir = self.testbed.state().host(host);
        let mut controller = Command::new("ovn-controller");
        controller.arg(ovs.database()).envs(ovs.environment());
        start(&self.on_host(host), controller, &dir)
    }

    fn central(&self, name: &str) -> Daemon {
        Daemon::new(self.testbed.config().netns(&Place::Controller), &self.dir, name)
    }

    fn on_host(&self, host: HostId) -> Daemon {
        let config = self.testbed.config();
        Daemon::new(config.netns(&Place::from(host)), &self.testbed.state().host(host), "ovn-controller")
    }

    fn socket(&self, which: &str) -> String {
        format!("unix:{}", self.dir.join(format!("{which}.sock")).display())
    }

    /// Runs `ovn-nbctl`.
    pub(super) fn nbctl(&self, words: &[impl AsRef<std::ffi::OsStr>]) -> Result<()> {
        tool::run(Command::new("ovn-nbctl").arg(format!("--db={}", self.socket("nb"))).args(words)).map(drop)
    }

    /// A switch for each host, all of them on one router.
    fn build(&self) -> Result<()> {
        let mut words = vec!["--wait=hv".to_owned(), "--timeout=120".to_owned(), "lr-add".into(), "lr0".into()];
        for n in 1..=HOSTS {
            let (switch, port) = (format!("ls{n}"), format!("lsr{n}"));
            words.extend(clause(&["ls-add", &switch]));
            let (mac, ip) = (format!("0a:00:00:00:00:{n:02x}"), format!("{}/24", address(n, 0)));
            words.extend(clause(&["lrp-add", "lr0", &format!("lrp{n}"), &mac, &ip]));
            words.extend(clause(&["lsp-add", &switch, &port]));
            words.extend(clause(&["lsp-set-type", &port, "router"]));
            words.extend(clause(&["lsp-set-addresses", &port, "router"]));
            words.extend(clause(&["lsp-set-options", &port, &format!("router-port=lrp{n}")]));
        }
        self.nbctl(&words)
    }

    fn figures(&self) -> Result<Scale> {
        let hosts: Vec<HostId> = self.testbed.config().host_ids().collect();
        let ports = || (1..=HOSTS).flat_map(|n| (1..=EACH).map(move |k| (n, k)));
        let since = Instant::now();
        for (n, host) in (1..).zip(&hosts) {
            self.bind(*host, (1..=EACH).map(|k| (n, k)))?;
        }
        self.add(ports())?;
        let bulk = since.elapsed();

        let mut one_more = Vec::new();
        for (round, (n, host)) in (1..).zip(&hosts).cycle().take(ROUNDS).enumerate() {
            let port = (n, EACH + 1 + round);
            let since = Instant::now();
            self.bind(*host, [port].into_iter())?;
            self.add([port].into_iter())?;
            one_more.push(since.elapsed());
        }

        let spread = (1..=EACH).flat_map(|k| (1..=HOSTS).map(move |n| (n, k)));
        let backends: Vec<String> = spread.take(BACKENDS).map(|(n, k)| format!("{}:8080", address(n, k))).collect();
        let backends = backends.join(",");
        let mut service = Vec::new();
        for number in 0..SERVICES {
            let (name, vip) = (format!("lb{number}"), format!("10.96.0.{}:80", 10 + number));
            let mut words = vec!["--wait=hv".to_owned(), "--timeout=60".to_owned()];
            words.extend(["lb-add", &name, &vip, &backends, "tcp"].map(str::to_owned));
            (1..=HOSTS).for_each(|n| words.extend(clause(&["ls-lb-add", &format!("ls{n}"), &name])));
            let since = Instant::now();
            self.nbctl(&words)?;
            service.push(since.elapsed());
        }

        let said = self.testbed.run(&Place::from(hosts[0]), &["ovs-ofctl", "dump-aggregate", "br-int"])?;
        let flows = said.split("flow_count=").nth(1).and_then(|rest| rest.split_whitespace().next());
        let memory = |daemon: Daemon| daemon.pid().and_then(process::memory_kb).context("no memory figure");
        let central = ["nb", "sb", "northd"].map(|name| memory(self.central(name)));
        Ok(Scale {
            bulk,
            one_more: Times::of(one_more),
            service: Times::of(service),
            flows: flows.and_then(|count| count.parse().ok()).context("no number of flows")?,
            central_kb: central.into_iter().sum::<Result<_>>()?,
            host_kb: memory(self.on_host(hosts[0]))?,
        })
    }

    /// Ports in a host's Open vSwitch.
    fn bind(&self, host: HostId, ports: impl Iterator<Item = (u16, usize)>) -> Result<()> {
        let mut words = vec!["ovs-vsctl".to_owned(), "--no-wait".to_owned()];
        for (n, k) in ports {
            let device = format!("v{n}-{k}");
            words.extend(clause(&["add-port", "br-int", &device]));
            let id = format!("external_ids:iface-id=h{n}p{k}");
            words.extend(clause(&["set", "Interface", &device, "type=internal", &id]));
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.testbed.run(&Place::from(host), &words).map(drop)
    }

    /// Logical ports, until every host has them.
    fn add(&self, ports: impl Iterator<Item = (u16, usize)>) -> Result<()> {
        let mut words = vec!["--wait=hv".to_owned(), "--timeout=300".to_owned()];
        for (n, k) in ports {
            let port = format!("h{n}p{k}");
            let addresses = format!("0a:01:00:{n:02x}:00:{k:02x} {}", address(n, k));
            words.extend(clause(&["lsp-add", &format!("ls{n}"), &port]));
            words.extend(clause(&["lsp-set-addresses", &port, &addresses]));
        }
        self.nbctl(&words)
    }
}

fn start(daemon: &Daemon, mut command: Command, dir: &Path) -> Result<()> {
    for (key, value) in ["OVS_RUNDIR", "OVN_RUNDIR", "OVS_DBDIR", "OVN_DBDIR"].map(|key| (key, dir)) {
        command.env(key, value);
    }
    let pidfile = daemon.log.with_extension("pid");
    command.arg(format!("--pidfile={}", pidfile.display())).arg("-vconsole:off").arg("-vsyslog:off");
    daemon.start(command)
}

/// One more command of several in one call.
fn clause(words: &[&str]) -> Vec<String> {
    std::iter::once("--").chain(words.iter().copied()).map(str::to_owned).collect()
}

/// Address number `k` of host `n`; the router's is number 0.
fn address(n: u16, k: usize) -> Ipv4Addr {
    Ipv4Addr::from(0x0a64_0001 + u32::from(n) * 256 + u32::try_from(k).unwrap_or_default())
}
