//! Every direction between two hosts is known to work, or named: small packets and large ones, through the tunnel.

mod common;

use std::thread;
use std::time::{Duration, Instant};

use api::status::{Event, Link, Mesh};
use common::{add, at, eventually, iperf_for, pings_all, pod_at, sdnctl, sh, try_sh, up, up_with};
use integration::client::{metric, sdnctl_json};
use integration::{Config, Testbed, Tunnel};

fn mesh(testbed: &Testbed) -> Mesh {
    sdnctl_json(testbed, "mesh").expect("a mesh")
}

fn link(testbed: &Testbed, from: &str, to: &str) -> Link {
    let found = mesh(testbed).links.into_iter().find(|link| link.from.as_str() == from && link.to.as_str() == to);
    found.expect("a directed pair")
}

/// Every pair is up and lets packets of `mtu` bytes through.
fn whole(testbed: &Testbed, mtu: u32) -> bool {
    let good = |link: &Link| link.up && link.mtu == Some(mtu) && link.arrives == Some(true);
    mesh(testbed).links.iter().all(good)
}

/// The directions named broken, like `h1>h2`.
fn broken(testbed: &Testbed) -> Vec<String> {
    let broken = mesh(testbed).links.into_iter().filter(|link| link.arrives == Some(false));
    broken.map(|link| format!("{}>{}", link.from, link.to)).collect()
}

fn events(testbed: &Testbed) -> Vec<String> {
    let events: Vec<Event> = sdnctl_json(testbed, "events").expect("events");
    events.into_iter().filter(|event| event.kind == "mesh").map(|event| event.message).collect()
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
    assert!(metric(&testbed, "sdn_probes_lost_total").unwrap() >= 3.0);
    assert_eq!(broken(&testbed), [""; 0]);
}

#[test]
#[ignore = "under load the size is at times found too small at first, and larger again only ten seconds later"]
fn vxlan_follows_the_smallest_path() {
    shrinks("m93-vxlan", Tunnel::Vxlan, 50);
}

#[test]
#[ignore = "TCP stood still for longer than it may in one of two runs"]
fn gre_follows_the_smallest_path() {
    shrinks("m93-gre", Tunnel::Gre, 42);
}

#[test]
#[ignore = "under load the size is at times found too small at first, and larger again only ten seconds later"]
fn geneve_follows_the_smallest_path() {
    shrinks("m93-geneve", Tunnel::Geneve, 50);
}

/// The link of h2 carries less than it did, in the midst of a TCP transfer; `overhead`: bytes the tunnel adds.
fn shrinks(name: &str, tunnel: Tunnel, overhead: u32) {
    let testbed = up_with(&Config { tunnel, ..Config::new(name) });
    let [here, far, third] = [("here", 1), ("far", 2), ("third", 3)].map(|(name, n)| add(&testbed, name, n));
    let (full, less) = (1500 - overhead, 1400 - overhead);
    eventually("all pairs to be known good", 15, || whole(&testbed, full));

    let lower = || {
        thread::sleep(Duration::from_secs(3));
        testbed.set_mtu(&at(2), 1400).unwrap();
        let cut = Instant::now();
        eventually("the smaller path to be known", 10, || mesh(&testbed).path_mtu == Some(less));
        println!("known after {:.1?}", cut.elapsed());
    };
    let (_, seconds) = thread::scope(|scope| {
        let lowered = scope.spawn(lower);
        let seconds = iperf_for(&testbed, &pod_at(&here), &pod_at(&far), &far.ip, 20);
        (lowered.join().expect("it is known"), seconds)
    });
    println!("bytes of each second: {seconds:?}");
    let stalled = seconds.iter().filter(|bytes| **bytes == 0).count();
    assert!(stalled <= 8, "it stood still for {stalled} s: {seconds:?}");
    assert!(seconds.iter().rev().take(5).all(|bytes| *bytes > 0), "it goes on: {seconds:?}");

    // What h2 sends may be larger by a VLAN tag before the kernel finds it too large.
    let expected = [
        ("h1", "h2", less..=less),
        ("h3", "h2", less..=less),
        ("h2", "h1", less..=less + 4),
        ("h1", "h3", full..=full),
    ];
    eventually("each pair to be measured", 20, || {
        expected.iter().all(|(from, to, mtu)| link(&testbed, from, to).mtu.is_some_and(|found| mtu.contains(&found)))
    });
    let told = events(&testbed);
    let expected = format!("packets of {full} bytes from h1 do not reach h2; the largest that do have {less}");
    assert!(told.contains(&expected), "{told:?}");
    assert_eq!(metric(&testbed, "sdn_mesh_path_mtu_bytes").unwrap(), f64::from(less));

    let large = |size: u32| format!("ping -c 3 -i 0.2 -W 1 -M do -s {} {}", size - 28, far.ip);
    for from in [pod_at(&third), at(3)] {
        let refused = try_sh(&testbed, &from, &large(full)).expect_err("too large");
        assert!(format!("{refused:#}").contains(&format!("mtu={less}")), "{from}: {refused:#}");
        sh(&testbed, &from, &large(less));
    }
    let late = add(&testbed, "late", 3);
    assert!(sh(&testbed, &pod_at(&late), "ip route").contains(&format!("mtu {less}")));

    testbed.set_mtu(&at(2), 1500).unwrap();
    eventually("packets of full size", 40, || try_sh(&testbed, &pod_at(&third), &large(full)).is_ok());
    assert!(!sh(&testbed, &at(3), "ip route").contains("mtu"));
    assert!(pings_all(&testbed, &pod_at(&here), &far.ip));
}
