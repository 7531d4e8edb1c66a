//! Every direction between two hosts is known to work, or named.

mod common;

use std::thread;
use std::time::{Duration, Instant};

use common::mesh::{events, link, mesh, whole};
use common::{at, eventually, sdnctl, up};
use integration::Testbed;
use integration::client::metric;

/// The directions named broken, like `h1>h2`.
fn broken(testbed: &Testbed) -> Vec<String> {
    let broken = mesh(testbed).links.into_iter().filter(|link| link.arrives == Some(false));
    broken.map(|link| format!("{}>{}", link.from, link.to)).collect()
}

#[test]
fn the_direction_that_is_broken_is_named_within_ten_seconds() {
    let testbed = up("m93-broken", 3);
    eventually("all pairs to be known good", 15, || whole(&testbed, 1450));
    assert_eq!(mesh(&testbed).path_mtu, Some(1450));
    assert_eq!(events(&testbed), [""; 0]);
    let rtts: Vec<_> = mesh(&testbed).links.iter().map(|link| link.rtt_seconds.expect("it is up")).collect();
    assert!(rtts.iter().all(|rtt| (0.00001..1.0).contains(rtt)), "{rtts:?}");

    testbed.lose(&at(1), &at(2), 100).unwrap();
    let cut = Instant::now();
    eventually("the direction to be named", 10, || broken(&testbed) == ["h1>h2"]);
    println!("named after {:.1?}:\n{}", cut.elapsed(), sdnctl(&testbed, "mesh"));
    assert!(sdnctl(&testbed, "mesh").contains("BROKEN: nothing from h1 arrives at h2"));
    assert_eq!(events(&testbed), ["nothing from h1 arrives at h2"]);
    assert_eq!(metric(&testbed, "sdn_mesh_broken").unwrap(), 1.0);
    thread::sleep(Duration::from_secs(5));
    assert_eq!(broken(&testbed), ["h1>h2"]);
    testbed.heal().unwrap();
    eventually("all pairs to be good again", 10, || whole(&testbed, 1450));
    let told = events(&testbed);
    assert!(told.len() == 2 && told[1].starts_with("h2 hears h1 again, after"), "{told:?}");
    assert_eq!(metric(&testbed, "sdn_mesh_broken").unwrap(), 0.0);
    assert!(metric(&testbed, "sdn_probes_sent_total").unwrap() > 60.0);

    testbed.partition(&at(3), Some(&at(1))).unwrap();
    eventually("both directions to be named", 10, || broken(&testbed) == ["h1>h3", "h3>h1"]);
}

#[test]
fn loss_is_shown_where_it_is() {
    let testbed = up("m93-loss", 2);
    eventually("all pairs to be known good", 15, || whole(&testbed, 1450));
    testbed.lose(&at(1), &at(2), 50).unwrap();
    let mut seen = 0;
    eventually("losses", 20, || {
        seen += usize::from(link(&testbed, "h1", "h2").loss > 0.0);
        thread::sleep(Duration::from_millis(500));
        seen >= 3
    });
    eventually("losses to be counted", 20, || metric(&testbed, "sdn_probes_lost_total").unwrap() >= 3.0);
    assert_eq!(broken(&testbed), [""; 0]);
}
