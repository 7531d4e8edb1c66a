//! What flows and groups take on the wire.

use std::{collections::BTreeMap, sync::Arc};

use api::Load;
use openflow::{
    Body, Message,
    msg::{
        experimenter::Experimenter,
        onf::{BundleAdd, BundleControl, BundleControlType, BundleFlags},
    },
};

use crate::{
    compile::{Fragment, State},
    pipeline::{Flow, FlowBody, FlowKey, Flows, Groups, Table},
    reconcile::Batch,
    southbound,
};

/// What a part takes in a switch.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    tables: BTreeMap<u8, u64>,
    groups: u64,
    bytes: u64,
}

impl Cost {
    fn of(flows: &Flows, groups: &Groups) -> Self {
        let mut tables = BTreeMap::new();
        for key in flows.keys() {
            *tables.entry(key.table).or_default() += 1;
        }
        let flow = |(key, body): (&Arc<FlowKey>, &Arc<FlowBody>)| Flow { key: key.clone(), body: body.clone() };
        let (flows_set, groups_added) = (flows.iter().map(flow).collect(), groups.values().cloned().collect());
        let batch = Batch { flows_set, groups_added, ..Batch::default() };
        let bytes = southbound::bundle(&batch).into_iter().map(added).sum();
        Self { tables, groups: groups.len() as u64, bytes }
    }

    /// Flows of a table.
    pub fn flows_of(&self, table: Table) -> u64 {
        self.tables.get(&table.id()).copied().unwrap_or_default()
    }

    /// The same so many times.
    pub fn times(&self, count: u64) -> Self {
        let tables = self.tables.iter().map(|(table, flows)| (*table, flows * count)).collect();
        Self { tables, groups: self.groups * count, bytes: self.bytes * count }
    }

    /// Both together.
    pub fn plus(mut self, other: Self) -> Self {
        for (table, flows) in other.tables {
            *self.tables.entry(table).or_default() += flows;
        }
        Self { groups: self.groups + other.groups, bytes: self.bytes + other.bytes, ..self }
    }

    /// Of so many switches, each of which takes one bundle.
    pub fn load(&self, switches: u64) -> Load {
        let flows = self.tables.values().sum();
        Load { flows, groups: self.groups, message_bytes: self.bytes + switches * envelope() }
    }
}

impl From<&Fragment> for Cost {
    fn from(fragment: &Fragment) -> Self {
        Self::of(&fragment.flows, &fragment.groups)
    }
}

impl From<&State> for Cost {
    fn from(state: &State) -> Self {
        Self::of(&state.flows, &state.groups)
    }
}

/// Bytes of a message within a bundle.
fn added(body: Body) -> u64 {
    let (flags, message) = (BundleFlags::ATOMIC, Message::new(0, body));
    length(Experimenter::OnftBundleAddMessage(Box::new(BundleAdd { bundle_id: 0, flags, message, properties: vec![] })))
}

/// Bytes of the messages that open, close and commit a bundle.
fn envelope() -> u64 {
    let control = |control_type| {
        length(Experimenter::OnftBundleControl(BundleControl {
            bundle_id: 0,
            control_type,
            flags: BundleFlags::ATOMIC,
            properties: vec![],
        }))
    };
    [BundleControlType::OPEN_REQUEST, BundleControlType::CLOSE_REQUEST, BundleControlType::COMMIT_REQUEST]
        .into_iter()
        .map(control)
        .sum()
}

fn length(message: Experimenter) -> u64 {
    // What does not fit a message is refused by the session, too.
    Message::new(0, Body::Experimenter(message)).encode().map_or(0, |bytes| bytes.len() as u64)
}
