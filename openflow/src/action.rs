//! Actions: what is done with a packet (section 7.2.4, and ovs-actions(7) for the Nicira ones).
//!
//! Each action is declared once below, with its number and its layout. Those with a list or
//! optional parts have a structure of their own in the modules beside.

mod build;
mod bundle;
mod canonical;
mod controller;
mod ct;
mod declare;
mod encap;
mod learn;
mod parts;

pub use bundle::{Bundle, MemberType};
pub use canonical::canonical;
pub use controller::{Controller2, ControllerProperty};
pub use ct::{Ct, CtFlags, CtZone, Nat, NatFlags};
pub use encap::{Encap, EncapProperty};
pub use learn::{Learn, Learn2, LearnDst, LearnFlags, LearnSpec, LearnSrc};
pub use parts::{BitRange, DecTtlCntIds, DeleteField, Subfield};

use declare::actions;

use crate::error::DecodeErrorKind;
use crate::oxm::field::{NICIRA, ONF};
use crate::oxm::{Oxm, OxmId};
use crate::types::{Blob, GroupId, PortNo, QueueId, TableId};
use crate::wire::{Reader, Result, Wire, Writer, count_by_length};

/// The action type of experimenters.
const EXPERIMENTER: u16 = 0xffff;

/// The ONF experimenter action that copies a field.
const ONF_COPY_FIELD: u16 = 3200;
/// The action of OpenFlow 1.5 that does the same.
const COPY_FIELD: u16 = 28;

/// Type, and room for the length.
fn header(kind: u16) -> [u8; 4] {
    let [a, b] = kind.to_be_bytes();
    [a, b, 0, 0]
}

fn nicira_header(subtype: u16) -> [u8; 10] {
    let [a, b] = subtype.to_be_bytes();
    [0xff, 0xff, 0, 0, 0, 0, 0x23, 0x20, a, b]
}

actions! {
    plain {
        /// Copies the TTL outwards.
        11 CopyTtlOut;
        /// Copies the TTL inwards.
        12 CopyTtlIn;
        /// Takes one from the MPLS TTL.
        16 DecMplsTtl;
        /// Removes the outermost VLAN tag.
        18 PopVlan;
        /// Takes one from the IP TTL or hop limit.
        24 DecNwTtl;
        /// Removes the outermost PBB tag.
        27 PopPbb;
    }
    standard {
        /// Sends the packet out.
        0 Output "output action" {
            /// By this port.
            port: PortNo;
            /// Bytes of it, if the port is the controller.
            max_len: u16, pad 6;
        }
        /// Sets the MPLS TTL.
        15 SetMplsTtl "set_mpls_ttl action" {
            /// The TTL.
            mpls_ttl: u8, pad 3;
        }
        /// Adds a VLAN tag.
        17 PushVlan "push_vlan action" {
            /// Its Ethernet type.
            ethertype: u16, pad 2;
        }
        /// Adds an MPLS label.
        19 PushMpls "push_mpls action" {
            /// The Ethernet type from then on.
            ethertype: u16, pad 2;
        }
        /// Removes the outermost MPLS label.
        20 PopMpls "pop_mpls action" {
            /// The Ethernet type from then on.
            ethertype: u16, pad 2;
        }
        /// Sets the queue for the output.
        21 SetQueue "set_queue action" {
            /// The queue.
            queue_id: QueueId;
        }
        /// Hands the packet to a group.
        22 Group "group action" {
            /// The group.
            group_id: GroupId;
        }
        /// Sets the IP TTL or hop limit.
        23 SetNwTtl "set_nw_ttl action" {
            /// The TTL.
            nw_ttl: u8, pad 3;
        }
        /// Sets a field.
        25 SetField "set_field action" {
            /// Field and value; Open vSwitch takes a mask, too.
            field: Oxm;
        }
        /// Adds a PBB tag.
        26 PushPbb "push_pbb action" {
            /// Its Ethernet type.
            ethertype: u16, pad 2;
        }
    }
    nicira_plain {
        /// Back to the queue before `SetQueue`.
        5 NxPopQueue;
        /// Ends the actions of the packet.
        17 NxExit;
        /// Forgets what the conntrack said.
        43 NxCtClear;
        /// Takes one from the NSH TTL.
        48 NxDecNshTtl;
    }
    nicira {
        /// Looks the packet up again in this table.
        1 NxResubmit {
            /// As if it came in by this port (OpenFlow 1.0 number; `0xfff8` keeps the port).
            in_port: u16, pad 4;
        }
        /// Sets the tunnel id.
        2 NxSetTunnel pad 2 {
            /// The id.
            tun_id: u32;
        }
        /// Copies bits from one field to another.
        6 NxRegMove {
            /// How many bits.
            n_bits: u16;
            /// First bit in the source.
            src_ofs: u16;
            /// First bit in the destination.
            dst_ofs: u16;
            /// From where.
            src: OxmId;
            /// To where.
            dst: OxmId;
        }
        /// Sets bits of a field.
        7 NxRegLoad {
            /// Which bits.
            #[cfg_attr(feature = "json", serde(flatten))]
            bits: BitRange;
            /// Of which field.
            dst: OxmId;
            /// To what.
            value: u64;
        }
        /// Does nothing; carries bytes.
        8 NxNote {
            /// All bytes to the end of the action.
            note: Blob;
        }
        /// Sets the tunnel id.
        9 NxSetTunnel64 pad 6 {
            /// The id.
            tun_id: u64;
        }
        /// Hashes fields to choose a link.
        10 NxMultipath {
            /// Which fields are hashed.
            fields: u16;
            /// Mixed into the hash.
            basis: u16, pad 2;
            /// How the link follows from the hash.
            algorithm: u16;
            /// The highest link.
            max_link: u16;
            /// An argument of the algorithm.
            arg: u32, pad 2;
            /// Where the link is stored.
            #[cfg_attr(feature = "json", serde(flatten))]
            bits: BitRange;
            /// In which field.
            dst: OxmId;
        }
        /// Looks the packet up in another table.
        14 NxResubmitTable {
            /// As if it came in by this port (OpenFlow 1.0 number; `0xfff8` keeps the port).
            in_port: u16;
            /// The table; 255 is this one.
            table_id: TableId, pad 3;
        }
        /// The same with source and destination as in the conntrack's original direction.
        44 NxResubmitTableCt {
            /// As if it came in by this port (OpenFlow 1.0 number; `0xfff8` keeps the port).
            in_port: u16;
            /// The table; 255 is this one.
            table_id: TableId, pad 3;
        }
        /// Sends the packet to the port that a field names.
        15 NxOutputReg {
            /// The bits of the field.
            #[cfg_attr(feature = "json", serde(flatten))]
            bits: BitRange;
            /// The field.
            src: OxmId;
            /// Bytes of the packet, if the port is the controller.
            max_len: u16, pad 6;
        }
        /// Sets the timeouts of the flow when a TCP connection ends.
        19 NxFinTimeout {
            /// Idle timeout from then on, in seconds.
            fin_idle_timeout: u16;
            /// Hard timeout from then on, in seconds.
            fin_hard_timeout: u16, pad 2;
        }
        /// Sends the packet to one controller.
        20 NxController {
            /// Bytes of the packet.
            max_len: u16;
            /// Which controller.
            controller_id: u16;
            /// Why.
            reason: u8, pad 1;
        }
        /// Sets bits of the metadata.
        22 NxWriteMetadata pad 6 {
            /// The value.
            metadata: u64;
            /// The bits that are set.
            metadata_mask: u64;
        }
        /// Pushes bits of a field on the stack.
        27 NxStackPush {
            /// First bit.
            ofs: u16;
            /// The field.
            field: OxmId;
            /// How many bits.
            n_bits: u16;
        }
        /// Pops bits of a field off the stack.
        28 NxStackPop {
            /// First bit.
            ofs: u16;
            /// The field.
            field: OxmId;
            /// How many bits.
            n_bits: u16;
        }
        /// Samples packets for IPFIX.
        29 NxSample {
            /// Out of 65,535.
            probability: u16;
            /// Which set of collectors.
            collector_set_id: u32;
            /// Observation domain.
            obs_domain_id: u32;
            /// Observation point.
            obs_point_id: u32;
        }
        /// Sends the packet to the port that a field of any class names.
        32 NxOutputReg2 {
            /// The bits of the field.
            #[cfg_attr(feature = "json", serde(flatten))]
            bits: BitRange;
            /// Bytes of the packet, if the port is the controller.
            max_len: u16;
            /// The field.
            src: OxmId;
        }
        /// Sets a field, maybe with a mask.
        33 NxRegLoad2 {
            /// Field and value.
            field: Oxm;
        }
        /// Is one clause of a conjunction.
        34 NxConjunction {
            /// Which clause, from 0.
            clause: u8;
            /// Of how many.
            n_clauses: u8;
            /// Of which conjunction.
            id: u32;
        }
        /// Samples packets for IPFIX on a port.
        38 NxSample2 {
            /// Out of 65,535.
            probability: u16;
            /// Which set of collectors.
            collector_set_id: u32;
            /// Observation domain.
            obs_domain_id: u32;
            /// Observation point.
            obs_point_id: u32;
            /// The port.
            sampling_port: u16, pad 6;
        }
        /// Sends the first bytes of the packet.
        39 NxOutputTrunc {
            /// To this port (OpenFlow 1.0 number).
            port: u16;
            /// This many bytes.
            max_len: u32;
        }
        /// Samples packets for IPFIX on a port and direction.
        41 NxSample3 {
            /// Out of 65,535.
            probability: u16;
            /// Which set of collectors.
            collector_set_id: u32;
            /// Observation domain.
            obs_domain_id: u32;
            /// Observation point.
            obs_point_id: u32;
            /// The port.
            sampling_port: u16;
            /// 0 is by the flow, 1 in, 2 out.
            direction: u8, pad 5;
        }
        /// Does actions on a copy of the packet.
        42 NxClone pad 6 {
            /// The actions.
            actions: Vec<Action>;
        }
        /// Removes the outermost header.
        47 NxDecap pad 2 {
            /// What the packet is from then on; `0xfffe0000` for as the header says.
            new_packet_type: u32;
        }
        /// Compares the length of the packet.
        49 NxCheckPktLarger {
            /// Bytes it may have.
            pkt_len: u16;
            /// The bit that is set if it has more.
            ofs: u16;
            /// In which field.
            dst: OxmId;
        }
    }
    nicira_struct {
        /// Chooses among ports by hash, and sends.
        12 NxBundle(Box<Bundle>);
        /// Chooses among ports by hash, and stores.
        13 NxBundleLoad(Box<Bundle>);
        /// Adds a flow made from the packet.
        16 NxLearn(Box<Learn>);
        /// Takes one from the TTL, and tells these controllers when it was the last.
        21 NxDecTtlCntIds(DecTtlCntIds);
        /// Sends the packet through the conntrack.
        35 NxCt(Box<Ct>);
        /// Translates addresses; only within [`Action::NxCt`].
        36 NxNat(Box<Nat>);
        /// Sends the packet to the controller, with more to say.
        37 NxController2(Controller2);
        /// Adds a flow made from the packet, with a limit.
        45 NxLearn2(Box<Learn2>);
        /// Adds a header.
        46 NxEncap(Encap);
        /// Removes a tunnel option.
        50 NxDeleteField(DeleteField);
    }
}

impl Wire for Action {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let mut one = Vec::with_capacity(1);
        Self::read_onto(&mut one, r)?;
        one.pop().ok_or_else(|| r.bad_length(0))
    }

    #[inline]
    fn read_onto(out: &mut Vec<Self>, r: &mut Reader<'_>) -> Result<()> {
        let [t0, t1, l0, l1] = r.peek()?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if length < 8 || length % 8 != 0 || length > r.left() {
            r.label("action");
            return Err(r.bad_length(length));
        }
        let mut r = r.sub(length, "action")?;
        r.skip(4)?;
        match u16::from_be_bytes([t0, t1]) {
            EXPERIMENTER => read_experimenter(out, &mut r)?,
            COPY_FIELD if r.version() >= 6 => out.push(read_copy_field(&mut r)?),
            kind => read_standard(kind, out, &mut r)?,
        }
        r.end_padded()
    }

    #[inline]
    fn write(&self, w: &mut Writer) {
        write_action(self, w.position(), w);
    }

    #[inline]
    fn count(r: &Reader<'_>) -> usize {
        count_by_length::<2>(r)
    }
}

fn read_experimenter(out: &mut Vec<Action>, r: &mut Reader<'_>) -> Result<()> {
    let experimenter = u32::read(r)?;
    if experimenter == NICIRA {
        let mut inner = r.clone();
        let subtype = u16::read(&mut inner)?;
        inner.label("nicira action");
        let mut inner = inner.deeper()?;
        if read_nicira(subtype, out, &mut inner)? {
            inner.end_padded()?;
            r.rest();
            return Ok(());
        }
    }
    if experimenter == ONF && r.peek() == Ok(ONF_COPY_FIELD.to_be_bytes()) {
        r.skip(4)?;
        let ([n_bits, src_offset, dst_offset], [src, dst]) = parts::read_copy(r)?;
        out.push(Action::OnfCopyField { n_bits, src_offset, dst_offset, src, dst });
        return Ok(());
    }
    let data = Blob::read(r)?;
    out.push(Action::Experimenter { experimenter, data });
    Ok(())
}

fn read_copy_field(r: &mut Reader<'_>) -> Result<Action> {
    let ([n_bits, src_offset, dst_offset], [src, dst]) = parts::read_copy(r)?;
    Ok(Action::CopyField { n_bits, src_offset, dst_offset, src, dst })
}
