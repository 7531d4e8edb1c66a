//! The probe datagram.
//!
//! ```text
//!  0               4       5       6               8
//! +---------------+-------+-------+---------------+-------------------------------+-------------------------------+
//! | magic "SDNP"  | ver 1 | kind  | length (24)   | sequence number               | cookie of who asked           |
//! +---------------+-------+-------+---------------+-------------------------------+-------------------------------+
//! ```
//!
//! All numbers are big-endian. An answer repeats the sequence number and the
//! cookie, and is no longer than what it answers.

/// The length of every datagram, in bytes.
pub const LENGTH: usize = 24;

const MAGIC: [u8; 4] = *b"SDNP";
const VERSION: u8 = 1;

/// What a datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It asks for an answer.
    Request,
    /// It is an answer.
    Reply,
}

/// A probe datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// What it is.
    pub kind: Kind,
    /// Chosen by who asked, once each.
    pub sequence: u64,
    /// Chosen by who asked, at its start.
    pub cookie: u64,
}

impl Datagram {
    /// The datagram as it goes over the wire.
    pub fn encode(&self) -> [u8; LENGTH] {
        let kind = match self.kind {
            Kind::Request => 1,
            Kind::Reply => 2,
        };
        let [s0, s1, s2, s3, s4, s5, s6, s7] = self.sequence.to_be_bytes();
        let [c0, c1, c2, c3, c4, c5, c6, c7] = self.cookie.to_be_bytes();
        let [m0, m1, m2, m3] = MAGIC;
        [m0, m1, m2, m3, VERSION, kind, 0, LENGTH as u8, s0, s1, s2, s3, s4, s5, s6, s7, c0, c1, c2, c3, c4, c5, c6, c7]
    }

    /// Reads a datagram; none when it is not one of ours, whole and of this version.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; LENGTH] = bytes.try_into().ok()?;
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let ([version, kind, high, low], rest) = rest.split_first_chunk::<4>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        let (cookie, _) = rest.split_first_chunk::<8>()?;
        if *magic != MAGIC || *version != VERSION || usize::from(u16::from_be_bytes([*high, *low])) != LENGTH {
            return None;
        }
        let kind = match kind {
            1 => Kind::Request,
            2 => Kind::Reply,
            _ => return None,
        };
        Some(Self { kind, sequence: u64::from_be_bytes(*sequence), cookie: u64::from_be_bytes(*cookie) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_writes_and_nothing_else() {
        let datagram = Datagram { kind: Kind::Reply, sequence: 0x0102_0304_0506_0708, cookie: u64::MAX };
        let bytes = datagram.encode();
        assert_eq!(Datagram::decode(&bytes), Some(datagram));
        assert_eq!(bytes[..8], *b"SDNP\x01\x02\x00\x18");
        for at in 0..8 {
            let mut bad = bytes;
            bad[at] ^= 0x80;
            assert_eq!(Datagram::decode(&bad), None, "byte {at}");
        }
        for length in 0..LENGTH {
            assert_eq!(Datagram::decode(&bytes[..length]), None);
        }
        assert_eq!(Datagram::decode(&[bytes.as_slice(), &[0]].concat()), None);
    }
}
