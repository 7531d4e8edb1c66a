//! What the host itself gets: gateway, routes and masquerade.

use std::time::Instant;

use crate::lab::{Lab, is_root, sh, until};

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_is_made_right_and_healed() {
    if !is_root() {
        return;
    }
    let lab = Lab::up().await;
    let right = || {
        let routes = lab.ip("route show proto 93");
        lab.ip("-4 addr show kbr0").contains("inet 10.244.1.1/24")
            && routes.contains("10.244.0.0/16 via 169.254.93.1 dev kbr0 src 10.244.1.1 onlink")
            && routes.contains("10.96.0.0/12 via 169.254.93.1 dev kbr0 src 10.244.1.1 onlink")
    };
    // A tap nobody holds has no carrier, and routes over it are shown as such.
    let right = || right() || lab.ip("route show proto 93").matches("src 10.244.1.1").count() == 2;
    until("gateway and routes", right).await;
    assert_eq!(sh(&format!("ip netns exec {} cat /proc/sys/net/ipv4/ip_forward", lab.host)).trim(), "1");
    assert_eq!(lab.ip("-6 addr show kbr0"), "");
    let offload = sh(&format!("ip netns exec {} ethtool -k kbr0 | grep tx-checksumming", lab.host));
    assert!(offload.contains("off"), "{offload}");

    lab.ip("route del 10.96.0.0/12 proto 93");
    until("the route is back", right).await;
    lab.ip("link del kbr0");
    lab.ip("tuntap add kbr0 mode tap");
    let start = Instant::now();
    until("the gateway is back", right).await;
    assert!(start.elapsed().as_millis() < 1000, "healed only after {:?}", start.elapsed());

    lab.fake.change(|c| c.config.routes = vec!["10.244.0.0/16".parse().unwrap()]);
    until("the route goes", || !lab.ip("route show proto 93").contains("10.96.0.0/12")).await;
    lab.fake.change(|c| c.config.gateway = "10.244.7.1/24".parse().unwrap());
    until("the gateway moves", || {
        let addresses = lab.ip("-4 addr show kbr0");
        addresses.contains("10.244.7.1/24") && !addresses.contains("10.244.1.1/24")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn masquerade_is_one_table_written_once() {
    if !is_root() {
        return;
    }
    let mut lab = Lab::up().await;
    let list = format!("ip netns exec {} nft -a list table ip sdn 2>&1 || true", lab.host);
    // Not what stays within the cluster, as what the kernel routes to containers of its own does.
    let rule = |line: &str| {
        let mut parts =
            ["ip saddr 10.244.0.0/16 ip daddr != ", "10.244.0.0/16", " oifname != \"kbr0\" masquerade"].iter();
        parts.all(|part| line.contains(part))
    };
    until("the table is there", || sh(&list).lines().any(rule)).await;
    let first = sh(&list);
    lab.kill();
    lab.start().await;
    let reports = lab.fake.lock().reports.len();
    until("the agent is at work again", || lab.fake.lock().reports.len() > reports).await;
    // The handles of an untouched table are the same.
    assert_eq!(sh(&list), first);
    lab.fake.change(|c| {
        c.config.routes = vec!["10.200.0.0/16".parse().unwrap()];
        c.config.masquerade = c.config.routes.clone();
    });
    until("the table follows", || sh(&list).contains("10.200.0.0/16") && !sh(&list).contains("10.244")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_counted_of_strangers_stays_when_the_table_is_written_anew() {
    if !is_root() {
        return;
    }
    let mut lab = Lab::up().await;
    lab.pod("outside");
    let (host, outside) = (lab.host.clone(), format!("{}-outside", lab.host));
    lab.ip(&format!("link set up1 netns {outside}"));
    for words in ["link set lo up", "link set up1 up", "addr add 192.0.2.9/24 dev up1", "addr add 10.244.9.9/32 dev lo"]
    {
        sh(&format!("ip -n {outside} {words}"));
    }
    let list = format!("ip netns exec {host} nft list table ip sdn 2>&1 || true");
    let count = || {
        let printed = sh(&list);
        let counter = printed.split("counter strangers-10.244.0.0/16 {").nth(1)?;
        counter.split("packets ").nth(1)?.split(' ').next()?.parse::<u64>().ok()
    };
    let send = || sh(&format!("ip netns exec {outside} ping -q -c 5 -i 0.01 -W 1 -I 10.244.9.9 192.0.2.11 || true"));
    until("the counter is there", || count() == Some(0)).await;
    send();
    assert_eq!(count(), Some(5));
    for last in [1, 2] {
        lab.fake.change(|c| c.config.routes.push(format!("10.98.{last}.0/24").parse().unwrap()));
        until("the table follows", || sh(&list).contains(&format!("strangers-10.98.{last}.0/24"))).await;
        assert_eq!(count(), Some(5), "it was written anew");
    }
    lab.kill();
    sh(&format!("ip netns exec {host} nft add chain ip sdn foreign"));
    lab.start().await;
    until("what is foreign goes", || !sh(&list).contains("foreign")).await;
    assert_eq!(count(), Some(5), "put right");
    send();
    assert_eq!(count(), Some(10));
    lab.fake.change(|c| c.config.routes.truncate(2));
    until("counters of networks that are gone go", || !sh(&list).contains("10.98.")).await;
    assert_eq!(count(), Some(10));
}
