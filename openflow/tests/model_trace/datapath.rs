//! Datapath actions: carried out on a packet, they show how it is where it goes.

use openflow::Field;
use openflow::model::Packet;

use super::actual::number;

/// What the datapath actions do, in order, with the headers as they are there.
pub fn effects(start: &Packet, actions: &str) -> Vec<String> {
    let mut effects = Vec::new();
    let tags = match start.get(Field::NXM_OF_VLAN_TCI) {
        0 => Vec::new(),
        tci => vec![tci],
    };
    run(&mut State { packet: start.clone(), tags }, actions, &mut effects);
    effects
}

#[derive(Clone)]
struct State {
    packet: Packet,
    /// From the inside.
    tags: Vec<u128>,
}

impl State {
    fn headers(&self) -> String {
        let outermost = self.tags.last().copied().unwrap_or(0);
        let mut packet = self.packet.clone();
        packet.set(Field::NXM_OF_VLAN_TCI, outermost);
        headers(&packet)
    }
}

fn run(state: &mut State, actions: &str, effects: &mut Vec<String>) {
    for action in split(actions) {
        let (name, inner) = call(action);
        match name {
            "drop" | "recirc" | "ct_clear" => {}
            "set" => set(state, inner),
            "push_vlan" => {
                let value = |key| split(inner).into_iter().find_map(|p| p.strip_prefix(key)).map_or(0, number);
                state.tags.push(0x1000 | value("vid=") | value("pcp=") << 13);
            }
            "pop_vlan" => drop(state.tags.pop()),
            "ct" => {
                let zone = split(inner).into_iter().find_map(|p| p.strip_prefix("zone=")).unwrap_or("0");
                effects.push(format!("ct {zone} {}", state.headers()));
            }
            "clone" => run(&mut state.clone(), inner, effects),
            "userspace" => {
                let controller = split(inner).into_iter().map(call).find(|(name, _)| *name == "controller");
                let reason = split(controller.unwrap().1).into_iter().find_map(|p| p.strip_prefix("reason="));
                effects.push(format!("controller {} {}", reason.unwrap(), state.headers()));
            }
            "100" => effects.push(format!("LOCAL {}", state.headers())),
            port if port.parse::<u32>().is_ok() => effects.push(format!("{port} {}", state.headers())),
            _ => panic!("unknown datapath action {action} in {actions}"),
        }
    }
}

fn set(state: &mut State, inner: &str) {
    let (header, values) = call(inner);
    for value in split(values) {
        let (key, value) = value.split_once('=').unwrap_or((value, "0"));
        let (value, mask) = value.split_once('/').map_or((value, None), |(v, m)| (v, Some(m)));
        let fields: &[Field] = match (header, key) {
            ("eth", "src") => &[Field::OXM_OF_ETH_SRC],
            ("eth", "dst") => &[Field::OXM_OF_ETH_DST],
            ("ipv4", "src") => &[Field::OXM_OF_IPV4_SRC],
            ("ipv4", "dst") => &[Field::OXM_OF_IPV4_DST],
            ("ipv4", "ttl") | ("ipv6", "hlimit") => &[Field::NXM_NX_IP_TTL],
            ("ipv4", "tos") | ("ipv6", "tclass") => &[Field::NXM_OF_IP_TOS, Field::OXM_OF_IP_ECN],
            ("ipv6", "src") => &[Field::OXM_OF_IPV6_SRC],
            ("ipv6", "dst") => &[Field::OXM_OF_IPV6_DST],
            ("tcp", "src") => &[Field::OXM_OF_TCP_SRC],
            ("tcp", "dst") => &[Field::OXM_OF_TCP_DST],
            ("udp", "src") => &[Field::OXM_OF_UDP_SRC],
            ("udp", "dst") => &[Field::OXM_OF_UDP_DST],
            ("arp", "sip") => &[Field::OXM_OF_ARP_SPA],
            ("arp", "tip") => &[Field::OXM_OF_ARP_TPA],
            ("arp", "op") => &[Field::OXM_OF_ARP_OP],
            ("arp", "sha") => &[Field::OXM_OF_ARP_SHA],
            ("arp", "tha") => &[Field::OXM_OF_ARP_THA],
            ("skb_mark" | "tunnel", _) => &[],
            _ => panic!("unknown set({inner})"),
        };
        for field in fields {
            let mask = mask.map_or(u128::MAX, number);
            // the two fields that share a byte are set where the mask has them
            let (value, mask) = match *field {
                Field::NXM_OF_IP_TOS => (number(value) & 0xfc, mask & 0xfc),
                Field::OXM_OF_IP_ECN => (number(value) & 3, mask & 3),
                _ => (number(value), mask),
            };
            let old = state.packet.get(*field);
            state.packet.set(*field, (old & !mask) | (value & mask));
        }
    }
}

/// The headers that leave the switch.
pub fn headers(packet: &Packet) -> String {
    let fields = [
        Field::OXM_OF_ETH_SRC,
        Field::OXM_OF_ETH_DST,
        Field::NXM_OF_VLAN_TCI,
        Field::OXM_OF_IPV4_SRC,
        Field::OXM_OF_IPV4_DST,
        Field::OXM_OF_IPV6_SRC,
        Field::OXM_OF_IPV6_DST,
        Field::NXM_OF_IP_TOS,
        Field::OXM_OF_IP_ECN,
        Field::NXM_NX_IP_TTL,
        Field::OXM_OF_TCP_SRC,
        Field::OXM_OF_TCP_DST,
        Field::OXM_OF_UDP_SRC,
        Field::OXM_OF_UDP_DST,
        Field::OXM_OF_ARP_OP,
        Field::OXM_OF_ARP_SPA,
        Field::OXM_OF_ARP_TPA,
        Field::OXM_OF_ARP_SHA,
        Field::OXM_OF_ARP_THA,
    ];
    let known = fields.into_iter().map(|f| (f, packet.get(f))).filter(|(_, value)| *value != 0);
    known.map(|(field, value)| format!("{}={value:x}", &field.name().unwrap()[7..])).collect::<Vec<_>>().join(",")
}

/// `name(inner)` in parts.
fn call(text: &str) -> (&str, &str) {
    match text.split_once('(') {
        Some((name, inner)) => (name, inner.strip_suffix(')').unwrap_or(inner)),
        None => (text, ""),
    }
}

/// At commas that are not in parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[from..i]);
                from = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts.retain(|part| !part.is_empty());
    parts
}
