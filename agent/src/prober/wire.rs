//! The probe datagram.
//!
//! ```text
//!  0               4       5       6               8
//! +---------------+-------+-------+---------------+-------------------------------+-------------------------------+----
//! | magic "SDNP"  | ver 1 | kind  | length        | sequence number               | cookie of who asked           | ...
//! +---------------+-------+-------+---------------+-------------------------------+-------------------------------+----
//! ```
//!
//! All numbers are big-endian. A request may be filled up with any bytes to the length that it states. An answer repeats
//! the sequence number and the cookie, and is as short as can be. A patient request's answer may wait for the peer's own
//! next one, which carries it behind the cookie: how many answers (one byte), and for each the sequence number, the cookie,
//! and for how many microseconds it waited (four bytes).

use std::time::Duration;

/// The length of an answer and of the shortest request, in bytes.
pub const LENGTH: usize = 24;

const MAGIC: [u8; 4] = *b"SDNP";
const VERSION: u8 = 1;
/// The length of an answer within a patient request, in bytes, and how many there are at most.
const CARRIED: usize = 20;
pub(super) const MOST_CARRIED: usize = 4;

/// What a datagram is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It asks for an answer at once.
    Request,
    /// It asks for an answer, which may wait for the peer's own next request, and carries those that waited for it.
    Patient(Vec<Answer>),
    /// It is an answer.
    Reply,
}

/// An answer that waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The request's sequence number.
    pub sequence: u64,
    /// The request's cookie.
    pub cookie: u64,
    /// For how long it waited.
    pub held: Duration,
}

impl Answer {
    fn encode(&self) -> [u8; CARRIED] {
        let held = u32::try_from(self.held.as_micros()).unwrap_or(u32::MAX);
        let mut bytes = [0; CARRIED];
        bytes[..8].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.cookie.to_be_bytes());
        bytes[16..].copy_from_slice(&held.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8; CARRIED]) -> Option<Self> {
        let (sequence, rest) = bytes.split_first_chunk::<8>()?;
        let (cookie, rest) = rest.split_first_chunk::<8>()?;
        let (held, _) = rest.split_first_chunk::<4>()?;
        let held = Duration::from_micros(u32::from_be_bytes(*held).into());
        Some(Self { sequence: u64::from_be_bytes(*sequence), cookie: u64::from_be_bytes(*cookie), held })
    }
}

/// A probe datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// A request of so many bytes.
    pub fn request(sequence: u64, length: u16, cookie: u64) -> Self {
        Self { kind: Kind::Request, length, sequence, cookie }
    }

    /// A patient request of the least length, with the first of `answers`.
    pub fn patient(sequence: u64, cookie: u64, mut answers: Vec<Answer>) -> Self {
        answers.truncate(MOST_CARRIED);
        let length = (LENGTH + 1 + answers.len() * CARRIED) as u16;
        Self { kind: Kind::Patient(answers), length, sequence, cookie }
    }

    /// The answer to it.
    pub fn answer(&self) -> Self {
        Self { kind: Kind::Reply, length: LENGTH as u16, sequence: self.sequence, cookie: self.cookie }
    }

    /// The beginning of the datagram as it goes over the wire; zeros follow, up to its length.
    pub fn encode(&self) -> Vec<u8> {
        let kind = match self.kind {
            Kind::Request => 1,
            Kind::Reply => 2,
            Kind::Patient(_) => 3,
        };
        let mut bytes = Vec::with_capacity(LENGTH + 1 + MOST_CARRIED * CARRIED);
        bytes.extend(MAGIC);
        bytes.extend([VERSION, kind]);
        bytes.extend(self.length.to_be_bytes());
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.cookie.to_be_bytes());
        if let Kind::Patient(answers) = &self.kind {
            bytes.push(answers.len() as u8);
            bytes.extend(answers.iter().flat_map(Answer::encode));
        }
        bytes
    }

    /// Reads a datagram; none when it is not one of ours, whole and of this version.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (header, carried) = bytes.split_first_chunk::<LENGTH>()?;
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
            3 => Kind::Patient(answers(carried)?),
            _ => return None,
        };
        Some(Self { kind, length, sequence: u64::from_be_bytes(*sequence), cookie: u64::from_be_bytes(*cookie) })
    }
}

fn answers(bytes: &[u8]) -> Option<Vec<Answer>> {
    let (count, rest) = bytes.split_first()?;
    let count = usize::from(*count);
    let (carried, _) = rest.as_chunks::<CARRIED>();
    carried.get(..count).filter(|_| count <= MOST_CARRIED)?.iter().map(Answer::decode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_writes_and_nothing_else() {
        let datagram = Datagram { kind: Kind::Reply, length: 24, sequence: 0x0102_0304_0506_0708, cookie: u64::MAX };
        let bytes: [u8; LENGTH] = datagram.encode().try_into().unwrap();
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
    fn a_patient_request_carries_answers_and_no_more_than_it_may() {
        let answer = |n: u64| Answer { sequence: n, cookie: n << 32, held: Duration::from_micros(n * 1000) };
        for count in 0..=MOST_CARRIED {
            let datagram = Datagram::patient(7, 9, (0..count as u64).map(answer).collect());
            let mut bytes = datagram.encode();
            assert_eq!((bytes.len(), Datagram::decode(&bytes)), (25 + 20 * count, Some(datagram.clone())));
            bytes[24] += 1;
            assert_eq!(Datagram::decode(&bytes), None, "an answer that is not there");
            bytes.truncate(24);
            bytes[7] = 24;
            assert_eq!(Datagram::decode(&bytes), None, "how many is not said");
        }
        let most = Datagram::patient(7, 9, (0..9).map(answer).collect());
        assert_eq!(most.encode().len(), 25 + 20 * MOST_CARRIED);
        let mut bytes = most.encode();
        bytes.extend([0; 200]);
        bytes[24] = MOST_CARRIED as u8 + 1;
        (bytes[6], bytes[7]) = ((bytes.len() >> 8) as u8, bytes.len() as u8);
        assert_eq!(Datagram::decode(&bytes), None, "too many");
    }

    #[test]
    fn a_request_may_be_filled_up_and_an_answer_may_not() {
        let request = Datagram { kind: Kind::Request, length: 1422, sequence: 7, cookie: 9 };
        let mut bytes = request.encode();
        bytes.resize(1422, 0xaa);
        assert_eq!(Datagram::decode(&bytes), Some(request.clone()));
        assert_eq!(Datagram::decode(&bytes[..1421]), None);
        let answer = request.answer().encode();
        assert_eq!(Datagram::decode(&answer), Some(Datagram { kind: Kind::Reply, length: 24, ..request }));
        bytes[5] = 2;
        assert_eq!(Datagram::decode(&bytes), None);
    }
}
