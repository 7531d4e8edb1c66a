//! What packets of a connection have in common.

use crate::model::packet::Packet;
use crate::oxm::Field;

/// Addresses and ports of a direction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tuple {
    /// IP protocol.
    pub proto: u8,
    /// Whether it is IPv6.
    pub is_ipv6: bool,
    /// Source address, as a number.
    pub src: u128,
    /// Destination address, as a number.
    pub dst: u128,
    /// Source port; the identifier of ICMP, which the model takes to be 0.
    pub src_port: u16,
    /// Destination port, likewise.
    pub dst_port: u16,
}

impl Tuple {
    /// The tuple of a packet, if it is one that can be tracked.
    pub(in crate::model) fn of(packet: &Packet) -> Option<Self> {
        let [src, dst, src_port, dst_port] = Self::fields(packet)?;
        let proto = packet.get(Field::OXM_OF_IP_PROTO) as u8;
        let has_ports = !matches!(proto, 1 | 58);
        let port = |field| if has_ports { packet.get(field) as u16 } else { 0 };
        Some(Self {
            proto,
            is_ipv6: packet.has(Field::OXM_OF_IPV6_SRC),
            src: packet.get(src),
            dst: packet.get(dst),
            src_port: port(src_port),
            dst_port: port(dst_port),
        })
    }

    /// The fields of a packet that make up its tuple.
    pub(in crate::model) fn fields(packet: &Packet) -> Option<[Field; 4]> {
        let [src, dst] = match () {
            () if packet.has(Field::OXM_OF_IPV4_SRC) => [Field::OXM_OF_IPV4_SRC, Field::OXM_OF_IPV4_DST],
            () if packet.has(Field::OXM_OF_IPV6_SRC) => [Field::OXM_OF_IPV6_SRC, Field::OXM_OF_IPV6_DST],
            () => return None,
        };
        let [src_port, dst_port] = match packet.get(Field::OXM_OF_IP_PROTO) {
            6 => [Field::OXM_OF_TCP_SRC, Field::OXM_OF_TCP_DST],
            17 => [Field::OXM_OF_UDP_SRC, Field::OXM_OF_UDP_DST],
            132 => [Field::OXM_OF_SCTP_SRC, Field::OXM_OF_SCTP_DST],
            1 => [Field::OXM_OF_ICMPV4_TYPE, Field::OXM_OF_ICMPV4_CODE],
            58 => [Field::OXM_OF_ICMPV6_TYPE, Field::OXM_OF_ICMPV6_CODE],
            _ => return None,
        };
        let whole = packet.get(Field::NXM_NX_IP_FRAG) == 0;
        whole.then_some([src, dst, src_port, dst_port])
    }

    /// The other direction.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self { src: self.dst, dst: self.src, src_port: self.dst_port, dst_port: self.src_port, ..self.clone() }
    }

    pub(super) fn has_ports(&self) -> bool {
        !matches!(self.proto, 1 | 58)
    }

    /// Puts addresses and ports into a packet.
    pub(super) fn store(&self, packet: &mut Packet) {
        let Some([src, dst, src_port, dst_port]) = Self::fields(packet) else { return };
        packet.set(src, self.src);
        packet.set(dst, self.dst);
        if self.has_ports() {
            packet.set(src_port, u128::from(self.src_port));
            packet.set(dst_port, u128::from(self.dst_port));
        }
    }

    /// Puts them into the fields that keep the original direction.
    pub(super) fn store_original(&self, packet: &mut Packet) {
        let [src, dst] = match self.is_ipv6 {
            true => [Field::NXM_NX_CT_IPV6_SRC, Field::NXM_NX_CT_IPV6_DST],
            false => [Field::NXM_NX_CT_NW_SRC, Field::NXM_NX_CT_NW_DST],
        };
        packet.set(src, self.src);
        packet.set(dst, self.dst);
        packet.set(Field::NXM_NX_CT_NW_PROTO, u128::from(self.proto));
        let ports = if self.has_ports() { [self.src_port, self.dst_port] } else { icmp(packet) };
        packet.set(Field::NXM_NX_CT_TP_SRC, u128::from(ports[0]));
        packet.set(Field::NXM_NX_CT_TP_DST, u128::from(ports[1]));
    }
}

/// Type and code stand where ports do.
fn icmp(packet: &Packet) -> [u16; 2] {
    let Some([.., kind, code]) = Tuple::fields(packet) else { return [0, 0] };
    [packet.get(kind) as u16, packet.get(code) as u16]
}
