//! Nicira: roles, formats, tunnel options, conntrack, IPFIX.

use std::fmt::{self, Display, Formatter};
use std::net::Ipv6Addr;

use crate::msg::nicira::{
    AsyncConfig2, CtFlush, CtFlushProperty, IpfixStats, NxRole, TlvMap, TlvTableMod, TlvTableReply, Tuple,
    TupleProperty,
};
use crate::text::list::List;
use crate::text::number::Hex;
use crate::text::switch;

/// Nicira counts the roles of OpenFlow from one less.
pub(super) fn role(m: &NxRole, f: &mut Formatter<'_>) -> fmt::Result {
    match m.role.0 {
        0 => f.write_str(" role=equal"),
        1 => f.write_str(" role=primary"),
        2 => f.write_str(" role=secondary"),
        other => write!(f, " role={other}"),
    }
}

pub(super) fn packet_in_format(format: u32, f: &mut Formatter<'_>) -> fmt::Result {
    match format {
        0 => f.write_str(" format=standard"),
        1 => f.write_str(" format=nxt_packet_in"),
        2 => f.write_str(" format=nxt_packet_in2"),
        0xffff => f.write_str(" format=standard"),
        other => write!(f, " format={other}"),
    }
}

/// The properties go by pairs: that of the slave, then that of the master.
pub(super) fn async_config2(m: &AsyncConfig2, f: &mut Formatter<'_>) -> fmt::Result {
    let mut masks = [[0; 6]; 2];
    for property in &m.properties {
        let (kind, is_slave) = (usize::from(property.kind / 2), property.kind % 2 == 0);
        let mask = property.data.iter().fold(0, |n, b| n << 8 | u32::from(*b));
        let role = masks.get_mut(usize::from(is_slave));
        if let Some(slot) = role.and_then(|role| role.get_mut(kind)) {
            *slot = mask;
        }
    }
    switch::events(masks, f)
}

pub(super) fn tlv_table_mod(m: &TlvTableMod, f: &mut Formatter<'_>) -> fmt::Result {
    match m.command {
        0 => f.write_str("\n ADD ")?,
        1 => f.write_str("\n DEL ")?,
        2 => return f.write_str("\n CLEAR"),
        other => write!(f, "\n cmd:{other} ")?,
    }
    maps(&m.maps, f)
}

pub(super) fn tlv_table_reply(m: &TlvTableReply, f: &mut Formatter<'_>) -> fmt::Result {
    let used: u32 = m.maps.iter().map(|map| u32::from(map.option_len)).sum();
    write!(f, "\n max option space={} max fields={}\n", m.max_option_space, m.max_fields)?;
    write!(f, " allocated option space={used}\n\n ")?;
    maps(&m.maps, f)
}

fn maps(maps: &[TlvMap], f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("mapping table:\n  class  type  length  match field\n ------  ----  ------  --------------")?;
    for map in maps {
        let class = Hex(u128::from(map.option_class)).to_string();
        let kind = Hex(u128::from(map.option_type)).to_string();
        write!(f, "\n {class:>6}  {kind:>4}  {:>6}  tun_metadata{}", map.option_len, map.index)?;
    }
    Ok(())
}

pub(super) fn ct_flush(m: &CtFlush, f: &mut Formatter<'_>) -> fmt::Result {
    let zone = m.properties.iter().find_map(|p| match p {
        CtFlushProperty::ZoneId(zone) => Some(zone.value),
        _ => None,
    });
    write!(f, " zone={}", zone.unwrap_or(0))?;
    let orig = m.properties.iter().find_map(|p| if let CtFlushProperty::OrigTuple(t) = p { Some(t) } else { None });
    let reply = m.properties.iter().find_map(|p| if let CtFlushProperty::ReplyTuple(t) = p { Some(t) } else { None });
    let v4 = [orig, reply].into_iter().flatten().flat_map(|t| &t.tuple).any(is_ipv4);
    let text = |tuple, with_proto| TupleText { tuple, proto: m.ip_proto, v4, with_proto };
    write!(f, " '{}' '{}'", text(orig, true), text(reply, false))
}

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

fn is_ipv4(property: &TupleProperty) -> bool {
    let (TupleProperty::Src(address) | TupleProperty::Dst(address)) = property else { return false };
    let bytes: Option<&[u8; 16]> = address.first_chunk();
    bytes.is_some_and(|b| Ipv6Addr::from(*b).to_ipv4_mapped().is_some())
}

/// A tuple as fields of the conntrack.
struct TupleText<'a> {
    tuple: Option<&'a Tuple>,
    proto: u8,
    /// Whether any address of the request is one of IPv4.
    v4: bool,
    with_proto: bool,
}

impl Display for TupleText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (mut src, mut dst) = ([0; 16], [0; 16]);
        let (mut ports, mut icmp) = ([0; 2], [0; 3]);
        for property in self.tuple.iter().flat_map(|t| &t.tuple) {
            match property {
                TupleProperty::Src(address) => src = address.first_chunk().copied().unwrap_or_default(),
                TupleProperty::Dst(address) => dst = address.first_chunk().copied().unwrap_or_default(),
                TupleProperty::SrcPort(port) => ports = [*port, ports[1]],
                TupleProperty::DstPort(port) => ports = [ports[0], *port],
                TupleProperty::IcmpId(id) => icmp = [*id, icmp[1], icmp[2]],
                TupleProperty::IcmpType(kind) => icmp = [icmp[0], u16::from(*kind), icmp[2]],
                TupleProperty::IcmpCode(code) => icmp = [icmp[0], icmp[1], u16::from(*code)],
            }
        }
        let (src, dst) = (Ipv6Addr::from(src), Ipv6Addr::from(dst));
        let family = if self.v4 { "ct_nw" } else { "ct_ipv6" };
        let mut list = List::new(f);
        list.item(format_args!("{family}_src={}", Address(src)))?;
        list.item(format_args!("{family}_dst={}", Address(dst)))?;
        if matches!(self.proto, ICMP | ICMPV6) {
            let [id, kind, code] = icmp;
            list.item(format_args!("icmp_id={id},icmp_type={kind},icmp_code={code}"))?;
        } else {
            let [from, to] = ports;
            list.item(format_args!("ct_tp_src={from},ct_tp_dst={to}"))?;
        }
        list.item_if(self.with_proto && self.proto != 0, format_args!("ct_nw_proto={}", self.proto))
    }
}

/// An address, of IPv4 if it is mapped.
struct Address(Ipv6Addr);

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.to_ipv4_mapped() {
            Some(v4) => write!(f, "{v4}"),
            None => write!(f, "{}", self.0),
        }
    }
}

pub(super) fn ipfix_bridge(stats: &[IpfixStats], f: &mut Formatter<'_>) -> fmt::Result {
    stats.iter().try_for_each(|s| {
        f.write_str("\n  bridge ipfix: ")?;
        ipfix(s, "                ", f)
    })
}

pub(super) fn ipfix_flow(stats: &[IpfixStats], f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, " {} ids", stats.len())?;
    stats.iter().try_for_each(|s| {
        write!(f, "\n  id   {}: ", s.collector_set_id)?;
        ipfix(s, "            ", f)
    })
}

fn ipfix(s: &IpfixStats, indent: &str, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "flows={}, current flows={}, sampled pkts={}, ", s.total_flows, s.current_flows, s.pkts)?;
    write!(f, "ipv4 ok={}, ipv6 ok={}, tx pkts={}\n{indent}", s.ipv4_pkts, s.ipv6_pkts, s.tx_pkts)?;
    write!(f, "pkts errs={}, ipv4 errs={}, ipv6 errs={}, ", s.error_pkts, s.ipv4_error_pkts, s.ipv6_error_pkts)?;
    write!(f, "tx errs={}", s.tx_errors)
}
