//! Fields of class 0xffff, experimenter 0x4f4e4600.

use super::{Field, FieldInfo, fields};

fields! {
    lookup, 0xffff, 0x4f4e4600:
    /// TCP flags.
    ONFOXM_ET_TCP_FLAGS 42 2 12;
    /// Output port of the action set.
    ONFOXM_ET_ACTSET_OUTPUT 43 4 32;
}
