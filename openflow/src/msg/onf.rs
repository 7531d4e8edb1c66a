//! Messages of the ONF extensions to OpenFlow 1.3.

use crate::macros::{flags, open_enum, record};
use crate::message::Message;
use crate::msg::config::Role;
use crate::property::Property;
use crate::wire::{Reader, Result, Wire, Writer};

open_enum! {
    /// What a [`BundleControl`] says. Replies are one above their requests.
    BundleControlType: u16 {
        /// Opens a bundle.
        OPEN_REQUEST = 0;
        /// It is open.
        OPEN_REPLY = 1;
        /// No more messages will be added.
        CLOSE_REQUEST = 2;
        /// It is closed.
        CLOSE_REPLY = 3;
        /// Applies the bundle.
        COMMIT_REQUEST = 4;
        /// It is applied.
        COMMIT_REPLY = 5;
        /// Forgets the bundle.
        DISCARD_REQUEST = 6;
        /// It is forgotten.
        DISCARD_REPLY = 7;
    }
}

flags! {
    /// How a bundle is applied.
    BundleFlags: u16 {
        /// All or nothing, and no packet sees half of it.
        ATOMIC = 1;
        /// In the order the messages were added.
        ORDERED = 2;
    }
}

record! {
    /// Opens, closes, commits or discards a bundle (ONF 2300).
    BundleControl {
        /// Which bundle.
        bundle_id: u32;
        /// What to do.
        control_type: BundleControlType;
        /// How it is applied.
        flags: BundleFlags;
        /// More.
        properties: Vec<Property>;
    }
}

/// Adds a message to a bundle (ONF 2301).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct BundleAdd {
    /// Which bundle.
    pub bundle_id: u32,
    /// How it is applied.
    pub flags: BundleFlags,
    /// The message; its xid has to be that of the message around it.
    pub message: Message,
    /// More.
    pub properties: Vec<Property>,
}

impl Wire for BundleAdd {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let bundle_id = u32::read(r)?;
        r.skip(2)?;
        let flags = BundleFlags::read(r)?;
        let before = r.left();
        let message = Message::read(r)?;
        if !r.is_empty() {
            let length = before - r.left();
            r.skip(length.next_multiple_of(8) - length)?;
        }
        Ok(Self { bundle_id, flags, message, properties: Vec::read(r)? })
    }

    fn write(&self, w: &mut Writer) {
        self.bundle_id.write(w);
        w.zeros(2);
        self.flags.write(w);
        let start = w.position();
        self.message.write(w);
        if !self.properties.is_empty() {
            w.pad8(start);
        }
        self.properties.write(w);
    }
}

record! {
    /// A message of another controller (ONF 2350).
    RequestForward {
        /// What it asked for.
        message: Message;
    }
}

record! {
    /// The role of this controller changed (ONF 1911).
    RoleStatus {
        /// The role from now on.
        role: Role;
        /// Why: 0 another master, 1 configuration, 2 experimenter.
        reason: u8, pad 3;
        /// Counts elections.
        generation_id: u64;
        /// More.
        properties: Vec<Property>;
    }
}
