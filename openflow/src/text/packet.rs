//! A packet as the flow it is: what `ovs-ofctl` shows of packets to and from the controller.

mod ip;
mod link;

use std::fmt::{self, Display, Formatter};

use super::fields::Key;
use super::list::List;
use super::matching::Slots;

/// The fields of a packet, such as `tcp,vlan_tci=0x0000,dl_src=…,tp_dst=80,tcp_flags=syn`, and its
/// checksum. What is cut off reads as zero.
pub struct Packet<'a>(pub &'a [u8]);

impl Display for Packet<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut flow = Flow::default();
        // what is too short ends the walk, and what was found stands
        let _ = link::ethernet(&mut Cursor(self.0), &mut flow);
        flow.fill();
        flow.slots.write(&mut List::new(f))?;
        match flow.checksum {
            Some((name, sum)) => write!(f, " {name}_csum:{sum:x}"),
            None => Ok(()),
        }
    }
}

/// What is found in a packet.
#[derive(Default)]
struct Flow<'a> {
    slots: Slots<'a>,
    eth_type: u16,
    nw_proto: Option<u8>,
    later_fragment: bool,
    checksum: Option<(&'static str, u32)>,
}

impl Flow<'_> {
    fn set(&mut self, id: Key, value: impl Into<u128>) {
        self.slots.exact(id, value);
    }

    /// Adds what a packet of this kind has and could not be read, as zero.
    fn fill(&mut self) {
        let link = [Key::EthSrc, Key::EthDst, Key::EthType, Key::VlanTci];
        self.zero(&link);
        match self.eth_type {
            link::IPV4 => self.zero(&[Key::NwSrc, Key::NwDst]),
            link::IPV6 => self.zero(&[Key::Ipv6Src, Key::Ipv6Dst, Key::Ipv6Label]),
            link::ARP | link::RARP => {
                self.zero(&[Key::ArpSpa, Key::ArpTpa, Key::ArpOp, Key::ArpSha, Key::ArpTha]);
            }
            _ => {}
        }
        if matches!(self.eth_type, link::IPV4 | link::IPV6) {
            self.zero(&[Key::NwProto, Key::IpDscp, Key::NwEcn, Key::NwTtl, Key::IpFrag]);
            self.fill_transport();
        }
    }

    fn fill_transport(&mut self) {
        if self.later_fragment {
            return;
        }
        match (self.eth_type, self.nw_proto) {
            (_, Some(ip::TCP)) => self.zero(&[Key::TcpSrc, Key::TcpDst, Key::TcpFlags]),
            (_, Some(ip::UDP | ip::SCTP)) => self.zero(&[Key::TcpSrc, Key::TcpDst]),
            (link::IPV4, Some(ip::ICMP)) => self.zero(&[Key::IcmpType, Key::IcmpCode]),
            (link::IPV6, Some(ip::ICMPV6)) => self.zero(&[Key::Icmpv6Type, Key::Icmpv6Code]),
            (_, Some(ip::ICMP | ip::ICMPV6 | ip::IGMP)) => self.zero(&[Key::TcpSrc, Key::TcpDst]),
            _ => {}
        }
    }

    fn zero(&mut self, ids: &[Key]) {
        for id in ids {
            if self.slots.get(*id).is_none() {
                self.set(*id, 0u8);
            }
        }
    }
}

/// The rest of a packet.
#[derive(Clone, Copy)]
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn skip(&mut self, n: usize) -> Option<()> {
        self.0 = self.0.get(n..)?;
        Some(())
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}
