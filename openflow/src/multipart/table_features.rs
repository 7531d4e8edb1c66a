//! What tables can do (section 7.3.5.5).

use crate::error::{DecodeErrorKind, EncodeError};
use crate::macros::element;
use crate::oxm::OxmId;
use crate::property::{Framed, write_framed};
use crate::types::{Blob, FixedStr, TableId};
use crate::wire::{Reader, Result, Wire, Writer};

element! {
    /// What a table can do.
    TableFeatures "table features" {
        /// The table.
        table_id: TableId, pad 5;
        /// Its name.
        name: FixedStr<32>;
        /// Bits of the metadata it can match.
        metadata_match: u64;
        /// Bits of the metadata it can write.
        metadata_write: u64;
        /// Nothing in 1.3.
        config: u32;
        /// Flows it can hold.
        max_entries: u32;
        /// What flows in it may match and do.
        properties: Vec<TableProperty>;
    }
}

/// Declares [`TableProperty`]: number, variant and type of the list.
macro_rules! table_properties {
    ($($(#[$m:meta])* $n:literal $v:ident { $f:ident: $t:ty };)*) => {
        /// What flows of a table may match and do; those named `…Miss` are for the flow that
        /// matches what no other does.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "json", serde(tag = "type", rename_all = "snake_case"))]
        pub enum TableProperty {
            $($(#[$m])* $v {
                /// Which.
                $f: $t,
            },)*
            /// What an experimenter defines.
            Experimenter {
                /// Who defines it.
                experimenter: u32,
                /// Its number there.
                exp_type: u32,
                /// Its value.
                data: Blob,
            },
            /// The same for the flow that matches what no other does.
            ExperimenterMiss {
                /// Who defines it.
                experimenter: u32,
                /// Its number there.
                exp_type: u32,
                /// Its value.
                data: Blob,
            },
        }

        #[cfg(test)]
        impl $crate::arb::Arb for TableProperty {
            fn arb(g: &mut $crate::arb::Gen<'_>) -> Self {
                use $crate::arb::Arb;
                let all: &[fn(&mut $crate::arb::Gen<'_>) -> Self] =
                    &[$(|g| Self::$v { $f: Arb::arb(g) },)*];
                g.pick(all)(g)
            }
        }

        impl Wire for TableProperty {
            fn read(r: &mut Reader<'_>) -> Result<Self> {
                let Framed { kind, mut body } = Framed::read(r)?;
                let r = &mut body;
                Ok(match kind {
                    $($n => Self::$v { $f: Wire::read(r)? },)*
                    EXPERIMENTER => Self::Experimenter {
                        experimenter: u32::read(r)?,
                        exp_type: u32::read(r)?,
                        data: Blob::read(r)?,
                    },
                    EXPERIMENTER_MISS => Self::ExperimenterMiss {
                        experimenter: u32::read(r)?,
                        exp_type: u32::read(r)?,
                        data: Blob::read(r)?,
                    },
                    _ => return Err(r.error(DecodeErrorKind::UnknownType(u32::from(kind)))),
                })
            }

            fn write(&self, w: &mut Writer) {
                match self {
                    $(Self::$v { $f } => write_framed($n, w, |w| $f.write(w)),)*
                    Self::Experimenter { experimenter, exp_type, data } => {
                        write_experimenter(EXPERIMENTER, *experimenter, *exp_type, data, w);
                    }
                    Self::ExperimenterMiss { experimenter, exp_type, data } => {
                        write_experimenter(EXPERIMENTER_MISS, *experimenter, *exp_type, data, w);
                    }
                }
            }
        }
    };
}

const EXPERIMENTER: u16 = 0xfffe;
const EXPERIMENTER_MISS: u16 = 0xffff;

fn write_experimenter(kind: u16, experimenter: u32, exp_type: u32, data: &Blob, w: &mut Writer) {
    write_framed(kind, w, |w| {
        experimenter.write(w);
        exp_type.write(w);
        data.write(w);
    });
}

table_properties! {
    /// Instructions.
    0 Instructions { ids: Vec<TypeId> };
    /// Instructions.
    1 InstructionsMiss { ids: Vec<TypeId> };
    /// Tables to go on in.
    2 NextTables { table_ids: Vec<TableId> };
    /// Tables to go on in.
    3 NextTablesMiss { table_ids: Vec<TableId> };
    /// Actions of the action set.
    4 WriteActions { ids: Vec<TypeId> };
    /// Actions of the action set.
    5 WriteActionsMiss { ids: Vec<TypeId> };
    /// Actions done at once.
    6 ApplyActions { ids: Vec<TypeId> };
    /// Actions done at once.
    7 ApplyActionsMiss { ids: Vec<TypeId> };
    /// Fields to match.
    8 Match { oxm_ids: Vec<OxmId> };
    /// Fields that need not be matched.
    10 Wildcards { oxm_ids: Vec<OxmId> };
    /// Fields the action set can set.
    12 WriteSetfield { oxm_ids: Vec<OxmId> };
    /// Fields the action set can set.
    13 WriteSetfieldMiss { oxm_ids: Vec<OxmId> };
    /// Fields that can be set at once.
    14 ApplySetfield { oxm_ids: Vec<OxmId> };
    /// Fields that can be set at once.
    15 ApplySetfieldMiss { oxm_ids: Vec<OxmId> };
}

/// The type of an action or an instruction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TypeId {
    /// One of OpenFlow.
    Standard {
        /// Its number.
        kind: u16,
        /// Whether it takes 8 bytes instead of 4, as some switches write it.
        long: bool,
    },
    /// One of an experimenter.
    Experimenter {
        /// Who defines it.
        experimenter: u32,
        /// What follows.
        data: Blob,
    },
}

const TYPE_EXPERIMENTER: u16 = 0xffff;

impl Wire for TypeId {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.label("type id");
        let (kind, length) = (u16::read(r)?, usize::from(u16::read(r)?));
        if kind != TYPE_EXPERIMENTER {
            let long = match length {
                4 => false,
                8 => true,
                _ => return Err(r.bad_length(length)),
            };
            r.skip(length - 4)?;
            return Ok(Self::Standard { kind, long });
        }
        let Some(size) = length.checked_sub(8) else {
            return Err(r.bad_length(length));
        };
        let experimenter = u32::read(r)?;
        Ok(Self::Experimenter { experimenter, data: r.take(size)?.into() })
    }

    fn write(&self, w: &mut Writer) {
        let start = w.position();
        match self {
            Self::Standard { kind: TYPE_EXPERIMENTER, .. } => {
                let value = u64::from(TYPE_EXPERIMENTER);
                w.fail(EncodeError::OutOfRange { what: "type id without experimenter", value });
            }
            Self::Standard { kind, long } => {
                kind.write(w);
                w.zeros(if *long { 6 } else { 2 });
            }
            Self::Experimenter { experimenter, data } => {
                TYPE_EXPERIMENTER.write(w);
                w.zeros(2);
                experimenter.write(w);
                data.write(w);
            }
        }
        w.patch_len(start + 2, start, "type id");
    }
}
