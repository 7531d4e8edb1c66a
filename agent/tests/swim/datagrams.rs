//! Datagrams that are not what they should be: each is rejected, counted by its reason, and changes nothing.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use agent::swim::{Identity, Keyring, Life, Payload, To};
use api::Rejection;
use foca::{Header, Member, Message, State};

use crate::lab::{Lab, address, keys};

type Tapped = (SocketAddr, SocketAddr, Vec<u8>);

/// A settled cluster, and what it said within a second.
fn tapped() -> (Lab, Vec<Tapped>) {
    let mut lab = Lab::settled(3, 1);
    lab.tap = Some(Vec::new());
    lab.run(Duration::from_secs(1));
    let tap = lab.tap.take().unwrap();
    assert!(!tap.is_empty());
    (lab, tap)
}

fn rejected(lab: &Lab, node: u32) -> BTreeMap<Rejection, u64> {
    lab.hosts[&node].swim.counts().rejected.clone()
}

/// Sends `datagram` to host 2 from `from`, which must be rejected for this reason only.
fn refuses(lab: &mut Lab, from: SocketAddr, datagram: &[u8], why: Rejection) {
    let (before, views) = (rejected(lab, 2), lab.hosts[&2].swim.members(lab.now));
    lab.inject(2, from, datagram);
    let mut expected = before;
    *expected.entry(why).or_default() += 1;
    assert_eq!(rejected(lab, 2), expected);
    assert_eq!(lab.hosts[&2].swim.members(lab.now), views);
}

fn towards(tap: &[Tapped], node: u32) -> &Tapped {
    tap.iter().find(|(from, to, _)| *to == address(node) && *from == address(1)).unwrap()
}

/// What a host that has the cluster's key, but is not what it says, would send to host 2.
fn crafted(lab: &Lab, sender: u32, message: Message<Identity>, about: Option<u32>) -> Vec<u8> {
    let receiver = lab.hosts[&2].swim.identity();
    let src = Identity { node: sender, life: Life::new(99, 99) };
    let dead = about.map(|node| Member::new(lab.hosts[&node].swim.identity(), 0, State::Down));
    let header = Header { src, src_incarnation: 0, dst: receiver, message };
    let payload = Payload { header, updates: dead.into_iter().collect() };
    Keyring::new(&keys(7)).seal(src, To::Life(receiver), 1, &payload.encode())
}

#[test]
fn truncated() {
    let (mut lab, tap) = tapped();
    let (from, _, datagram) = towards(&tap, 2);
    for length in 0..agent::swim::OVERHEAD {
        refuses(&mut lab, *from, &datagram[..length], Rejection::Truncated);
    }
    for length in agent::swim::OVERHEAD..datagram.len() {
        refuses(&mut lab, *from, &datagram[..length], Rejection::Forged);
    }
}

#[test]
fn forged() {
    let (mut lab, tap) = tapped();
    let (from, _, datagram) = towards(&tap, 2);
    for byte in 10..datagram.len() {
        let mut changed = datagram.clone();
        changed[byte] ^= 0x40;
        refuses(&mut lab, *from, &changed, Rejection::Forged);
    }
    let mut version = datagram.clone();
    version[0] = 0x21;
    refuses(&mut lab, *from, &version, Rejection::Version);
    let receiver = lab.hosts[&2].swim.identity();
    let sender = lab.hosts[&1].swim.identity();
    let other_key = Keyring::new(&keys(8)).seal(sender, To::Life(receiver), u32::MAX, &[]);
    refuses(&mut lab, *from, &other_key, Rejection::UnknownKey);
}

#[test]
fn replayed() {
    let (mut lab, tap) = tapped();
    for (from, _, datagram) in tap.iter().filter(|(_, to, _)| *to == address(2)) {
        refuses(&mut lab, *from, datagram, Rejection::Replayed);
    }
}

#[test]
fn replayed_to_the_next_life_of_its_receiver() {
    let (mut lab, tap) = tapped();
    lab.start(2);
    let (from, _, datagram) = towards(&tap, 2);
    refuses(&mut lab, *from, datagram, Rejection::Stale);
}

#[test]
fn replayed_to_another() {
    let (mut lab, tap) = tapped();
    let (from, _, datagram) = towards(&tap, 3);
    refuses(&mut lab, *from, datagram, Rejection::Stale);
}

#[test]
fn from_elsewhere() {
    let (mut lab, tap) = tapped();
    let (from, _, datagram) = towards(&tap, 2);
    for elsewhere in [address(3), SocketAddr::new(from.ip(), 9), address(99)] {
        refuses(&mut lab, elsewhere, datagram, Rejection::WrongSource);
    }
}

#[test]
fn from_a_non_member() {
    let (mut lab, _) = tapped();
    let datagram = crafted(&lab, 77, Message::Gossip, Some(3));
    refuses(&mut lab, address(77), &datagram, Rejection::NonMember);
}

#[test]
fn about_a_non_member() {
    let (mut lab, _) = tapped();
    let target = Identity { node: 77, life: Life::new(1, 1) };
    let datagram = crafted(&lab, 1, Message::PingReq { target, probe_number: 1 }, None);
    refuses(&mut lab, address(1), &datagram, Rejection::NonMember);
}

#[test]
fn sealed_nonsense() {
    let (mut lab, _) = tapped();
    let receiver = lab.hosts[&2].swim.identity();
    let sender = Identity { life: Life::new(50, 1), ..lab.hosts[&1].swim.identity() };
    for (n, content) in [&b""[..], b"nonsense", &[0xff; 1000]].into_iter().enumerate() {
        let datagram = Keyring::new(&keys(7)).seal(sender, To::Life(receiver), n as u32, content);
        refuses(&mut lab, address(1), &datagram, Rejection::Malformed);
    }
}

/// A recorded hello tells a host that restarted nothing: it asks the sender's life of that time, which is no more.
#[test]
fn a_recorded_hello_raises_nobody_from_the_dead() {
    let mut lab = Lab::new(3, 1);
    lab.tap = Some(Vec::new());
    lab.run(Duration::from_secs(2));
    let tap = lab.tap.take().unwrap();
    lab.kill(3);
    lab.run(Duration::from_secs(10));
    lab.start(2);
    lab.run(Duration::from_secs(6));
    let hellos = tap.iter().filter(|(from, to, d)| d[0] == 0x12 && *from == address(3) && *to == address(2));
    let hellos: Vec<_> = hellos.collect();
    assert!(!hellos.is_empty());
    lab.opinions.clear();
    for (from, _, datagram) in hellos {
        lab.inject(2, *from, datagram);
    }
    lab.run(Duration::from_secs(5));
    assert_eq!(lab.opinions, []);
}
