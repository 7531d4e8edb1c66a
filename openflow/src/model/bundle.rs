//! Bundles of a session (ONF 2300), as Open vSwitch takes them.

use std::collections::BTreeMap;

use super::Switch;
use super::refusal::Refusal;
use crate::message::{Body, Message};
use crate::msg::experimenter::Experimenter;
use crate::msg::onf::{BundleAdd, BundleControl, BundleControlType, BundleFlags};

/// Messages a bundle may have: a bound on what a peer can make us keep.
const MAX_MESSAGES: usize = 1 << 20;

#[derive(Debug)]
struct Bundle {
    flags: BundleFlags,
    is_open: bool,
    messages: Vec<Message>,
}

/// The bundles of a session.
#[derive(Debug, Default)]
pub(super) struct Bundles {
    all: BTreeMap<u32, Bundle>,
}

/// What came of a bundle message: an answer, and a message of the bundle that was refused.
pub(super) type Outcome = (Result<Option<Body>, Refusal>, Option<(Message, Refusal)>);

impl Bundles {
    pub fn control(&mut self, control: &BundleControl, switch: &mut Switch) -> Outcome {
        let mut failed = None;
        let done = match control.control_type {
            BundleControlType::OPEN_REQUEST => self.open(control),
            BundleControlType::CLOSE_REQUEST => self.close(control),
            BundleControlType::COMMIT_REQUEST => self.take(control).and_then(|bundle| {
                let bodies: Vec<Body> = bundle.messages.iter().map(|m| m.body.clone()).collect();
                switch.apply_all(&bodies).map_err(|(i, refusal)| {
                    failed = bundle.messages.into_iter().nth(i).map(|message| (message, refusal));
                    Refusal::BUNDLE_MSG_FAILED
                })
            }),
            BundleControlType::DISCARD_REQUEST => self.take(control).map(drop),
            _ => Err(Refusal::BUNDLE_BAD_TYPE),
        };
        let reply = || {
            let control_type = BundleControlType(control.control_type.0 + 1);
            let reply = BundleControl { control_type, properties: Vec::new(), ..control.clone() };
            Body::Experimenter(Experimenter::OnftBundleControl(reply))
        };
        (done.map(|()| Some(reply())), failed)
    }

    pub fn add(&mut self, add: &BundleAdd, xid: u32) -> Result<(), Refusal> {
        if add.message.xid != xid {
            return Err(Refusal::BUNDLE_BAD_XID);
        }
        if !matches!(add.message.body, Body::FlowMod(_) | Body::GroupMod(_)) {
            return Err(Refusal::BUNDLE_UNSUPPORTED);
        }
        // a bundle need not be opened before its first message
        let new = || Bundle { flags: add.flags, is_open: true, messages: Vec::new() };
        let bundle = self.all.entry(add.bundle_id).or_insert_with(new);
        if !bundle.is_open || bundle.messages.len() >= MAX_MESSAGES {
            self.all.remove(&add.bundle_id);
            return Err(Refusal::BUNDLE_CLOSED);
        }
        if bundle.flags != add.flags {
            self.all.remove(&add.bundle_id);
            return Err(Refusal::BUNDLE_BAD_FLAGS);
        }
        bundle.messages.push(add.message.clone());
        Ok(())
    }

    fn open(&mut self, control: &BundleControl) -> Result<(), Refusal> {
        if self.all.remove(&control.bundle_id).is_some() {
            return Err(Refusal::BUNDLE_BAD_ID);
        }
        let bundle = Bundle { flags: control.flags, is_open: true, messages: Vec::new() };
        self.all.insert(control.bundle_id, bundle);
        Ok(())
    }

    fn close(&mut self, control: &BundleControl) -> Result<(), Refusal> {
        let bundle = self.all.get_mut(&control.bundle_id).ok_or(Refusal::BUNDLE_BAD_ID)?;
        let refusal = match () {
            () if !bundle.is_open => Refusal::BUNDLE_CLOSED,
            () if bundle.flags != control.flags => Refusal::BUNDLE_BAD_FLAGS,
            () => {
                bundle.is_open = false;
                return Ok(());
            }
        };
        self.all.remove(&control.bundle_id);
        Err(refusal)
    }

    fn take(&mut self, control: &BundleControl) -> Result<Bundle, Refusal> {
        let bundle = self.all.remove(&control.bundle_id).ok_or(Refusal::BUNDLE_BAD_ID)?;
        if bundle.flags == control.flags { Ok(bundle) } else { Err(Refusal::BUNDLE_BAD_FLAGS) }
    }
}
