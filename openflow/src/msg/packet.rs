//! Packets to and from the controller (sections 7.3.7, 7.4.1).

use crate::action::Action;
use crate::macros::{open_enum, record};
use crate::oxm::{Field, Match};
use crate::types::{Blob, NO_BUFFER, PortNo, TableId};
use crate::wire::{Reader, Result, Wire, Writer};

open_enum! {
    /// Why a packet came to the controller.
    PacketInReason: u8 {
        /// No flow matched.
        NO_MATCH = 0;
        /// An action sent it.
        ACTION = 1;
        /// Its TTL ended.
        INVALID_TTL = 2;
        /// The action set sent it (OpenFlow 1.5).
        ACTION_SET = 3;
        /// A group sent it (OpenFlow 1.5).
        GROUP = 4;
        /// A packet-out sent it (OpenFlow 1.5).
        PACKET_OUT = 5;
    }
}

record! {
    /// A packet for the controller.
    PacketIn {
        /// Where the switch keeps it, or [`NO_BUFFER`].
        buffer_id: u32;
        /// Its whole length.
        total_len: u16;
        /// Why it came.
        reason: PacketInReason;
        /// The table that sent it.
        table_id: TableId;
        /// The cookie of the flow that sent it.
        cookie: u64;
        /// Its ingress port, metadata, registers and so on.
        #[cfg_attr(feature = "json", serde(rename = "match"))]
        matching: Match, pad 2;
        /// The packet, or its beginning.
        data: Blob;
    }
}

impl PacketIn {
    /// The port it came in by.
    pub fn in_port(&self) -> Option<PortNo> {
        let port = self.matching.get(Field::OXM_OF_IN_PORT)?.value_u128()?;
        u32::try_from(port).ok().map(PortNo)
    }
}

/// Has the switch send a packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct PacketOut {
    /// Where the switch keeps it, or [`NO_BUFFER`].
    pub buffer_id: u32,
    /// As if it came in by this port.
    pub in_port: PortNo,
    /// What is done with it.
    pub actions: Vec<Action>,
    /// The packet, if it is not buffered.
    pub data: Blob,
}

impl PacketOut {
    /// Sends `data` through `actions`, as if it came from the controller.
    pub fn new(actions: impl Into<Vec<Action>>, data: impl Into<Blob>) -> Self {
        Self { buffer_id: NO_BUFFER, in_port: PortNo::CONTROLLER, actions: actions.into(), data: data.into() }
    }
}

impl Wire for PacketOut {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let (buffer_id, in_port) = (u32::read(r)?, PortNo::read(r)?);
        let actions_len = usize::from(u16::read(r)?);
        r.skip(6)?;
        let actions = Vec::read(&mut r.sub(actions_len, "packet-out actions")?)?;
        Ok(Self { buffer_id, in_port, actions, data: Blob::read(r)? })
    }

    fn write(&self, w: &mut Writer) {
        self.buffer_id.write(w);
        self.in_port.write(w);
        let at = w.position();
        w.zeros(8);
        let start = w.position();
        self.actions.write(w);
        w.patch_len(at, start, "packet-out actions");
        self.data.write(w);
    }
}
