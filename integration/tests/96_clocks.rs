//! Clocks of running daemons that jump by a day, under a probe each millisecond between all pairs of pods: nobody loses a
//! packet, nobody is held for dead, and what is good until some hour is judged by the controller's clock.

mod common;

use std::thread;
use std::time::Duration;

use api::status::{Event, Status};
use api::{List, NodeStatus, TokenStatus};
use common::{add, eventually, host, ip_of, pings_all, pod_at, sdnctl, sh, up_with};
use integration::client::sdnctl_json;
use integration::ping::Ping;
use integration::{Config, Place, Pod, Testbed, clock};

const DAY: i64 = 86_400;
/// Longer than it takes to be held for dead.
const LONG_ENOUGH: Duration = Duration::from_secs(8);

/// Whose clocks jump.
#[derive(Clone, Copy, Debug)]
enum Whose {
    All,
    Controller,
    Host(u16),
}

fn set(testbed: &Testbed, whose: Whose, ahead: i64) {
    let places: Vec<Place> = match whose {
        Whose::All => testbed.config().host_ids().map(Place::from).chain([Place::Controller]).collect(),
        Whose::Controller => vec![Place::Controller],
        Whose::Host(n) => vec![host(n).into()],
    };
    places.iter().for_each(|place| clock::set(testbed.state(), place, ahead).expect("the clock's file"));
}

/// How far the controller's clock is ahead, by what it says of a token that it makes for an hour.
fn ahead(testbed: &Testbed) -> i64 {
    let made: api::TokenMade = sdnctl_json(testbed, "token create --ttl 1h").expect("a token");
    let expires: jiff::Timestamp = made.expires.parse().expect("a time");
    expires.as_second() - 3_600 - jiff::Timestamp::now().as_second()
}

fn members(testbed: &Testbed) -> Vec<Event> {
    let events: Vec<Event> = sdnctl_json(testbed, "events").expect("events");
    events.into_iter().filter(|event| event.kind == "member").collect()
}

fn all_alive(testbed: &Testbed) -> bool {
    let list: List<NodeStatus> = sdnctl_json(testbed, "node ls").expect("nodes");
    let alive = |n: &NodeStatus| n.membership.as_ref().is_some_and(|m| m.state == "alive" && m.seen_by == 2);
    list.items.iter().all(alive)
}

fn pings(testbed: &Testbed, pods: &[Pod]) -> Vec<(String, Ping)> {
    let pairs = pods.iter().flat_map(|from| pods.iter().map(move |to| (from, to)));
    let start = |(from, to): (&Pod, &Pod)| {
        let ping = Ping::start(testbed, &pod_at(from), ip_of(to)).expect("ping starts");
        (format!("{} to {}", from.name, to.name), ping)
    };
    pairs.filter(|(from, to)| from.name != to.name).map(start).collect()
}

fn judge(pinged: Vec<(String, Ping)>) {
    for (pair, ping) in pinged {
        let loss = ping.finish().expect("it counted");
        println!("{pair}: {} of {} lost", loss.lost, loss.sent);
        assert!(loss.sent > 1_000 && loss.lost == 0, "{pair}: {loss:?}");
    }
}

#[test]
fn a_day_ahead_and_back_again_is_noticed_by_nobody() {
    let config = Config { secure: true, settable_clocks: true, ..Config::new("mb-clocks") };
    let testbed = up_with(&config);
    let pods: Vec<Pod> = (1..=3).map(|n| add(&testbed, &format!("on-h{n}"), n)).collect();
    eventually("all hosts see each other", 20, || all_alive(&testbed));
    let before = members(&testbed);
    assert!(ahead(&testbed).abs() < 5, "{}", ahead(&testbed));
    let made: api::TokenMade = sdnctl_json(&testbed, "token create --ttl 2h").expect("a token");
    let token = made.token.split('.').next().expect("a name").to_owned();

    let jumps = [
        (Whose::All, DAY, DAY),
        (Whose::All, 0, 0),
        (Whose::Controller, -DAY, -DAY),
        (Whose::Host(2), DAY, -DAY),
        (Whose::All, 0, 0),
    ];
    for (number, (whose, jump, expected)) in jumps.into_iter().enumerate() {
        let pinged = pings(&testbed, &pods);
        thread::sleep(Duration::from_secs(1));
        set(&testbed, whose, jump);
        thread::sleep(LONG_ENOUGH);
        judge(pinged);
        let is = ahead(&testbed);
        assert!((is - expected).abs() < 5, "the controller is {is} s ahead, not {expected}: its clock was not set");
        let late = add(&testbed, &format!("late{number}"), 2);
        assert!(pings_all(&testbed, &pod_at(&late), &pods[0].ip), "{whose:?} {jump}: a new pod");
        testbed.pod_rm(&late.name).expect("it goes");
        let tokens: List<TokenStatus> = sdnctl_json(&testbed, "token ls").expect("tokens");
        let found = tokens.items.iter().find(|status| status.name == token);
        // Expired ones go when another is made.
        assert_eq!(found.is_none_or(|status| status.expired), number > 0 || jump > 0, "{whose:?} {jump}: {found:?}");
        let status: Status = sdnctl_json(&testbed, "status").expect("a status");
        assert!(status.converged && status.switches.iter().all(|switch| switch.ready && switch.agent), "{status:?}");
        assert!(all_alive(&testbed), "{whose:?} {jump}: {}", sdnctl(&testbed, "node ls"));
    }
    assert_eq!(members(&testbed), before, "nobody was suspect, nor dead");

    // Sessions that begin while clocks differ by a day: certificates are good, from both sides.
    set(&testbed, Whose::Controller, DAY);
    set(&testbed, Whose::Host(1), -DAY);
    testbed.kill(integration::Target::Controller).expect("it ran");
    testbed.start(integration::Target::Controller).expect("it starts");
    common::settle(&testbed);
    assert!(sh(&testbed, &pod_at(&pods[0]), &format!("ping -c 3 -i 0.01 {}", pods[2].ip)).contains(" 0% packet loss"));
}
