//! Requests that wait for answers, and the parts of answers that came.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use super::{BundleId, CloseReason, join};
use crate::message::Body;
use crate::msg::experimenter::Experimenter;
use crate::multipart::{MultipartFlags, MultipartReplyBody};
use crate::types::Xid;

/// What an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A request with this xid; the answer's own may be that of a barrier.
    Request(Xid),
    /// The close of a bundle.
    BundleClose(BundleId),
    /// The commit or discard of a bundle.
    BundleEnd(BundleId),
}

#[derive(Debug)]
struct Waiting {
    answer: Answer,
    until: Instant,
    parts: Option<(MultipartReplyBody, usize)>,
}

/// Requests by the xid their answer will have.
#[derive(Debug, Default)]
pub(super) struct Pending {
    waiting: BTreeMap<Xid, Waiting>,
    /// Requests without an answer of their own, by xid, until their barrier is answered.
    silent: BTreeMap<Xid, Instant>,
    /// When to look at which request; it may have got more time since.
    deadlines: VecDeque<(Instant, Xid)>,
}

/// Whether a message has an answer of its own.
pub(super) fn has_reply(body: &Body) -> bool {
    match body {
        Body::FeaturesRequest
        | Body::GetConfigRequest
        | Body::BarrierRequest
        | Body::GetAsyncRequest
        | Body::EchoRequest(_)
        | Body::MultipartRequest(_)
        | Body::QueueGetConfigRequest(_)
        | Body::RoleRequest(_) => true,
        Body::Experimenter(e) => matches!(
            e,
            Experimenter::NxtRoleRequest(_) | Experimenter::NxtTlvTableRequest(_) | Experimenter::OnftBundleControl(_)
        ),
        _ => false,
    }
}

impl Pending {
    /// Waits for an answer with this xid.
    pub fn insert(&mut self, xid: Xid, answer: Answer, until: Instant) {
        self.waiting.insert(xid, Waiting { answer, until, parts: None });
        self.deadlines.push_back((until, xid));
    }

    /// Remembers a message whose only answer would be an error.
    pub fn insert_silent(&mut self, xid: Xid, until: Instant) {
        self.silent.insert(xid, until);
    }

    /// The barrier after a message was answered, or its error came.
    pub fn forget_silent(&mut self, xid: Xid) {
        self.silent.remove(&xid);
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Takes the request that an answer with this xid is for. An error for a message that waits
    /// for its barrier takes it from there; the barrier's reply then means nothing.
    pub fn remove(&mut self, xid: Xid) -> Option<Answer> {
        if self.silent.remove(&xid).is_some() {
            self.waiting.retain(|_, w| w.answer != Answer::Request(xid));
            return Some(Answer::Request(xid));
        }
        self.waiting.remove(&xid).map(|w| w.answer)
    }

    /// Takes all, in order.
    pub fn take_all(&mut self) -> impl Iterator<Item = Answer> + use<> {
        self.silent.clear();
        self.deadlines.clear();
        std::mem::take(&mut self.waiting).into_values().map(|w| w.answer)
    }

    /// When the first of them has waited long enough, or may have.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadlines.front().map(|(at, _)| *at)
    }

    /// Takes a request that has waited long enough.
    pub fn expire(&mut self, now: Instant) -> Option<Answer> {
        while let Some((at, xid)) = self.deadlines.pop_front() {
            if at > now {
                self.deadlines.push_front((at, xid));
                return None;
            }
            match self.waiting.get(&xid) {
                Some(w) if w.until > now => self.deadlines.push_back((w.until, xid)),
                Some(_) => return self.remove(xid),
                None => {}
            }
        }
        None
    }

    /// Adds a part of an answer. Gives the whole answer with its last part, and gives back what
    /// is no part of one.
    pub fn join(
        &mut self,
        xid: Xid,
        body: Body,
        size: usize,
        limit: usize,
        until: Instant,
    ) -> Result<Option<Body>, CloseReason> {
        let (Body::MultipartReply(part), Some(waiting)) = (&body, self.waiting.get_mut(&xid)) else {
            return Ok(Some(body));
        };
        let more = part.flags.contains(MultipartFlags::MORE);
        if !more && waiting.parts.is_none() {
            return Ok(Some(body));
        }
        let Body::MultipartReply(part) = body else { return Ok(None) };
        waiting.until = until;
        let whole = match waiting.parts.take() {
            None => (part.body, size),
            Some((mut whole, total)) => {
                join::append(&mut whole, part.body).ok_or(CloseReason::BadMultipart)?;
                (whole, total + size)
            }
        };
        if whole.1 > limit {
            return Err(CloseReason::ReplyTooLong { limit });
        }
        if more {
            waiting.parts = Some(whole);
            return Ok(None);
        }
        Ok(Some(whole.0.into()))
    }
}
