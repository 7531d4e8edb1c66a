//! `bundle` and `bundle_load`: a choice among ports.

use super::parts::{BitRange, write_count};
use crate::macros::open_enum;
use crate::oxm::OxmId;
use crate::wire::{Reader, Result, Wire, Writer};

open_enum! {
    /// What the members of a bundle are: the header of a field.
    MemberType: u32 {
        /// Ports, as `NXM_OF_IN_PORT`.
        PORT = 0x0000_0002;
    }
}

/// A choice among ports by hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct Bundle {
    /// How the member follows from the hash.
    pub algorithm: u16,
    /// Which fields are hashed.
    pub fields: u16,
    /// Mixed into the hash.
    pub basis: u16,
    /// What the members are.
    pub member_type: MemberType,
    /// For `bundle_load` the bits the member is stored in.
    #[cfg_attr(feature = "json", serde(flatten))]
    pub bits: BitRange,
    /// For `bundle_load` the field it is stored in.
    pub dst: Option<OxmId>,
    /// The ports (OpenFlow 1.0 numbers).
    pub members: Vec<u16>,
}

impl Wire for Bundle {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let (algorithm, fields, basis) = (u16::read(r)?, u16::read(r)?, u16::read(r)?);
        let member_type = MemberType::read(r)?;
        let n = usize::from(u16::read(r)?);
        let bits = BitRange::read(r)?;
        let dst = match r.peek()? {
            [0, 0, 0, 0] => {
                r.skip(4)?;
                None
            }
            _ => Some(OxmId::read(r)?),
        };
        r.skip(4)?;
        let members = Vec::read(&mut r.sub(n * 2, "bundle members")?)?;
        Ok(Self { algorithm, fields, basis, member_type, bits, dst, members })
    }

    fn write(&self, w: &mut Writer) {
        [self.algorithm, self.fields, self.basis].iter().for_each(|x| x.write(w));
        self.member_type.write(w);
        write_count(self.members.len(), "members", w);
        self.bits.write(w);
        match &self.dst {
            Some(dst) => dst.write(w),
            None => w.zeros(4),
        }
        w.zeros(4);
        self.members.write(w);
    }
}
