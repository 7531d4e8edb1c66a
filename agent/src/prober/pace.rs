//! How often what is probed: everything each second among a few, a rotating sample among many.

use std::time::Duration;

/// How often each peer of a few is probed through the tunnel, small and at full size, and how often over the underlay: its
/// path is known good while the tunnel's is.
const EACH: Duration = Duration::from_secs(1);
const EACH_UNDERLAY: Duration = Duration::from_secs(10);
/// How many peers are a few.
const FEW: usize = 20;
/// Within which time each underlay address is probed, however many there are: Open vSwitch forgets an Ethernet address
/// after a quarter of an hour.
const UNDERLAY: Duration = Duration::from_secs(600);
/// How many probes a second there are among many: small ones through tunnels, those over the underlay, full-size ones.
const RATES: (f64, f64, f64) = (1.0, 0.5, 0.1);

/// How long it takes until every peer has been probed once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// By a small probe through the tunnel.
    pub tunnel: Duration,
    /// Over the underlay.
    pub underlay: Duration,
    /// At full size through the tunnel.
    pub full: Duration,
}

impl Pace {
    /// Whether each of so many peers is probed each second.
    pub fn is_each(peers: usize) -> bool {
        peers <= FEW
    }

    /// The pace among so many peers.
    pub fn among(peers: usize) -> Self {
        if Self::is_each(peers) {
            return Self { tunnel: EACH, underlay: EACH_UNDERLAY, full: EACH };
        }
        let every = |rate: f64| Duration::from_secs_f64(peers as f64 / rate);
        Self { tunnel: every(RATES.0), underlay: every(RATES.1).min(UNDERLAY), full: every(RATES.2) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_probed_each_second_and_many_in_turn() {
        let seconds = |peers| {
            let pace = Pace::among(peers);
            [pace.tunnel, pace.underlay, pace.full].map(|every| every.as_secs())
        };
        assert_eq!(seconds(0), [1, 10, 1]);
        assert_eq!(seconds(FEW), [1, 10, 1]);
        assert_eq!(seconds(99), [99, 198, 990]);
        assert_eq!(seconds(999), [999, 600, 9990]);
    }
}
