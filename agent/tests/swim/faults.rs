//! What goes wrong with hosts and links.

use std::{collections::BTreeSet, time::Duration};

use api::MemberState;

use crate::lab::{Lab, Link};

const SECOND: Duration = Duration::from_secs(1);

/// Whom anyone held for dead.
fn dead(lab: &Lab) -> BTreeSet<u32> {
    lab.became(MemberState::Dead).map(|opinion| opinion.about).collect()
}

fn healed(lab: &mut Lab, limit: Duration) -> Duration {
    let begun = lab.now;
    while !lab.agree(&BTreeSet::new()) {
        assert!(lab.now < begun + limit, "not healed within {limit:?}");
        lab.run(SECOND / 20);
    }
    lab.now - begun
}

#[test]
fn a_hundred_strangers_find_each_other() {
    let mut lab = Lab::new(100, 3);
    let took = healed(&mut lab, 4 * SECOND);
    assert!(took < 2 * SECOND, "{took:?}");
    assert_eq!(lab.became(MemberState::Dead).count(), 0);
}

#[test]
fn an_agent_killed_and_restarted_at_once_is_missed_by_nobody() {
    let mut lab = Lab::settled(5, 1);
    lab.kill(3);
    lab.run(SECOND / 2);
    lab.start(3);
    healed(&mut lab, 3 * SECOND);
    lab.run(30 * SECOND);
    assert_eq!(dead(&lab), BTreeSet::new());
}

#[test]
fn an_agent_back_after_its_death_is_alive_again_at_once_and_nobody_else_died() {
    for seed in 0..10 {
        let mut lab = Lab::settled(5, seed);
        lab.kill(3);
        lab.run(10 * SECOND);
        lab.start(3);
        let took = healed(&mut lab, 3 * SECOND);
        assert!(took < SECOND, "{took:?}");
        lab.run(30 * SECOND);
        assert!(lab.agree(&BTreeSet::new()));
        assert_eq!(dead(&lab), BTreeSet::from([3]));
    }
}

/// The agent's clock is read for one thing: the number of a first life. It went back a day here, and what was kept on
/// disk makes up for it; a day ahead is as good as any number.
#[test]
fn a_clock_a_day_off_changes_nothing() {
    let mut lab = Lab::settled(5, 1);
    for (node, life) in [(2, 1_800_000_000_u32), (3, 1_800_000_000 - 86_400)] {
        lab.hosts.get_mut(&node).unwrap().life = life;
        lab.kill(node);
        lab.run(SECOND / 2);
        lab.start(node);
        healed(&mut lab, 3 * SECOND);
    }
    lab.run(30 * SECOND);
    assert_eq!(dead(&lab), BTreeSet::new());
}

/// No time but that which is passed in: a day of the wall clock's does not exist here.
#[test]
fn no_clock_is_read_below_the_shell() {
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/src/swim");
    let mut count = 0;
    for entry in std::fs::read_dir(sources).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            assert!(!code.contains("SystemTime") && !code.contains("::now("), "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 5);
}

#[test]
fn a_link_that_is_dead_one_way_kills_nobody() {
    for seed in 0..5 {
        let mut lab = Lab::settled(5, seed);
        lab.links.insert((1, 2), Link { loss: 1.0, ..Link::default() });
        lab.run(120 * SECOND);
        assert_eq!(dead(&lab), BTreeSet::new());
    }
}

#[test]
fn a_link_that_is_dead_both_ways_kills_nobody_either() {
    let mut lab = Lab::settled(5, 1);
    lab.part([1], [2]);
    lab.run(120 * SECOND);
    assert_eq!(dead(&lab), BTreeSet::new());
}

#[test]
fn halves_lose_each_other_and_find_back() {
    for (size, seed, lasts) in [(5, 1, 3), (5, 2, 60), (20, 3, 4), (20, 4, 60)] {
        let mut lab = Lab::settled(size, seed);
        let (one, other) = (1..=size / 2, size / 2 + 1..=size);
        lab.part(one.clone(), other.clone());
        lab.run(lasts * SECOND);
        let across = |o: &&crate::lab::Opinion| one.contains(&o.of) != one.contains(&o.about);
        assert!(lab.became(MemberState::Dead).all(|o| across(&o)), "someone of the same half died");
        lab.links.clear();
        let took = healed(&mut lab, 10 * SECOND);
        assert!(took < 5 * SECOND, "{size} hosts after {lasts} s: {took:?}");
        // What was said of the other half may go round for some seconds more, and is denied.
        lab.run(5 * SECOND);
        lab.opinions.clear();
        lab.run(30 * SECOND);
        assert!(lab.agree(&BTreeSet::new()));
        assert_eq!(dead(&lab), BTreeSet::new());
    }
}

#[test]
fn an_agent_that_slept_does_not_blame_the_others() {
    let mut lab = Lab::settled(5, 1);
    lab.kill(3);
    lab.run(SECOND / 2);
    lab.hosts.get_mut(&3).unwrap().up = true;
    lab.run(30 * SECOND);
    assert_eq!(dead(&lab), BTreeSet::new());
    assert!(lab.became(MemberState::Suspect).all(|opinion| opinion.of != 3 || opinion.about == 3));
}

#[test]
fn whoever_never_came_is_lost_after_a_while() {
    let mut lab = Lab::new(5, 1);
    lab.kill(5);
    lab.run(4 * SECOND);
    assert_eq!(lab.view(1, 5), None);
    lab.run(2 * SECOND);
    assert_eq!(lab.view(1, 5).unwrap().state, MemberState::Dead);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let trace = |seed| {
        let mut lab = Lab::settled(10, seed);
        lab.link.loss = 0.2;
        lab.run(60 * SECOND);
        let since = lab.start;
        lab.opinions.into_iter().map(|o| (o.at - since, o.of, o.about, o.to)).collect::<Vec<_>>()
    };
    assert_eq!(trace(5), trace(5));
    assert_ne!(trace(5), trace(6));
}
