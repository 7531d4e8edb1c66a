use super::*;

const FULL: u32 = 1450;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn probe(peer: &str) -> Probe {
    Probe {
        peer: name(peer),
        rtt_seconds: Some(0.001),
        sent: 4,
        lost: 1,
        mtu: Some(FULL),
        full_sent: 1,
        full_lost: 0,
        heard: Some(true),
        direct: None,
    }
}

fn report(probes: &[Probe]) -> AgentReport {
    AgentReport { probes: probes.to_vec(), full_size: FULL, every_seconds: 1.0, ..AgentReport::default() }
}

fn tell(links: &mut Links, from: &str, probes: &[Probe], now: Instant) -> Vec<Change> {
    links.report(&name(from), &report(probes), |_| true, now);
    std::iter::from_fn(|| links.poll_change()).collect()
}

#[test]
fn a_pair_is_up_while_its_last_probe_was_answered_lately() {
    let (mut links, start) = (Links::default(), Instant::now());
    let nodes = [name("h1"), name("h2")];
    tell(&mut links, "h1", &[probe("h2")], start);
    assert!(links.all_up(&nodes[..1], start) && !links.all_up(&nodes, start));
    let link = links.link(&nodes[0], &nodes[1], start);
    assert_eq!((link.up, link.loss, link.mtu, link.arrives), (true, 0.25, Some(FULL), None));
    assert_eq!(links.link(&nodes[1], &nodes[0], start).arrives, Some(true));
    assert!(!links.link(&nodes[0], &nodes[1], start + FRESH).up);
    tell(&mut links, "h2", &[probe("h1")], start);
    assert!(links.all_up(&nodes, start));
}

#[test]
fn the_direction_is_broken_in_which_nothing_is_heard() {
    let (mut links, start) = (Links::default(), Instant::now());
    tell(&mut links, "h1", &[probe("h2")], start);
    tell(&mut links, "h2", &[probe("h1")], start);
    let now = start + Duration::from_secs(1);
    let silent = Probe { rtt_seconds: None, lost: 4, ..probe("h2") };
    assert_eq!(tell(&mut links, "h1", &[silent], now), []);
    let deaf = Probe { rtt_seconds: None, heard: Some(false), ..probe("h1") };
    let change = |what| vec![Change { from: name("h1"), to: name("h2"), what }];
    assert_eq!(tell(&mut links, "h2", std::slice::from_ref(&deaf), now), change(What::Broken));
    assert_eq!(tell(&mut links, "h2", &[deaf], now), []);
    let arrives = |links: &Links| {
        let at = |from, to| links.link(&name(from), &name(to), now).arrives;
        [at("h1", "h2"), at("h2", "h1")]
    };
    assert_eq!(arrives(&links), [Some(false), Some(true)]);
    let later = now + Duration::from_secs(3);
    assert_eq!(tell(&mut links, "h2", &[probe("h1")], later), change(What::Works(Duration::from_secs(3))));
}

#[test]
fn who_ceases_to_be_reached_directly_is_told() {
    let (mut links, start) = (Links::default(), Instant::now());
    let direct = |direct| Probe { direct, ..probe("h2") };
    let change = |what| vec![Change { from: name("h1"), to: name("h2"), what }];
    for (is, told) in [
        (Some(false), vec![]),
        (Some(true), vec![]),
        (Some(false), change(What::Detoured)),
        (Some(false), vec![]),
        (Some(true), change(What::Direct)),
        (None, vec![]),
    ] {
        assert_eq!(tell(&mut links, "h1", &[direct(is)], start), told, "{is:?}");
        assert_eq!(links.link(&name("h1"), &name("h2"), start).direct, is);
    }
}

#[test]
fn a_host_that_is_gone_breaks_no_direction() {
    let (mut links, start) = (Links::default(), Instant::now());
    tell(&mut links, "h1", &[probe("h2")], start);
    tell(&mut links, "h2", &[probe("h1")], start);
    let deaf = Probe { rtt_seconds: None, heard: Some(false), ..probe("h1") };
    assert_eq!(tell(&mut links, "h2", std::slice::from_ref(&deaf), start + PRESENT), []);
    links.report(&name("h2"), &report(&[deaf]), |node| node.as_str() != "h1", start);
    assert_eq!(links.poll_change(), None);
}

#[test]
fn what_gets_through_is_told_when_it_changes_and_the_floor_follows() {
    let (mut links, start) = (Links::default(), Instant::now());
    assert_eq!(links.floor(), None);
    assert_eq!(tell(&mut links, "h1", &[probe("h2"), probe("h3")], start), []);
    assert_eq!(links.floor(), Some(FULL));
    let small = Probe { mtu: Some(1350), ..probe("h2") };
    let change = |what| vec![Change { from: name("h1"), to: name("h2"), what }];
    let shrunk = change(What::Shrunk { fails: FULL, passes: 1350 });
    assert_eq!(tell(&mut links, "h1", &[small.clone(), probe("h3")], start), shrunk);
    assert_eq!(links.floor(), Some(1350));
    assert_eq!(tell(&mut links, "h1", &[small, probe("h3")], start), []);
    assert_eq!(tell(&mut links, "h1", &[probe("h2")], start), change(What::Grown { passes: FULL }));
    assert_eq!(links.floor(), Some(1350), "not yet");
    tell(&mut links, "h1", &[probe("h2")], start + SETTLED);
    assert_eq!(links.floor(), Some(FULL));
    links.forget(&name("h1"));
    assert_eq!(links.floor(), Some(FULL));
}

#[test]
fn some_probes_add_to_what_is_known() {
    let (mut links, start) = (Links::default(), Instant::now());
    tell(&mut links, "h1", &[probe("h2"), probe("h3")], start);
    let some = AgentReport { some_probes: true, ..report(&[Probe { rtt_seconds: None, ..probe("h3") }]) };
    links.report(&name("h1"), &some, |_| true, start);
    let up = |links: &Links, to| links.link(&name("h1"), &name(to), start).up;
    assert!(up(&links, "h2") && !up(&links, "h3"));
    tell(&mut links, "h1", &[probe("h3")], start);
    assert!(!up(&links, "h2") && up(&links, "h3"));
}
