//! Fields of class 0x8001.

use super::{Field, FieldInfo, fields};

fields! {
    lookup, 0x8001, 0:
    /// 64-bit register 0.
    OXM_OF_PKT_REG0 0 8 64;
    /// 64-bit register 1.
    OXM_OF_PKT_REG1 1 8 64;
    /// 64-bit register 2.
    OXM_OF_PKT_REG2 2 8 64;
    /// 64-bit register 3.
    OXM_OF_PKT_REG3 3 8 64;
    /// 64-bit register 4.
    OXM_OF_PKT_REG4 4 8 64;
    /// 64-bit register 5.
    OXM_OF_PKT_REG5 5 8 64;
    /// 64-bit register 6.
    OXM_OF_PKT_REG6 6 8 64;
    /// 64-bit register 7.
    OXM_OF_PKT_REG7 7 8 64;
}
