//! `Match::check` against a real Open vSwitch: thousands of random matches, right and wrong, are
//! refused by both or by neither, and for the same reason.
#![cfg(feature = "net")]

mod common;

use std::collections::BTreeMap;

use openflow::conn::{Config, Event, RequestError};
use openflow::msg::flow::FlowMod;
use openflow::net::{self, Handle};
use openflow::{Field, Match, Oxm};
use proptest::test_runner::{RngAlgorithm, TestRng};

const MATCHES: usize = 20_000;

/// Random numbers, the same in every run.
struct Random(TestRng);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        use proptest::prelude::Rng;
        self.0.next_u64() as usize % n
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    fn bytes(&mut self, size: usize) -> Vec<u8> {
        (0..size).map(|_| self.below(256) as u8).collect()
    }
}

/// Fields that other fields need, with values that satisfy them.
fn base(random: &mut Random) -> Match {
    let new = Match::new;
    let eth = [0x0800u16, 0x0800, 0x86dd, 0x86dd, 0x0806, 0x8035, 0x8847, 0x8848, 0x894f, 0x88cc];
    let mut m = match random.below(8) {
        0 => return new(),
        1 => new().ct_state(random.pick(&[0x21, 0x22, 0x20, 0x30, 0x40]), 0xff),
        2 => new().ct_state(0x20, random.pick(&[0x20, 0x30])),
        3 => new().vlan_vid_masked(0x1000, random.pick(&[0x1000, 0x1fff])),
        4 => new().with(Oxm::new(Field::OXM_OF_PACKET_TYPE, random.pick(&[0u32, 0x1_0800, 0x1_86dd, 5]))),
        _ => new(),
    };
    if random.one_in(8) {
        return m;
    }
    m = m.eth_type(random.pick(&eth));
    if random.one_in(8) {
        m = m.ip_frag(random.pick(&[0, 1, 2, 3]));
    }
    if random.one_in(3) {
        return m;
    }
    m = m.ip_proto(random.pick(&[1, 6, 6, 17, 58, 58, 132]));
    match random.below(3) {
        0 => m.icmpv6_type(random.pick(&[135, 136, 1])),
        1 => m.icmpv6_type(135).icmpv6_code(random.pick(&[0, 1])),
        _ => m,
    }
}

/// A value for a field, mostly one that it can have; the mask, if any, mostly around it.
fn oxm(random: &mut Random, field: Field) -> Oxm {
    let size = field.size().map_or(4, usize::from);
    let bits = field.info().map_or(8 * size, |i| usize::from(i.bits));
    let mut value = random.bytes(size);
    if !random.one_in(6) {
        let unused = size * 8 - bits.min(size * 8);
        value[..unused / 8].fill(0);
        if let Some(byte) = value.get_mut(unused / 8) {
            *byte &= 0xff >> (unused % 8);
        }
    }
    if random.one_in(3) {
        value[..size - 1].fill(0);
    }
    let mask = match random.below(8) {
        // not followed: see `Match::check`
        _ if field == Field::OXM_OF_VLAN_PCP => vec![0xff; size],
        0 => random.bytes(size),
        1 => vec![0xff; size],
        2 => vec![0; size],
        3 => std::iter::repeat_n(0xff, size / 2).chain(vec![0; size - size / 2]).collect(),
        _ => return Oxm::from_bytes(field, &value, None).unwrap(),
    };
    if !random.one_in(6) {
        value.iter_mut().zip(&mask).for_each(|(v, m)| *v &= m);
    }
    Oxm::from_bytes(field, &value, Some(&mask)).unwrap()
}

fn random_match(random: &mut Random, fields: &[Field]) -> Match {
    let mut m = base(random);
    for _ in 0..1 + random.below(4) {
        let field = random.pick(fields);
        m.push(oxm(random, field));
    }
    m
}

/// A match that is right as far as we know, with as many fields as come by.
fn right_match(random: &mut Random, fields: &[Field]) -> Match {
    let mut m = base(random);
    for _ in 0..40 {
        let field = random.pick(fields);
        let more = m.clone().with(oxm(random, field));
        if more.check().is_ok() {
            m = more;
        }
    }
    m
}

async fn connect(switch: &common::Switch) -> Handle {
    let stream = net::connect_unix(switch.mgmt()).await.unwrap();
    let (handle, mut events) = net::spawn(stream, Config::default());
    assert!(matches!(events.recv().await, Some(Event::Up { .. })));
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    handle
}

/// What the switch says about a match: nothing, or the name of its error.
async fn verdict(handle: &Handle, m: Match) -> Option<String> {
    match handle.request(FlowMod::add(1, 1, m)).await {
        Ok(_) => None,
        Err(RequestError::Switch(error)) => error.name().or(Some(format!("{error:?}"))),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_switch_judges_the_same() {
    let Some(switch) = common::Switch::start() else { return };
    let handle = connect(&switch).await;
    let mut random = Random(TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let fields: Vec<Field> = Field::named().filter(|f| f.tun_metadata_index().is_none()).collect();
    let mut verdicts: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for n in 0..MATCHES {
        // half of them with every field in turn as the last one
        let m = match n % 4 {
            0 => random_match(&mut random, &fields),
            1 => right_match(&mut random, &fields),
            _ => base(&mut random).with(oxm(&mut random, fields[n / 4 % fields.len()])),
        };
        let ours = m.check().err();
        let theirs = verdict(&handle, m.clone()).await;
        if ours.map(|e| e.kind.name()) != theirs.as_deref() {
            wrong.push(format!("{m:?}\n  ours   {ours:?}\n  theirs {theirs:?}"));
        }
        *verdicts.entry(theirs.unwrap_or_else(|| "taken".to_owned())).or_default() += 1;
    }
    println!("{verdicts:?}");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
    assert!(verdicts.len() >= 6 && verdicts["taken"] > MATCHES / 10, "{verdicts:?}");
}
