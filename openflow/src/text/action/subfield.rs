//! Fields and bits of fields, as actions name them.

use std::fmt::{self, Display, Formatter};

use crate::action::BitRange;
use crate::oxm::OxmId;
use crate::text::fields::Key;
use crate::text::matching::FieldName;

/// `n_bits` of a field from bit `ofs` up: `NXM_NX_REG0[0..15]`, `[]` for all of it.
pub(super) struct Bits(pub OxmId, pub u16, pub u16);

impl Display for Bits {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(id, ofs, n_bits) = *self;
        write!(f, "{}[", FieldName(id.field))?;
        match n_bits {
            n if ofs == 0 && n == field_bits(id) => {}
            1 => write!(f, "{ofs}")?,
            n => write!(f, "{ofs}..{}", (u32::from(ofs) + u32::from(n)).saturating_sub(1))?,
        }
        f.write_str("]")
    }
}

/// The same with the bits as most actions have them.
pub(super) struct FieldBits(pub OxmId, pub BitRange);

impl Display for FieldBits {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Bits(self.0, self.1.ofs, self.1.n_bits))
    }
}

/// The bits of a whole field.
pub(super) fn field_bits(id: OxmId) -> u16 {
    Key::of(id.field).map_or(id.n_bits(), |i| i.row().n_bits())
}

/// The name of a field as `set_field` and `delete_field` print it.
pub(super) fn field_name(id: OxmId) -> impl Display {
    fmt::from_fn(move |f| match (Key::of(id.field), id.field.tun_metadata_index()) {
        (_, Some(n)) => write!(f, "tun_metadata{n}"),
        (Some(known), None) => f.write_str(known.row().name),
        (None, None) => write!(f, "{}", id.field),
    })
}
