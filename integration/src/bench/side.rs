//! Two hosts of somebody's, with pods: this controller's, OVN's, or a bridge with a few flows.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::clients::{CLIENTS_OF, NODE_PORT};
use super::dataplane::PATIENCE;
use super::ovn::Ovn;
use crate::ovs::Ovs;
use crate::plan::{Config, HostId, Place};
use crate::pod::PodSpec;
use crate::testbed::{Scoped, Testbed};
use crate::{client, netns, tool};

const SECONDS: u64 = 3;
/// The largest packets that VXLAN and Geneve as OVN has it leave room for.
const VXLAN_MTU: u32 = 1450;
const OVN_MTU: u32 = 1442;

/// Two hosts, a pod on each, and one more beside the first.
pub(super) struct Side {
    pub(super) testbed: Scoped,
    /// Namespaces of the client, of the far pod, and of the near one.
    pub(super) pods: [String; 3],
    /// Address of the far pod.
    pub(super) far: Ipv4Addr,
    /// And of the near one.
    pub(super) near: Ipv4Addr,
    /// Namespaces that are not the testbed's own.
    made: Vec<String>,
}

impl Drop for Side {
    fn drop(&mut self) {
        let _ = netns::remove(&self.made);
    }
}

impl Side {
    /// Of this controller, with the services that clients ask.
    ///
    /// # Errors
    /// When a step fails.
    pub(super) fn ours() -> Result<Self> {
        let config = Config { hosts: 2, ..Config::new("bench-data") };
        let testbed = Scoped::up(&config, &mut |_| {})?;
        let hosts = hosts(&config)?;
        let pod = |name: &str, host| testbed.pod_add(&PodSpec::new(name, host));
        let pods = [pod("pa", hosts[0])?, pod("pb", hosts[1])?, pod("pc", hosts[0])?];
        let [_, far, near] = &pods;
        let backends = format!("--backend {} --backend {}", far.ip, near.ip);
        for (n, (_, _, vip, port)) in CLIENTS_OF.iter().enumerate() {
            client::sdnctl(&testbed, &format!("service create web{n} --vip {vip} --port 80:{port}/tcp {backends}"))?;
        }
        client::sdnctl(&testbed, &format!("service publish web0 {NODE_PORT}"))?;
        let (far, near) = (far.ip.parse()?, near.ip.parse()?);
        let pods = pods.map(|pod| config.netns(&Place::Pod(pod.name)));
        Self { testbed, pods, far, near, made: Vec::new() }.ready()
    }

    /// Of OVN, with the same services.
    ///
    /// # Errors
    /// When a step fails.
    pub(super) fn ovn() -> Result<Self> {
        let config = Config { hosts: 2, ..Config::new("bench-data-ovn") };
        let testbed = Scoped::up_hosts(&config, &mut |_| {})?;
        let hosts = hosts(&config)?;
        Ovn::of(&testbed).start()?;
        let side = Self::plugged(testbed, &config, OVN_MTU, |testbed, n, device| {
            let id = format!("external_ids:iface-id=p{n}");
            let host = Place::from(hosts[usize::from(n == 1)]);
            testbed.run(&host, &["ovs-vsctl", "add-port", "br-int", device, "--", "set", "Interface", device, &id])
        })?;
        let ovn = Ovn::of(&side.testbed);
        let mut words: Vec<String> = ["--wait=hv", "--timeout=60", "ls-add", "ls"].map(str::to_owned).into();
        for n in 0..3 {
            let (port, addresses) = (format!("p{n}"), format!("{} {}", mac(n), address(n)));
            words.extend(["--", "lsp-add", "ls", &port].map(str::to_owned));
            words.extend(["--", "lsp-set-addresses", &port, &addresses].map(str::to_owned));
        }
        // Addresses of another subnet need a router.
        let router = "-- lr-add lr -- lrp-add lr lrp 0a:02:00:00:00:fe 10.99.0.254/24 -- lsp-add ls lsr -- lsp-set-type lsr \
            router -- lsp-set-addresses lsr router -- lsp-set-options lsr router-port=lrp";
        words.extend(router.split_whitespace().map(str::to_owned));
        for (_, _, vip, port) in CLIENTS_OF {
            let backends = format!("{}:{port},{}:{port}", address(1), address(2));
            words.extend(["--", "lb-add", "lb", &format!("{vip}:80"), &backends, "tcp"].map(str::to_owned));
        }
        words.extend("-- ls-lb-add ls lb -- lr-lb-add lr lb".split(' ').map(str::to_owned));
        ovn.nbctl(&words)?;
        side.ready()
    }

    /// A bridge on each host with a flow for each direction and destination: nothing tracked, nothing balanced.
    ///
    /// # Errors
    /// When a step fails.
    pub(super) fn bare() -> Result<Self> {
        let config = Config { hosts: 2, ..Config::new("bench-data-bare") };
        let testbed = Scoped::up_hosts(&config, &mut |_| {})?;
        let hosts = hosts(&config)?;
        for (host, other) in [(hosts[0], hosts[1]), (hosts[1], hosts[0])] {
            let (host, remote) = (Place::from(host), format!("options:remote_ip={}", other.ip()));
            let add = "ovs-vsctl add-br br0 -- set Bridge br0 datapath_type=netdev fail_mode=secure -- add-port br0 vx -- set \
                Interface vx type=vxlan options:key=7 ofport_request=2";
            testbed.run(&host, &add.split_whitespace().chain([&*remote]).collect::<Vec<_>>())?;
            for flow in ["in_port=1,actions=output:2", "in_port=2,actions=output:1"] {
                testbed.run(&host, &["ovs-ofctl", "add-flow", "br0", flow])?;
            }
        }
        let near = format!("priority=40000,in_port=1,dl_dst={},actions=output:9", mac(2));
        for flow in [&*near, "priority=40000,arp,in_port=1,actions=output:2,output:9", "in_port=9,actions=output:1"] {
            testbed.run(&Place::from(hosts[0]), &["ovs-ofctl", "add-flow", "br0", flow])?;
        }
        Self::plugged(testbed, &config, VXLAN_MTU, |testbed, n, device| {
            let host = Place::from(hosts[usize::from(n == 1)]);
            let port = if n == 2 { "ofport_request=9" } else { "ofport_request=1" };
            testbed.run(&host, &["ovs-vsctl", "add-port", "br0", device, "--", "set", "Interface", device, port])
        })?
        .ready()
    }

    /// Namespaces with a device each, whose other end `plug` puts into a bridge.
    fn plugged(
        testbed: Scoped,
        config: &Config,
        mtu: u32,
        plug: impl Fn(&Testbed, u8, &str) -> Result<String>,
    ) -> Result<Self> {
        let hosts = hosts(config)?;
        let pods = [0, 1, 2].map(|n| format!("{}-p{n}", config.name));
        netns::add(&pods)?;
        let side = Self { testbed, pods: pods.clone(), far: address(1), near: address(2), made: pods.to_vec() };
        for (n, pod) in (0..3).zip(&pods) {
            let (host, device) = (Place::from(hosts[usize::from(n == 1)]), format!("v{n}"));
            netns::within(&config.netns(&host), || {
                tool::sysctl("ipv6/conf/default/disable_ipv6", "1")?;
                tool::ip_batch(&[
                    format!("link add {device} type veth peer name eth0 netns {pod}"),
                    format!("link set {device} up"),
                ])?;
                tool::sysctl(&format!("ipv4/conf/{device}/arp_ignore"), "8")
            })?;
            netns::within(pod, || {
                tool::ip_batch(&[
                    "link set lo up".into(),
                    format!("link set eth0 address {} mtu {mtu} up", mac(n)),
                    format!("addr add {}/24 dev eth0", address(n)),
                    "route add default via 10.99.0.254".into(),
                ])?;
                tool::tx_offload_off("eth0")
            })?;
            plug(&side.testbed, n, &device)?;
        }
        Ok(side)
    }

    /// Waits until the far pod is reached.
    fn ready(self) -> Result<Self> {
        let far = self.far.to_string();
        let reached = || run(&self.pods[0], &["ping", "-c", "1", "-W", "1", &far]).is_ok();
        tool::wait_until("the other pod", PATIENCE, reached)?;
        Ok(self)
    }

    /// Whether all hosts' ovs-vswitchd are still there.
    pub(super) fn lives(&self) -> bool {
        let config = self.testbed.config();
        config.host_ids().all(|host| Ovs::new(config, self.testbed.state(), host).switch_cpu().is_some())
    }

    /// Mbit/s of one TCP connection.
    ///
    /// # Errors
    /// When iperf3 fails.
    pub(super) fn throughput(&self) -> Result<f64> {
        let far = self.far.to_string();
        let mut server = netns::within(&self.pods[1], || {
            Ok(Command::new("iperf3").args(["-s", "-1"]).stdout(Stdio::null()).spawn()?)
        })?;
        let listens = || run(&self.pods[1], &["ss", "-Hltn"]).is_ok_and(|ports| ports.contains(":5201"));
        let printed = tool::wait_until("iperf3", PATIENCE, listens).and_then(|()| {
            run(&self.pods[0], &["iperf3", "-J", "-C", "cubic", "-t", &SECONDS.to_string(), "-c", &far])
        });
        if printed.is_err() {
            let _ = server.kill();
        }
        server.wait()?;
        let report: serde_json::Value = serde_json::from_str(&printed?)?;
        let bits = report["end"]["sum_received"]["bits_per_second"].as_f64().context("iperf3 names no rate")?;
        Ok(bits / 1e6)
    }
}

pub(super) fn run(ns: &str, words: &[&str]) -> Result<String> {
    netns::within(ns, || tool::run(Command::new(words[0]).args(&words[1..])))
}

pub(super) fn hosts(config: &Config) -> Result<[HostId; 2]> {
    let hosts: Vec<HostId> = config.host_ids().collect();
    hosts.try_into().map_err(|_| anyhow::anyhow!("two hosts are needed"))
}

/// Address of pod `n` beside others' controllers.
fn address(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, 0, 11 + n)
}

fn mac(n: u8) -> String {
    format!("0a:02:00:00:00:{n:02x}")
}
