//! The testbed's own ground: hosts, their Open vSwitch and the underlay, without the product.

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{at, bare, host, pings, sh};
use integration::plan::{CONTROLLER_IP, EXTERNAL_IP};
use integration::{Config, Place, Target, Testbed, netns, teardown, tool};

#[test]
fn hosts_reach_each_other_through_open_vswitch() {
    let testbed = bare("t10-reach", 3);
    for from in 1..=3 {
        for to in [host(1).ip(), host(2).ip(), host(3).ip(), CONTROLLER_IP, EXTERNAL_IP] {
            assert!(pings(&testbed, &at(from), to), "h{from} to {to}");
        }
    }
    assert!(pings(&testbed, &Place::External, host(2).ip()));
    let ports = sh(&testbed, &at(1), "ovs-vsctl list-ports br-phy");
    assert_eq!(ports.trim(), "eth1");
    assert_passes_the_bridge(&testbed);
}

/// Every byte of a TCP stream is counted by the bridge: nothing goes round Open vSwitch.
fn assert_passes_the_bridge(testbed: &Testbed) {
    let before = bridge_bytes(testbed);
    let received = common::iperf(testbed, &at(1), &at(2), host(2).ip(), "-n 4M");
    assert!(received > 1 << 20, "only {received} bytes received");
    // The switch folds its datapath's counters into the flow's about once a second.
    let counted = || bridge_bytes(testbed) - before >= received;
    let what = format!("{received} bytes in the bridge's flow");
    tool::wait_until(&what, Duration::from_secs(5), counted).unwrap();
}

fn bridge_bytes(testbed: &Testbed) -> u64 {
    let flows = sh(testbed, &at(2), "ovs-ofctl dump-flows br-phy");
    let bytes = flows.split("n_bytes=").nth(1).unwrap();
    bytes.split(',').next().unwrap().parse().unwrap()
}

#[test]
fn a_hand_made_tunnel_carries_packets() {
    let testbed = bare("t10-tunnel", 2);
    for (here, there) in [(1, 2), (2, 1)] {
        let remote = host(there).ip();
        sh(
            &testbed,
            &at(here),
            &format!(
                "ovs-vsctl add-br kbr0 -- set Bridge kbr0 datapath_type=netdev fail_mode=secure \
                 -- add-port kbr0 tun -- set Interface tun type=vxlan options:remote_ip={remote} \
                 options:key=flow ofport_request=1"
            ),
        );
        for device in [
            format!("ip addr add 10.244.0.{here}/24 dev kbr0"),
            "ip link set kbr0 mtu 1450 up".to_owned(),
            "ethtool -K kbr0 tx off".to_owned(),
            "ovs-ofctl add-flow kbr0 in_port=LOCAL,actions=set_field:7->tun_id,output:1".to_owned(),
            "ovs-ofctl add-flow kbr0 tun_id=7,in_port=1,actions=LOCAL".to_owned(),
        ] {
            sh(&testbed, &at(here), &device);
        }
    }
    assert!(pings(&testbed, &at(1), "10.244.0.2"));
    sh(&testbed, &at(1), "ping -c 3 -i 0.01 -M do -s 1422 10.244.0.2");
}

#[test]
fn a_partition_cuts_and_healing_joins() {
    let testbed = bare("t10-cut", 3);
    testbed.partition(&at(1), Some(&at(2))).unwrap();
    assert!(!pings(&testbed, &at(1), host(2).ip()));
    assert!(!pings(&testbed, &at(2), host(1).ip()));
    assert!(pings(&testbed, &at(1), host(3).ip()));
    testbed.partition(&at(3), None).unwrap();
    assert!(!pings(&testbed, &at(3), CONTROLLER_IP));
    testbed.heal().unwrap();
    testbed.heal().unwrap();
    for to in [host(1).ip(), host(2).ip(), CONTROLLER_IP] {
        assert!(pings(&testbed, &at(3), to), "{to}");
    }
    assert!(testbed.partition(&at(4), None).is_err());
}

#[test]
fn a_killed_switch_comes_back_with_its_address() {
    let testbed = bare("t10-kill", 2);
    let ovs = Target::Ovs(host(1));
    testbed.kill(ovs).unwrap();
    assert!(testbed.kill(ovs).is_err(), "it is gone already");
    assert!(!pings(&testbed, &at(2), host(1).ip()));
    testbed.start(ovs).unwrap();
    assert!(pings(&testbed, &at(2), host(1).ip()));
    sh(&testbed, &at(1), "ovs-appctl -t ovs-vswitchd version");
    assert!(testbed.start(ovs).is_err(), "it runs");
}

#[test]
fn testbeds_stand_side_by_side() {
    let kept = bare("t10-side-a", 2);
    let gone = bare("t10-side-b", 2);
    assert!(pings(&gone, &at(1), host(2).ip()));
    drop(gone);
    assert!(pings(&kept, &at(1), host(2).ip()));
    assert!(Testbed::open("t10-side-b").is_err());
}

#[test]
fn down_ends_a_testbed_that_crashed_on_its_way_up() {
    let config = Config::new("t10-crash");
    let testbed = bare(&config.name, 2);
    let mut stray = testbed.spawn(&at(1), &["sleep", "1000"]).unwrap();
    // As it stands after SIGKILL at some moment of `up`: processes without a record, half a host.
    let h1 = testbed.state().host(host(1));
    std::fs::remove_file(h1.join("ovs-vswitchd.process")).unwrap();
    std::fs::remove_dir_all(testbed.state().host(host(2))).unwrap();
    netns::remove(&[config.netns(&Place::External)]).unwrap();
    let namespaces = teardown::static_namespaces(testbed.config());
    let there = netns::inhabitants(&namespaces).unwrap();
    assert_eq!(there.len(), 5, "two daemons on two hosts and one stray: {there:?}");

    assert!(Testbed::down(&config.name).unwrap());
    assert!(stray.wait().unwrap().code().is_none(), "killed");
    for namespace in namespaces {
        assert!(!netns::path(&namespace).exists(), "{namespace}");
    }
    let is_gone = |pid: &i32| !integration::process::exists(*pid);
    assert!(there.iter().all(is_gone));
    assert!(!Testbed::down(&config.name).unwrap(), "nothing left to end");
}

#[test]
fn the_machine_itself_stays_as_it_was() {
    let look = || {
        let sysctl = |key: &str| std::fs::read(Path::new("/proc/sys/net").join(key)).unwrap();
        let keys = ["ipv4/ip_forward", "ipv4/conf/all/rp_filter", "ipv4/conf/default/rp_filter"];
        let devices =
            ["br0", "h1", "eth1", "br-phy"].map(|device| Path::new("/proc/sys/net/ipv4/conf").join(device).exists());
        (keys.map(sysctl), devices)
    };
    let before = look();
    let testbed = bare("t10-root", 1);
    assert_eq!(look(), before);
    drop(testbed);
    assert_eq!(look(), before);
}

#[test]
fn twenty_hosts_come_up_in_seconds() {
    let since = Instant::now();
    let testbed = bare("t10-twenty", 20);
    let seconds = since.elapsed().as_secs_f64();
    println!("20 hosts in {seconds:.1} s");
    assert!(seconds < 20.0, "{seconds:.1} s");
    assert!(pings(&testbed, &at(1), host(20).ip()));
}
