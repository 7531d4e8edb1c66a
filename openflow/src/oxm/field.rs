//! What a match field is, and what is known about the named ones (contract: OXM names as Open
//! vSwitch writes them).

mod ericsson;
mod nicira;
mod nsh;
mod nxm_0;
mod nxm_1;
mod onf;
mod openflow_basic;
mod packet_register;
mod tun_metadata;

use std::fmt;

/// The class of OpenFlow's own fields.
pub const CLASS_OPENFLOW_BASIC: u16 = 0x8000;
/// The class of the first Nicira fields.
pub const CLASS_NXM_0: u16 = 0x0000;
/// The class of the other Nicira fields.
pub const CLASS_NXM_1: u16 = 0x0001;
/// The class whose fields carry an experimenter number.
pub const CLASS_EXPERIMENTER: u16 = 0xffff;

/// Nicira, as experimenter.
pub const NICIRA: u32 = 0x0000_2320;
/// The Open Networking Foundation, as experimenter.
pub const ONF: u32 = 0x4f4e_4600;
/// Network service headers, as experimenter of fields.
pub const NSH: u32 = 0x005a_d650;

/// A match field: its class, its number there, and an experimenter if the class is
/// [`CLASS_EXPERIMENTER`].
///
/// The constants have the names of Open vSwitch. Two fields may mean the same
/// (`NXM_OF_IP_SRC`, `OXM_OF_IPV4_SRC`): see [`Match::canonical`](super::Match::canonical).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field {
    class: u16,
    number: u8,
    experimenter: u32,
}

/// What is known about a named field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// The name, such as `OXM_OF_ETH_TYPE`.
    pub name: &'static str,
    /// Bytes of a value; for the tunnel metadata fields the most there can be.
    pub size: u8,
    /// Bits of these that are used, counted from the least significant.
    pub bits: u16,
}

impl Field {
    /// A field of a class without experimenter. Only seven bits of `number` count.
    pub const fn new(class: u16, number: u8) -> Self {
        Self::experimenter(0, class, number)
    }

    /// A field with an experimenter number, which counts only in [`CLASS_EXPERIMENTER`].
    pub const fn experimenter(experimenter: u32, class: u16, number: u8) -> Self {
        let experimenter = if class == CLASS_EXPERIMENTER { experimenter } else { 0 };
        Self { class, number: number & 0x7f, experimenter }
    }

    /// The register `NXM_NX_REG<n>`; only four bits of `n` count.
    pub const fn reg(n: u8) -> Self {
        Self::new(CLASS_NXM_1, n & 15)
    }

    /// The 128-bit register `NXM_NX_XXREG<n>`; only two bits of `n` count.
    pub const fn xxreg(n: u8) -> Self {
        Self::new(CLASS_NXM_1, 111 + (n & 3))
    }

    /// The tunnel option `NXM_NX_TUN_METADATA<n>`; only six bits of `n` count.
    pub const fn tun_metadata(n: u8) -> Self {
        Self::new(CLASS_NXM_1, 40 + (n & 63))
    }

    /// The class.
    pub const fn class(self) -> u16 {
        self.class
    }

    /// The number in the class.
    pub const fn number(self) -> u8 {
        self.number
    }

    /// The experimenter, if the class has one.
    pub const fn experimenter_id(self) -> Option<u32> {
        if self.class == CLASS_EXPERIMENTER { Some(self.experimenter) } else { None }
    }

    /// Which tunnel option this is.
    pub const fn tun_metadata_index(self) -> Option<u8> {
        match (self.class, self.number) {
            (CLASS_NXM_1, n @ 40..=103) => Some(n - 40),
            _ => None,
        }
    }

    /// What is known about the field.
    pub fn info(self) -> Option<FieldInfo> {
        match (self.class, self.experimenter) {
            (CLASS_OPENFLOW_BASIC, _) => openflow_basic::lookup(self.number),
            (CLASS_NXM_1, _) => nxm_1::lookup(self.number).or_else(|| tun_metadata::lookup(self)),
            (CLASS_NXM_0, _) => nxm_0::lookup(self.number),
            (0x8001, _) => packet_register::lookup(self.number),
            (0x1000, _) => ericsson::lookup(self.number),
            (CLASS_EXPERIMENTER, NICIRA) => nicira::lookup(self.number),
            (CLASS_EXPERIMENTER, NSH) => nsh::lookup(self.number),
            (CLASS_EXPERIMENTER, ONF) => onf::lookup(self.number),
            _ => None,
        }
    }

    /// The name, if the field has one.
    pub fn name(self) -> Option<&'static str> {
        self.info().map(|i| i.name)
    }

    /// The bytes that every value of the field has; `None` if that is not known or not fixed.
    #[inline]
    pub fn size(self) -> Option<u8> {
        let size = match (self.class, self.experimenter) {
            (CLASS_OPENFLOW_BASIC, _) => openflow_basic::size(self.number),
            (CLASS_NXM_1, _) => nxm_1::size(self.number),
            (CLASS_NXM_0, _) => nxm_0::size(self.number),
            (0x8001, _) => packet_register::size(self.number),
            (0x1000, _) => ericsson::size(self.number),
            (CLASS_EXPERIMENTER, NICIRA) => nicira::size(self.number),
            (CLASS_EXPERIMENTER, NSH) => nsh::size(self.number),
            (CLASS_EXPERIMENTER, ONF) => onf::size(self.number),
            _ => 0,
        };
        if size == 0 { None } else { Some(size) }
    }

    /// Every field that has a name, in order of class and number.
    pub fn named() -> impl Iterator<Item = Field> {
        [nxm_0::ALL, nxm_1::ALL, ericsson::ALL, openflow_basic::ALL, packet_register::ALL]
            .into_iter()
            .chain([nicira::ALL, nsh::ALL, onf::ALL])
            .flatten()
            .copied()
            .chain((0..64).map(Field::tun_metadata))
    }

    /// The field of this name.
    pub fn by_name(name: &str) -> Option<Field> {
        Field::named().find(|f| f.name() == Some(name))
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.experimenter_id()) {
            (Some(name), _) => f.write_str(name),
            (None, None) => write!(f, "{:#06x}:{}", self.class, self.number),
            (None, Some(e)) => write!(f, "{:#06x}:{e:#010x}:{}", self.class, self.number),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Declares the fields of one class (`NAME number bytes bits;`) and how they are looked up.
macro_rules! fields {
    ($lookup:ident, $class:literal, $experimenter:literal:
     $($(#[$m:meta])* $name:ident $number:literal $size:literal $bits:literal;)*) => {
        impl Field {
            $($(#[$m])* pub const $name: Self =
                Self::experimenter($experimenter, $class, $number);)*
        }

        #[inline]
        pub(super) fn $lookup(number: u8) -> Option<FieldInfo> {
            match number {
                $($number => Some(FieldInfo {
                    name: stringify!($name),
                    size: $size,
                    bits: $bits,
                }),)*
                _ => None,
            }
        }

        /// The size of a field of this class, 0 if it has no name.
        #[inline]
        pub(super) fn size(number: u8) -> u8 {
            const SIZES: [u8; 128] = {
                let mut sizes = [0; 128];
                $(sizes[$number] = $size;)*
                sizes
            };
            SIZES.get(usize::from(number)).copied().unwrap_or(0)
        }

        pub(super) const ALL: &[Field] = &[$(Field::$name),*];
    };
}
use fields;
