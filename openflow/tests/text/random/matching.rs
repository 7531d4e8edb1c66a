//! Random matches.

use openflow::types::PortNo;
use openflow::{Field, Match, Oxm};

use super::Rng;

/// What there is to mask.
#[derive(Clone, Copy, PartialEq)]
pub enum Masks {
    None,
    Any,
}

fn bytes(value: u128, size: usize) -> Vec<u8> {
    value.to_be_bytes()[16 - size..].to_vec()
}

pub fn field_of(rng: &mut Rng, field: Field, masks: Masks) -> Oxm {
    let info = field.info().expect("named");
    let size = usize::from(info.size);
    let value = rng.number(info.bits);
    if masks == Masks::Any && rng.one_in(2) {
        let mask = rng.number(info.bits).max(1);
        return Oxm::from_bytes(field, &bytes(value & mask, size), Some(&bytes(mask, size))).expect("sizes");
    }
    Oxm::from_bytes(field, &bytes(value, size), None).expect("sizes")
}

fn maybe(rng: &mut Rng, m: Match, field: Field, masks: Masks, odds: u64) -> Match {
    if rng.one_in(odds) { m.with(field_of(rng, field, masks)) } else { m }
}

/// Fields that need nothing else.
const FREE: &[(Field, Masks)] = &[
    (Field::OXM_OF_METADATA, Masks::Any),
    (Field::NXM_NX_PKT_MARK, Masks::Any),
    (Field::NXM_NX_DP_HASH, Masks::Any),
    (Field::NXM_NX_RECIRC_ID, Masks::None),
    (Field::NXM_NX_CONJ_ID, Masks::None),
    (Field::NXM_NX_CT_ZONE, Masks::None),
    (Field::NXM_NX_CT_MARK, Masks::Any),
    (Field::NXM_NX_CT_LABEL, Masks::Any),
    (Field::OXM_OF_TUNNEL_ID, Masks::Any),
    (Field::NXM_NX_TUN_IPV4_SRC, Masks::Any),
    (Field::NXM_NX_TUN_IPV4_DST, Masks::Any),
    (Field::NXM_NX_TUN_IPV6_SRC, Masks::Any),
    (Field::NXM_NX_TUN_GBP_ID, Masks::Any),
    (Field::NXM_NX_TUN_GBP_FLAGS, Masks::Any),
    (Field::NXM_NX_TUN_FLAGS, Masks::Any),
    (Field::NXOXM_ET_GTPU_FLAGS, Masks::Any),
    (Field::NXOXM_ET_GTPU_MSGTYPE, Masks::Any),
    (Field::NXOXM_ET_ERSPAN_VER, Masks::None),
    (Field::NXOXM_ET_ERSPAN_IDX, Masks::Any),
    (Field::NXOXM_ET_ERSPAN_HWID, Masks::Any),
    (Field::OXM_OF_ETH_SRC, Masks::Any),
    (Field::OXM_OF_ETH_DST, Masks::Any),
];

/// A match with all its prerequisites.
pub fn matching(rng: &mut Rng) -> Match {
    let mut m = Match::new();
    for (field, masks) in FREE {
        m = maybe(rng, m, *field, *masks, 18);
    }
    if rng.one_in(3) {
        m = m.in_port(PortNo(rng.pick(&[1, 2, 7, 0xfeff, 0xffff_fffe, 0xffff_fffd])));
    }
    if rng.one_in(12) {
        let port = rng.pick(&[1_u32, 0xffff_fff7, 0xffff_fffd]);
        m = m.with(Oxm::new(Field::ONFOXM_ET_ACTSET_OUTPUT, port));
    }
    m = registers(rng, m);
    m = vlan(rng, m);
    if rng.one_in(6) {
        m = m.with(tun_metadata(rng));
    }
    if rng.one_in(5) {
        let mask = (rng.number(8) as u32).max(1);
        let value = rng.number(8) as u32 & mask;
        // tracked goes with any other bit
        m = m.ct_state(value | 0x20, mask | 0x20);
    }
    match rng.below(8) {
        0 | 1 => ipv4(rng, m),
        2 | 3 => ipv6(rng, m),
        4 => arp(rng, m),
        5 => mpls(rng, m),
        6 => {
            let kind = rng.pick(&[0x88cc, 0x0600, 0x8035, 0x86dd, 0x0800, 0x1234]);
            m.eth_type(kind)
        }
        _ => m,
    }
}

fn registers(rng: &mut Rng, mut m: Match) -> Match {
    if rng.one_in(8) {
        return m.with(field_of(rng, Field::xxreg(1), Masks::Any));
    }
    if rng.one_in(8) {
        return m.with(field_of(rng, Field::OXM_OF_PKT_REG6, Masks::Any));
    }
    for n in 0..16 {
        m = maybe(rng, m, Field::reg(n), Masks::Any, 12);
    }
    m
}

fn vlan(rng: &mut Rng, m: Match) -> Match {
    let vid = rng.below(4096) as u16;
    match rng.below(10) {
        0 => m.vlan_none(),
        1 => m.vlan_vid(vid),
        2 => m.vlan_vid(vid).vlan_pcp(rng.below(8) as u8),
        3 => {
            let mask = rng.number(12) as u16;
            m.vlan_vid_masked(0x1000 | vid & mask, 0x1000 | mask)
        }
        4 => {
            let mask = rng.pick(&[0xffff, 0x1fff, 0xf000, 0x0fff, 0x1000, 0x10f0]);
            m.with(Oxm::masked(Field::NXM_OF_VLAN_TCI, (vid | 0x7000) & mask, mask))
        }
        _ => m,
    }
}

fn tun_metadata(rng: &mut Rng) -> Oxm {
    let field = Field::tun_metadata(rng.below(64) as u8);
    let size = 4 * (1 + rng.below(6)) as usize;
    let value: Vec<u8> = (0..size).map(|_| rng.number(8) as u8).collect();
    if rng.one_in(2) {
        return Oxm::from_bytes(field, &value, None).expect("sizes");
    }
    let mask: Vec<u8> = (0..size).map(|_| rng.number(8) as u8).collect();
    let value: Vec<u8> = value.iter().zip(&mask).map(|(v, m)| v & m).collect();
    Oxm::from_bytes(field, &value, Some(&mask)).expect("sizes")
}

fn ip_common(rng: &mut Rng, mut m: Match) -> Match {
    for field in [Field::OXM_OF_IP_DSCP, Field::OXM_OF_IP_ECN, Field::NXM_NX_IP_TTL] {
        m = maybe(rng, m, field, Masks::None, 6);
    }
    let (value, mask) = rng.pick(&[(0, 3), (1, 3), (3, 3), (0, 1), (1, 1), (0, 2), (2, 2)]);
    if rng.one_in(6) { m.ip_frag_masked(value, mask) } else { m }
}

fn ports(rng: &mut Rng, m: Match, fields: [Field; 2]) -> Match {
    let m = maybe(rng, m, fields[0], Masks::Any, 2);
    maybe(rng, m, fields[1], Masks::Any, 2)
}

fn transport(rng: &mut Rng, m: Match, icmp: (u8, [Field; 2])) -> Match {
    match rng.below(7) {
        0 => {
            let m = ports(rng, m.ip_proto(6), [Field::OXM_OF_TCP_SRC, Field::OXM_OF_TCP_DST]);
            maybe(rng, m, Field::ONFOXM_ET_TCP_FLAGS, Masks::Any, 3)
        }
        1 => ports(rng, m.ip_proto(17), [Field::OXM_OF_UDP_SRC, Field::OXM_OF_UDP_DST]),
        2 => ports(rng, m.ip_proto(132), [Field::OXM_OF_SCTP_SRC, Field::OXM_OF_SCTP_DST]),
        3 => {
            let m = maybe(rng, m.ip_proto(icmp.0), icmp.1[0], Masks::None, 2);
            maybe(rng, m, icmp.1[1], Masks::None, 2)
        }
        4 => m.ip_proto(rng.pick(&[2, 47, 58, 1, 0, 255])),
        _ => m,
    }
}

fn conntrack(rng: &mut Rng, m: Match, src: Field, dst: Field) -> Match {
    let tracked = m.get(Field::NXM_NX_CT_STATE).is_some();
    if !tracked || rng.one_in(2) {
        return m;
    }
    let m = maybe(rng, m, src, Masks::Any, 2);
    let m = maybe(rng, m, dst, Masks::Any, 2);
    if rng.one_in(2) {
        return m;
    }
    let m = m.ct_nw_proto(6);
    let m = maybe(rng, m, Field::NXM_NX_CT_TP_SRC, Masks::Any, 2);
    maybe(rng, m, Field::NXM_NX_CT_TP_DST, Masks::Any, 2)
}

fn ipv4(rng: &mut Rng, m: Match) -> Match {
    let m = m.eth_type(0x0800);
    let m = maybe(rng, m, Field::OXM_OF_IPV4_SRC, Masks::Any, 2);
    let m = maybe(rng, m, Field::OXM_OF_IPV4_DST, Masks::Any, 2);
    let m = conntrack(rng, m, Field::NXM_NX_CT_NW_SRC, Field::NXM_NX_CT_NW_DST);
    let m = ip_common(rng, m);
    transport(rng, m, (1, [Field::OXM_OF_ICMPV4_TYPE, Field::OXM_OF_ICMPV4_CODE]))
}

fn ipv6(rng: &mut Rng, m: Match) -> Match {
    let m = m.eth_type(0x86dd);
    let m = maybe(rng, m, Field::OXM_OF_IPV6_SRC, Masks::Any, 2);
    let m = maybe(rng, m, Field::OXM_OF_IPV6_DST, Masks::Any, 2);
    let m = maybe(rng, m, Field::OXM_OF_IPV6_FLABEL, Masks::Any, 4);
    let m = conntrack(rng, m, Field::NXM_NX_CT_IPV6_SRC, Field::NXM_NX_CT_IPV6_DST);
    let m = ip_common(rng, m);
    if rng.one_in(6) {
        return neighbour(rng, m.ip_proto(58));
    }
    transport(rng, m, (58, [Field::OXM_OF_ICMPV6_TYPE, Field::OXM_OF_ICMPV6_CODE]))
}

fn neighbour(rng: &mut Rng, m: Match) -> Match {
    let solicit = rng.one_in(2);
    let m = m.icmpv6_type(if solicit { 135 } else { 136 }).icmpv6_code(0);
    let m = maybe(rng, m, Field::OXM_OF_IPV6_ND_TARGET, Masks::Any, 2);
    let link = if solicit { Field::OXM_OF_IPV6_ND_SLL } else { Field::OXM_OF_IPV6_ND_TLL };
    maybe(rng, m, link, Masks::Any, 2)
}

fn arp(rng: &mut Rng, m: Match) -> Match {
    let m = m.eth_type(rng.pick(&[0x0806, 0x8035]));
    let m = if rng.one_in(2) { m.arp_op(rng.below(256) as u16) } else { m };
    let m = maybe(rng, m, Field::OXM_OF_ARP_SPA, Masks::Any, 2);
    let m = maybe(rng, m, Field::OXM_OF_ARP_TPA, Masks::Any, 2);
    let m = maybe(rng, m, Field::OXM_OF_ARP_SHA, Masks::Any, 2);
    maybe(rng, m, Field::OXM_OF_ARP_THA, Masks::Any, 2)
}

fn mpls(rng: &mut Rng, mut m: Match) -> Match {
    m = m.eth_type(rng.pick(&[0x8847, 0x8848]));
    for field in [Field::OXM_OF_MPLS_LABEL, Field::OXM_OF_MPLS_TC, Field::NXM_NX_MPLS_TTL, Field::OXM_OF_MPLS_BOS] {
        m = maybe(rng, m, field, Masks::None, 2);
    }
    m
}
