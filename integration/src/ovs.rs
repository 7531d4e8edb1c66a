//! One host's Open vSwitch: ovsdb-server, ovs-vswitchd with the userspace datapath, and `br-phy`,
//! the bridge that holds the uplink and the underlay address.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::plan::{Config, HostId, Place, UNDERLAY_PREFIX, UNDERLAY_PREFIX6, UPLINK};
use crate::process::{self, Daemon};
use crate::state::StateDir;
use crate::{netns, tool};

/// Bridge with the uplink.
pub const UNDERLAY_BRIDGE: &str = "br-phy";

const PATIENCE: Duration = Duration::from_secs(20);

fn addresses(config: &Config, host: HostId) -> Vec<(IpAddr, u8)> {
    let v4 = (!config.underlay6).then(|| (host.ip().into(), UNDERLAY_PREFIX));
    let v6 = config.has_underlay6().then(|| (host.ip6().into(), UNDERLAY_PREFIX6));
    v4.into_iter().chain(v6).collect()
}

/// The Open vSwitch of one host.
#[derive(Clone, Debug)]
pub struct Ovs {
    host: HostId,
    netns: String,
    dir: std::path::PathBuf,
    server: Daemon,
    switch: Daemon,
    /// The addresses that the host has on the underlay, with their prefixes.
    addresses: Vec<(IpAddr, u8)>,
}

impl Ovs {
    /// The Open vSwitch that `host` has or would have.
    #[must_use]
    pub fn new(config: &Config, state: &StateDir, host: HostId) -> Self {
        let dir = state.host(host);
        let netns = config.netns(&Place::from(host));
        Self {
            host,
            server: Daemon::new(netns.clone(), &dir, "ovsdb-server"),
            switch: Daemon::new(netns.clone(), &dir, "ovs-vswitchd"),
            netns,
            dir,
            addresses: addresses(config, host),
        }
    }

    /// Where clients reach the database, as Open vSwitch writes it.
    #[must_use]
    pub fn database(&self) -> String {
        format!("unix:{}", self.socket().display())
    }

    /// Environment in which `ovs-vsctl`, `ovs-ofctl` and `ovs-appctl` find this Open vSwitch.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let dir = self.dir.display().to_string();
        ["OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVS_SYSCONFDIR"].map(|key| (key, dir.clone())).to_vec()
    }

    /// Starts both daemons and puts `br-phy` in place. `empty` is an empty database, taken when the
    /// host has none yet.
    ///
    /// # Errors
    /// When a daemon runs already, does not start, or does not make the bridge in time.
    pub fn start(&self, empty: &Path) -> Result<()> {
        self.start_server(empty)?;
        // In the host's namespace although it needs none: there `down` finds a tool whose caller was killed.
        netns::within(&self.netns, || self.configure())?;
        self.start_switch()
    }

    /// How long ovs-vswitchd has run on a core, all its threads together.
    #[must_use]
    pub fn switch_cpu(&self) -> Option<Duration> {
        self.switch.pid().and_then(process::cpu)
    }

    /// Ends ovs-vswitchd alone with SIGKILL. Returns whether it was there.
    ///
    /// # Errors
    /// When it does not go.
    pub fn kill_switch(&self) -> Result<bool> {
        self.switch.kill()
    }

    /// Ends ovsdb-server alone with SIGKILL. Returns whether it was there.
    ///
    /// # Errors
    /// When it does not go.
    pub fn kill_server(&self) -> Result<bool> {
        self.server.kill()
    }

    /// Ends both daemons with SIGKILL. Returns whether one was there.
    ///
    /// # Errors
    /// When one does not go.
    pub fn kill(&self) -> Result<bool> {
        let switch = self.switch.kill()?;
        let server = self.server.kill()?;
        Ok(switch || server)
    }

    fn socket(&self) -> std::path::PathBuf {
        self.dir.join("db.sock")
    }

    /// Starts ovsdb-server. `empty` is an empty database, taken when the host has none yet.
    ///
    /// # Errors
    /// When it runs already or does not start.
    pub fn start_server(&self, empty: &Path) -> Result<()> {
        let database = self.dir.join("conf.db");
        if !database.exists() {
            fs::copy(empty, &database).context("cannot make the database")?;
        }
        let mut command = self.tool("ovsdb-server");
        command
            .arg(&database)
            .arg(format!("--remote=p{}", self.database()))
            .arg("--remote=db:Open_vSwitch,Open_vSwitch,manager_options")
            .arg("--private-key=db:Open_vSwitch,SSL,private_key")
            .arg("--certificate=db:Open_vSwitch,SSL,certificate")
            .arg("--ca-cert=db:Open_vSwitch,SSL,ca_cert")
            .args(self.daemon_options(&self.server));
        self.server.start(command)?;
        let answers = || std::os::unix::net::UnixStream::connect(self.socket()).is_ok();
        tool::wait_until("ovsdb-server", PATIENCE, answers).with_context(|| self.server.last_words())
    }

    fn configure(&self) -> Result<()> {
        let mut command = self.tool("ovs-vsctl");
        command
            .args(["--no-wait", "--", "init", "--", "set", "Open_vSwitch", "."])
            .arg(format!("external_ids:system-id={}", self.host))
            .args(["--", "--may-exist", "add-br", UNDERLAY_BRIDGE])
            .args(["--", "set", "Bridge", UNDERLAY_BRIDGE])
            .args(["datapath_type=netdev", "fail_mode=standalone"])
            .args(["--", "--may-exist", "add-port", UNDERLAY_BRIDGE, UPLINK]);
        tool::run(&mut command).map(drop)
    }

    /// Starts ovs-vswitchd, and puts `br-phy` in order.
    ///
    /// # Errors
    /// When it runs already, does not start, or does not make the bridge in time.
    pub fn start_switch(&self) -> Result<()> {
        let mut command = self.tool("ovs-vswitchd");
        command.arg(self.database()).args(self.daemon_options(&self.switch));
        self.switch.start(command)?;
        netns::within(&self.netns, || self.finish_bridge())
            .with_context(|| format!("{UNDERLAY_BRIDGE} of {}", self.host))
    }

    /// ovs-vswitchd takes the bridge's own device anew at each start: without address, down, and with offloads on.
    /// That the device is there says nothing, for it outlives a kill. What ovs-vswitchd lists it has configured.
    fn finish_bridge(&self) -> Result<()> {
        let configured = || {
            let list = tool::run(self.tool("ovs-appctl").args(["--timeout=20", "ofproto/list"]));
            list.is_ok_and(|bridges| bridges.lines().any(|bridge| bridge == UNDERLAY_BRIDGE))
        };
        tool::wait_until("ovs-vswitchd", PATIENCE, configured).with_context(|| self.switch.last_words())?;
        tool::tx_offload_off(UNDERLAY_BRIDGE)?;
        // Else its link-local address becomes valid a second or two later: a change of routes, on which Open vSwitch
        // forgets them all for a moment, and may lose what is in tunnels. A host that has been up for long has none.
        tool::sysctl(&format!("ipv6/conf/{UNDERLAY_BRIDGE}/accept_dad"), "0")?;
        let address = |(ip, prefix): &(IpAddr, u8)| {
            let nodad = if ip.is_ipv6() { " nodad" } else { "" };
            format!("addr replace {ip}/{prefix} dev {UNDERLAY_BRIDGE}{nodad}")
        };
        let mut lines = vec![format!("link set {UNDERLAY_BRIDGE} up")];
        lines.extend(self.addresses.iter().map(address));
        tool::ip_batch(&lines)
    }

    fn tool(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment());
        command
    }

    fn daemon_options(&self, daemon: &Daemon) -> [String; 4] {
        let pidfile = daemon.log.with_extension("pid");
        [
            format!("--pidfile={}", pidfile.display()),
            format!("--log-file={}", daemon.log.display()),
            "-vconsole:off".to_owned(),
            "-vsyslog:off".to_owned(),
        ]
    }
}
