//! The probe datagram.
//!
//! ```text
//!  0               4       5       6               8
//! +---------------+-------+-------+---------------+-------------------------------+-------------------------------+----
//! | magic "SDNP"  | ver 1 | kind  | length        | sequence number               | cookie of who asked           | ...
//! +---------------+-------+-------+---------------+-------------------------------+-------------------------------+----
//! ```
//!
//! All numbers are big-endian. A request may be filled up with any bytes to
//! the length that it states. An answer repeats the sequence number and the
//! cookie, and is as short as can be.

/// The length of an answer and of the shortest request, in bytes.
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
    /// How long it is as a whole, in bytes.
    pub length: u16,
    /// Chosen by who asked, once each.
    pub sequence: u64,
    /// Chosen by who asked, at its start.
    pub cookie: u64,
}

impl Datagram {
    /// The answer to it.
    pub fn answer(&self) -> Self {
        Self { kind: Kind::Reply, length: LENGTH as u16, ..*self }
    }

    /// The beginning of the datagram as it goes over the wire; zeros follow, up to its length.
    pub fn encode(&self) -> [u8; LENGTH] {
        let kind = match self.kind {
            Kind::Request => 1,
            Kind::Reply => 2,
        };
        let [l0, l1] = self.length.to_be_bytes();
        let [s0, s1, s2, s3, s4, s5, s6, s7] = self.sequence.to_be_bytes();
        let [c0, c1, c2, c3, c4, c5, c6, c7] = self.cookie.to_be_bytes();
        let [m0, m1, m2, m3] = MAGIC;
        [m0, m1, m2, m3, VERSION, kind, l0, l1, s0, s1, s2, s3, s4, s5, s6, s7, c0, c1, c2, c3, c4, c5, c6, c7]
    }

    /// Reads a datagram; none when it is not one of ours, whole and of this version.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (header, _) = bytes.split_first_chunk::<LENGTH>()?;
        let (magic, rest) = header.split_first_chunk::<4>()?;
        let ([version, kind, high, low], rest) = rest.split_first_chunk::<4>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        let (cookie, _) = rest.split_first_chunk::<8>()?;
        let length = u16::from_be_bytes([*high, *low]);
        if *magic != MAGIC || *version != VERSION || usize::from(length) != bytes.len() {
            return None;
        }
        let kind = match kind {
            1 => Kind::Request,
            2 if bytes.len() == LENGTH => Kind::Reply,
            _ => return None,
        };
        Some(Self { kind, length, sequence: u64::from_be_bytes(*sequence), cookie: u64::from_be_bytes(*cookie) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_writes_and_nothing_else() {
        let datagram = Datagram { kind: Kind::Reply, length: 24, sequence: 0x0102_0304_0506_0708, cookie: u64::MAX };
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

    #[test]
    fn a_request_may_be_filled_up_and_an_answer_may_not() {
        let request = Datagram { kind: Kind::Request, length: 1422, sequence: 7, cookie: 9 };
        let mut bytes = request.encode().to_vec();
        bytes.resize(1422, 0xaa);
        assert_eq!(Datagram::decode(&bytes), Some(request));
        assert_eq!(Datagram::decode(&bytes[..1421]), None);
        let answer = request.answer().encode();
        assert_eq!(Datagram::decode(&answer), Some(Datagram { kind: Kind::Reply, length: 24, ..request }));
        bytes[5] = 2;
        assert_eq!(Datagram::decode(&bytes), None);
    }
}
