//! Gossip among simulated agents: figures, faults, and datagrams that are not what they should be.

mod datagrams;
mod faults;
mod figures;
mod lab;

use std::time::Duration;

use figures::{detection, false_alarms, traffic};

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
