//! What a session does with what the switch says.

use super::pending::Answer;
use super::{BundleId, CloseReason, Conn, Event, RequestError, State};
use crate::message::{Body, Header, Message, VERSION_1_3};
use crate::msg::error::{ErrorMsg, HELLO_FAILED, HELLO_FAILED_INCOMPATIBLE};
use crate::types::Xid;
use crate::wire::{Reader, Wire};

impl Conn {
    pub(super) fn handle_frame(&mut self, frame: &[u8]) {
        if let State::AwaitHello { .. } = self.state {
            return self.handle_first(frame);
        }
        match Message::decode(frame) {
            Ok(message) => self.handle_message(message, frame.len()),
            Err(error) => self.close(CloseReason::Malformed(error)),
        }
    }

    /// The first message: a hello, of whatever version.
    fn handle_first(&mut self, frame: &[u8]) {
        let message = match Message::decode(frame) {
            Ok(message) => message,
            Err(error) => {
                let first = Header::read(&mut Reader::new(frame, "message"));
                let foreign = first.is_ok_and(|h| h.version != VERSION_1_3);
                let version = frame.first().copied().unwrap_or_default();
                let foreign = foreign.then_some(CloseReason::Version { peer: version });
                return self.close(foreign.unwrap_or(CloseReason::Malformed(error)));
            }
        };
        match message.body {
            Body::Hello(hello) if hello.supports(message.version, VERSION_1_3) => {
                self.state = State::AwaitFeatures { until: self.now + self.config.handshake_timeout };
                self.push(Body::FeaturesRequest);
            }
            Body::Hello(_) => self.refuse(message.version, message.xid),
            Body::Error(error) => self.close(CloseReason::Refused(error)),
            _ => self.close(CloseReason::NoHello),
        }
    }

    /// Tells a peer that does not speak 1.3 so, in a version that it may speak, and closes.
    fn refuse(&mut self, version: u8, xid: Xid) {
        let text = b"only OpenFlow 1.3 is spoken here".as_slice();
        let error = ErrorMsg::new(HELLO_FAILED, HELLO_FAILED_INCOMPATIBLE, text);
        let message = Message { version: version.min(VERSION_1_3), xid, body: Body::Error(error) };
        if let Err(error) = message.encode_into(&mut self.out) {
            tracing::error!(%error, "own message cannot be encoded");
        }
        self.close(CloseReason::Version { peer: version });
    }

    fn handle_message(&mut self, message: Message, size: usize) {
        let xid = message.xid;
        match (message.body, self.state) {
            (Body::EchoRequest(echo), _) => {
                if self.out.len() < self.config.max_backlog {
                    self.reply(xid, Body::EchoReply(echo));
                }
            }
            (Body::EchoReply(_) | Body::Hello(_), _) => {}
            (Body::FeaturesReply(features), State::AwaitFeatures { .. }) => {
                self.state = State::Up;
                self.events.push_back(Event::Up { features });
            }
            (Body::Error(error), State::AwaitFeatures { .. }) => {
                self.close(CloseReason::Refused(error));
            }
            (Body::Error(error), _) => self.handle_error(xid, error),
            (body @ (Body::PacketIn(_) | Body::FlowRemoved(_) | Body::PortStatus(_)), _) => {
                let message = Message { version: message.version, xid, body };
                self.events.push_back(Event::Async(Box::new(message)));
            }
            (body, _) => {
                let Some(joined) = self.join(xid, body, size) else { return };
                match self.pending.remove(xid) {
                    Some(answer) => self.answer(answer, Ok(joined)),
                    None if self.bundles.owns(xid) => {}
                    None => {
                        let message = Message { version: message.version, xid, body: joined };
                        self.events.push_back(Event::Async(Box::new(message)));
                    }
                }
            }
        }
    }

    /// Adds a part to those before it; gives the whole when it was the last, or what is no part.
    fn join(&mut self, xid: Xid, body: Body, size: usize) -> Option<Body> {
        let until = self.now + self.config.request_timeout;
        match self.pending.join(xid, body, size, self.config.max_reply_bytes, until) {
            Ok(whole) => whole,
            Err(reason) => {
                self.close(reason);
                None
            }
        }
    }

    fn handle_error(&mut self, xid: Xid, error: ErrorMsg) {
        if self.bundles.fail(xid, &error) {
            if let Some(answer) = self.pending.remove(xid) {
                self.answer(answer, Err(RequestError::Switch(error)));
            }
            return;
        }
        match self.pending.remove(xid) {
            Some(answer) => self.answer(answer, Err(RequestError::Switch(error))),
            None => {
                let error = RequestError::Switch(error);
                self.events.push_back(Event::Failed { xid, error });
            }
        }
    }

    pub(super) fn answer(&mut self, answer: Answer, outcome: Result<Body, RequestError>) {
        let event = match (answer, outcome) {
            (Answer::BundleClose(id), Ok(_)) => return self.end_bundle(id),
            (Answer::BundleClose(id) | Answer::BundleEnd(id), outcome) => {
                Event::BundleDone { id, outcome: self.bundles.finish(id, outcome.map(|_| ())) }
            }
            (Answer::Request(xid), Ok(body)) => {
                self.pending.forget_silent(xid);
                Event::Reply { xid, body }
            }
            (Answer::Request(xid), Err(error)) => {
                self.pending.forget_silent(xid);
                Event::Failed { xid, error }
            }
        };
        self.events.push_back(event);
    }

    /// All messages of a bundle are at the switch: commits it, or discards it if one was refused.
    fn end_bundle(&mut self, id: BundleId) {
        let xid = self.take_xid();
        if let Some(body) = self.bundles.end(id, xid) {
            self.reply(xid, body);
            self.pending.insert(xid, Answer::BundleEnd(id), self.now + self.config.request_timeout);
        }
    }
}
