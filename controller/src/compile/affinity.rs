//! Tables affinity and bind: clients that keep their backend.
//!
//! ```text
//! service   new, or chosen by a group: affinity, then bind
//! affinity  a learned flow says whom the client is bound to; else whom a group chose, if one did
//! bind      bound to a backend there is: learn it (again) ── ct(commit, zone, nat(dst=backend)) ──► egress_policy
//!           not bound, or to one that is gone: group ── bucket ──► service
//!           and still to one that is gone: the client is bound anew, for its next packet
//! ```
//!
//! Before its choice counts, a bucket looks once more whether the client is bound: its connections may come faster than
//! the datapath forgets that it was not.

use api::{Affinity, ServicePort};
use openflow::{Action, Field, Instruction, Match, action::Subfield};

use super::service::{Backend, target};
use crate::pipeline::{Cookie, Family, Flow, Reason, Table, act, affinity, group, reg};

/// New connections to the service's port whose first group this is.
pub(super) fn enter(group: u32) -> Vec<Instruction> {
    act::then(vec![act::load(reg::GROUP, group), look_up()], Table::Bind)
}

fn look_up() -> Action {
    act::resubmit(Table::Affinity)
}

/// What a bucket does.
pub(super) fn pick(backend: &Backend) -> Vec<Action> {
    // A bucket is an action set: it goes on in one table only.
    vec![affinity::pick(backend.id), act::resubmit(Table::Service)]
}

/// Where clients go: to those of the backends that they are bound to, else as the group chooses.
pub(super) fn bind<'a>(
    (service, port, family, affinity): (u32, &'a ServicePort, Family, Affinity),
    (group, zone, cookie): (u32, u16, Cookie),
    open: impl Iterator<Item = &'a Backend>,
    choose: Vec<Action>,
) -> Vec<Flow> {
    // What is learned names the packet's addresses and port.
    let of_port = family.any(Match::new()).ip_proto(port.protocol.number());
    let of_port = of_port.reg_masked(reg::GROUP, group, group::SLICES_BITS);
    let to = |backend: &Backend| {
        let bound = of_port.clone().reg(reg::BACKEND, backend.id);
        let learn = affinity::bind((service, backend.id), (family, port.protocol), affinity);
        let go = vec![learn, act::ct_dnat(zone, backend.ip, target(port), Table::EgressPolicy)];
        Flow::new(Table::Bind, 100, bound, cookie, act::apply(go))
    };
    let rebind = act::apply(vec![affinity::rebind((family, port.protocol))]);
    let gone = Flow::new(Table::Bind, 60, picked(of_port.clone()), Cookie::drop(Reason::Unbound), rebind);
    let free = Flow::new(Table::Bind, 50, of_port.clone(), cookie, act::apply(choose));
    open.map(to).chain([gone, free]).collect()
}

/// Adds that a group has chosen.
fn picked(matching: Match) -> Match {
    matching.reg_masked(reg::PICK, 1 << reg::PICKED, 1 << reg::PICKED)
}

/// What holds for all services.
pub(super) fn base() -> [Flow; 3] {
    let number = |register| Subfield::new(Field::reg(register), 0, affinity::BACKEND_BITS);
    let unknown = act::apply(vec![Action::copy(number(reg::PICK), number(reg::BACKEND))]);
    let look = act::then(vec![look_up()], Table::Bind);
    [
        Flow::new(Table::Service, 120, picked(Match::new()), Cookie::pipeline(), look),
        Flow::new(Table::Affinity, 0, Match::new(), Cookie::pipeline(), unknown),
        Flow::drop(Table::Bind, 0, Match::new(), Reason::NoBackend),
    ]
}

#[cfg(test)]
mod tests;
