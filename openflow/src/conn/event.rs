//! What comes out of a session.

use thiserror::Error;

use super::{BundleError, BundleId};
use crate::error::{DecodeError, EncodeError};
use crate::message::{Body, Message};
use crate::msg::config::FeaturesReply;
use crate::msg::error::ErrorMsg;
use crate::types::Xid;

/// Something that happened in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The handshake is over.
    Up {
        /// Who the switch is.
        features: FeaturesReply,
    },
    /// The answer to a request; all its parts joined to one.
    Reply {
        /// What [`Conn::request`](super::Conn::request) returned.
        xid: Xid,
        /// The answer: a barrier reply for messages without one of their own.
        body: Body,
    },
    /// A request, or a message sent without waiting, did not succeed.
    Failed {
        /// What `request` or `send` returned.
        xid: Xid,
        /// Why.
        error: RequestError,
    },
    /// A message that answers no request.
    Async(Box<Message>),
    /// What came of a bundle.
    BundleDone {
        /// What [`Conn::bundle`](super::Conn::bundle) returned.
        id: BundleId,
        /// Whether it was applied.
        outcome: Result<(), BundleError>,
    },
    /// The session is over; nothing follows.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// The handshake is not over, or the session is.
    #[error("session is not up")]
    NotUp,
    /// Too much waits to be sent or answered.
    #[error("too much waits to be sent or answered")]
    Backlog,
    /// The message cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// Why a request did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RequestError {
    /// The switch said so.
    #[error("refused by the switch: {0}")]
    Switch(ErrorMsg),
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// The session ended before the answer.
    #[error("session closed")]
    Closed,
    /// The message was not sent.
    #[error(transparent)]
    Send(#[from] SendError),
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CloseReason {
    /// The peer does not speak 1.3.
    #[error("peer does not speak OpenFlow 1.3, its hello has version {peer}")]
    Version {
        /// The version in its header.
        peer: u8,
    },
    /// The first message was no hello.
    #[error("first message is no hello")]
    NoHello,
    /// The peer answered the handshake with an error.
    #[error("peer refused the handshake: {0}")]
    Refused(ErrorMsg),
    /// The handshake took too long.
    #[error("handshake took too long")]
    HandshakeTimeout,
    /// The peer said nothing for too long.
    #[error("peer is silent")]
    Silent,
    /// A message has a length less than its header.
    #[error("frame of {length} bytes")]
    BadFrame {
        /// The length.
        length: u16,
    },
    /// A message could not be decoded.
    #[error("malformed message: {0}")]
    Malformed(DecodeError),
    /// The parts of an answer do not belong together.
    #[error("parts of a multipart answer do not fit together")]
    BadMultipart,
    /// The parts of an answer have too many bytes.
    #[error("multipart answer is longer than {limit} bytes")]
    ReplyTooLong {
        /// How many they may have.
        limit: usize,
    },
    /// The stream ended or failed.
    #[error("disconnected")]
    Disconnected,
    /// Nobody took the events.
    #[error("events are not taken")]
    Overrun,
}
