//! What `ofproto/trace` prints.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use openflow::model::Packet;
use openflow::oxm::ct_state;
use openflow::{Field, Mac, PortNo};

/// Once through the tables.
pub struct ActualPass {
    /// The fields at the end that are not zero.
    pub end: BTreeMap<Field, u128>,
    pub actions: String,
}

pub fn parse(answer: &str) -> Vec<ActualPass> {
    let mut passes = Vec::new();
    let (mut start, mut end) = (BTreeMap::new(), BTreeMap::new());
    for line in answer.lines() {
        if let Some(flow) = line.strip_prefix("Flow: ") {
            start = fields(flow);
        } else if let Some(flow) = line.strip_prefix("Final flow: ") {
            end = if flow == "unchanged" { start.clone() } else { fields(flow) };
        } else if let Some(actions) = line.strip_prefix("Datapath actions: ") {
            passes.push(ActualPass { end: end.clone(), actions: actions.to_owned() });
        }
    }
    passes
}

/// The buckets that select groups took; `None` if one took several: actions between changed what
/// it hashes.
pub fn buckets(answer: &str) -> Option<BTreeMap<u32, usize>> {
    let mut group = 0;
    let mut buckets = BTreeMap::new();
    for line in answer.lines().map(str::trim) {
        if let Some(id) = line.strip_prefix("group:") {
            group = id.parse().unwrap_or(0);
        } else if let Some(n) = line.strip_prefix("-> using bucket ") {
            let bucket = n.trim().parse().unwrap();
            if buckets.insert(group, bucket).is_some_and(|before| before != bucket) {
                return None;
            }
        }
    }
    Some(buckets)
}

/// The fields of the model's packet, without those that a trace does not show.
pub fn describe(packet: &Packet) -> BTreeMap<Field, u128> {
    let mut fields: BTreeMap<Field, u128> = packet.fields().collect();
    if fields.contains_key(&Field::NXM_NX_TUN_IPV4_DST) {
        // then the trace may leave out the id, depending on flags that it does not show
        fields.remove(&Field::OXM_OF_TUNNEL_ID);
    }
    fields
}

fn fields(flow: &str) -> BTreeMap<Field, u128> {
    let mut packet = Packet::new();
    let parts: Vec<(&str, &str)> = flow.split(',').map(|part| part.split_once('=').unwrap_or((part, ""))).collect();
    for (key, _) in &parts {
        protocol(key, &mut packet);
    }
    let proto = packet.get(Field::OXM_OF_IP_PROTO);
    for (key, value) in parts.iter().filter(|(_, value)| !value.is_empty()) {
        match *key {
            "vlan_tci" | "dl_vlan" if packet.get(Field::OXM_OF_VLAN_VID) != 0 => {}
            "dl_vlan" => packet.set(Field::OXM_OF_VLAN_VID, 0x1000 | number(value)),
            "dl_vlan_pcp" => packet.set(Field::OXM_OF_VLAN_PCP, number(value)),
            "tp_src" | "tp_dst" => packet.set(port_field(key, proto), number(value)),
            _ => set(key, value, &mut packet),
        }
    }
    describe(&packet)
}

fn protocol(word: &str, packet: &mut Packet) {
    let (eth_type, proto) = match word {
        "ip" => (0x0800, 0),
        "icmp" => (0x0800, 1),
        "tcp" => (0x0800, 6),
        "udp" => (0x0800, 17),
        "arp" => (0x0806, 0),
        "ipv6" => (0x86dd, 0),
        "tcp6" => (0x86dd, 6),
        "udp6" => (0x86dd, 17),
        "icmp6" => (0x86dd, 58),
        _ => return,
    };
    packet.set(Field::OXM_OF_ETH_TYPE, eth_type);
    packet.set(Field::OXM_OF_IP_PROTO, proto);
}

fn port_field(key: &str, proto: u128) -> Field {
    match (key, proto) {
        ("tp_src", 6) => Field::OXM_OF_TCP_SRC,
        ("tp_dst", 6) => Field::OXM_OF_TCP_DST,
        ("tp_src", _) => Field::OXM_OF_UDP_SRC,
        _ => Field::OXM_OF_UDP_DST,
    }
}

fn set(key: &str, value: &str, packet: &mut Packet) {
    let field = match key {
        "in_port" => Field::OXM_OF_IN_PORT,
        "dl_src" => Field::OXM_OF_ETH_SRC,
        "dl_dst" => Field::OXM_OF_ETH_DST,
        "dl_type" => Field::OXM_OF_ETH_TYPE,
        "nw_src" => Field::OXM_OF_IPV4_SRC,
        "nw_dst" => Field::OXM_OF_IPV4_DST,
        "ipv6_src" => Field::OXM_OF_IPV6_SRC,
        "ipv6_dst" => Field::OXM_OF_IPV6_DST,
        "ipv6_label" => Field::OXM_OF_IPV6_FLABEL,
        "nw_proto" => Field::OXM_OF_IP_PROTO,
        "nw_tos" => Field::NXM_OF_IP_TOS,
        "nw_ecn" => Field::OXM_OF_IP_ECN,
        "nw_ttl" => Field::NXM_NX_IP_TTL,
        "icmp_type" if packet.get(Field::OXM_OF_IP_PROTO) == 1 => Field::OXM_OF_ICMPV4_TYPE,
        "icmp_code" if packet.get(Field::OXM_OF_IP_PROTO) == 1 => Field::OXM_OF_ICMPV4_CODE,
        "icmp_type" => Field::OXM_OF_ICMPV6_TYPE,
        "icmp_code" => Field::OXM_OF_ICMPV6_CODE,
        "arp_op" => Field::OXM_OF_ARP_OP,
        "arp_spa" => Field::OXM_OF_ARP_SPA,
        "arp_tpa" => Field::OXM_OF_ARP_TPA,
        "arp_sha" => Field::OXM_OF_ARP_SHA,
        "arp_tha" => Field::OXM_OF_ARP_THA,
        "metadata" => Field::OXM_OF_METADATA,
        "tun_id" => Field::OXM_OF_TUNNEL_ID,
        "tun_src" => Field::NXM_NX_TUN_IPV4_SRC,
        "tun_dst" => Field::NXM_NX_TUN_IPV4_DST,
        "pkt_mark" => Field::NXM_NX_PKT_MARK,
        "ct_state" => Field::NXM_NX_CT_STATE,
        "ct_zone" => Field::NXM_NX_CT_ZONE,
        "ct_mark" => Field::NXM_NX_CT_MARK,
        "ct_label" => Field::NXM_NX_CT_LABEL,
        "tcp_flags" | "nw_frag" | "recirc_id" | "eth" | "conj_id" | "vlan_tci" | "vlan_tci1" | "dl_vlan1"
        | "dl_vlan_pcp1" => return,
        _ if key.starts_with("reg") => Field::reg(key[3..].parse().unwrap()),
        _ if key.starts_with("tun_") || key.starts_with("gtpu_") => return,
        _ => panic!("unknown field {key}={value}"),
    };
    let value = match key {
        "in_port" => port(value),
        "ct_state" => value.split('|').map(|name| u128::from(ct_bit(name))).sum(),
        _ => number(value),
    };
    packet.set(field, value);
}

fn port(text: &str) -> u128 {
    u128::from(if text == "LOCAL" { PortNo::LOCAL.0 } else { text.parse().unwrap() })
}

fn ct_bit(name: &str) -> u32 {
    match name {
        "new" => ct_state::NEW,
        "est" => ct_state::EST,
        "rel" => ct_state::REL,
        "rpl" => ct_state::RPL,
        "inv" => ct_state::INV,
        "trk" => ct_state::TRK,
        _ => panic!("unknown state {name}"),
    }
}

/// A number or an address.
pub fn number(text: &str) -> u128 {
    if let Some(hex) = text.strip_prefix("0x") {
        return u128::from_str_radix(hex, 16).unwrap();
    }
    if let Ok(mac) = text.parse::<Mac>() {
        return mac.0.iter().fold(0, |n, b| n << 8 | u128::from(*b));
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return u128::from(u32::from(address));
    }
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return u128::from(address);
    }
    text.parse().unwrap_or_else(|_| panic!("not a number: {text}"))
}
