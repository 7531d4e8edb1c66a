//! Bundles of a connection (ONF 2300), as Open vSwitch takes them.

use openflow::model::Refusal;
use openflow::msg::onf::{BundleAdd, BundleControl, BundleControlType, BundleFlags};
use openflow::{Body, Message, Xid};

use super::prepare::{Change, prepare};
use super::session::Session;

/// Messages a bundle may have.
const MAX_MESSAGES: usize = 1 << 20;

/// Bytes of a refused message that an error carries.
pub(super) const ERROR_DATA: usize = 64;

/// One change of a bundle, and how to name its message should it be refused.
#[derive(Debug)]
pub(super) struct Step {
    pub change: Change,
    pub xid: Xid,
    pub head: Box<[u8]>,
}

/// A bundle before it is committed.
#[derive(Debug)]
pub(super) struct Bundle {
    flags: BundleFlags,
    is_open: bool,
    steps: Vec<Step>,
}

impl Session {
    /// Keeps a message. A bundle need not be opened before its first message.
    pub fn bundle_add(&mut self, add: &BundleAdd, xid: Xid) -> Result<(), Refusal> {
        if add.message.xid != xid {
            return Err(Refusal::BUNDLE_BAD_XID);
        }
        if !matches!(add.message.body, Body::FlowMod(_) | Body::GroupMod(_)) {
            return Err(Refusal::BUNDLE_UNSUPPORTED);
        }
        let change = prepare(&add.message.body)?;
        let new = || Bundle { flags: add.flags, is_open: true, steps: Vec::new() };
        let bundle = self.bundles.entry(add.bundle_id).or_insert_with(new);
        let refusal = match () {
            () if !bundle.is_open || bundle.steps.len() >= MAX_MESSAGES => Refusal::BUNDLE_CLOSED,
            () if bundle.flags != add.flags => Refusal::BUNDLE_BAD_FLAGS,
            () => {
                bundle.steps.push(Step { change, xid, head: head(&add.message) });
                return Ok(());
            }
        };
        self.bundles.remove(&add.bundle_id);
        Err(refusal)
    }

    /// Opens, closes or forgets a bundle; a commit gives what there is to do.
    pub fn bundle_control(&mut self, control: &BundleControl) -> Result<Vec<Step>, Refusal> {
        match control.control_type {
            BundleControlType::OPEN_REQUEST if self.bundles.remove(&control.bundle_id).is_some() => {
                Err(Refusal::BUNDLE_BAD_ID)
            }
            BundleControlType::OPEN_REQUEST => {
                let bundle = Bundle { flags: control.flags, is_open: true, steps: Vec::new() };
                self.bundles.insert(control.bundle_id, bundle);
                Ok(Vec::new())
            }
            BundleControlType::CLOSE_REQUEST => self.close(control).map(|()| Vec::new()),
            BundleControlType::COMMIT_REQUEST => self.take(control),
            BundleControlType::DISCARD_REQUEST => self.take(control).map(|_| Vec::new()),
            _ => Err(Refusal::BUNDLE_BAD_TYPE),
        }
    }

    fn close(&mut self, control: &BundleControl) -> Result<(), Refusal> {
        let bundle = self.bundles.get_mut(&control.bundle_id).ok_or(Refusal::BUNDLE_BAD_ID)?;
        let refusal = match () {
            () if !bundle.is_open => Refusal::BUNDLE_CLOSED,
            () if bundle.flags != control.flags => Refusal::BUNDLE_BAD_FLAGS,
            () => {
                bundle.is_open = false;
                return Ok(());
            }
        };
        self.bundles.remove(&control.bundle_id);
        Err(refusal)
    }

    fn take(&mut self, control: &BundleControl) -> Result<Vec<Step>, Refusal> {
        let bundle = self.bundles.remove(&control.bundle_id).ok_or(Refusal::BUNDLE_BAD_ID)?;
        if bundle.flags == control.flags { Ok(bundle.steps) } else { Err(Refusal::BUNDLE_BAD_FLAGS) }
    }
}

/// The answer to a bundle control that was done.
pub(super) fn reply(control: &BundleControl) -> BundleControl {
    let control_type = BundleControlType(control.control_type.0 + 1);
    BundleControl { control_type, properties: Vec::new(), ..control.clone() }
}

fn head(message: &Message) -> Box<[u8]> {
    let mut bytes = message.encode().unwrap_or_default();
    bytes.truncate(ERROR_DATA);
    bytes.into_boxed_slice()
}
