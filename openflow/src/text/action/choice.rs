//! Choices by hash: `multipath`, `bundle`, `bundle_load`.

use std::fmt::{self, Display, Formatter};

use super::subfield::FieldBits;
use crate::action::{Action, Bundle};
use crate::text::list::List;
use crate::text::number::Port;
use crate::types::PortNo;

/// What can be hashed, by number.
pub(in crate::text) const HASH_FIELDS: &[&str] =
    &["eth_src", "symmetric_l4", "symmetric_l3l4", "symmetric_l3l4+udp", "nw_src", "nw_dst", "symmetric_l3"];
/// How `multipath` chooses, by number.
pub(in crate::text) const MULTIPATH: &[&str] = &["modulo_n", "hash_threshold", "hrw", "iter_hash"];
/// How `bundle` chooses, by number.
pub(in crate::text) const BUNDLE: &[&str] = &["active_backup", "hrw"];

pub(super) fn write(action: &Action, f: &mut Formatter<'_>) -> fmt::Result {
    match action {
        Action::NxMultipath { fields, basis, algorithm, max_link, arg, bits, dst } => {
            let (fields, algorithm) = (Name(HASH_FIELDS, *fields), Name(MULTIPATH, *algorithm));
            let links = u32::from(*max_link) + 1;
            write!(f, "multipath({fields},{basis},{algorithm},{links},{arg},{})", FieldBits(*dst, *bits))
        }
        Action::NxBundle(inner) => bundle("bundle", inner, f),
        Action::NxBundleLoad(inner) => bundle("bundle_load", inner, f),
        _ => Ok(()),
    }
}

fn bundle(name: &str, bundle: &Bundle, f: &mut Formatter<'_>) -> fmt::Result {
    let (fields, algorithm) = (Name(HASH_FIELDS, bundle.fields), Name(BUNDLE, bundle.algorithm));
    write!(f, "{name}({fields},{},{algorithm},ofport", bundle.basis)?;
    if let Some(dst) = bundle.dst {
        write!(f, ",{}", FieldBits(dst, bundle.bits))?;
    }
    f.write_str(",members:")?;
    let mut list = List::new(f);
    bundle.members.iter().try_for_each(|m| list.item(Port(PortNo::from_u16(*m))))?;
    f.write_str(")")
}

/// The name of a number, or the number.
struct Name(&'static [&'static str], u16);

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.get(usize::from(self.1)) {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.1),
        }
    }
}
