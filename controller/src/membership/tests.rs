use proptest::{collection::vec, prelude::*};

use super::*;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn name(number: usize) -> Name {
    Name::new(format!("h{number}")).unwrap()
}

fn view(number: usize, state: MemberState) -> MemberView {
    MemberView { name: name(number), state, incarnation: 0, since_seconds: 0.0 }
}

/// A cluster in which every host that runs reports each 100 ms, and sees the others as the test says.
struct Cluster {
    membership: Membership,
    now: Instant,
    start: Instant,
    size: usize,
    /// Hosts whose agent reports.
    reporting: BTreeSet<usize>,
    /// Hosts whose switch answers challenges.
    answering: BTreeSet<usize>,
    /// What all others make of a host that is not alive.
    views: BTreeMap<usize, MemberState>,
    events: Vec<(Duration, usize, Standing)>,
}

impl Cluster {
    fn new(size: usize) -> Self {
        let start = Instant::now();
        let mut membership = Membership::new(start);
        for number in 1..=size {
            membership.add(&name(number), false, start);
            membership.handle_session(&name(number), Session::OpenFlow, true, start);
        }
        let all: BTreeSet<usize> = (1..=size).collect();
        let (reporting, answering) = (all.clone(), all);
        let (views, events) = (BTreeMap::new(), Vec::new());
        let mut cluster = Self { membership, now: start, start, size, reporting, answering, views, events };
        cluster.run(3 * SECOND);
        cluster.start = cluster.now;
        cluster
    }

    fn off(&mut self, number: usize) {
        self.reporting.remove(&number);
        self.answering.remove(&number);
    }

    fn on(&mut self, number: usize) {
        self.reporting.insert(number);
        self.answering.insert(number);
        self.views.remove(&number);
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            for reporter in self.reporting.clone() {
                let others = (1..=self.size).filter(|other| *other != reporter);
                let state = |other: &usize| *self.views.get(other).unwrap_or(&MemberState::Alive);
                let members: Vec<_> = others.map(|other| view(other, state(&other))).collect();
                self.membership.handle_report(&name(reporter), &members, true, self.now);
            }
            self.collect();
            self.now += 100 * MS;
            self.membership.handle_timeout(self.now);
            self.collect();
        }
    }

    fn collect(&mut self) {
        while let Some(node) = self.membership.poll_challenge() {
            if self.answering.contains(&node.as_str()[1..].parse().unwrap()) {
                self.membership.handle_word(&node, self.now);
            }
        }
        while let Some(event) = self.membership.poll_event() {
            let number = event.node.as_str()[1..].parse().unwrap();
            self.events.push((self.now - self.start, number, event.to));
        }
    }

    /// Gossip's course for a host that is gone: suspect, then dead.
    fn lose(&mut self, number: usize) {
        self.run(500 * MS);
        self.views.insert(number, MemberState::Suspect);
        self.run(800 * MS);
        self.views.insert(number, MemberState::Dead);
    }

    fn status(&self, number: usize) -> Status {
        self.membership.status(self.now).into_iter().find(|status| status.node == name(number)).unwrap()
    }

    fn standing(&self, number: usize) -> Standing {
        self.status(number).standing
    }

    fn course(&self, number: usize) -> Vec<Standing> {
        self.events.iter().filter(|(_, n, _)| *n == number).map(|(_, _, standing)| *standing).collect()
    }
}

#[test]
fn a_host_switched_off_is_suspect_and_then_down_within_three_seconds() {
    for size in [2, 3, 5, 100] {
        let mut cluster = Cluster::new(size);
        cluster.off(2);
        cluster.lose(2);
        cluster.run(SECOND * 3 / 2);
        assert_eq!(cluster.course(2), [Standing::Suspect, Standing::Down], "{size} hosts");
        assert!(cluster.events.last().unwrap().0 < 3 * SECOND);
        assert_eq!(cluster.events.len(), 2, "others were touched");
        let status = cluster.status(2);
        assert_eq!((status.seen_by, status.of), (0, size - 1));
    }
}

#[test]
fn a_host_that_only_the_controller_lost_stays() {
    let mut cluster = Cluster::new(5);
    cluster.off(2);
    for session in [Session::OpenFlow, Session::Ovsdb] {
        cluster.membership.handle_session(&name(2), session, false, cluster.now);
    }
    cluster.run(60 * SECOND);
    assert_eq!(cluster.events, []);
}

#[test]
fn a_host_whose_agent_died_stays_while_its_switch_answers() {
    let mut cluster = Cluster::new(5);
    cluster.reporting.remove(&2);
    cluster.lose(2);
    cluster.run(60 * SECOND);
    assert_eq!(cluster.standing(2), Standing::Alive);
    assert!(!cluster.course(2).contains(&Standing::Down));
    cluster.answering.remove(&2);
    cluster.run(2 * SECOND);
    assert_eq!(cluster.standing(2), Standing::Down);
}

#[test]
fn two_at_once_do_not_vouch_for_each_other() {
    let mut cluster = Cluster::new(5);
    cluster.off(2);
    cluster.off(3);
    cluster.run(500 * MS);
    for state in [MemberState::Suspect, MemberState::Dead] {
        cluster.views.extend([(2, state), (3, state)]);
        cluster.run(800 * MS);
    }
    cluster.run(SECOND);
    assert!(cluster.events.last().unwrap().0 < 3 * SECOND);
    assert_eq!((cluster.standing(2), cluster.standing(3)), (Standing::Down, Standing::Down));
}

#[test]
fn a_controller_that_is_cut_off_declares_nobody_down() {
    let mut cluster = Cluster::new(5);
    for number in 1..=3 {
        cluster.off(number);
        cluster.views.insert(number, MemberState::Dead);
    }
    cluster.run(60 * SECOND);
    assert!(cluster.events.iter().all(|(_, _, standing)| *standing == Standing::Suspect));
    for number in 4..=5 {
        cluster.off(number);
    }
    cluster.run(60 * SECOND);
    assert!(cluster.events.iter().all(|(_, _, standing)| *standing == Standing::Suspect));
    for number in 1..=5 {
        cluster.on(number);
    }
    cluster.run(SECOND);
    assert!((1..=5).all(|number| cluster.standing(number) == Standing::Alive));
}

#[test]
fn one_of_two_and_one_alone_are_given_longer() {
    let mut cluster = Cluster::new(2);
    cluster.off(2);
    cluster.run(30 * SECOND);
    assert_ne!(cluster.standing(2), Standing::Down, "its peer sees it");
    let mut cluster = Cluster::new(1);
    cluster.off(1);
    cluster.run(4 * SECOND);
    assert_ne!(cluster.standing(1), Standing::Down);
    cluster.run(5 * SECOND);
    assert_eq!(cluster.standing(1), Standing::Down);
}

#[test]
fn a_host_that_flaps_is_held_back_and_comes_when_it_stays() {
    let mut cluster = Cluster::new(5);
    for _ in 0..150 {
        cluster.off(2);
        cluster.lose(2);
        cluster.run(700 * MS);
        cluster.on(2);
        cluster.run(2 * SECOND);
    }
    let returns = cluster.course(2).iter().filter(|standing| **standing == Standing::Alive).count();
    assert!(returns <= 2, "came back {returns} times in ten minutes");
    assert!(cluster.events.iter().all(|(_, number, _)| *number == 2));
    cluster.run(10 * SECOND);
    assert_eq!(cluster.standing(2), Standing::Alive);
}

#[test]
fn a_host_comes_back_soon_the_first_time() {
    let mut cluster = Cluster::new(5);
    cluster.off(2);
    cluster.lose(2);
    cluster.run(60 * SECOND);
    cluster.on(2);
    cluster.run(SECOND * 3 / 2);
    assert_eq!(cluster.standing(2), Standing::Alive);
}

#[test]
fn one_that_knows_nobody_has_no_say() {
    let mut cluster = Cluster::new(4);
    cluster.reporting.remove(&1);
    let now = cluster.now;
    cluster.membership.handle_report(&name(1), &[], true, now);
    cluster.off(2);
    cluster.lose(2);
    let now = cluster.now;
    cluster.membership.handle_report(&name(1), &[], true, now);
    cluster.run(SECOND);
    assert_eq!(cluster.status(2).of, 2);
    assert_eq!(cluster.standing(2), Standing::Down);
}

#[derive(Clone, Debug)]
enum Step {
    Report(usize, Vec<(usize, MemberState)>, bool),
    Session(usize, bool),
    Word(usize),
    Remove(usize),
    Add(usize, bool),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let node = || 1..=5_usize;
    let state =
        prop_oneof![1 => Just(MemberState::Alive), 1 => Just(MemberState::Suspect), 3 => Just(MemberState::Dead)];
    prop_oneof![
        6 => (node(), vec((node(), state), 0..5), any::<bool>()).prop_map(|(n, v, all)| Step::Report(n, v, all)),
        1 => (node(), any::<bool>()).prop_map(|(n, up)| Step::Session(n, up)),
        1 => node().prop_map(Step::Word),
        1 => node().prop_map(Step::Remove),
        2 => (node(), any::<bool>()).prop_map(|(n, down)| Step::Add(n, down)),
        4 => (1..800_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn down_comes_only_after_suspicion_and_never_against_a_witness(steps in vec(step(), 1..120)) {
        let mut now = Instant::now();
        let mut membership = Membership::new(now);
        let mut standing: BTreeMap<Name, Standing> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Report(n, views, all) => {
                    let views: Vec<_> = views.into_iter().map(|(n, state)| view(n, state)).collect();
                    membership.handle_report(&name(n), &views, all, now);
                }
                Step::Session(n, up) => membership.handle_session(&name(n), Session::OpenFlow, up, now),
                Step::Word(n) => membership.handle_word(&name(n), now),
                Step::Remove(n) => {
                    membership.remove(&name(n));
                    standing.remove(&name(n));
                }
                Step::Add(n, down) => {
                    membership.add(&name(n), down, now);
                    standing.entry(name(n)).or_insert(if down { Standing::Down } else { Standing::Alive });
                }
                Step::Wait(time) => {
                    now += Duration::from_millis(time);
                    membership.handle_timeout(now);
                    if let Some((at, _)) = membership.poll_timeout() {
                        prop_assert!(at > now);
                    }
                }
            }
            let status = membership.status(now);
            let events: Vec<Event> = std::iter::from_fn(|| membership.poll_event()).collect();
            // Whoever just became a witness was none when the others were looked at.
            let witness = events.iter().any(|event| event.to == Standing::Alive);
            for event in events {
                let before = standing.insert(event.node.clone(), event.to);
                prop_assert_eq!(before, Some(event.from));
                if event.to == Standing::Down {
                    prop_assert_eq!(event.from, Standing::Suspect);
                    let of = status.iter().find(|status| status.node == event.node).unwrap();
                    prop_assert!(of.seen_by == 0 || witness, "someone sees it");
                    prop_assert!(of.silent_seconds >= 1.0);
                }
            }
            for status in status {
                prop_assert_eq!(standing.get(&status.node), Some(&status.standing));
                prop_assert!(status.seen_by <= status.of && status.of < 5);
            }
        }
    }
}
