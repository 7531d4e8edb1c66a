//! A flow table, and which of its flows a packet finds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::flow::{Entry, Flow, Key};
use super::packet::Packet;
use crate::oxm::Field;

/// The flows of one table.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub flows: BTreeMap<Key, Entry>,
    pub lookups: u64,
    pub matched: u64,
}

impl Table {
    /// The flow that a packet finds. Of flows with the same priority it is the one whose match
    /// sorts first, where OpenFlow leaves open which.
    pub fn lookup(&self, packet: &Packet) -> Option<Arc<Flow>> {
        let mut clauses: BTreeMap<(u32, u8), BTreeSet<u8>> = BTreeMap::new();
        let mut priority = None;
        for entry in self.flows.values().filter(|entry| entry.flow.matches(packet)) {
            let flow = &entry.flow;
            if priority != Some(flow.priority) {
                clauses.clear();
                priority = Some(flow.priority);
            }
            if flow.clauses().next().is_none() {
                return Some(flow.clone());
            }
            for (id, clause, n_clauses) in flow.clauses() {
                let met = clauses.entry((id, n_clauses)).or_default();
                met.insert(clause);
                if met.len() == usize::from(n_clauses)
                    && let Some(flow) = self.lookup_conjunction(packet, id)
                {
                    return Some(flow);
                }
            }
        }
        None
    }

    /// The flow for packets that meet all clauses of a conjunction.
    fn lookup_conjunction(&self, packet: &Packet, id: u32) -> Option<Arc<Flow>> {
        let packet = packet.clone().with(Field::NXM_NX_CONJ_ID, id);
        let found = |entry: &&Entry| entry.flow.matches(&packet) && entry.flow.clauses().next().is_none();
        self.flows.values().find(found).map(|entry| entry.flow.clone())
    }
}
