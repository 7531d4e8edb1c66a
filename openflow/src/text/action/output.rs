//! Actions that send the packet: out of a port, to the controller, to a collector.

use std::fmt::{self, Formatter};

use super::subfield::FieldBits;
use crate::action::{Action, ControllerProperty};
use crate::msg::packet::PacketInReason;
use crate::text::list::List;
use crate::text::number::{DottedHex, Port};
use crate::types::{PortNo, WHOLE_PACKET};

pub(super) fn output(port: PortNo, max_len: u16, f: &mut Formatter<'_>) -> fmt::Result {
    match port {
        PortNo::CONTROLLER => write!(f, "CONTROLLER:{max_len}"),
        PortNo(0xffff_ff00..) => write!(f, "{}", Port(port)),
        _ => write!(f, "output:{}", Port(port)),
    }
}

pub(super) fn write(action: &Action, f: &mut Formatter<'_>) -> fmt::Result {
    match action {
        Action::NxOutputReg { bits, src, .. } | Action::NxOutputReg2 { bits, src, .. } => {
            write!(f, "output:{}", FieldBits(*src, *bits))
        }
        Action::NxOutputTrunc { port, max_len } => {
            write!(f, "output(port={},max_len={max_len})", Port(PortNo::from_u16(*port)))
        }
        Action::NxController { max_len, controller_id, reason } => {
            let reason = PacketInReason(*reason);
            let id = *controller_id;
            write_controller(&Controller { max_len: *max_len, id, reason, ..Controller::default() }, f)
        }
        Action::NxController2(inner) => write_controller(&Controller::of(&inner.properties), f),
        _ => write_sample(action, f),
    }
}

/// What `controller` says, with what it leaves out filled in.
struct Controller<'a> {
    max_len: u16,
    id: u16,
    reason: PacketInReason,
    userdata: &'a [u8],
    pause: bool,
    meter: Option<u32>,
}

impl Default for Controller<'_> {
    fn default() -> Self {
        Self { max_len: WHOLE_PACKET, id: 0, reason: PacketInReason::ACTION, userdata: &[], pause: false, meter: None }
    }
}

impl<'a> Controller<'a> {
    fn of(properties: &'a [ControllerProperty]) -> Self {
        let mut all = Self::default();
        for property in properties {
            match property {
                ControllerProperty::MaxLen(n) => all.max_len = *n,
                ControllerProperty::ControllerId(id) => all.id = *id,
                ControllerProperty::Reason(reason) => all.reason = PacketInReason(*reason),
                ControllerProperty::Userdata(data) => all.userdata = data,
                ControllerProperty::MeterId(meter) => all.meter = Some(meter.0),
                ControllerProperty::Pause => all.pause = true,
            }
        }
        all
    }

    fn only_length(&self) -> bool {
        let plain = self.reason == PacketInReason::ACTION && self.id == 0;
        plain && self.userdata.is_empty() && !self.pause && self.meter.is_none()
    }
}

fn write_controller(c: &Controller<'_>, f: &mut Formatter<'_>) -> fmt::Result {
    if c.only_length() {
        return write!(f, "CONTROLLER:{}", c.max_len);
    }
    f.write_str("controller(")?;
    let mut list = List::new(f);
    list.item_if(c.reason != PacketInReason::ACTION, format_args!("reason={}", Reason(c.reason)))?;
    list.item_if(c.max_len != WHOLE_PACKET, format_args!("max_len={}", c.max_len))?;
    list.item_if(c.id != 0, format_args!("id={}", c.id))?;
    list.item_if(!c.userdata.is_empty(), format_args!("userdata={}", DottedHex(c.userdata)))?;
    list.item_if(c.pause, "pause")?;
    if let Some(meter) = c.meter {
        list.item(format_args!("meter_id={meter}"))?;
    }
    f.write_str(")")
}

/// Why a packet came to the controller, in lower case.
pub(in crate::text) struct Reason(pub PacketInReason);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match REASONS.get(usize::from(self.0.0)) {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0.0),
        }
    }
}

/// Names of the reasons, by number.
pub(in crate::text) const REASONS: &[&str] =
    &["no_match", "action", "invalid_ttl", "action_set", "group", "packet_out"];

fn write_sample(action: &Action, f: &mut Formatter<'_>) -> fmt::Result {
    let (head, port, direction) = match action {
        Action::NxSample { probability, collector_set_id, obs_domain_id, obs_point_id } => {
            ((probability, collector_set_id, obs_domain_id, obs_point_id), None, 0)
        }
        Action::NxSample2 { probability, collector_set_id, obs_domain_id, obs_point_id, sampling_port } => {
            ((probability, collector_set_id, obs_domain_id, obs_point_id), Some(*sampling_port), 0)
        }
        Action::NxSample3 { probability, collector_set_id, obs_domain_id, obs_point_id, sampling_port, direction } => {
            ((probability, collector_set_id, obs_domain_id, obs_point_id), Some(*sampling_port), *direction)
        }
        _ => return Ok(()),
    };
    let (probability, set, domain, point) = head;
    write!(f, "sample(probability={probability},collector_set_id={set},")?;
    write!(f, "obs_domain_id={domain},obs_point_id={point}")?;
    if let Some(port) = port.map(PortNo::from_u16).filter(|p| *p != PortNo::ANY) {
        write!(f, ",sampling_port={}", Port(port))?;
    }
    f.write_str(match direction {
        1 => ",ingress)",
        2 => ",egress)",
        _ => ")",
    })
}
