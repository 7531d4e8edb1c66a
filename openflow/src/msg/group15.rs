//! Groups as OpenFlow 1.5 has them: the only way to the selection methods of select groups.

use crate::action::Action;
use crate::error::EncodeError;
use crate::macros::{element, properties, record};
use crate::msg::group::{GroupModCommand, GroupType};
use crate::oxm::Oxm;
use crate::property::{Framed, Property, write_framed};
use crate::types::{Blob, FixedStr, GroupId, PortNo};
use crate::wire::{Reader, Result, Wire, Writer};

/// Adds, changes or deletes groups and buckets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct GroupMod15 {
    /// What to do.
    pub command: GroupModCommand,
    /// How it chooses.
    pub group_type: GroupType,
    /// Which group.
    pub group_id: GroupId,
    /// The bucket a change of buckets is about: `0xfffffffd` first, `0xfffffffe` last,
    /// `0xffffffff` all.
    pub command_bucket_id: u32,
    /// Among what it chooses.
    pub buckets: Vec<Bucket15>,
    /// How it chooses, in more detail.
    pub properties: Vec<GroupProperty>,
}

impl Wire for GroupMod15 {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let (command, group_type) = (GroupModCommand::read(r)?, GroupType::read(r)?);
        r.skip(1)?;
        let group_id = GroupId::read(r)?;
        let size = usize::from(u16::read(r)?);
        r.skip(2)?;
        let command_bucket_id = u32::read(r)?;
        let buckets = Vec::read(&mut r.sub(size, "buckets")?)?;
        let properties = Vec::read(r)?;
        Ok(Self { command, group_type, group_id, command_bucket_id, buckets, properties })
    }

    fn write(&self, w: &mut Writer) {
        self.command.write(w);
        self.group_type.write(w);
        w.zeros(1);
        self.group_id.write(w);
        let at = w.position();
        w.zeros(4);
        self.command_bucket_id.write(w);
        let start = w.position();
        self.buckets.write(w);
        w.patch_len(at, start, "buckets");
        self.properties.write(w);
    }
}

/// One way of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct Bucket15 {
    /// Its number in the group.
    pub bucket_id: u32,
    /// What it does.
    pub actions: Vec<Action>,
    /// Its share and what it watches.
    pub properties: Vec<BucketProperty>,
}

impl Wire for Bucket15 {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.label("bucket");
        let length = usize::from(u16::from_be_bytes(r.peek()?));
        if length < 8 || length > r.left() {
            return Err(r.bad_length(length));
        }
        let r = &mut r.sub(length, "bucket")?;
        r.skip(2)?;
        let size = usize::from(u16::read(r)?);
        let bucket_id = u32::read(r)?;
        let actions = Vec::read(&mut r.sub(size, "bucket actions")?)?;
        Ok(Self { bucket_id, actions, properties: Vec::read(r)? })
    }

    fn write(&self, w: &mut Writer) {
        let start = w.position();
        w.zeros(4);
        self.bucket_id.write(w);
        let actions = w.position();
        self.actions.write(w);
        w.patch_len(start + 2, actions, "bucket actions");
        self.properties.write(w);
        w.patch_len(start, start, "bucket");
    }
}

properties! {
    /// A property of [`Bucket15`].
    #[cfg_attr(feature = "json", serde(tag = "type", content = "value", rename_all = "snake_case"))]
    BucketProperty {
        /// Its share in a select group.
        0 Weight(u16), pad 2;
        /// It is alive while this port is.
        1 WatchPort(PortNo);
        /// It is alive while this group is.
        2 WatchGroup(GroupId);
    }
    other
    /// Any other.
    Other
}

/// A property of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GroupProperty {
    /// How a select group chooses (Netronome's extension).
    SelectionMethod(SelectionMethod),
    /// What an experimenter defines.
    Experimenter {
        /// Who defines it.
        experimenter: u32,
        /// Its number there.
        exp_type: u32,
        /// Its value.
        data: Blob,
    },
    /// Any other.
    Other(Property),
}

record! {
    /// How a select group chooses.
    SelectionMethod pad 4 {
        /// `hash` or `dp_hash`; empty for the switch's choice.
        selection_method: FixedStr<16>;
        /// An argument of the method.
        selection_method_param: u64;
        /// The fields that `hash` looks at; ones in their values say which bits.
        fields: Vec<Oxm>;
    }
}

/// Netronome, as experimenter.
pub(crate) const NETRONOME: u32 = 0x154d;
/// The number of [`SelectionMethod`] there.
pub(crate) const SELECTION_METHOD: u32 = 1;
const EXPERIMENTER: u16 = 0xffff;

impl Wire for GroupProperty {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let Framed { kind, mut body } = Framed::read(r)?;
        let r = &mut body;
        if kind != EXPERIMENTER {
            return Ok(Self::Other(Property { kind, data: Blob::read(r)? }));
        }
        let (experimenter, exp_type) = (u32::read(r)?, u32::read(r)?);
        if (experimenter, exp_type) == (NETRONOME, SELECTION_METHOD) {
            return Ok(Self::SelectionMethod(SelectionMethod::read(r)?));
        }
        Ok(Self::Experimenter { experimenter, exp_type, data: Blob::read(r)? })
    }

    fn write(&self, w: &mut Writer) {
        match self {
            Self::SelectionMethod(method) => write_framed(EXPERIMENTER, w, |w| {
                NETRONOME.write(w);
                SELECTION_METHOD.write(w);
                method.write(w);
            }),
            Self::Experimenter { experimenter, exp_type, data } => {
                write_framed(EXPERIMENTER, w, |w| {
                    experimenter.write(w);
                    exp_type.write(w);
                    data.write(w);
                });
            }
            Self::Other(Property { kind: EXPERIMENTER, .. }) => {
                let value = u64::from(EXPERIMENTER);
                w.fail(EncodeError::OutOfRange { what: "type of a group property", value });
            }
            Self::Other(other) => other.write(w),
        }
    }
}

record! {
    /// Asks about one group, or all.
    GroupDescRequest15 {
        /// The group.
        group_id: GroupId, pad 4;
    }
}

element! {
    /// One group of a switch.
    GroupDesc15 "group description" {
        /// How it chooses.
        group_type: GroupType, pad 1;
        /// Which group.
        group_id: GroupId;
        /// Among what.
        #[cfg_attr(feature = "json", serde(flatten))]
        body: GroupBody15;
    }
}

/// Buckets and properties of a [`GroupDesc15`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct GroupBody15 {
    /// Among what it chooses.
    pub buckets: Vec<Bucket15>,
    /// How it chooses, in more detail.
    pub properties: Vec<GroupProperty>,
}

impl Wire for GroupBody15 {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let size = usize::from(u16::read(r)?);
        r.skip(6)?;
        let buckets = Vec::read(&mut r.sub(size, "buckets")?)?;
        Ok(Self { buckets, properties: Vec::read(r)? })
    }

    fn write(&self, w: &mut Writer) {
        let at = w.position();
        w.zeros(8);
        let start = w.position();
        self.buckets.write(w);
        w.patch_len(at, start, "buckets");
        self.properties.write(w);
    }
}
