//! The small types that messages share.

use std::fmt;

use crate::macros::open_enum;
use crate::wire::{Reader, Result, Wire, Writer};

/// The transaction id of a message: an answer carries that of its question.
pub type Xid = u32;

/// `buffer_id` of a packet that is not buffered in the switch (`OFP_NO_BUFFER`).
pub const NO_BUFFER: u32 = u32::MAX;

/// `max_len` of an output to the controller that asks for the whole packet
/// (`OFPCML_NO_BUFFER`).
pub const WHOLE_PACKET: u16 = u16::MAX;

open_enum! {
    /// A port of a switch, or one of the reserved ones (section 7.2.1).
    PortNo: u32 {
        /// The largest number a physical or logical port may have.
        MAX = 0xffff_ff00;
        /// Back out of the port the packet came in by.
        IN_PORT = 0xffff_fff8;
        /// Through the flow tables, from the first one.
        TABLE = 0xffff_fff9;
        /// By the switch's own L2 forwarding.
        NORMAL = 0xffff_fffa;
        /// Flooding along a spanning tree.
        FLOOD = 0xffff_fffb;
        /// All ports but the one it came in by.
        ALL = 0xffff_fffc;
        /// The controller.
        CONTROLLER = 0xffff_fffd;
        /// The switch's own network stack.
        LOCAL = 0xffff_fffe;
        /// Any port, or no port.
        ANY = 0xffff_ffff;
    }
}

open_enum! {
    /// The number of a group (section 6.10).
    GroupId: u32 {
        /// The largest number a group may have.
        MAX = 0xffff_ff00;
        /// All groups, in a delete.
        ALL = 0xffff_fffc;
        /// Any group, or no group.
        ANY = 0xffff_ffff;
    }
}

open_enum! {
    /// The number of a flow table.
    TableId: u8 {
        /// The largest number a table may have.
        MAX = 0xfe;
        /// All tables, in a delete or a request.
        ALL = 0xff;
    }
}

open_enum! {
    /// The number of a meter (section 7.3.4.4).
    MeterId: u32 {
        /// The largest number a meter may have.
        MAX = 0xffff_0000;
        /// The meter of the slow path.
        SLOWPATH = 0xffff_fffd;
        /// The meter of the connection to the controller.
        CONTROLLER = 0xffff_fffe;
        /// All meters.
        ALL = 0xffff_ffff;
    }
}

open_enum! {
    /// The number of a queue of a port.
    QueueId: u32 {
        /// All queues of the port.
        ALL = 0xffff_ffff;
    }
}

macro_rules! shown {
    ($($t:ident),*) => {$(
        impl fmt::Display for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self, f)
            }
        }
    )*};
}
shown!(PortNo, GroupId, TableId, MeterId, QueueId);

impl PortNo {
    /// The number as the 16-bit ports of OpenFlow 1.0 write it, which Nicira actions use.
    /// Reserved ports keep their meaning; others that do not fit give `None`.
    pub fn to_u16(self) -> Option<u16> {
        match self.0 {
            0..0xff00 => Some(self.0 as u16),
            0xffff_ff00.. => Some(self.0 as u16),
            _ => None,
        }
    }

    /// The port that a 16-bit number of OpenFlow 1.0 means.
    pub fn from_u16(port: u16) -> Self {
        if port >= 0xff00 { Self(0xffff_0000 | u32::from(port)) } else { Self(u32::from(port)) }
    }
}

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// All zeros.
    pub const ZERO: Self = Self([0; 6]);
    /// All ones.
    pub const BROADCAST: Self = Self([0xff; 6]);
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not six bytes in hexadecimal with colons between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an Ethernet address")]
pub struct MacError;

impl std::str::FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> std::result::Result<Self, MacError> {
        let mut out = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut out {
            let part = parts.next().filter(|p| matches!(p.len(), 1 | 2)).ok_or(MacError)?;
            if !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(MacError);
            }
            *byte = u8::from_str_radix(part, 16).map_err(|_| MacError)?;
        }
        if parts.next().is_some() {
            return Err(MacError);
        }
        Ok(Self(out))
    }
}

impl From<[u8; 6]> for Mac {
    fn from(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }
}

impl Wire for Mac {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self(r.array()?))
    }
    fn write(&self, w: &mut Writer) {
        w.put_array(self.0);
    }
}

/// Bytes without a structure that we know: packets, the data of unknown extensions.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Blob(pub Vec<u8>);

impl std::ops::Deref for Blob {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for Blob {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl Wire for Blob {
    #[inline]
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self(r.rest().to_vec()))
    }
    #[inline]
    fn write(&self, w: &mut Writer) {
        w.put(&self.0);
    }
}

/// A C string in a field of `N` bytes: what follows its first NUL is not kept.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FixedStr<const N: usize>([u8; N]);

impl<const N: usize> FixedStr<N> {
    /// The string of these bytes up to the first NUL, or `None` if they are more than `N`.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let text = bytes.split(|b| *b == 0).next().unwrap_or_default();
        let mut out = [0; N];
        out.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self(out))
    }

    /// The bytes up to the first NUL.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.split(|b| *b == 0).next().unwrap_or_default()
    }

    /// The text, with what is not UTF-8 replaced.
    pub fn to_string_lossy(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }
}

impl<const N: usize> Default for FixedStr<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> fmt::Debug for FixedStr<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string_lossy(), f)
    }
}

impl<const N: usize> fmt::Display for FixedStr<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_string_lossy())
    }
}

impl<const N: usize> Wire for FixedStr<N> {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let bytes: [u8; N] = r.array()?;
        Ok(Self::new(&bytes).unwrap_or_default())
    }
    fn write(&self, w: &mut Writer) {
        w.put_array(self.0);
    }
}
