use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::pipeline::{Cookie, Flow, Table, Translation, act};

fn flow(n: u16, port: u32) -> Flow {
    let matching = openflow::Match::new().reg(0, u32::from(n));
    Flow::new(Table::Route, n, matching, Cookie::pipeline(), act::apply(vec![act::load(1, port)]))
}

fn group(id: u32, backends: u8) -> Arc<Group> {
    let bucket = |n| vec![act::ct_dnat(2, Ipv4Addr::new(10, 0, 0, n).into(), Some(80), Table::Route)];
    Arc::new(Group::select(id, (0..backends).map(|n| (1, bucket(n)))))
}

/// What clients of group 1's or 2's service have of a backend.
fn left(service_port: u32, backend: u8) -> CtFlush {
    let to = Translation { zone: 2, ip: Ipv4Addr::new(10, 0, 0, backend).into(), port: Some(80) };
    CtFlush { service_port, to, front: None }
}

fn state(flows: &[(u16, u32)], groups: &[(u32, u8)]) -> State {
    let flows = flows.iter().map(|(n, port)| flow(*n, *port));
    State {
        flows: flows.map(|flow| (flow.key, flow.body)).collect(),
        groups: groups.iter().map(|(id, backends)| (*id, group(*id, *backends))).collect(),
    }
}

#[test]
fn a_switch_that_has_all_gets_nothing() {
    let desired = state(&[(1, 1), (2, 2)], &[(1, 3)]);
    let mut switch = Switch::default();
    switch.observed(&desired, &desired);
    assert_eq!(switch.next_batch(), None);
    assert!(switch.converged());
}

#[test]
fn the_difference_is_least_and_forgets_connections_of_backends_that_left() {
    let desired = state(&[(1, 1), (2, 9)], &[(1, 2)]);
    let mut switch = Switch::default();
    switch.observed(&state(&[(2, 2), (3, 3)], &[(1, 3), (2, 1)]), &desired);
    let batch = switch.next_batch().unwrap();
    assert_eq!(batch.flows_set, [flow(1, 1), flow(2, 9)]);
    assert_eq!(batch.flows_removed, [flow(3, 3).key]);
    assert_eq!(batch.groups_changed, [group(1, 2)]);
    assert_eq!(batch.groups_removed, [2]);
    assert_eq!(batch.flushes, [left(1, 2), left(2, 0)]);
}

#[test]
fn connections_of_a_backend_that_left_are_forgotten_again_and_not_once_it_is_back() {
    let (mut switch, since) = (Switch::default(), Instant::now());
    let has = |backends| state(&[], &[(1, backends)]);
    let sent = |switch: &mut Switch, now| {
        let batch = switch.next_batch().unwrap();
        assert_eq!(switch.next_batch(), None);
        switch.done(batch.id, Ok(()), now);
        (batch.group_mods(), batch.flushes)
    };
    switch.observed(&has(3), &has(1));
    assert_eq!(sent(&mut switch, since), (1, vec![left(1, 1), left(1, 2)]));
    assert_eq!(switch.next_batch(), None);
    let soon = switch.poll_timeout().unwrap();
    assert!(soon > since && !switch.handle_timeout(soon));
    assert_eq!(sent(&mut switch, soon), (0, vec![left(1, 1), left(1, 2)]));
    switch.observed(&has(1), &has(2));
    assert_eq!(sent(&mut switch, soon), (1, vec![]));
    let later = switch.poll_timeout().unwrap();
    assert!(later > soon && !switch.handle_timeout(later));
    assert_eq!(sent(&mut switch, later), (0, vec![left(1, 2)]));
    assert_eq!((switch.poll_timeout(), switch.next_batch()), (None, None));
}

#[test]
fn what_a_lost_session_may_not_have_forgotten_the_next_one_does_unless_the_backend_is_back() {
    let has = |backends| state(&[], &[(1, backends)]);
    let mut switch = Switch::default();
    let mut sent = |read, desired| {
        switch.lost();
        switch.observed(&read, &desired);
        switch.next_batch().map(|batch| (batch.group_mods(), batch.flushes))
    };
    assert_eq!(sent(has(3), has(1)), Some((1, vec![left(1, 1), left(1, 2)])));
    assert_eq!(sent(has(1), has(1)), Some((0, vec![left(1, 1), left(1, 2)])), "it was committed");
    assert_eq!(sent(has(1), has(2)), Some((1, vec![left(1, 2)])), "one is back");
    assert_eq!(sent(has(3), has(3)), None, "all are");
}

#[test]
fn a_batch_refused_as_a_whole_is_tried_again_after_reading_back_and_later() {
    let desired = state(&[(1, 1)], &[]);
    let mut switch = Switch::default();
    let now = Instant::now();
    let mut delays = Vec::new();
    for _ in 0..9 {
        switch.observed(&State::default(), &desired);
        let batch = switch.next_batch().unwrap();
        let refusal = Refusal { owner: None, error: "no answer in time".into() };
        assert!(switch.done(batch.id, Err(refusal), now).is_empty());
        assert_eq!(switch.error(), Some("no answer in time"));
        assert_eq!(switch.next_batch(), None);
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
    let with = |id: u32| Delta::between(&empty, &state(&[], &[(id, 1)]));
    let mut switch = Switch::default();
    let now = Instant::now();
    switch.observed(&empty, &empty);
    for (revision, changed) in [(7, &bad), (8, &good)] {
        switch.changed(&with(changed.id), revision);
    }
    let refused = |switch: &mut Switch, batch: Batch, now| {
        let refusal = Refusal { owner: Some(owner), error: "bad group".into() };
        assert!(switch.done(batch.id, Err(refusal), now).is_empty());
    };
    let first = switch.next_batch().unwrap();
    assert_eq!(first.groups_added.len(), 2);
    refused(&mut switch, first, now);
    let second = switch.next_batch().unwrap();
    assert_eq!(second.groups_added, std::slice::from_ref(&good));
    assert_eq!(switch.done(second.id, Ok(()), now), BTreeSet::from([8]), "7 waits for the one set aside");
    assert_eq!((switch.error(), switch.converged()), (Some("bad group"), false));
    // Tried again by itself, refused again for longer, and at once when it changed.
    let at = switch.poll_timeout().unwrap();
    assert!(!switch.handle_timeout(at));
    let third = switch.next_batch().unwrap();
    assert_eq!(third.groups_added, std::slice::from_ref(&bad));
    refused(&mut switch, third, at);
    assert!(switch.poll_timeout().unwrap() - at > at - now);
    switch.changed(&with(bad.id), 9);
    let fourth = switch.next_batch().unwrap();
    assert_eq!(switch.done(fourth.id, Ok(()), at), BTreeSet::from([7, 9]));
    assert!(switch.error().is_none() && switch.pending().next().is_none());
}

#[test]
fn an_acknowledgement_names_the_revisions_it_makes_real() {
    let (before, after) = (state(&[], &[]), state(&[(1, 1)], &[]));
    let mut switch = Switch::default();
    switch.observed(&before, &before);
    assert_eq!(switch.next_batch(), None);
    switch.changed(&Delta::between(&before, &after), 7);
    let batch = switch.next_batch().unwrap();
    assert_eq!(switch.pending().collect::<Vec<_>>(), [7]);
    assert_eq!(switch.done(batch.id, Ok(()), Instant::now()), BTreeSet::from([7]));
    assert!(switch.converged());
}

fn tables() -> impl Strategy<Value = State> {
    let flows = prop::collection::btree_map(1..8u16, 1..4u32, 0..8);
    let groups = prop::collection::btree_map(1..5u32, 1..4u8, 0..4);
    (flows, groups).prop_map(|(flows, groups)| {
        state(&flows.into_iter().collect::<Vec<_>>(), &groups.into_iter().collect::<Vec<_>>())
    })
}

#[derive(Clone, Debug)]
enum Step {
    /// Intent changes.
    Want(State),
    /// The batch on its way arrives, if there is one, or is refused.
    Arrive(bool),
    /// Someone else makes a flow what it is in this state.
    Foreign(u16, State),
    /// The session is lost, and another reads the switch back.
    Reconnect,
    /// The switch is read again.
    Audit,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => tables().prop_map(Step::Want),
        4 => prop::bool::weighted(0.8).prop_map(Step::Arrive),
        2 => (1..8u16, tables()).prop_map(|(n, state)| Step::Foreign(n, state)),
        1 => Just(Step::Reconnect),
        1 => Just(Step::Audit),
    ]
}

/// What a switch does with a batch.
fn obey(has: &mut State, batch: &Batch) {
    has.flows.extend(batch.flows_set.iter().map(|flow| (flow.key.clone(), flow.body.clone())));
    batch.flows_removed.iter().for_each(|key| drop(has.flows.remove(key)));
    for group in &batch.groups_added {
        assert!(has.groups.insert(group.id, group.clone()).is_none(), "added, but there");
    }
    for group in &batch.groups_changed {
        assert!(has.groups.insert(group.id, group.clone()).is_some(), "changed, but not there");
    }
    batch.groups_removed.iter().for_each(|id| drop(has.groups.remove(id)));
}

proptest! {
    /// Whatever a switch holds, one batch makes it what it is to be, and there is no second one.
    #[test]
    fn one_batch_is_enough(mut has in tables(), desired in tables()) {
        let mut switch = Switch::default();
        switch.observed(&has, &desired);
        if let Some(batch) = switch.next_batch() {
            obey(&mut has, &batch);
            switch.done(batch.id, Ok(()), Instant::now());
        }
        prop_assert_eq!(has, desired);
        prop_assert_eq!(switch.next_batch(), None);
        prop_assert!(switch.converged());
    }

    /// Whatever happens in whatever order, in the end the switch has what it is to have, and every revision is settled.
    #[test]
    fn all_ends_well(mut has in tables(), steps in prop::collection::vec(step(), 1..40)) {
        let (mut switch, mut wanted, now) = (Switch::default(), State::default(), Instant::now());
        let (mut on_its_way, mut revision, mut settled): (Option<Batch>, u64, BTreeSet<u64>) = Default::default();
        switch.observed(&has, &wanted);
        let calm = [Step::Arrive(true), Step::Reconnect, Step::Arrive(true)];
        for step in steps.into_iter().chain(calm) {
            match step {
                Step::Want(state) => {
                    revision += 1;
                    switch.changed(&Delta::between(&wanted, &state), revision);
                    wanted = state;
                }
                Step::Arrive(accepted) => if let Some(batch) = on_its_way.take() {
                    let refusal = Refusal { owner: None, error: "busy".into() };
                    if accepted {
                        obey(&mut has, &batch);
                    }
                    settled.extend(switch.done(batch.id, if accepted { Ok(()) } else { Err(refusal) }, now));
                    if switch.handle_timeout(now + Duration::from_secs(60)) {
                        switch.observed(&has, &wanted);
                    }
                },
                Step::Foreign(n, state) => {
                    let key = flow(n, 0).key;
                    let body = state.flows.get(&key).cloned();
                    match &body {
                        Some(body) => drop(has.flows.insert(key.clone(), body.clone())),
                        None => drop(has.flows.remove(&key)),
                    }
                    switch.foreign(vec![(key, body)], &wanted);
                }
                Step::Reconnect => {
                    on_its_way = None;
                    switch.lost();
                    switch.observed(&has, &wanted);
                }
                Step::Audit => {
                    switch.audit(Audit { flows: Some(has.flows.clone()), groups: has.groups.clone() }, &wanted);
                }
            }
            if let Some(batch) = switch.next_batch() {
                prop_assert!(on_its_way.is_none());
                on_its_way = Some(batch);
            } else if on_its_way.is_none() {
                settled.extend(switch.acknowledged());
            }
        }
        prop_assert_eq!(has, wanted);
        prop_assert!(switch.converged());
        prop_assert_eq!(settled, (1..=revision).collect::<BTreeSet<u64>>());
    }
}

#[test]
fn what_others_change_is_named_and_put_right() {
    let desired = state(&[(1, 1), (2, 2)], &[(1, 2)]);
    let mut switch = Switch::default();
    switch.observed(&desired, &desired);
    assert_eq!(switch.next_batch(), None);
    let (gone, foreign) = (flow(1, 1), flow(9, 9));
    let drifts = switch.foreign(
        vec![
            (gone.key.clone(), None),
            (foreign.key.clone(), Some(foreign.body.clone())),
            (flow(2, 2).key, Some(flow(2, 2).body)),
        ],
        &desired,
    );
    assert_eq!(
        drifts,
        [Drift::FlowGone((*gone.key).clone(), (*gone.body).clone()), Drift::FlowForeign((*foreign.key).clone())]
    );
    let batch = switch.next_batch().unwrap();
    assert_eq!((batch.flows_set, batch.flows_removed), (vec![gone], vec![foreign.key]));
}

#[test]
fn an_audit_sees_groups_and_says_nothing_while_a_batch_is_on_its_way() {
    let desired = state(&[(1, 1)], &[(1, 2)]);
    let other = || Audit { flows: None, groups: state(&[], &[(1, 1), (7, 1)]).groups };
    let mut switch = Switch::default();
    switch.observed(&desired, &desired);
    assert_eq!(switch.next_batch(), None);
    assert_eq!(switch.audit(other(), &desired), [Drift::GroupChanged(1), Drift::GroupForeign(7)]);
    let batch = switch.next_batch().unwrap();
    assert_eq!((batch.groups_changed.len(), batch.groups_removed.as_slice()), (1, [7].as_slice()));
    assert_eq!(switch.audit(other(), &desired), []);
    switch.done(batch.id, Ok(()), Instant::now());
    assert_eq!(switch.audit(Audit { flows: None, groups: desired.groups.clone() }, &desired), []);
    assert!(switch.next_batch().is_none());
}
