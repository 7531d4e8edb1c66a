//! Bundles (ONF 2300): several messages applied as one.
//!
//! A message that Open vSwitch refuses when it is added does not keep it from committing the
//! others. So open, messages and close go out in one go, and commit or discard follows when the
//! answer to close says that nothing was refused, or the errors before it that something was.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use super::RequestError;
use crate::message::{Body, Message};
use crate::msg::error::ErrorMsg;
use crate::msg::experimenter::Experimenter;
use crate::msg::onf::{BundleAdd, BundleControl, BundleControlType, BundleFlags};
use crate::types::Xid;

/// The number of a bundle in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundleId(pub u32);

/// Why a bundle was not applied: none of its messages was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct BundleError {
    /// Which message was refused, counted from 0, if it was one of them.
    pub index: Option<usize>,
    /// What the switch said about it.
    pub error: RequestError,
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "message {index} of the bundle: {}", self.error),
            None => write!(f, "bundle: {}", self.error),
        }
    }
}

/// The first message of a bundle.
pub(super) fn open(id: BundleId, flags: BundleFlags) -> Body {
    control(id, flags, BundleControlType::OPEN_REQUEST)
}

/// Ends the messages of a bundle.
pub(super) fn close(id: BundleId, flags: BundleFlags) -> Body {
    control(id, flags, BundleControlType::CLOSE_REQUEST)
}

/// Forgets a closed bundle.
fn discard(id: BundleId, flags: BundleFlags) -> Body {
    control(id, flags, BundleControlType::DISCARD_REQUEST)
}

/// Applies a closed bundle.
fn commit(id: BundleId, flags: BundleFlags) -> Body {
    control(id, flags, BundleControlType::COMMIT_REQUEST)
}

fn control(id: BundleId, flags: BundleFlags, control_type: BundleControlType) -> Body {
    let control = BundleControl { bundle_id: id.0, control_type, flags, properties: Vec::new() };
    Body::Experimenter(Experimenter::OnftBundleControl(control))
}

/// A message between.
pub(super) fn add(id: BundleId, flags: BundleFlags, xid: Xid, body: Body) -> Body {
    let message = Message::new(xid, body);
    let add = BundleAdd { bundle_id: id.0, flags, message, properties: Vec::new() };
    Body::Experimenter(Experimenter::OnftBundleAddMessage(Box::new(add)))
}

#[derive(Debug)]
struct Open {
    flags: BundleFlags,
    /// The xid of the open request; that of message n is n + 1 above.
    first: Xid,
    /// The xid of the close request.
    close: Xid,
    /// The xid of the commit or discard request.
    end: Option<Xid>,
    /// The first error about any of them, with the xid it is about.
    failed: Option<(Xid, ErrorMsg)>,
}

impl Open {
    fn owns(&self, xid: Xid) -> bool {
        (self.first..=self.close).contains(&xid) || self.end == Some(xid)
    }

    /// The position of the message with this xid, if it is one.
    fn index(&self, xid: Xid) -> Option<usize> {
        let inside = xid > self.first && xid < self.close;
        inside.then(|| (xid - self.first - 1) as usize)
    }
}

/// Bundles that are not finished.
#[derive(Debug, Default)]
pub(super) struct Bundles {
    last: u32,
    open: BTreeMap<BundleId, Open>,
}

impl Bundles {
    /// A number not used lately.
    pub fn next_id(&mut self) -> BundleId {
        self.last = self.last.checked_add(1).unwrap_or(1);
        BundleId(self.last)
    }

    /// Remembers which xids belong to a bundle.
    pub fn insert(&mut self, id: BundleId, flags: BundleFlags, first: Xid, close: Xid) {
        self.open.insert(id, Open { flags, first, close, end: None, failed: None });
    }

    /// Whether a message with this xid belongs to a bundle.
    pub fn owns(&self, xid: Xid) -> bool {
        self.open.values().any(|b| b.owns(xid))
    }

    /// Notes an error; false if it is about no bundle.
    pub fn fail(&mut self, xid: Xid, error: &ErrorMsg) -> bool {
        let Some(open) = self.open.values_mut().find(|b| b.owns(xid)) else { return false };
        open.failed.get_or_insert_with(|| (xid, error.clone()));
        true
    }

    /// Close was answered: the request that ends the bundle, which will have the xid `end`.
    pub fn end(&mut self, id: BundleId, end: Xid) -> Option<Body> {
        let open = self.open.get_mut(&id)?;
        open.end = Some(end);
        Some(if open.failed.is_some() { discard(id, open.flags) } else { commit(id, open.flags) })
    }

    /// The last request was answered: says what came of the bundle.
    pub fn finish(&mut self, id: BundleId, last: Result<(), RequestError>) -> Result<(), BundleError> {
        let refused = self.open.remove(&id).and_then(|open| {
            let index = open.index(open.failed.as_ref()?.0);
            let (_, error) = open.failed?;
            Some(BundleError { index, error: RequestError::Switch(error) })
        });
        match (last, refused) {
            (Ok(()), None) => Ok(()),
            (_, Some(error)) => Err(error),
            (Err(error), None) => Err(BundleError { index: None, error }),
        }
    }
}
