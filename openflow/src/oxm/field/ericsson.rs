//! Fields of class 0x1000.

use super::{Field, FieldInfo, fields};

fields! {
    lookup, 0x1000, 0:
    /// Neighbour discovery reserved bits.
    ERICOXM_OF_ICMPV6_ND_RESERVED 1 4 32;
    /// Neighbour discovery option type.
    ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE 2 1 8;
}
