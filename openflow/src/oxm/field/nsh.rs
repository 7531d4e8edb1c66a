//! Fields of class 0xffff, experimenter 0x005ad650.

use super::{Field, FieldInfo, fields};

fields! {
    lookup, 0xffff, 0x005ad650:
    /// NSH flags.
    NXOXM_NSH_FLAGS 1 1 2;
    /// NSH metadata type.
    NXOXM_NSH_MDTYPE 2 1 8;
    /// NSH next protocol.
    NXOXM_NSH_NP 3 1 8;
    /// NSH service path id.
    NXOXM_NSH_SPI 4 4 24;
    /// NSH service index.
    NXOXM_NSH_SI 5 1 8;
    /// NSH context 1.
    NXOXM_NSH_C1 6 4 32;
    /// NSH context 2.
    NXOXM_NSH_C2 7 4 32;
    /// NSH context 3.
    NXOXM_NSH_C3 8 4 32;
    /// NSH context 4.
    NXOXM_NSH_C4 9 4 32;
    /// NSH TTL.
    NXOXM_NSH_TTL 10 1 6;
}
