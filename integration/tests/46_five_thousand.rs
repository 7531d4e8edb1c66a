//! A service with 5,000 backends on a real switch: fair shares, and what a change of one of them costs.
//!
//! Two things make a backend's share. Open vSwitch says itself how many of the hash's slots it dealt out to each: by
//! that, each backend is judged alone. Whether the hash is even, connections say: they are told apart by conntrack, and
//! judged together, as twenty for each backend scatter by chance alone.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use api::status::{Group, GroupDump};
use api::{Endpoint, List};
use common::{at, host, pod_at, sdnctl, sh, up};
use integration::client::sdnctl_json;
use integration::{Place, Pod, PodSpec, Testbed, netns};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, setsockopt, socket, sockopt};
use openflow::{Body, Message, text::parse_group};

const MANY: usize = 5_000;
const VIP: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 2);
const CLIENTS: u16 = 5;
const PORTS: Range<u16> = 30_000..50_000;
/// A power of two with room for all, 40 backends each.
const SLICES: usize = 128;
const ROUNDS: u32 = 5;

/// A connection by its client, and the backend that it was given.
type Chosen = BTreeMap<(Ipv4Addr, u16), Ipv4Addr>;

/// An endpoint of h2 whose device nobody made: connections to it begin, and that is all.
fn endpoint(n: usize) -> String {
    format!("---\nkind: endpoint\nname: many-{n}\nspec: {{node: h2, network: big, device: d{n}}}\n")
}

fn service(backends: &[Ipv4Addr]) -> String {
    let backends: Vec<String> = backends.iter().map(Ipv4Addr::to_string).collect();
    let ports = "ports: [{port: 80, target_port: 8080}]";
    let spec = format!("{{network: big, vip: {VIP}, {ports}, backends: [{}]}}", backends.join(", "));
    format!("kind: service\nname: many\nspec: {spec}\n")
}

fn apply(testbed: &Testbed, file: &str, options: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("objects.yaml");
    fs::write(&path, file).expect("room");
    sdnctl(testbed, &format!("apply {options} -f {}", path.display()));
}

fn groups(testbed: &Testbed) -> Vec<Group> {
    let dump: GroupDump = sdnctl_json(testbed, "groups dump h1").expect("groups");
    dump.groups.into_iter().filter(|group| group.owner.as_deref() == Some("service/many")).collect()
}

/// The backends of a group, in the order of its buckets; none for groups that lead to others.
fn targets(group: &Group) -> Vec<Ipv4Addr> {
    let address = |to: &str| to.split([':', ')']).next()?.parse().ok();
    group.ofctl.split("nat(dst=").skip(1).filter_map(address).collect()
}

/// Backends by the group that they are in.
fn slices(testbed: &Testbed) -> BTreeMap<u32, BTreeSet<Ipv4Addr>> {
    let slice = |group: Group| (group.id, targets(&group).into_iter().collect::<BTreeSet<_>>());
    groups(testbed).into_iter().map(slice).filter(|(_, backends)| !backends.is_empty()).collect()
}

/// One SYN from each of the ports, and nothing after it.
fn knock(testbed: &Testbed, client: &Pod) {
    let to = SockaddrIn::from(SocketAddrV4::new(VIP, 80));
    let knock = || {
        for port in PORTS {
            let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
            let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
            setsockopt(&socket, sockopt::ReuseAddr, &true)?;
            bind(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)))?;
            match connect(socket.as_raw_fd(), &to) {
                Ok(()) | Err(nix::errno::Errno::EINPROGRESS) => {}
                Err(error) => return Err(error.into()),
            }
            if port % 50 == 0 {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        Ok(())
    };
    netns::within(&testbed.config().netns(&pod_at(client)), knock).expect("all ports are free");
}

/// Has all clients connect, and reads from conntrack what became of it.
fn ask_all(testbed: &Testbed, clients: &[Pod]) -> Chosen {
    sh(testbed, &at(1), "ovs-appctl dpctl/flush-conntrack");
    clients.iter().for_each(|client| knock(testbed, client));
    let dump = sh(testbed, &at(1), "ovs-appctl dpctl/dump-conntrack");
    let wanted = format!("dst={VIP},");
    let chosen = |line: &str| {
        let value = |part: &str, key: &str| part.split(key).nth(1)?.split([',', ')']).next().map(str::to_owned);
        let (orig, reply) = line.split_once("reply=")?;
        let client = (value(orig, "src=")?.parse().ok()?, value(orig, "sport=")?.parse().ok()?);
        Some((client, value(reply, "src=")?.parse().ok()?))
    };
    dump.lines().filter(|line| line.contains(&wanted)).filter_map(chosen).collect()
}

/// The share of each backend, by what Open vSwitch logged of how it dealt the slots of the hash out.
fn shares(testbed: &Testbed) -> BTreeMap<Ipv4Addr, f64> {
    let log = testbed.state().host(host(1)).join("ovs-vswitchd.log");
    let slots = slots(&fs::read_to_string(log).expect("a log"));
    let mut shares = BTreeMap::new();
    for group in groups(testbed) {
        let (targets, slots) = (targets(&group), &slots[&group.id]);
        let all: u32 = slots.iter().sum();
        let share = |slots: &u32| f64::from(*slots) / f64::from(all) / SLICES as f64;
        targets.into_iter().zip(slots).for_each(|(to, slots)| *shares.entry(to).or_default() += share(slots));
    }
    shares
}

/// Slots of each bucket, group by group: `Constructing select group 7`, and then `Bucket 0: weight=1, target=6.40 hits=6`.
fn slots(log: &str) -> BTreeMap<u32, Vec<u32>> {
    let mut slots = BTreeMap::new();
    let mut group = 0;
    for line in log.lines() {
        if let Some((_, id)) = line.split_once("Constructing select group ") {
            group = id.trim().parse().expect("a number");
            slots.insert(group, Vec::new());
        } else if let (true, Some((_, hits))) = (line.contains("Bucket "), line.split_once("hits=")) {
            slots.entry(group).or_default().push(hits.trim().parse().expect("a number"));
        }
    }
    slots
}

/// Bytes that the controller has sent to switches.
fn sent(testbed: &Testbed) -> u64 {
    let said = sh(testbed, &Place::Controller, "ss -Htin state established sport = :6653");
    said.split_whitespace().filter_map(|word| word.strip_prefix("bytes_sent:")?.parse::<u64>().ok()).sum()
}

/// How unequal shares are beyond what chance does to so many connections: the standard deviation of backends' shares, as a
/// part of the fair one.
fn unevenness(counts: &BTreeMap<Ipv4Addr, usize>) -> f64 {
    let fair = counts.values().sum::<usize>() as f64 / counts.len() as f64;
    let square = |count: &usize| (*count as f64 - fair).powi(2) / fair;
    let scatter = counts.values().map(square).sum::<f64>() / (counts.len() - 1) as f64;
    ((scatter - 1.0).max(0.0) / fair).sqrt()
}

/// Connections by backend, also by those that got none.
fn by_backend(chosen: &Chosen, slices: &BTreeMap<u32, BTreeSet<Ipv4Addr>>) -> BTreeMap<Ipv4Addr, usize> {
    let mut counts: BTreeMap<Ipv4Addr, usize> = slices.values().flatten().map(|ip| (*ip, 0)).collect();
    chosen.values().for_each(|ip| *counts.get_mut(ip).expect("a backend") += 1);
    counts
}

fn each_is_chosen_fairly(chosen: &Chosen, slices: &BTreeMap<u32, BTreeSet<Ipv4Addr>>) {
    let counts = by_backend(chosen, slices);
    let (least, most) = (counts.values().min().expect("some"), counts.values().max().expect("some"));
    let uneven = unevenness(&counts);
    let all = chosen.len() as f64;
    let of = |backends: &BTreeSet<Ipv4Addr>| backends.iter().map(|ip| counts[ip]).sum::<usize>() as f64;
    let off = slices.values().map(|slice| (of(slice) * SLICES as f64 / all - 1.0).abs()).fold(0.0, f64::max);
    println!(
        "{} connections: {least} to {most} for each backend, where {:.1} are fair; beyond chance {:.1} %; slices within {:.1} %",
        chosen.len(),
        all / counts.len() as f64,
        uneven * 100.0,
        off * 100.0
    );
    assert!(*least > 0, "a backend got none");
    assert!(uneven < 0.1, "{uneven}");
    // Some 800 connections for each slice: chance alone makes 15 % of that one time in 20,000.
    assert!(off < 0.15, "{off}");
}

/// The longest message that carries one of these groups.
fn longest(groups: &[Group]) -> usize {
    let length = |group: &Group| {
        let group = parse_group(&group.ofctl).unwrap_or_else(|error| panic!("{}: {error}", group.ofctl));
        let message = Message::new(1, Body::GroupMod(group));
        message.encode().expect("it was sent").len()
    };
    groups.iter().map(length).max().expect("groups")
}

#[test]
fn five_thousand_backends_have_fair_shares_and_a_change_of_one_is_small() {
    let testbed = up("mb-5000", 2);
    sdnctl(&testbed, "network create big --subnet 10.60.0.0/16 --flat");
    let client = |n| {
        let spec = PodSpec { network: Some("big".into()), ..PodSpec::new(&format!("client{n}"), host(1)) };
        testbed.pod_add(&spec).expect("a pod")
    };
    let clients: Vec<Pod> = (0..CLIENTS).map(client).collect();
    sh(&testbed, &at(1), "ovs-appctl vlog/set ofproto_dpif:file:dbg");
    let file: String = (0..=MANY).map(endpoint).collect();
    apply(&testbed, &file, "--wait=false");
    let addresses = || -> Vec<Ipv4Addr> {
        let listed: List<Endpoint> = sdnctl_json(&testbed, "endpoint ls").expect("endpoints");
        let many = listed.items.iter().filter(|endpoint| endpoint.name.as_str().starts_with("many-"));
        many.flat_map(|endpoint| &endpoint.ips).filter_map(|ip| ip.to_string().parse().ok()).collect()
    };
    let (last, backends) = addresses().split_last().map(|(last, rest)| (*last, rest.to_vec())).expect("endpoints");
    assert_eq!(backends.len(), MANY);
    let (since, before) = (Instant::now(), sent(&testbed));
    apply(&testbed, &service(&backends), "--timeout 60");
    println!("{MANY} backends in both switches after {:?}, {} bytes", since.elapsed(), sent(&testbed) - before);
    sh(&testbed, &at(1), "ovs-appctl vlog/set ofproto_dpif:file:info");

    let first = slices(&testbed);
    assert_eq!((first.len(), first.values().map(BTreeSet::len).sum::<usize>()), (SLICES, MANY));
    println!("longest message of a group: {} bytes", longest(&groups(&testbed)));
    assert!(longest(&groups(&testbed)) < 16_384, "far below the 65,535 that there are");
    let shares = shares(&testbed);
    let off = |share: &f64| share * MANY as f64 - 1.0;
    let (least, most) = (shares.values().map(off).fold(0.0, f64::min), shares.values().map(off).fold(0.0, f64::max));
    println!("shares by Open vSwitch's own word: {:+.1} % to {:+.1} %", least * 100.0, most * 100.0);
    assert!(shares.len() == MANY && least > -0.15 && most < 0.15);

    let chosen = ask_all(&testbed, &clients);
    assert!(chosen.len() > 90_000, "{}", chosen.len());
    each_is_chosen_fairly(&chosen, &first);

    one_more_or_less_is_small(&testbed, &first, last);
    one_less_moves_its_share(&testbed, &clients, &chosen, backends[MANY / 3]);
}

/// The time until both switches have acknowledged it, and what that took.
fn one_more_or_less_is_small(testbed: &Testbed, first: &BTreeMap<u32, BTreeSet<Ipv4Addr>>, one: Ipv4Addr) {
    for _ in 0..ROUNDS {
        for change in ["add", "rm"] {
            let (before, bytes, since) = (slices(testbed), sent(testbed), Instant::now());
            sdnctl(testbed, &format!("service backends many --{change} {one}"));
            let (took, bytes) = (since.elapsed(), sent(testbed) - bytes);
            let after = slices(testbed);
            let changed = after.iter().filter(|(id, slice)| before.get(id) != Some(slice)).count();
            println!("{change} one: {took:?} with the command, {bytes} bytes to two switches, {changed} groups");
            assert!(before.keys().eq(after.keys()) && (1..=2).contains(&changed), "{changed} groups");
            assert!(bytes < 65_536, "{bytes} bytes");
            assert!(took < Duration::from_secs(2), "{took:?}");
        }
    }
    assert_eq!(slices(testbed), *first);
}

/// The same connections once more, without one of the backends: those that it had go elsewhere, and of the others only
/// some of the one or two slices that its leaving changes.
fn one_less_moves_its_share(testbed: &Testbed, clients: &[Pod], before: &Chosen, gone: Ipv4Addr) {
    let again = ask_all(testbed, clients);
    let moved = |after: &Chosen| {
        let both = before.iter().filter_map(|(client, was)| Some((was, after.get(client)?)));
        both.filter(|(was, is)| was != is && **was != gone).count()
    };
    assert_eq!(moved(&again), 0, "without a change");
    sdnctl(testbed, &format!("service backends many --rm {gone}"));
    let after = ask_all(testbed, clients);
    let (moved, share) = (moved(&after), after.len() as f64 * 2.0 / SLICES as f64);
    println!("one less: {moved} of {} others are given another backend", after.len());
    assert!(!after.values().any(|to| *to == gone));
    assert!((moved as f64) < share, "no more than two slices have: {share}");
}
