//! `controller` with properties.

use crate::macros::properties;
use crate::types::{Blob, MeterId};
use crate::wire::{Reader, Result, Wire, Writer};

/// Sends the packet to the controller, with more to say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct Controller2 {
    /// What there is to say.
    pub properties: Vec<ControllerProperty>,
}

impl Wire for Controller2 {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.skip(6)?;
        Ok(Self { properties: Vec::read(r)? })
    }

    fn write(&self, w: &mut Writer) {
        w.zeros(6);
        self.properties.write(w);
    }
}

properties! {
    /// A property of [`Controller2`].
    #[cfg_attr(feature = "json", serde(tag = "type", content = "value", rename_all = "snake_case"))]
    ControllerProperty {
        /// Bytes of the packet.
        0 MaxLen(u16), pad 2;
        /// Which controller.
        1 ControllerId(u16), pad 2;
        /// Why.
        2 Reason(u8);
        /// Handed to the controller as it is.
        3 Userdata(Blob);
        /// The meter the packet has to pass.
        5 MeterId(MeterId);
    }
    unit {
        /// The packet waits for the controller to resume it.
        4 Pause;
    }
}
