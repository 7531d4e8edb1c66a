//! Two probers that answer each other.

use api::Probe;

use super::tests::{ms, peer};
use super::*;

const DELAY: Duration = Duration::from_millis(3);

/// Both, what flies between them, and in how many bursts each sent through the tunnel.
struct Pair {
    start: Instant,
    now: Instant,
    probers: [Prober; 2],
    flying: Vec<(Instant, usize, Transmit)>,
    bursts: [u32; 2],
    /// The largest packet that gets through from either, in bytes.
    mtu: [usize; 2],
}

impl Pair {
    /// The second one comes `apart` later than the first.
    fn new(apart: Duration) -> Self {
        let start = Instant::now();
        let mut probers = [Prober::new(1, start), Prober::new(2, start)];
        probers[0].set_tunnel(true, start);
        probers[0].set_peers(&[peer(1)], 1450, start);
        let mut pair = Self { start, now: start, probers, flying: Vec::new(), bursts: [0; 2], mtu: [1450; 2] };
        pair.run(apart);
        pair.probers[1].set_tunnel(true, pair.now);
        pair.probers[1].set_peers(&[peer(0)], 1450, pair.now);
        pair
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let now = self.now;
            let (here, later) = std::mem::take(&mut self.flying).into_iter().partition(|(at, ..)| *at <= now);
            self.flying = later;
            let here: Vec<(Instant, usize, Transmit)> = here;
            for (_, from, t) in here {
                let mut bytes = t.payload.clone();
                bytes.resize(t.length, 0);
                let sender = peer(from as u8);
                let address = if t.way == Way::Underlay { sender.address } else { sender.gateway };
                self.probers[1 - from].handle_input(t.way, address, &bytes, now);
            }
            for from in 0..2 {
                self.probers[from].handle_timeout(now);
                let sent: Vec<_> = std::iter::from_fn(|| self.probers[from].poll_transmit()).collect();
                self.bursts[from] += u32::from(sent.iter().any(|t| t.way == Way::Tunnel));
                let fits = sent.into_iter().filter(|t| t.way == Way::Underlay || t.length + 28 <= self.mtu[from]);
                self.flying.extend(fits.map(|t| (now + DELAY, from, t)));
            }
            self.now += ms(1);
        }
    }

    fn reports(&mut self) -> [Probe; 2] {
        let now = self.now;
        std::array::from_fn(|at| {
            self.probers[at].hurry_report(now);
            self.probers[at].poll_report(now).unwrap().probes.remove(0)
        })
    }
}

#[test]
fn each_sends_once_a_second_and_all_is_known_good() {
    for apart in [0, 1, 5, 150, 400, 500, 700, 999].map(ms) {
        let mut pair = Pair::new(apart);
        pair.run(ms(4000));
        pair.reports();
        pair.bursts = [0; 2];
        pair.run(ms(20_000));
        for (probe, bursts) in pair.reports().into_iter().zip(pair.bursts) {
            assert!((19..=21).contains(&bursts), "{apart:?}: {bursts}");
            assert_eq!((probe.lost, probe.full_lost, probe.mtu), (0, 0, Some(1450)), "{apart:?}");
            assert!((19..=21).contains(&probe.sent) && (19..=21).contains(&probe.full_sent), "{apart:?}: {probe:?}");
            let rtt = probe.rtt_seconds.unwrap();
            assert!((0.0055..0.0085).contains(&rtt), "{apart:?}: what waits does not count: {rtt}");
        }
    }
}

#[test]
fn a_way_that_carries_less_is_measured_soon_and_the_other_is_whole() {
    for apart in [0, 10, 300, 600, 950].map(ms) {
        for after in [0, 200, 500, 800] {
            let mut pair = Pair::new(apart);
            pair.run(ms(5000 + after));
            pair.mtu[0] = 1350;
            let cut = pair.now;
            while pair.reports()[0].mtu != Some(1350) {
                pair.run(ms(50));
                assert!(pair.now < cut + ms(5500), "{apart:?} {after}");
            }
            let [_, other] = pair.reports();
            assert_eq!((other.mtu, other.lost), (Some(1450), 0));
            pair.mtu[0] = 1450;
            pair.run(ms(3000));
            assert_eq!(pair.reports()[0].mtu, Some(1450));
        }
    }
}

#[test]
fn one_direction_that_is_cut_is_heard_of_at_the_other_end_and_both_come_back() {
    let mut pair = Pair::new(ms(300));
    pair.run(ms(5000));
    pair.reports();
    pair.mtu[0] = 0;
    pair.run(ms(3500));
    let [cut, other] = pair.reports();
    assert_eq!((cut.rtt_seconds, cut.heard), (None, Some(true)));
    assert_eq!((other.rtt_seconds, other.heard), (None, Some(false)));
    assert!(cut.lost >= 1 && other.lost >= 1, "{cut:?} {other:?}");
    pair.mtu[0] = 1450;
    pair.run(ms(1100));
    assert!(pair.reports().iter().all(|probe| probe.rtt_seconds.is_some() && probe.heard == Some(true)));
    pair.run(ms(3000));
    pair.reports();
    pair.run(ms(10_000));
    let told = pair.reports();
    assert!(told.iter().all(|probe| (probe.lost, probe.full_lost) == (0, 0)), "{told:?} {:?}", pair.now - pair.start);
}
