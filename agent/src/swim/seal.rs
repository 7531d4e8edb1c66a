//! Sealing datagrams: encryption, and proof of sender and receiver.
//!
//! ```text
//!  0      1     2        6          10          18        22
//! ┌──────┬─────┬────────┬──────────┬───────────┬─────────┬────────────┬─────┐
//! │ kind │ key │ sender │ to which │ sender's  │ counter │ ciphertext │ tag │
//! │      │     │        │ session  │ life      │         │            │ 16  │
//! └──────┴─────┴────────┴──────────┴───────────┴─────────┴────────────┴─────┘
//!                                   └───── nonce ───────┘
//! ```
//!
//! ChaCha20-Poly1305 (RFC 8439) under a key of the sender's own, derived from
//! the cluster's by HKDF-SHA256 (RFC 5869) with the sender's number, so that
//! two senders never share a nonce. All of the header is authenticated, and
//! with it who is to receive the datagram in which life: what was recorded
//! for one receiver, or before it restarted, opens for none. Only a hello,
//! which says nothing, is for a receiver whose life is not known yet.

use api::{GossipKey, GossipKeys, Rejection};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Prk, Salt},
};

use super::identity::{Identity, Life};

/// The length of what stands in front of the ciphertext, in bytes.
pub const HEADER: usize = 22;
/// By how much a datagram is longer than its content, in bytes.
pub const OVERHEAD: usize = HEADER + 16;

const BOUND: u8 = 0x11;
const HELLO: u8 = 0x12;

/// Whom a datagram is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// A node in a known life.
    Life(Identity),
    /// A node in whichever life it is: a hello.
    Node(u32),
}

/// What stands in front of the ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether this is a hello.
    pub hello: bool,
    /// A fingerprint of the key that sealed it.
    pub key: u8,
    /// Who claims to have sent it.
    pub sender: Identity,
    /// For which session of its receiver it is meant; 0 in a hello.
    pub session: u32,
    /// How many datagrams the sender had sent in this life.
    pub counter: u32,
}

impl Header {
    /// Takes a datagram apart.
    ///
    /// # Errors
    /// When it is too short or not of this version.
    pub fn parse(datagram: &[u8]) -> Result<(Self, &[u8]), Rejection> {
        if datagram.len() < OVERHEAD {
            return Err(Rejection::Truncated);
        }
        let (header, sealed) = datagram.split_first_chunk::<HEADER>().ok_or(Rejection::Truncated)?;
        let [kind, key, a, b, c, d, e, f, g, h, nonce @ ..] = *header;
        let [l0, l1, l2, l3, l4, l5, l6, l7, c0, c1, c2, c3] = nonce;
        let hello = match kind {
            BOUND => false,
            HELLO => true,
            _ => return Err(Rejection::Version),
        };
        let life = Life::from_bits(u64::from_be_bytes([l0, l1, l2, l3, l4, l5, l6, l7]));
        let sender = Identity { node: u32::from_be_bytes([a, b, c, d]), life };
        let (session, counter) = (u32::from_be_bytes([e, f, g, h]), u32::from_be_bytes([c0, c1, c2, c3]));
        Ok((Self { hello, key, sender, session, counter }, sealed))
    }

    fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let kind = if self.hello { HELLO } else { BOUND };
        let fields = [kind, self.key]
            .into_iter()
            .chain(self.sender.node.to_be_bytes())
            .chain(self.session.to_be_bytes())
            .chain(self.nonce());
        bytes.iter_mut().zip(fields).for_each(|(byte, field)| *byte = field);
        bytes
    }

    fn nonce(&self) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        let fields = self.sender.life.bits().to_be_bytes().into_iter().chain(self.counter.to_be_bytes());
        nonce.iter_mut().zip(fields).for_each(|(byte, field)| *byte = field);
        nonce
    }
}

/// The cluster's keys: one to send with, and one or two to receive with.
pub struct Keyring {
    send: Key,
    accept: Option<Key>,
}

struct Key {
    id: u8,
    root: Prk,
}

impl Keyring {
    /// Derives what is needed from the cluster's keys.
    pub fn new(keys: &GossipKeys) -> Self {
        Self { send: Key::new(&keys.send), accept: keys.accept.as_ref().map(Key::new) }
    }

    /// Seals `content`. No two calls may share sender, life and counter.
    pub fn seal(&self, sender: Identity, to: To, counter: u32, content: &[u8]) -> Vec<u8> {
        let (hello, session) = match to {
            To::Life(receiver) => (false, receiver.life.session()),
            To::Node(_) => (true, 0),
        };
        let header = Header { hello, key: self.send.id, sender, session, counter };
        let mut sealed = content.to_vec();
        let nonce = Nonce::assume_unique_for_key(header.nonce());
        let key = self.send.of(sender.node);
        let aad = Aad::from(authenticated(&header, to));
        // It fails only for content of more than 256 GiB.
        match key.map(|key| key.seal_in_place_append_tag(nonce, aad, &mut sealed)) {
            Some(Ok(())) => [&header.encode(), sealed.as_slice()].concat(),
            Some(Err(_)) | None => Vec::new(),
        }
    }

    /// Opens what [`Header::parse`] took apart, as `receiver`.
    ///
    /// # Errors
    /// When the key is not known, or this datagram was not sealed for this receiver.
    pub fn open(&self, header: &Header, sealed: &[u8], receiver: Identity) -> Result<Vec<u8>, Rejection> {
        let known = || std::iter::once(&self.send).chain(&self.accept).filter(|key| key.id == header.key);
        if known().next().is_none() {
            return Err(Rejection::UnknownKey);
        }
        if !header.hello && header.session != receiver.life.session() {
            return Err(Rejection::Stale);
        }
        let to = if header.hello { To::Node(receiver.node) } else { To::Life(receiver) };
        let aad = authenticated(header, to);
        let open = |key: &Key| {
            let mut buffer = sealed.to_vec();
            let nonce = Nonce::assume_unique_for_key(header.nonce());
            let length = key.of(header.sender.node)?.open_in_place(nonce, Aad::from(aad), &mut buffer).ok()?.len();
            buffer.truncate(length);
            Some(buffer)
        };
        known().find_map(open).ok_or(Rejection::Forged)
    }
}

impl Key {
    fn new(key: &GossipKey) -> Self {
        let root = Salt::new(HKDF_SHA256, b"sdn gossip 1").extract(key.as_bytes());
        let mut id = [0];
        // Expansion fails only beyond 255 blocks.
        if let Ok(okm) = root.expand(&[b"id"], One) {
            let _ = okm.fill(&mut id);
        }
        Self { id: id[0], root }
    }

    /// The key of one sender.
    fn of(&self, sender: u32) -> Option<LessSafeKey> {
        let info: &[&[u8]] = &[b"sender", &sender.to_be_bytes()];
        let okm = self.root.expand(info, &CHACHA20_POLY1305).ok()?;
        Some(LessSafeKey::new(UnboundKey::from(okm)))
    }
}

struct One;

impl ring::hkdf::KeyType for One {
    fn len(&self) -> usize {
        1
    }
}

/// The header, and who is to receive what it stands before.
fn authenticated(header: &Header, to: To) -> [u8; HEADER + 12] {
    let (node, life) = match to {
        To::Life(receiver) => (receiver.node, receiver.life.bits()),
        To::Node(node) => (node, 0),
    };
    let mut bytes = [0; HEADER + 12];
    let fields = header.encode().into_iter().chain(node.to_be_bytes()).chain(life.to_be_bytes());
    bytes.iter_mut().zip(fields).for_each(|(byte, field)| *byte = field);
    bytes
}

#[cfg(test)]
mod tests;
