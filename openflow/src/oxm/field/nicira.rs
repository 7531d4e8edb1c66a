//! Fields of class 0xffff, experimenter 0x00002320.

use super::{Field, FieldInfo, fields};

fields! {
    lookup, 0xffff, 0x00002320:
    /// Hash of the datapath.
    NXOXM_ET_DP_HASH 0 4 32;
    /// ERSPAN index.
    NXOXM_ET_ERSPAN_IDX 11 4 20;
    /// ERSPAN version.
    NXOXM_ET_ERSPAN_VER 12 1 4;
    /// ERSPAN direction.
    NXOXM_ET_ERSPAN_DIR 13 1 1;
    /// ERSPAN hardware id.
    NXOXM_ET_ERSPAN_HWID 14 1 6;
    /// GTP-U flags.
    NXOXM_ET_GTPU_FLAGS 15 1 8;
    /// GTP-U message type.
    NXOXM_ET_GTPU_MSGTYPE 16 1 8;
}
