//! What gets through between hosts, and what TCP makes of a link that carries less.

#[macro_use]
mod common;

use std::thread;
use std::time::{Duration, Instant};

use common::mesh::{events, link, mesh, whole};
use common::{add, at, eventually, iperf_for, mtu, pings_all, pod_at, sh, try_sh, up_with};
use integration::client::metric;
use integration::{Config, Tunnel};

for_each_tunnel!(shrinks, "m98");

/// The link of h2 carries less than it did, in the midst of a TCP transfer.
fn shrinks(name: &str, tunnel: Tunnel) {
    let testbed = up_with(&Config { tunnel, ..Config::new(name) });
    let [here, far, third] = [("here", 1), ("far", 2), ("third", 3)].map(|(name, n)| add(&testbed, name, n));
    let (full, less) = (mtu(tunnel, 4), mtu(tunnel, 4) - 100);
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
