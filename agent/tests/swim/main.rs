//! Gossip among simulated agents: figures, faults, and datagrams that are not what they should be.

mod datagrams;
mod faults;
mod figures;
mod lab;

use std::time::Duration;

use api::MemberState;
use figures::{detection, false_alarms, traffic};
use lab::{Host, Lab, Link};

#[test]
fn five_hosts_lose_one_within_three_seconds() {
    let worst = (0..60).map(|seed| detection(5, seed)).max().unwrap();
    assert!(worst < Duration::from_millis(2500), "{worst:?}");
}

#[test]
fn small_and_middling_clusters_lose_a_host_as_fast() {
    for (size, seeds, limit) in [(2, 20, 2), (3, 20, 2), (20, 20, 4)] {
        let worst = (0..seeds).map(|seed| detection(size, seed)).max().unwrap();
        assert!(worst < Duration::from_secs(limit), "{size} hosts: {worst:?}");
    }
}

#[test]
fn a_hundred_hosts_lose_one_within_six_seconds() {
    let worst = (0..2).map(|seed| detection(100, seed)).max().unwrap();
    assert!(worst < Duration::from_secs(6), "{worst:?}");
}

#[test]
fn nobody_dies_of_ten_minutes_of_loss() {
    for size in [2, 3, 5] {
        let (suspicions, deaths) = false_alarms(size, 42, 0.1, Duration::from_secs(600));
        assert!(suspicions > 0, "the loss was not felt");
        assert_eq!(deaths, 0, "{size} hosts");
    }
}

#[test]
fn nobody_dies_of_half_as_much_loss_again_among_a_hundred() {
    let (suspicions, deaths) = false_alarms(100, 42, 0.15, Duration::from_secs(15));
    assert!(suspicions > 0, "the loss was not felt");
    assert_eq!(deaths, 0);
}

/// What `make faults` runs, as it takes minutes: the whole ten of them, and the host that is switched off amid the loss.
#[test]
#[ignore = "takes minutes: run it with --run-ignored or --ignored"]
fn a_hundred_hosts_and_ten_minutes_of_loss() {
    let tenth = Link { loss: 0.1, ..Link::default() };
    let mut lab = Lab::settled(100, 42);
    lab.link = tenth;
    lab.hosts.values_mut().for_each(|host| (host.sent, host.received) = (0, 0));
    let time = Duration::from_secs(600);
    lab.run(time);
    let raised = |state| lab.became(state).count();
    let (suspicions, deaths) = (raised(MemberState::Suspect), raised(MemberState::Dead));
    let rate = |host: &Host| ((host.sent + host.received) * 8) as f64 / time.as_secs_f64() / 1000.0;
    let busiest = lab.hosts.values().map(rate).fold(0.0, f64::max);
    println!("{suspicions} suspicions, {deaths} deaths; at most {busiest:.1} kbit/s of gossip, {PROBES:.1} of probes");
    assert!(suspicions > 0, "the loss was not felt");
    assert_eq!(deaths, 0);
    assert!(busiest + PROBES <= 20.0, "{busiest} kbit/s");

    lab.opinions.clear();
    lab.kill(100);
    let all = |lab: &Lab| lab.became(MemberState::Dead).filter(|opinion| opinion.about == 100).count() == 99;
    let took = lab.run_until(Duration::from_secs(30), all);
    println!("one switched off amid the loss: all know after {took:?}");
    assert!(lab.became(MemberState::Dead).all(|opinion| opinion.about == 100));
}

/// Probes among as many are counted in `prober::tests`: 2.2 kbit/s of requests, and answers of 1.1 kbit/s.
const PROBES: f64 = 2.0 * (2.2 + 1.1);

#[test]
fn gossip_and_probes_stay_within_twenty_kilobits_sent_and_received() {
    for loss in [0.0, 0.1] {
        let (sent, received) = traffic(100, 1, loss, Duration::from_secs(10));
        println!("{sent:.1} + {received:.1} kbit/s of gossip with {loss} of all lost");
        assert!(sent + received + PROBES < 20.0, "{sent} + {received} kbit/s with {loss} of all lost");
    }
}
