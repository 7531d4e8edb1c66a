//! Numbers of groups: `external << 31 | slice << 24 | service << 8 | nth`, for the nth port of a service; `external` where
//! connections from outside have groups of their own.
//!
//! Those of service 0, which is none, are the pipeline's own: group `n` makes Open vSwitch compute its hash of the
//! packet, puts `n` bits of it into the slice's place in [`reg::GROUP`](super::reg::GROUP), and goes on in table slice.
//! Groups choose by the hash's lowest 8 bits; these are others, so that the second choice is independent of the first.

use api::Kind;

use super::{Cookie, Group, Table, act};

/// How many bits of the hash choose a slice at most.
pub const MAX_SLICE_BITS: u16 = 7;

/// The group of a slice of a service's nth port.
pub fn id(service: u32, nth: usize, slice: usize) -> u32 {
    (slice as u32 & 0x7f) << 24 | (service & 0xffff) << 8 | (nth as u32 & 0xff)
}

/// The service and its port that this group is of, whichever slice it is.
pub fn port(id: u32) -> u32 {
    id & PORT_BITS
}

/// Bits of a group's number that name the service's port.
const PORT_BITS: u32 = 0x00ff_ffff;

/// The bit of groups for connections from outside.
pub const EXTERNAL: u32 = 1 << 31;

/// Bits of a group's number that are the same for all slices.
pub const SLICES_BITS: u32 = EXTERNAL | PORT_BITS;

/// The number of all slices of a service's port together.
pub fn slices(id: u32) -> u32 {
    id & SLICES_BITS
}

/// Whose group this is, as in a cookie.
pub fn owner(id: u32) -> Cookie {
    match port(id) >> 8 {
        0 => Cookie::pipeline(),
        service => Cookie::new(Kind::Service, service, 0),
    }
}

/// The group that chooses one of `1 << bits` slices.
pub fn chooser(bits: u16) -> Group {
    Group::select(u32::from(bits), [(1, vec![act::hash_to_slice(bits), act::resubmit(Table::Slice)])])
}
