//! The cookie of a flow leads to what asked for it.

use api::Kind;

use super::Reason;

/// Owner of a flow: `kind << 56 | id << 32 | revision`.
///
/// `id` (24 bits) is the object's number within its kind; for [`Kind::Pipeline`] it is the reason a packet is dropped,
/// or 0. `revision` is that of the part of the object that asked for the flow, so that a change of another part leaves
/// the flow as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cookie {
    /// What kind of object.
    pub kind: Kind,
    /// Its number.
    pub id: u32,
    /// The revision of its part, modulo 2^32.
    pub revision: u32,
}

impl Cookie {
    /// A cookie for an object's part.
    pub fn new(kind: Kind, id: u32, revision: u64) -> Self {
        Self { kind, id: id & 0x00ff_ffff, revision: revision as u32 }
    }

    /// A cookie for a flow of the pipeline itself.
    pub fn pipeline() -> Self {
        Self::new(Kind::Pipeline, 0, 0)
    }

    /// A cookie for a flow of the pipeline that drops.
    pub fn drop(reason: Reason) -> Self {
        Self::new(Kind::Pipeline, u32::from(reason as u8), 0)
    }

    /// The number on the wire.
    pub fn to_u64(self) -> u64 {
        u64::from(self.kind as u8) << 56 | u64::from(self.id) << 32 | u64::from(self.revision)
    }

    /// Reads a number from the wire; none if it is not one of ours.
    pub fn from_u64(number: u64) -> Option<Self> {
        let kind = Kind::from_number((number >> 56) as u8)?;
        Some(Self::new(kind, (number >> 32) as u32, number & 0xffff_ffff))
    }

    /// Why packets are dropped by a flow with this cookie, if it drops.
    pub fn reason(self) -> Option<Reason> {
        match self.kind {
            Kind::Pipeline => Reason::from_number(self.id),
            Kind::Policy => Some(Reason::Denied),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_writes() {
        let cookie = Cookie::new(Kind::Service, 0xab_cdef, 0x1_0000_0007);
        assert_eq!(cookie.to_u64(), 0x05ab_cdef_0000_0007);
        assert_eq!(Cookie::from_u64(cookie.to_u64()), Some(cookie));
        assert_eq!(Cookie::from_u64(0), None);
        assert_eq!(Cookie::drop(Reason::NoRoute).reason(), Some(Reason::NoRoute));
        assert_eq!(cookie.reason(), None);
    }
}
