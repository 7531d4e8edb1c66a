use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::{
    compile::{Fragment, Source},
    pipeline::{Cookie, Flow, Table, act},
};

fn flow(n: u16, port: u32) -> Flow {
    let matching = openflow::Match::new().reg(0, u32::from(n));
    Flow::new(Table::Route, n, matching, Cookie::pipeline(), act::apply(vec![act::load(1, port)]))
}

fn group(id: u32, backends: u8) -> Group {
    let bucket = |n| vec![act::ct_dnat(2, Ipv4Addr::new(10, 0, 0, n), 80, Table::Route)];
    Group::select(id, (0..backends).map(bucket))
}

fn state(flows: &[(u16, u32)], groups: &[(u32, u8)]) -> SwitchState {
    let mut state = SwitchState::default();
    let flows = flows.iter().map(|(n, port)| flow(*n, *port)).collect();
    let groups = groups.iter().map(|(id, backends)| group(*id, *backends)).collect();
    let fragment = Fragment { flows, groups, ..Fragment::default() };
    state.replace(&Source::PIPELINE, fragment, &mut Delta::default());
    state
}

fn installed(state: &SwitchState) -> Installed {
    let flows = state.flows().map(|(key, body)| (key.clone(), body.clone())).collect();
    Installed { flows, groups: state.groups().clone() }
}

#[test]
fn a_switch_that_has_all_gets_nothing() {
    let desired = state(&[(1, 1), (2, 2)], &[(1, 3)]);
    let mut switch = Switch::default();
    switch.observed(installed(&desired), &desired);
    assert_eq!(switch.next_batch(&desired), None);
    assert!(switch.converged());
}

#[test]
fn the_difference_is_least_and_forgets_connections_of_backends_that_left() {
    let desired = state(&[(1, 1), (2, 9)], &[(1, 2)]);
    let mut switch = Switch::default();
    switch.observed(installed(&state(&[(2, 2), (3, 3)], &[(1, 3), (2, 1)])), &desired);
    let batch = switch.next_batch(&desired).unwrap();
    assert_eq!(batch.flows_set, [flow(1, 1), flow(2, 9)]);
    assert_eq!(batch.flows_removed, [flow(3, 3).key]);
    assert_eq!(batch.groups_changed, [group(1, 2)]);
    assert_eq!(batch.groups_removed, [2]);
    let backend = |n| CtFlush { zone: 2, ip: Ipv4Addr::new(10, 0, 0, n), port: 80 };
    assert_eq!(batch.flushes, [backend(2), backend(0)]);
}

#[test]
fn a_batch_refused_as_a_whole_is_tried_again_after_reading_back_and_later() {
    let desired = state(&[(1, 1)], &[]);
    let mut switch = Switch::default();
    let now = Instant::now();
    let mut delays = Vec::new();
    for _ in 0..9 {
        switch.observed(Installed::default(), &desired);
        let batch = switch.next_batch(&desired).unwrap();
        let refusal = Refusal { owner: None, error: "no answer in time".into() };
        assert!(switch.done(batch.id, Err(refusal), now).is_empty());
        assert_eq!(switch.error(), Some("no answer in time"));
        assert_eq!(switch.next_batch(&desired), None);
        delays.push(switch.poll_timeout().unwrap() - now);
        assert!(switch.handle_timeout(switch.poll_timeout().unwrap()));
    }
    assert!(delays.is_sorted());
    assert_eq!(delays.last(), Some(&Duration::from_secs(30)));
}

#[test]
fn an_object_that_is_refused_is_set_aside_and_the_others_go_on() {
    let (bad, good) = (group(5 << 8, 1), group(6 << 8, 1));
    let owner = OwnerId::of_group(bad.id);
    let empty = state(&[], &[]);
    let desired = state(&[(1, 1)], &[(bad.id, 1), (good.id, 1)]);
    let mut switch = Switch::default();
    let now = Instant::now();
    switch.observed(Installed::default(), &empty);
    for (revision, changed) in [(7, &bad), (8, &good)] {
        let mut delta = Delta::default();
        delta.groups.insert(changed.id, Some(changed.clone()));
        switch.changed(&delta, revision);
    }
    let refused = |switch: &mut Switch, batch: Batch, now| {
        let refusal = Refusal { owner: Some(owner), error: "bad group".into() };
        assert!(switch.done(batch.id, Err(refusal), now).is_empty());
    };
    let first = switch.next_batch(&desired).unwrap();
    assert_eq!(first.groups_added.len(), 2);
    refused(&mut switch, first, now);
    let second = switch.next_batch(&desired).unwrap();
    assert_eq!(second.groups_added, std::slice::from_ref(&good));
    assert_eq!(switch.done(second.id, Ok(()), now), BTreeSet::from([8]), "7 waits for the one set aside");
    assert_eq!((switch.error(), switch.converged()), (Some("bad group"), false));
    // Tried again by itself, refused again for longer, and at once when it changed.
    let at = switch.poll_timeout().unwrap();
    assert!(!switch.handle_timeout(at));
    let third = switch.next_batch(&desired).unwrap();
    assert_eq!(third.groups_added, std::slice::from_ref(&bad));
    refused(&mut switch, third, at);
    assert!(switch.poll_timeout().unwrap() - at > at - now);
    let mut delta = Delta::default();
    delta.groups.insert(bad.id, Some(bad.clone()));
    switch.changed(&delta, 9);
    let fourth = switch.next_batch(&desired).unwrap();
    assert_eq!(switch.done(fourth.id, Ok(()), at), BTreeSet::from([7, 9]));
    assert!(switch.error().is_none() && switch.pending().next().is_none());
}

#[test]
fn an_acknowledgement_names_the_revisions_it_makes_real() {
    let (before, after) = (state(&[], &[]), state(&[(1, 1)], &[]));
    let mut switch = Switch::default();
    switch.observed(installed(&before), &before);
    assert_eq!(switch.next_batch(&before), None);
    let mut delta = Delta::default();
    delta.flows.insert(flow(1, 1).key, Some(flow(1, 1).body));
    switch.changed(&delta, 7);
    let batch = switch.next_batch(&after).unwrap();
    assert_eq!(switch.pending().collect::<Vec<_>>(), [7]);
    assert_eq!(switch.done(batch.id, Ok(()), Instant::now()), BTreeSet::from([7]));
    assert!(switch.converged());
}

fn tables() -> impl Strategy<Value = SwitchState> {
    let flows = prop::collection::btree_map(1..8u16, 1..4u32, 0..8);
    let groups = prop::collection::btree_map(1..5u32, 1..4u8, 0..4);
    (flows, groups).prop_map(|(flows, groups)| {
        state(&flows.into_iter().collect::<Vec<_>>(), &groups.into_iter().collect::<Vec<_>>())
    })
}

proptest! {
    /// Whatever a switch holds, one batch makes it what it is to be, and there is no second one.
    #[test]
    fn one_batch_is_enough(before in tables(), desired in tables()) {
        let mut switch = Switch::default();
        switch.observed(installed(&before), &desired);
        if let Some(batch) = switch.next_batch(&desired) {
            switch.done(batch.id, Ok(()), Instant::now());
        }
        prop_assert_eq!(switch.installed.as_ref(), Some(&installed(&desired)));
        prop_assert_eq!(switch.next_batch(&desired), None);
    }
}

#[test]
fn what_others_change_is_named_and_put_right() {
    let desired = state(&[(1, 1), (2, 2)], &[(1, 2)]);
    let mut switch = Switch::default();
    switch.observed(installed(&desired), &desired);
    assert_eq!(switch.next_batch(&desired), None);
    let (gone, foreign) = (flow(1, 1), flow(9, 9));
    let drifts = switch.foreign(
        vec![
            (gone.key.clone(), None),
            (foreign.key.clone(), Some(foreign.body.clone())),
            (flow(2, 2).key, Some(flow(2, 2).body)),
        ],
        &desired,
    );
    assert_eq!(drifts, [Drift::FlowGone(gone.key.clone(), gone.body.clone()), Drift::FlowForeign(foreign.key.clone())]);
    let batch = switch.next_batch(&desired).unwrap();
    assert_eq!((batch.flows_set, batch.flows_removed), (vec![gone], vec![foreign.key]));
}

#[test]
fn an_audit_sees_groups_and_says_nothing_while_a_batch_is_on_its_way() {
    let desired = state(&[(1, 1)], &[(1, 2)]);
    let other = || Audit { flows: None, groups: state(&[], &[(1, 1), (7, 1)]).groups().clone() };
    let mut switch = Switch::default();
    switch.observed(installed(&desired), &desired);
    assert_eq!(switch.next_batch(&desired), None);
    assert_eq!(switch.audit(other(), &desired), [Drift::GroupChanged(1), Drift::GroupForeign(7)]);
    let batch = switch.next_batch(&desired).unwrap();
    assert_eq!((batch.groups_changed.len(), batch.groups_removed.as_slice()), (1, [7].as_slice()));
    assert_eq!(switch.audit(other(), &desired), []);
    switch.done(batch.id, Ok(()), Instant::now());
    assert_eq!(switch.audit(Audit { flows: None, groups: desired.groups().clone() }, &desired), []);
    assert!(switch.next_batch(&desired).is_none());
}
