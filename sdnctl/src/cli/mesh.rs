//! `sdnctl mesh`

use api::{MeshMode, Name};
use clap::{Subcommand, ValueEnum};

#[derive(Subcommand)]
pub enum MeshVerb {
    /// Lays it out in another way, while it is live: flow (one tunnel port), static (one for each peer), mixed (one for
    /// each peer of the same zone, another for all others) or direct (as flow, but no tunnel for plain packets between
    /// hosts in one underlay subnet, whose layer 2 is trusted).
    Set { mode: MeshMode },
    /// Has two hosts use flow, static or direct whatever the mode; default: as the mode says.
    Pair { one: Name, other: Name, way: ChosenWay },
}

/// The way that two hosts are to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChosenWay {
    /// The port that leads to any host.
    Flow,
    /// A port for this peer.
    Static,
    /// No tunnel for plain packets, if both are in one underlay subnet.
    Direct,
    /// As the mode says.
    Default,
}
