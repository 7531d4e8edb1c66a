//! The fields as Open vSwitch names them (ovs-fields(7)): one row each, in the order in which a
//! match shows them.

use crate::oxm::Field;

/// How the values of a field are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Decimal.
    Dec,
    /// Hexadecimal.
    Hex,
    /// Hexadecimal with at least so many digits, where a match shows it.
    HexPadded(usize),
    /// Ethernet address.
    Mac,
    /// IPv4 address.
    Ip4,
    /// IPv6 address.
    Ip6,
    /// Port of the switch.
    Port,
    /// `new`, `est` and so on.
    CtState,
    /// `syn`, `ack` and so on.
    TcpFlags,
    /// `oam`.
    TunFlags,
    /// `no`, `yes`, `first`, `later`, `not_later`.
    Frag,
    /// Name space and number in it.
    PacketType,
    /// Bytes in hexadecimal.
    Bytes,
}

/// What is known about the text of a field.
#[derive(Debug)]
pub(super) struct Row {
    /// Its name, which `set_field` and `delete_field` print.
    pub name: &'static str,
    /// Its name in a match.
    pub shown: &'static str,
    /// How its values are written.
    pub kind: Kind,
    /// Its numbers on the wire, oldest first. The first one's name stands in `load` and `move`.
    pub fields: &'static [Field],
    /// The one to send over OpenFlow 1.3.
    pub wire: Field,
}

impl Row {
    /// Bits of the field as Open vSwitch counts them.
    pub fn n_bits(&self) -> u16 {
        if self.wire == Field::OXM_OF_VLAN_VID {
            return 12;
        }
        self.wire.info().map_or(0, |i| i.bits)
    }

    /// Bytes of a value.
    pub fn size(&self) -> usize {
        self.wire.info().map_or(0, |i| usize::from(i.size))
    }

    /// A mask of all bits.
    pub fn all_ones(&self) -> u128 {
        match self.size() {
            16.. => u128::MAX,
            n => (1 << (n * 8)) - 1,
        }
    }
}

/// Declares [`ROWS`] and how they are found. `NAME SHOWN KIND [WIRE NUMBERS] LATER`: the last
/// number in brackets is sent over OpenFlow 1.3, what follows the brackets only over later ones.
macro_rules! rows {
    ($($id:ident: $name:literal $shown:literal $kind:expr, $($field:ident)+ $(; $later:ident)?;)*) => {
        /// A row by name.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub(super) enum Id { $($id,)* TunMetadata(u8) }

        pub(super) static ROWS: &[Row] = &[$(Row {
            name: $name,
            shown: $shown,
            kind: $kind,
            fields: &[$(Field::$field,)* $(Field::$later)?],
            wire: last(&[$(Field::$field),*]),
        },)*];

        impl Id {
            /// The row of a number on the wire.
            pub fn of(field: Field) -> Option<Self> {
                match field {
                    $($(Field::$field)|+ => Some(Self::$id),)*
                    $($(Field::$later => Some(Self::$id),)?)*
                    _ => field.tun_metadata_index().map(Self::TunMetadata),
                }
            }

            fn all() -> &'static [Id] {
                &[$(Self::$id),*]
            }

            fn index(self) -> Option<usize> {
                Self::all().iter().position(|id| *id == self)
            }

            /// What is known about it; nothing for the tunnel options.
            pub fn row(self) -> Option<&'static Row> {
                match self {
                    Self::TunMetadata(_) => None,
                    $(Self::$id => {
                        static ROW: Row = Row {
                            name: $name,
                            shown: $shown,
                            kind: $kind,
                            fields: &[$(Field::$field,)* $(Field::$later)?],
                            wire: last(&[$(Field::$field),*]),
                        };
                        Some(&ROW)
                    })*
                }
            }
        }
    };
}
