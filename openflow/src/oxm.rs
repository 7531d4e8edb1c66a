//! Match fields: which there are, their values, and matches made of them (section 7.2.2).

mod build;
mod canonical;
mod check;
pub mod field;
mod matching;
mod value;

pub use build::{Masked, VLAN_PRESENT};
pub use check::{MatchError, MatchErrorKind};
pub use field::{Field, FieldInfo};
pub use matching::Match;
pub use value::{Oxm, OxmId, OxmValue};

/// Bits of `ct_state` (ovs-fields(7)).
pub mod ct_state {
    /// Begins a connection that is not committed.
    pub const NEW: u32 = 0x01;
    /// Belongs to a connection that is committed.
    pub const EST: u32 = 0x02;
    /// Is related to a connection, such as an ICMP error.
    pub const REL: u32 = 0x04;
    /// Goes against the direction of the first packet.
    pub const RPL: u32 = 0x08;
    /// Could not be identified.
    pub const INV: u32 = 0x10;
    /// Has been through the conntrack.
    pub const TRK: u32 = 0x20;
    /// Its source was translated.
    pub const SNAT: u32 = 0x40;
    /// Its destination was translated.
    pub const DNAT: u32 = 0x80;
}
