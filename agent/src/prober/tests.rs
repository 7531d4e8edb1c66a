use super::*;

const COOKIE: u64 = 0xfeed;
const FULL: u32 = 1450;

pub(super) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(super) fn peer(number: u8) -> Peer {
    Peer {
        name: Name::new(format!("h{number}")).unwrap(),
        id: number.into(),
        address: IpAddr::from([192, 0, 2, number]),
        gateway: IpAddr::from([10, 244, number, 1]),
        direct: None,
    }
}

fn sent(prober: &mut Prober) -> Vec<Transmit> {
    std::iter::from_fn(|| prober.poll_transmit()).collect()
}

fn decode(sent: &Transmit) -> Datagram {
    let mut bytes = sent.payload.clone();
    bytes.resize(sent.length, 0);
    Datagram::decode(&bytes).unwrap()
}

/// Answers everything that was sent, as the peers would.
fn answer_all(prober: &mut Prober, sent: &[Transmit], now: Instant) {
    for t in sent {
        let request = decode(t);
        assert_ne!(request.kind, Kind::Reply);
        prober.handle_input(t.way, t.to, &request.answer().encode(), now);
    }
}

fn ready(now: Instant) -> Prober {
    let mut prober = Prober::new(COOKIE, now);
    prober.set_tunnel(true, now);
    prober.set_peers(&[peer(1), peer(2)], FULL, now);
    prober
}

#[test]
fn a_new_peer_is_probed_at_once_underlay_first() {
    let mut prober = ready(Instant::now());
    let to: Vec<_> = sent(&mut prober).iter().map(|t| (t.way, t.to)).collect();
    let expected = [(Way::Underlay, peer(1).address), (Way::Tunnel, peer(1).gateway)];
    assert_eq!(to[..2], expected);
    assert_eq!(to.len(), 4);
}

#[test]
fn a_report_follows_as_soon_as_all_have_answered() {
    let start = Instant::now();
    let mut prober = ready(start);
    let probes = sent(&mut prober);
    assert_eq!(prober.poll_report(start + ms(1)), None);
    answer_all(&mut prober, &probes, start + ms(3));
    let report = prober.poll_report(start + ms(3)).unwrap();
    for probe in &report.probes {
        assert_eq!((probe.rtt_seconds, probe.sent, probe.lost), (Some(0.003), 1, 0));
    }
    assert_eq!(prober.poll_report(start + ms(4)), None);
    let large: Vec<_> = sent(&mut prober).into_iter().filter(|t| t.length > LENGTH).collect();
    assert_eq!(large.iter().map(|t| t.length).collect::<Vec<_>>(), [1422, 1422]);
    answer_all(&mut prober, &large, start + ms(5));
    assert_eq!(prober.poll_timeout().0, start + ms(1000));
}

#[test]
fn silence_is_retried_soon_and_reported_as_loss() {
    let start = Instant::now();
    let mut prober = ready(start);
    let mut times = Vec::new();
    let mut now = start;
    while now < start + ms(1500) {
        times.extend(sent(&mut prober).iter().filter(|t| t.way == Way::Tunnel).map(|_| (now - start).as_millis()));
        prober.poll_report(now);
        now = prober.poll_timeout().0;
        prober.handle_timeout(now);
    }
    times.dedup();
    assert_eq!(times[..8], [0, 20, 70, 170, 270, 470, 720, 1000]);
    let report = prober.poll_report(start + ms(3000)).unwrap();
    assert_eq!(report.probes[0].rtt_seconds, None);
}

#[test]
fn paths_that_begin_and_cease_to_answer_are_told_once() {
    let start = Instant::now();
    let mut prober = ready(start);
    let mut now = start;
    let mut told = Vec::new();
    for round in 0..6 {
        let probes = sent(&mut prober);
        if ![2, 3].contains(&round) {
            answer_all(&mut prober, &probes, now + ms(2));
        }
        now += ms(1000);
        prober.handle_timeout(now);
        let tunnel = |e: &Event| e.peer.as_str() == "h1" && e.way == Way::Tunnel;
        told.extend(std::iter::from_fn(|| prober.poll_event()).filter(tunnel).map(|e| (round, e.rtt)));
    }
    // Its answer might have waited for the peer's next probe.
    assert_eq!(told, [(0, Some(ms(2))), (3, None), (4, Some(ms(2)))]);
}

#[test]
fn an_answer_too_late_does_not_undo_the_loss() {
    let start = Instant::now();
    let mut prober = ready(start);
    let first = sent(&mut prober);
    prober.handle_timeout(start + ms(1000));
    answer_all(&mut prober, &first, start + ms(1001));
    let report = prober.poll_report(start + ms(1200)).unwrap();
    assert_eq!((report.probes[0].sent, report.probes[0].lost, report.probes[0].rtt_seconds), (1, 1, None));
    let second = sent(&mut prober);
    answer_all(&mut prober, &second, start + ms(1300));
    let report = prober.poll_report(start + ms(2200)).unwrap();
    assert_eq!((report.probes[0].sent, report.probes[0].lost), (1, 0));
}

#[test]
fn a_peers_request_is_answered_and_has_us_try_again() {
    let start = Instant::now();
    let mut prober = ready(start);
    sent(&mut prober);
    let request = Datagram { kind: Kind::Request, length: 24, sequence: 9, cookie: 77 };
    prober.handle_input(Way::Tunnel, peer(2).gateway, &request.encode(), start + ms(5));
    let out = sent(&mut prober);
    assert_eq!(out[0], Transmit::new(Way::Tunnel, peer(2).gateway, &request.answer()));
    assert_eq!((out[1].way, out[1].to, out.len()), (Way::Tunnel, peer(2).gateway, 2));
}

#[test]
fn strangers_forgers_and_floods_get_nothing() {
    let start = Instant::now();
    let mut prober = ready(start);
    let probes = sent(&mut prober);
    let request = Datagram { kind: Kind::Request, length: 24, sequence: 9, cookie: 77 }.encode();
    prober.handle_input(Way::Tunnel, IpAddr::from([10, 244, 9, 1]), &request, start);
    prober.handle_input(Way::Underlay, peer(1).gateway, &request, start);
    prober.handle_input(Way::Tunnel, peer(1).gateway, &request[..23], start);
    assert_eq!(sent(&mut prober), []);
    let asked = decode(&probes[1]);
    let forged = Datagram { cookie: asked.cookie ^ 1, ..asked.answer() };
    prober.handle_input(Way::Tunnel, peer(1).gateway, &forged.encode(), start);
    assert_eq!(prober.poll_report(start + ms(200)).unwrap().probes[0].rtt_seconds, None);
    for _ in 0..1000 {
        prober.handle_input(Way::Tunnel, peer(1).gateway, &request, start);
    }
    let replies = sent(&mut prober).iter().filter(|t| decode(t).kind == Kind::Reply).count();
    assert_eq!(replies, MAX_ANSWERS as usize);
}

#[test]
fn whom_nothing_comes_from_is_told_after_a_while() {
    let start = Instant::now();
    let mut prober = ready(start);
    let heard = |prober: &mut Prober, now| {
        let report = prober.poll_report(now).unwrap();
        report.probes.iter().map(|probe| probe.heard).collect::<Vec<_>>()
    };
    assert_eq!(heard(&mut prober, start + ms(200)), [None, None]);
    let request = Datagram { kind: Kind::Request, length: 24, sequence: 9, cookie: 77 };
    prober.handle_input(Way::Tunnel, peer(2).gateway, &request.encode(), start + ms(1500));
    assert_eq!(heard(&mut prober, start + ms(3000)), [Some(false), Some(true)]);
    assert_eq!(heard(&mut prober, start + ms(4100)), [Some(false), Some(false)]);
}

#[test]
fn among_many_each_is_probed_in_its_turn_and_told_of_once() {
    let (start, count) = (Instant::now(), 100);
    let mut prober = Prober::new(COOKIE, start);
    prober.set_tunnel(true, start);
    let peers: Vec<Peer> = (1..=count).map(peer).collect();
    prober.set_peers(&peers, FULL, start);
    let (mut now, mut bytes, mut told, mut all) = (start, [0, 0], 0, 0);
    while now < start + ms(2_100_000) {
        let probes = sent(&mut prober);
        let since = usize::from(now >= start + ms(1_100_000));
        bytes[since] += probes.iter().map(|t| t.length + 28 + usize::from(t.way == Way::Tunnel) * 50).sum::<usize>();
        answer_all(&mut prober, &probes, now);
        if let Some(report) = prober.poll_report(now) {
            all += usize::from(!report.some_probes);
            told += report.probes.len();
        }
        now = prober.poll_timeout().0.max(now + ms(1));
        prober.handle_timeout(now);
    }
    let report = std::iter::from_fn(|| {
        now += ms(1000);
        prober.poll_report(now)
    });
    let report = report.take(60).find(|report| !report.some_probes).unwrap();
    assert!(report.probes.iter().all(|probe| probe.mtu == Some(FULL) && probe.rtt_seconds.is_some()));
    // Each second one small probe, and one of full size each ten; half as much again comes from others, and all of it
    // is answered.
    let kbits = bytes[1] as f64 * 8.0 / 1000.0 / 1000.0;
    println!("{kbits:.2} kbit/s of probes sent, {} reports in full, {told} entries", all);
    assert!((1.0..2.5).contains(&kbits), "{kbits}");
    assert!(all <= 2100 / 30 + 2 && told < 2100 * 6, "{all} {told}");
}

#[test]
fn nothing_goes_through_a_tunnel_that_is_not_there() {
    let start = Instant::now();
    let mut prober = Prober::new(COOKIE, start);
    prober.set_peers(&[peer(1)], FULL, start);
    assert!(sent(&mut prober).iter().all(|t| t.way == Way::Underlay));
    prober.set_tunnel(true, start + ms(300));
    assert!(sent(&mut prober).iter().any(|t| t.way == Way::Tunnel));
}

#[test]
fn peers_that_stay_keep_what_is_known() {
    let start = Instant::now();
    let mut prober = ready(start);
    let probes = sent(&mut prober);
    answer_all(&mut prober, &probes, start + ms(2));
    prober.poll_report(start + ms(2)).unwrap();
    sent(&mut prober);
    prober.set_peers(&[peer(1), peer(3)], FULL, start + ms(10));
    assert!(sent(&mut prober).iter().all(|t| t.to == peer(3).address || t.to == peer(3).gateway));
    let report = prober.poll_report(start + ms(210)).unwrap();
    assert_eq!(report.probes.iter().map(|p| p.rtt_seconds.is_some()).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_peer_is_probed_without_a_tunnel_only_where_it_is_to_be_reached_so() {
    let start = Instant::now();
    let mut prober = ready(start);
    let direct = Peer { direct: Some("10.244.1.0/24".parse().unwrap()), ..peer(1) };
    prober.set_peers(&[direct.clone(), peer(2)], FULL, start);
    let probes = sent(&mut prober);
    let plain: Vec<_> = probes.iter().filter(|t| t.way == Way::Direct).map(|t| (t.to, t.length)).collect();
    assert_eq!(plain, [(peer(1).gateway, LENGTH)]);
    assert!(prober.direct().is_empty());
    answer_all(&mut prober, &probes, start + ms(3));
    assert_eq!(prober.direct(), [peer(1).name].into());
    let told =
        |prober: &mut Prober, now| prober.poll_report(now).unwrap().probes.iter().map(|p| p.direct).collect::<Vec<_>>();
    assert_eq!(told(&mut prober, start + ms(3)), [Some(true), None]);
    let request = Datagram::request(7, LENGTH as u16, 9).encode();
    sent(&mut prober);
    for (number, answers) in [(1, 1), (2, 0)] {
        prober.handle_input(Way::Direct, peer(number).gateway, &request, start + ms(4));
        assert_eq!(sent(&mut prober).iter().filter(|t| t.way == Way::Direct).count(), answers, "h{number}");
    }
    for second in 1..=4 {
        prober.handle_timeout(start + ms(1000 * second));
        let others: Vec<_> = sent(&mut prober).into_iter().filter(|t| t.way != Way::Direct).collect();
        answer_all(&mut prober, &others, start + ms(1000 * second + 1));
    }
    assert!(prober.direct().is_empty(), "no answer for two rounds");
    prober.set_peers(&[peer(1), peer(2)], FULL, start + ms(4500));
    assert_eq!(told(&mut prober, start + ms(6000)), [None, None]);
}
