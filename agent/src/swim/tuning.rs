//! How fast and how patient gossip is.

use std::{
    num::{NonZeroU8, NonZeroUsize},
    time::Duration,
};

use foca::{Config, PeriodicParams};

use super::seal::OVERHEAD;

/// How often some member is probed, and how long its answer may take by whichever way.
pub const PERIOD: Duration = Duration::from_millis(300);
/// How long a direct answer may take before others are asked to probe.
const DIRECT: Duration = Duration::from_millis(120);
/// A probe that is not answered within this time is sent again, this often: one lost datagram is no news.
pub const REPEAT: (Duration, u8) = (Duration::from_millis(40), 2);
/// How long a suspect of a small cluster has to object.
const SUSPICION: Duration = Duration::from_millis(800);
/// How often a suspect is told, by whoever suspects it, that it is.
pub const ASK: Duration = Duration::from_millis(80);
/// How often news are passed on, and to how many, apart from what rides on probes.
const GOSSIP: (Duration, usize) = (Duration::from_millis(200), 3);
/// How often a member passes a piece of news on, for each decade of members: as each goes to a random one, about one in
/// e to the power of this never hears of it, and would have to find out by itself.
const REPEATS: f64 = 14.0;
/// How often, and to how many at once, a hello goes to members that are lost or not known yet.
pub const HELLO: (Duration, usize) = (Duration::from_millis(500), 3);
/// How long a listed member that was never heard of is given before it counts as lost.
pub const ARRIVAL: Duration = Duration::from_secs(5);
/// When this process itself slept longer than this, the others are not to blame for their silence.
pub const STALL: Duration = Duration::from_millis(200);
/// How many members are asked for an indirect probe.
const INDIRECT: usize = 3;
/// How long a dead identity is remembered; a new life of the same node replaces it earlier.
const GRAVE: Duration = Duration::from_secs(3600);
/// The largest datagram, in bytes.
pub const MAX_DATAGRAM: usize = 1400;

/// Foca's configuration for a cluster of `members`.
pub fn config(members: usize) -> Config {
    let decades = (members.max(10) as f64).log10();
    Config {
        probe_period: PERIOD,
        probe_rtt: DIRECT,
        num_indirect_probes: size(INDIRECT),
        max_transmissions: NonZeroU8::MIN.saturating_add((REPEATS * decades) as u8),
        suspect_to_down_after: SUSPICION.mul_f64(decades),
        remove_down_after: Some(GRAVE),
        max_packet_size: size(MAX_DATAGRAM - OVERHEAD),
        notify_down_members: true,
        // A hello does what announcing would, for every member that is missing.
        periodic_announce: None,
        periodic_announce_to_down_members: None,
        periodic_gossip: Some(PeriodicParams { frequency: GOSSIP.0, num_members: size(GOSSIP.1) }),
    }
}

fn size(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN)
}
