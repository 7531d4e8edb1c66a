//! Services with more backends than a group holds: everyone gets its share, and a change is small.

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use api::status::GroupDump;
use common::{eventually, host, pod_at, sdnctl, up};
use integration::client::sdnctl_json;
use integration::traffic::knock;
use integration::{Place, PodSpec, Testbed};

const MANY: u32 = 300;

/// Endpoints of h2 whose devices nobody made: connections to them begin, and that is all.
fn endpoints(labels: &[(&str, u32)]) -> String {
    let mut file = String::new();
    for (label, count) in labels {
        for n in 0..*count {
            let spec = format!("{{node: h2, network: big, device: {label}{n}, labels: {{app: {label}}}}}");
            writeln!(file, "---\nkind: endpoint\nname: {label}-{n}\nspec: {spec}").unwrap();
        }
    }
    file
}

/// The addresses that groups of a service translate to, with the packets that began connections there.
fn backends(testbed: &Testbed, service: &str) -> BTreeMap<String, u64> {
    let dump: GroupDump = sdnctl_json(testbed, "groups dump h1").unwrap();
    let owner = format!("service/{service}");
    let mut counts = BTreeMap::new();
    for group in dump.groups.iter().filter(|group| group.owner.as_ref() == Some(&owner)) {
        let to = |bucket: &str| bucket.split(')').next().unwrap_or_default().to_owned();
        let targets = group.ofctl.split("nat(dst=").skip(1).map(to);
        targets.zip(&group.bucket_packets).for_each(|(to, packets)| *counts.entry(to).or_default() += packets);
    }
    counts
}

/// How far the counts scatter, where chance alone gives about 1.
fn scatter(counts: &BTreeMap<String, u64>) -> f64 {
    let fair = counts.values().sum::<u64>() as f64 / counts.len() as f64;
    counts.values().map(|count| (*count as f64 - fair).powi(2) / fair).sum::<f64>() / (counts.len() - 1) as f64
}

fn ask_all(testbed: &Testbed, client: &Place, vip: u8, service: &str) -> BTreeMap<String, u64> {
    knock(testbed, client, IpAddr::V4(Ipv4Addr::new(10, 96, 0, vip)), 80, 10_000).unwrap();
    let mut before = 0;
    let settled = || {
        // Open vSwitch takes packets into account after a second.
        std::thread::sleep(Duration::from_millis(1_100));
        let now = backends(testbed, service).values().sum();
        now > 0 && std::mem::replace(&mut before, now) == now
    };
    eventually("Open vSwitch counts the connections", 10, settled);
    let counts = backends(testbed, service);
    // Ports that the client takes again are no new connections.
    assert!(counts.values().sum::<u64>() > 7_000, "{counts:?}");
    counts
}

#[test]
fn each_gets_its_share_and_one_more_changes_little() {
    let testbed = up("t31-many", 2);
    sdnctl(&testbed, "network create big --subnet 10.60.0.0/16 --flat");
    let client = PodSpec { network: Some("big".into()), ..PodSpec::new("client", host(1)) };
    let client = pod_at(&testbed.pod_add(&client).unwrap());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("endpoints.yaml");
    fs::write(&path, endpoints(&[("five", 5), ("many", MANY)])).unwrap();
    for (n, app) in [(1, "five"), (2, "many")] {
        let ports = "--port 80:8080/tcp --network big";
        sdnctl(&testbed, &format!("service create {app} --vip 10.96.0.{n} {ports} --selector app={app}"));
    }
    sdnctl(&testbed, &format!("apply --wait=false -f {}", path.display()));
    eventually("all backends are there", 20, || backends(&testbed, "many").len() == MANY as usize);

    let counts = ask_all(&testbed, &client, 1, "five");
    let fair = counts.values().sum::<u64>() as f64 / 5.0;
    assert!(counts.values().all(|count| (*count as f64 / fair - 1.0).abs() < 0.15), "{counts:?}");

    let counts = ask_all(&testbed, &client, 2, "many");
    assert!(
        counts.len() == MANY as usize && (0.7..1.4).contains(&scatter(&counts)),
        "{}: {counts:?}",
        scatter(&counts)
    );

    let groups = || -> BTreeMap<u32, String> {
        let dump: GroupDump = sdnctl_json(&testbed, "groups dump h1").unwrap();
        dump.groups.iter().map(|group| (group.id, group.ofctl.clone())).collect()
    };
    let before = groups();
    sdnctl(&testbed, "endpoint rm many-17 --wait=false");
    eventually("it is taken out", 5, || backends(&testbed, "many").len() == MANY as usize - 1);
    let after = groups();
    assert!(before.keys().eq(after.keys()));
    let changed: Vec<&String> = after.iter().filter(|(id, group)| before[id] != **group).map(|(_, g)| g).collect();
    assert!(changed.len() <= 2, "its own slice and that of the one which took its seat: {}", changed.len());
}
