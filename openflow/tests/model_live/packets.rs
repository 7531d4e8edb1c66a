//! Random tables with conntrack, translation and `learn`, and packets for them.

use openflow::PortNo;

use crate::random::Random;

/// The table that flows are learned in.
pub const LEARNED: u8 = 10;

/// Where packets are translated to.
const ADDRESSES: [&str; 2] = ["10.8.0.1", "10.8.0.2"];

/// Flows as text. Table 0 learns, looks up what was learned and tracks; table 1 may track once
/// more; all ends at the controller. What is learned is looked up before the first ct: the
/// datapath's own flows are renewed only in a while.
pub fn program(random: &mut Random) -> Vec<String> {
    let mut flows = vec![
        "table=0,priority=0,actions=controller".to_owned(),
        "table=1,priority=0,actions=controller".to_owned(),
        "table=2,priority=0,actions=controller".to_owned(),
        format!("table={LEARNED},priority=0,actions=load:0->NXM_NX_REG3[]"),
    ];
    for (n, kind) in ["udp", "tcp", "icmp"].iter().enumerate() {
        for port in 1..=3 {
            // of one priority each: which of two equal ones is found is left open
            let learn = learn(random, kind, 3 * n + port);
            // the identifier of ICMP, which a translation may change, the model does not know
            let ct = if *kind == "icmp" { "ct(commit,table=1,zone=1)".to_owned() } else { ct(random, 1) };
            flows.push(format!(
                "table=0,priority={},in_port={port},{kind},actions={learn}resubmit(,{LEARNED}),{ct}",
                10 + n
            ));
        }
    }
    for state in ["+new-est", "+est-rpl", "+est+rpl", "+inv"] {
        if random.chance(70) {
            let ct = if state == "+inv" { "ct(table=2,zone=3)".to_owned() } else { ct(random, 2) };
            flows.push(format!("table=1,priority=10,udp,ct_state=+trk{state},actions={ct}"));
        }
    }
    flows
}

fn learn(random: &mut Random, kind: &str, priority: usize) -> String {
    if !random.chance(40) {
        return String::new();
    }
    let port = if kind == "tcp" { "NXM_OF_TCP_SRC[]" } else { "NXM_OF_UDP_SRC[]" };
    let proto = if kind == "tcp" { 6 } else { 17 };
    let specs = [
        "NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:NXM_OF_IN_PORT[]->NXM_NX_REG3[0..15]".to_owned(),
        "eth_type=0x800,NXM_OF_IP_DST[]=NXM_OF_IP_SRC[],load:NXM_OF_IP_SRC[0..7]->NXM_NX_REG3[8..15]".to_owned(),
        format!("eth_type=0x800,nw_proto={proto},{port},load:7->NXM_NX_REG3[]"),
        "NXM_OF_IN_PORT[],reg3=0x5,load:NXM_OF_ETH_SRC[]->NXM_NX_XXREG1[0..47]".to_owned(),
        "NXM_OF_ETH_SRC[0..15]=NXM_OF_ETH_DST[0..15],output:NXM_OF_IN_PORT[]".to_owned(),
    ];
    let n = if kind == "icmp" { specs.len() - 3 } else { specs.len() };
    let spec = random.pick(&specs[..n]);
    format!("learn(table={LEARNED},priority={priority},cookie={priority},{spec}),")
}

fn ct(random: &mut Random, table: u8) -> String {
    // in the same zone again Open vSwitch does not look up, but goes on with the connection it found:
    // the model does not follow that
    let zone = if table == 2 { "zone=3" } else { random.pick(&["zone=1", "zone=2", "zone=NXM_NX_REG0[0..15]"]) };
    let commit = if random.chance(60) { "commit," } else { "" };
    let address = random.pick(&ADDRESSES);
    let nat = match random.below(6) {
        0 | 1 if commit.is_empty() => ",nat".to_owned(),
        0 if !commit.is_empty() => format!(",nat(src=10.9.0.{})", 1 + random.below(2)),
        1 => format!(",nat(dst={address})"),
        2 if !commit.is_empty() => format!(",nat(dst={address}:{})", 1000 + random.below(3)),
        _ => String::new(),
    };
    let exec = match (commit.is_empty(), random.below(3)) {
        (false, 0) => format!(",exec(load:{}->NXM_NX_CT_MARK[])", random.below(4)),
        (false, 1) => ",exec(set_field:0x1/0xf->ct_mark,set_field:0x5->ct_label)".to_owned(),
        _ => String::new(),
    };
    format!("ct({commit}table={table},{zone}{nat}{exec})")
}

/// The port a packet comes in by, and its frame: of UDP, of TCP when it begins, or a ping. The
/// checksums are right, else the conntrack took it for invalid.
pub fn packet(random: &mut Random) -> (PortNo, Vec<u8>) {
    let proto = random.pick(&[1, 6, 6, 17, 17, 17, 17, 17]);
    let mut port = || (1000 + random.below(2) as u16).to_be_bytes();
    let (src, dst) = (port(), port());
    let mut segment = match proto {
        1 => vec![8, 0, 0, 0, 0, 1, 0, 1],
        // a SYN with the sequence number 1 and a window; none comes the other way
        6 => [&src[..], &[0, 80], &[0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0x20, 0, 0, 0, 0, 0]].concat(),
        _ => [&src[..], &dst, &[0, 8, 0, 0]].concat(),
    };
    let from = random.below(5) as u8;
    // to another: what a packet to its own sender answers cannot be told from it
    let to = (from + 1 + random.below(2) as u8) % 3;
    let addresses = [10, if from > 2 { 8 } else { 0 }, 0, 1 + from % 3, 10, 0, 0, 1 + to];
    let pseudo = [&addresses[..], &[0, proto, 0, segment.len() as u8]].concat();
    let at = match proto {
        1 => 2,
        6 => 16,
        _ => 6,
    };
    let sum = checksum(&[if proto == 1 { &[][..] } else { &pseudo }, &segment].concat());
    segment[at..at + 2].copy_from_slice(&sum);
    let mut ip = vec![0x45, 0, 0, 20 + segment.len() as u8, 0, 0, 0, 0, 64, proto, 0, 0];
    ip.extend(addresses);
    let sum = checksum(&ip);
    ip[10..12].copy_from_slice(&sum);
    let mut mac = || [2, 0, 0, 0, 0, 1 + random.below(3) as u8];
    let frame = [&mac()[..], &mac(), &[8, 0], &ip, &segment].concat();
    (PortNo(1 + random.below(3) as u32), frame)
}

/// The checksum of the Internet protocols.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |b| u32::from(*b));
    let mut sum: u32 = bytes.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}
