//! What a sealed datagram holds: foca's message, without sender and receiver, which stand outside.

use api::Rejection;
use foca::{Codec, Member, Message, PostcardCodec};

use super::identity::Identity;

type FocaHeader = foca::Header<Identity>;

/// A message of foca, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Sender, receiver and message proper.
    pub header: FocaHeader,
    /// Facts about members.
    pub updates: Vec<Member<Identity>>,
}

impl Payload {
    /// Reads the content of a datagram from `sender` to `receiver`.
    ///
    /// # Errors
    /// When it is none.
    pub fn decode(content: &[u8], sender: Identity, receiver: Identity) -> Result<Self, Rejection> {
        let mut payload = Self::from_foca(content).ok_or(Rejection::Malformed)?;
        let header = &mut payload.header;
        if (header.src, header.dst) != (Identity::BLANK, Identity::BLANK) {
            return Err(Rejection::Malformed);
        }
        (header.src, header.dst) = (sender, receiver);
        Ok(payload)
    }

    /// The content of a datagram.
    pub fn encode(&self) -> Vec<u8> {
        let header = FocaHeader { src: Identity::BLANK, dst: Identity::BLANK, ..self.header.clone() };
        to_foca(&header, &self.updates)
    }

    /// Reads a message as foca sends it; none when it is not one.
    pub fn from_foca(mut data: &[u8]) -> Option<Self> {
        let header = PostcardCodec.decode_header(&mut data).ok()?;
        let mut updates = Vec::new();
        if !data.is_empty() {
            if is_bare(&header.message) {
                return None;
            }
            let (count, rest) = data.split_first_chunk()?;
            data = rest;
            for _ in 0..u16::from_be_bytes(*count) {
                updates.push(PostcardCodec.decode_member(&mut data).ok()?);
            }
        }
        data.is_empty().then_some(Self { header, updates })
    }

    /// The message as foca takes it.
    pub fn to_foca(&self) -> Vec<u8> {
        to_foca(&self.header, &self.updates)
    }

    /// The node this message is about, beside its sender and receiver.
    pub fn subject(&self) -> Option<u32> {
        match &self.header.message {
            Message::PingReq { target: about, .. }
            | Message::IndirectPing { origin: about, .. }
            | Message::IndirectAck { target: about, .. }
            | Message::ForwardedAck { origin: about, .. } => Some(about.node),
            Message::Ping(_)
            | Message::Ack(_)
            | Message::Announce
            | Message::Feed
            | Message::Gossip
            | Message::Broadcast
            | Message::TurnUndead => None,
        }
    }
}

/// Whether nothing follows such a message.
fn is_bare(message: &Message<Identity>) -> bool {
    matches!(message, Message::Announce | Message::TurnUndead | Message::Broadcast)
}

fn to_foca(header: &FocaHeader, updates: &[Member<Identity>]) -> Vec<u8> {
    let mut data = Vec::new();
    // Writing into memory does not fail.
    let _ = PostcardCodec.encode_header(header, &mut data);
    if !is_bare(&header.message) {
        data.extend_from_slice(&u16::try_from(updates.len()).unwrap_or(u16::MAX).to_be_bytes());
        for update in updates.iter().take(u16::MAX.into()) {
            let _ = PostcardCodec.encode_member(update, &mut data);
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use foca::State;

    use super::*;
    use crate::swim::identity::Life;

    #[test]
    fn comes_back_whole_and_names_nobody_inside() {
        let identity = |node| Identity { node, life: Life::new(9, node) };
        let (a, b, c) = (1, 2, 3);
        let header = FocaHeader {
            src: identity(a),
            src_incarnation: 3,
            dst: identity(b),
            message: Message::PingReq { target: identity(c), probe_number: 4 },
        };
        let payload = Payload { header, updates: vec![Member::new(identity(c), 2, State::Suspect)] };
        let content = payload.encode();
        assert_eq!(content.len(), 25);
        assert_eq!(Payload::decode(&content, identity(a), identity(b)).unwrap(), payload);
        assert_eq!(Payload::from_foca(&payload.to_foca()).unwrap(), payload);
        assert_eq!(Payload::decode(&payload.to_foca(), identity(a), identity(b)), Err(Rejection::Malformed));
        for length in 0..content.len() {
            let cut = Payload::decode(&content[..length], identity(a), identity(b));
            assert!(cut.is_err() || cut.is_ok_and(|p| p.updates.is_empty()), "{length}");
        }
    }
}
