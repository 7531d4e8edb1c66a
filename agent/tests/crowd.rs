//! A real agent among 99 others: does it find all of them, and how much memory does it take?
//! Needs root for a network namespace of its own; skipped without.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use agent::{
    gossip::MembersAnswer,
    swim::{Identity, Life, Swim},
};
use api::{AgentConfig, Datapath, GossipKey, GossipKeys, Mac, MemberState, Name, Node, NodeSpec, Peer};
use nix::sched::{CloneFlags, unshare};

const SIZE: u32 = 100;
const PORT: u16 = 6681;
/// What the agent may take, in KiB.
const MEMORY: u64 = 20 << 10;

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ip(node: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x7f00_0000 + node)
}

fn name(node: u32) -> Name {
    Name::new(format!("h{node}")).unwrap()
}

fn others(node: u32) -> Vec<Peer> {
    let peer =
        |id| Peer { name: name(id), id, address: ip(id).into(), gateway: [10, 244, id as u8, 1].into(), direct: None };
    (1..=SIZE).filter(|other| *other != node).map(peer).collect()
}

fn keys() -> GossipKeys {
    GossipKeys { send: GossipKey::new([7; 32]), accept: None }
}

/// What the agent of node 1 finds on disk: so it needs no controller.
fn config() -> AgentConfig {
    let spec = NodeSpec {
        address: ip(1).into(),
        prefix: None,
        address6: None,
        mtu: 1500,
        datapath: Datapath::Netdev,
        zone: None,
    };
    AgentConfig {
        revision: 1,
        node: Node { name: name(1), id: 1, revision: 1, down: false, drained: false, containers: None, spec },
        bridge: "kbr0".into(),
        gateway: "10.244.1.1/24".parse().unwrap(),
        gateway6: None,
        gateway_mac: Mac([0x0a, 0x58, 10, 244, 1, 1]),
        mtu: 1450,
        path_mtu: None,
        router: "169.254.93.1".parse().unwrap(),
        router6: None,
        routes: vec![],
        masquerade: vec!["10.244.0.0/16".parse().unwrap()],
        announced: Vec::new(),
        served_udp: Default::default(),
        published: Vec::new(),
        health: Vec::new(),
        services: None,
        services6: None,
        peers: others(1),
        endpoints: vec![],
        ovsdb_port: 6640,
        gossip_keys: Some(keys()),
        names: None,
        tracking: None,
    }
}

/// Has all but node 1 gossip for a while.
fn gossip(crowd: &mut [(Swim, UdpSocket)], time: Duration) {
    let end = Instant::now() + time;
    let mut buffer = [0; 1500];
    while Instant::now() < end {
        for (swim, socket) in crowd.iter_mut() {
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                swim.handle_input(from, &buffer[..length], Instant::now());
            }
            if swim.poll_timeout().is_some_and(|(at, _)| at <= Instant::now()) {
                swim.handle_timeout(Instant::now());
            }
            while let Some(transmit) = swim.poll_transmit() {
                let _ = socket.send_to(&transmit.payload, transmit.to);
            }
            while swim.poll_event().is_some() {}
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn an_agent_among_a_hundred_takes_little() {
    if unshare(CloneFlags::CLONE_NEWNET).is_err() {
        eprintln!("skipped: no network namespace without root");
        return;
    }
    assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
    let mut crowd = Vec::new();
    for node in 2..=SIZE {
        let socket = UdpSocket::bind(SocketAddr::from((ip(node), PORT))).unwrap();
        socket.set_nonblocking(true).unwrap();
        let me = Identity { node, life: Life::new(1, node) };
        let mut swim = Swim::new(me, PORT, node.into(), Instant::now());
        swim.set_keys(Some(&keys()));
        swim.set_peers(&others(node), Instant::now());
        crowd.push((swim, socket));
    }
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("agent.sock");
    std::fs::write(dir.path().join("config.json"), serde_json::to_vec(&config()).unwrap()).unwrap();
    let agent = env!("CARGO_BIN_EXE_sdn-agent");
    let child = Command::new(agent)
        .args(["run", "--controller", "http://127.0.0.1:1", "--node", "h1", "--underlay-ip", "127.0.0.1"])
        .args(["--datapath", "netdev", "--ovs-db", "unix:/nowhere"])
        .arg("--socket")
        .arg(&socket)
        .arg("--state-dir")
        .arg(dir.path())
        .env("PATH", "/nowhere")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let child = Killed(child);
    gossip(&mut crowd, Duration::from_secs(15));
    let asked = Command::new(agent).arg("members").arg("--socket").arg(&socket).output().unwrap();
    let answer: MembersAnswer = serde_json::from_slice(&asked.stdout).expect("an answer");
    let alive = answer.members.iter().filter(|member| member.state == MemberState::Alive).count();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.0.id())).unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")).unwrap();
    println!("{alive} of {} alive, {memory} KiB resident, {:?}", SIZE - 1, answer.gossip);
    assert_eq!(alive as u32, SIZE - 1);
    assert!(memory.parse::<u64>().unwrap() <= MEMORY, "{memory} KiB");
}
