//! The show of `make run`: a mesh from nothing to a controller killed under a running ping.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::ping::Ping;
use crate::plan::{Config, Place, Target};
use crate::pod::{Pod, PodSpec};
use crate::testbed::{Scoped, Testbed};
use crate::traffic::{Server, ask};
use crate::{client, ready};

const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 96, 0, 10));
const REQUESTS: usize = 300;
const BAR: usize = 40;

/// Prints what happens, and how long after the start.
struct Stage {
    since: Instant,
}

impl Stage {
    fn title(&self, text: &str) {
        println!("\n\x1b[1m[{:4.1} s] {text}\x1b[0m", self.since.elapsed().as_secs_f64());
    }

    fn step(&self, text: &str) {
        println!("[{:4.1} s] {text}", self.since.elapsed().as_secs_f64());
    }

    fn show(&self, testbed: &Testbed, command: &str) -> Result<()> {
        println!("$ sdnctl {command}");
        println!("{}", client::sdnctl(testbed, command)?.trim_end());
        Ok(())
    }
}

/// Plays the show in the testbed `lab`. With `keep` the testbed stays.
///
/// # Errors
/// When anything that is shown does not hold.
pub fn play(keep: bool) -> Result<()> {
    let stage = Stage { since: Instant::now() };
    let config = Config::new("lab");
    stage.title("Three hosts, each with its own Open vSwitch, and a controller");
    let testbed = Scoped::up(&config, &mut |step| stage.step(step))?;
    stage.title("Two pods on each host");
    let pods = add_pods(&testbed)?;
    stage.title("The mesh: round-trip times between hosts, through the tunnels");
    // The first probes of a pair wait for ARP on the underlay.
    thread::sleep(Duration::from_secs(2));
    stage.show(&testbed, "mesh")?;
    stage.title("A service: one address for a backend on each host");
    service(&stage, &testbed, &pods)?;
    stage.title("The flows of one host, each with its owner");
    stage.show(&testbed, "flows dump h1")?;
    stage.title("The controller dies under a running ping, and comes back");
    outlive(&testbed, &pods)?;
    if keep {
        testbed.keep();
        stage.title("It is still up. Things to try:");
        println!("{}", NEXT.replace("WEB3", &pods["web3"].ip).trim_end());
    } else {
        stage.title("Taking it all down (KEEP=1 make run leaves it up)");
        drop(testbed);
        stage.title("Done");
    }
    Ok(())
}

const NEXT: &str = "
  sdn-testbed exec controller -- sdnctl status
  sdn-testbed exec controller -- sdnctl groups dump h1
  sdn-testbed exec web1 -- ping -c 3 WEB3
  sdn-testbed exec h1 -- ovs-ofctl -O OpenFlow13 dump-flows kbr0
  sdn-testbed kill ovs@h2; sdn-testbed start ovs@h2
  sdn-testbed partition h1 h2; sdn-testbed exec controller -- sdnctl mesh; sdn-testbed heal
  sdn-testbed down
";

/// `web1` to `web3` listen, `client1` to `client3` ask; the number is the host's.
fn add_pods(testbed: &Testbed) -> Result<BTreeMap<String, Pod>> {
    let mut pods = BTreeMap::new();
    for kind in ["web", "client"] {
        for host in testbed.config().host_ids() {
            let name = format!("{kind}{}", host.to_string().trim_start_matches('h'));
            let pod = testbed.pod_add(&PodSpec::new(&name, host))?;
            println!("{:<8} on {}  {:<12} {}", pod.name, pod.host, pod.ip, pod.mac);
            pods.insert(name, pod);
        }
    }
    Ok(pods)
}

fn service(stage: &Stage, testbed: &Testbed, pods: &BTreeMap<String, Pod>) -> Result<()> {
    let webs: Vec<_> = pods.values().filter(|pod| pod.name.starts_with("web")).collect();
    let place = |pod: &&Pod| Place::Pod(pod.name.clone());
    let servers: Result<Vec<_>> = webs.iter().map(|pod| Server::start(testbed, &place(pod), 8080)).collect();
    let servers = servers?;
    let backends: String = webs.iter().map(|pod| format!(" --backend {}", pod.ip)).collect();
    stage.show(testbed, &format!("service create web --vip {VIP} --port 80:8080/tcp{backends}"))?;
    let mut counts: BTreeMap<_, usize> = webs.iter().map(|pod| (pod.name.clone(), 0)).collect();
    for _ in 0..REQUESTS {
        let (server, _) = ask(testbed, &Place::Pod("client1".to_owned()), VIP, 80)?;
        *counts.entry(server).or_default() += 1;
    }
    drop(servers);
    println!("{REQUESTS} connections from client1 to {VIP}:80 were answered by");
    for (name, count) in &counts {
        println!("  {name} on {}  {count:4}  {}", pods[name].host, "#".repeat(count * BAR / REQUESTS));
    }
    ensure!(counts.values().all(|count| *count > 0), "a backend was never chosen: {counts:?}");
    Ok(())
}

fn outlive(testbed: &Testbed, pods: &BTreeMap<String, Pod>) -> Result<()> {
    let ping = Ping::start(testbed, &Place::Pod("client1".to_owned()), pods["web3"].ip.parse()?)?;
    println!("ping client1 (h1) to web3 (h3), once a millisecond");
    thread::sleep(Duration::from_millis(500));
    println!("kill -9 of the controller");
    testbed.kill(Target::Controller)?;
    thread::sleep(Duration::from_secs(2));
    println!("starting it again");
    testbed.start(Target::Controller)?;
    ready::wait(testbed, ready::PATIENCE, &mut |_| {})?;
    thread::sleep(Duration::from_secs(1));
    let loss = ping.finish()?;
    let sent = client::flow_mods(testbed)?;
    println!("packets sent {}, lost {}; flow-mods sent after the restart: {sent}", loss.sent, loss.lost);
    ensure!(loss.lost == 0 && sent == 0, "both should be 0");
    Ok(())
}
