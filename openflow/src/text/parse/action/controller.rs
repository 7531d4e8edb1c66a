//! `controller` and `sample`.

use crate::action::{Action, Controller2, ControllerProperty};
use crate::text::action::REASONS;
use crate::text::parse::item::{Item, each};
use crate::text::parse::number::{hex_bytes, number, port16};
use crate::text::parse::{Kind, Result, fault};
use crate::types::{MeterId, PortNo, WHOLE_PACKET};

/// `controller`, `controller:N` or `controller(…)`.
pub(super) fn controller(item: Item<'_>) -> Result<'_, Action> {
    if !item.in_parens {
        let max_len = if item.value.is_empty() { WHOLE_PACKET } else { number(item.value)? };
        return Ok(Action::Output { port: PortNo::CONTROLLER, max_len });
    }
    let mut all = Parts { max_len: WHOLE_PACKET, id: 0, reason: ACTION, more: Vec::new() };
    each(item.value, |part| all.take(part))?;
    Ok(all.finish())
}

/// The reason that is not mentioned.
const ACTION: u8 = 1;

struct Parts {
    max_len: u16,
    id: u16,
    reason: u8,
    /// What only the newer action has.
    more: Vec<ControllerProperty>,
}

impl Parts {
    fn take<'a>(&mut self, part: Item<'a>) -> Result<'a, ()> {
        match part.key {
            "max_len" => self.max_len = number(part.value)?,
            "id" => self.id = number(part.value)?,
            "reason" => {
                let Some(reason) = REASONS.iter().position(|name| *name == part.value) else {
                    return fault(part.value, Kind::Expected("a reason"));
                };
                self.reason = reason as u8;
            }
            "userdata" => self.more.push(ControllerProperty::Userdata(hex_bytes(part.value)?.into())),
            "pause" => self.more.push(ControllerProperty::Pause),
            "meter_id" => self.more.push(ControllerProperty::MeterId(MeterId(number(part.value)?))),
            _ => return fault(part.key, Kind::UnknownArgument),
        }
        Ok(())
    }

    fn finish(self) -> Action {
        let Self { max_len, id, reason, more } = self;
        if more.is_empty() && id == 0 && reason == ACTION {
            return Action::Output { port: PortNo::CONTROLLER, max_len };
        }
        if more.is_empty() {
            return Action::NxController { max_len, controller_id: id, reason };
        }
        let mut properties = Vec::new();
        if max_len != WHOLE_PACKET {
            properties.push(ControllerProperty::MaxLen(max_len));
        }
        if id != 0 {
            properties.push(ControllerProperty::ControllerId(id));
        }
        if reason != ACTION {
            properties.push(ControllerProperty::Reason(reason));
        }
        properties.extend(more);
        Action::NxController2(Controller2 { properties })
    }
}

pub(super) fn sample(text: &str) -> Result<'_, Action> {
    let (mut probability, mut ids) = (0, [0; 3]);
    let (mut sampling_port, mut direction) = (0xffff, 0);
    each(text, |part| {
        let [set, domain, point] = &mut ids;
        match part.key {
            "probability" => probability = number(part.value)?,
            "collector_set_id" => *set = number(part.value)?,
            "obs_domain_id" => *domain = number(part.value)?,
            "obs_point_id" => *point = number(part.value)?,
            "sampling_port" => sampling_port = port16(part.value)?,
            "ingress" => direction = 1,
            "egress" => direction = 2,
            _ => return fault(part.key, Kind::UnknownArgument),
        }
        Ok(())
    })?;
    if probability == 0 {
        return fault(text, Kind::Needs("probability"));
    }
    let [collector_set_id, obs_domain_id, obs_point_id] = ids;
    Ok(match (sampling_port, direction) {
        (0xffff, 0) => Action::NxSample { probability, collector_set_id, obs_domain_id, obs_point_id },
        (_, 0) => Action::NxSample2 { probability, collector_set_id, obs_domain_id, obs_point_id, sampling_port },
        _ => Action::NxSample3 { probability, collector_set_id, obs_domain_id, obs_point_id, sampling_port, direction },
    })
}
