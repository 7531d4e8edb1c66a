//! The action set: one action of each kind, done in a fixed order (section 5.10). Buckets are
//! sets, too.

use crate::action::Action;

/// Where actions that may be there several times stand.
const SETS: u8 = 6;
/// The first of those of which only the last in order is done.
const FINAL: u8 = 10;

/// Where in the order an action stands; `None` for one that cannot be in a set.
pub(super) fn slot(action: &Action) -> Option<u8> {
    Some(match action {
        Action::PopVlan => 0,
        Action::PopMpls { .. } => 1,
        Action::PushMpls { .. } => 2,
        Action::PushVlan { .. } => 3,
        Action::DecNwTtl | Action::NxDecTtlCntIds(_) => 4,
        Action::DecMplsTtl => 5,
        Action::SetField { .. }
        | Action::NxRegLoad { .. }
        | Action::NxRegLoad2 { .. }
        | Action::NxRegMove { .. }
        | Action::SetNwTtl { .. }
        | Action::SetMplsTtl { .. }
        | Action::SetQueue { .. }
        | Action::NxSetTunnel { .. }
        | Action::NxSetTunnel64 { .. } => SETS,
        Action::NxCt(_) => FINAL,
        Action::NxCtClear => FINAL + 1,
        Action::NxResubmit { .. } | Action::NxResubmitTable { .. } | Action::NxResubmitTableCt { .. } => FINAL + 2,
        Action::Output { .. } => FINAL + 3,
        Action::Group { .. } => FINAL + 4,
        _ => return None,
    })
}

/// What a set that was written in this order does: of each kind the last one, all that set
/// fields, and one final action; without that, nothing.
pub(super) fn ordered(written: &[Action]) -> Vec<Action> {
    let last = |wanted: u8| written.iter().rfind(|action| slot(action) == Some(wanted));
    let sets = written.iter().filter(|action| slot(action) == Some(SETS));
    let ends = written.iter().filter_map(slot).filter(|slot| *slot >= FINAL);
    let Some(end) = ends.max() else { return Vec::new() };
    (0..SETS).filter_map(last).chain(sets).chain(last(end)).cloned().collect()
}
