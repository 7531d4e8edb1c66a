//! Two hosts with an agent each that probe one another; a pair of veths stands for the tunnel.

use crate::lab::{Lab, is_root, sh, until};
use api::{Name, Peer, Probe};

fn peer(number: u8) -> Peer {
    Peer {
        name: Name::new(format!("h{number}")).unwrap(),
        id: number.into(),
        address: [192, 0, 2, 10 + number].into(),
        gateway: [10, 244, number, 1].into(),
        direct: None,
    }
}

/// Two hosts that know of each other before their agents start.
async fn pair() -> (Lab, Lab) {
    let (one, two) = (Lab::bare(1).await, Lab::bare(2).await);
    for device in ["up0", "kbr0"] {
        sh(&format!("ip -n {} link add {device} type veth peer name {device} netns {}", one.host, two.host));
    }
    for (host, number, other) in [(&one, 1, &two), (&two, 2, &one)] {
        host.ip(&format!("addr add 192.0.2.1{number}/24 dev up0"));
        host.ip("link set up0 up");
        let mac = sh(&format!("ip netns exec {} cat /sys/class/net/kbr0/address", other.host));
        // The switch answers for the router; here the other end does.
        host.ip("link set kbr0 up");
        host.ip(&format!("neigh add 169.254.93.1 lladdr {} dev kbr0", mac.trim()));
        host.fake.lock().config.peers = vec![peer(3 - number)];
    }
    (one.started().await, two.started().await)
}

fn answered(lab: &Lab) -> bool {
    lab.fake.lock().reports.last().is_some_and(|r| r.probes.iter().all(|p| p.rtt_seconds.is_some()))
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_find_each_other_and_notice_when_the_tunnel_is_cut() {
    if !is_root() {
        return;
    }
    let start = std::time::Instant::now();
    let (one, two) = pair().await;
    until("both have an answer", || answered(&one) && answered(&two)).await;
    eprintln!("probes answered after {:?}", start.elapsed());
    let (before, since) = (one.fake.lock().reports.len(), std::time::Instant::now());
    tokio::time::sleep(std::time::Duration::from_millis(4200)).await;
    let (told, took) = (one.fake.lock().reports.split_off(before), since.elapsed().as_secs() as u32);
    // An answer comes with the peer's next probe, once a second, and a report tells of what came in its own second: one
    // may tell of two answers and the next of none, when either was late.
    let sum = |of: fn(&Probe) -> u32| told.iter().map(|report| of(&report.probes[0])).sum::<u32>();
    assert_eq!(sum(|probe| probe.lost), 0);
    assert!((took - 2..=took + 2).contains(&sum(|probe| probe.sent)), "within {took} s: {told:?}");
    assert!(told.iter().all(|report| report.probes[0].rtt_seconds.unwrap() < 0.1), "{told:?}");

    for words in
        ["table ip cut", "chain ip cut in '{ type filter hook input priority 0; }'", "rule ip cut in iifname kbr0 drop"]
    {
        sh(&format!("ip netns exec {} nft add {words}", two.host));
    }
    until("the loss is reported", || {
        let report = one.fake.lock().reports.last().unwrap().clone();
        report.probes[0].rtt_seconds.is_none() && report.probes[0].lost > 0
    })
    .await;
    sh(&format!("ip netns exec {} nft delete table ip cut", two.host));
    until("both have an answer again", || answered(&one) && answered(&two)).await;
}
