//! One form of actions that mean the same: that in which Open vSwitch answers over OpenFlow 1.3.
//!
//! Open vSwitch 3.1 gives most actions back as they were sent: `reg_load` does not become
//! `set_field`, `resubmit` keeps its port, an output keeps its length. What changes
//! (`tests/canonical.rs` holds this against a real switch):
//!
//! - `set_field` comes back with OpenFlow's own number of the field, other actions with Nicira's;
//! - `set_tunnel` and `set_tunnel64` come back as `set_field`;
//! - a note is padded.
//!
//! A `set_field` with a mask is refused over OpenFlow 1.3: see
//! [`Action::set_field_masked`].

use super::{Action, CtZone};
use crate::oxm::{Field, Oxm, OxmId};

/// Bytes of a note before the first, and in every further, unit of 8 bytes.
const NOTE_FIRST: usize = 6;

/// The actions in the form in which Open vSwitch gives them back over OpenFlow 1.3.
pub fn canonical(actions: &[Action]) -> Vec<Action> {
    actions.iter().map(canonical_one).collect()
}

fn canonical_one(action: &Action) -> Action {
    let mut action = action.clone();
    match &mut action {
        Action::SetField { field } => *field = field.canonical(),
        Action::NxSetTunnel { tun_id } => return set_tunnel(u64::from(*tun_id)),
        Action::NxSetTunnel64 { tun_id } => return set_tunnel(*tun_id),
        Action::NxNote { note } => {
            let length = NOTE_FIRST + note.len().saturating_sub(NOTE_FIRST).next_multiple_of(8);
            note.0.resize(length, 0);
        }
        Action::NxRegLoad { dst, .. } | Action::NxMultipath { dst, .. } => canonical_id(dst),
        Action::NxOutputReg { src, .. } | Action::NxOutputReg2 { src, .. } => canonical_id(src),
        Action::NxStackPush { field, .. } | Action::NxStackPop { field, .. } => canonical_id(field),
        Action::NxRegMove { src, dst, .. } => {
            canonical_id(src);
            canonical_id(dst);
        }
        Action::NxCt(ct) => {
            if let CtZone::Field { src, .. } = &mut ct.zone {
                canonical_id(src);
            }
            ct.actions = canonical(&ct.actions);
        }
        Action::NxClone { actions } => *actions = canonical(actions),
        _ => {}
    }
    action
}

fn set_tunnel(id: u64) -> Action {
    Action::SetField { field: Oxm::new(Field::OXM_OF_TUNNEL_ID, id) }
}

fn canonical_id(id: &mut OxmId) {
    id.field = id.field.canonical_id();
}
