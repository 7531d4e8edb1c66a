//! A switch that does as it is told, most of the time.

use std::{collections::VecDeque, sync::Arc};

use controller::{
    compile::State,
    pipeline::{FlowBody, FlowKey},
    reconcile::{Audit, Batch, OwnerId, Refusal},
};

use crate::random::Random;

/// What the controller says to a switch.
#[derive(Debug)]
pub enum Order {
    ReadBack,
    Audit,
    Send(Batch),
}

/// What a switch says to the controller.
#[derive(Debug)]
pub enum Answer {
    Up,
    Read(State),
    Audited(Audit),
    Done(u64, Result<(), Refusal>),
    Foreign(Vec<(Arc<FlowKey>, Option<Arc<FlowBody>>)>),
    Word,
}

/// A switch and its session, if it has one.
#[derive(Default)]
pub struct Switch {
    pub has: State,
    /// The session's number; 0 is none.
    pub session: u64,
    /// What is on its way there, and when it arrives; in order, as TCP delivers it.
    pub orders: VecDeque<(u64, Order)>,
    /// What is on its way back.
    pub answers: VecDeque<(u64, Answer)>,
    /// Since when its host is off.
    pub off: Option<u64>,
    /// When its agent last reported.
    pub reported: u64,
}

impl Switch {
    /// Whatever is on its way is lost.
    pub fn disconnect(&mut self) {
        self.session = 0;
        self.orders.clear();
        self.answers.clear();
    }

    pub fn obey(&mut self, order: Order, random: &mut Random) -> Answer {
        match order {
            Order::ReadBack => Answer::Read(self.has.clone()),
            Order::Audit => {
                Answer::Audited(Audit { flows: Some(self.has.flows.clone()), groups: self.has.groups.clone() })
            }
            Order::Send(batch) => Answer::Done(batch.id, self.commit(&batch, random)),
        }
    }

    /// All of a batch or nothing of it.
    fn commit(&mut self, batch: &Batch, random: &mut Random) -> Result<(), Refusal> {
        if random.chance(5) {
            let owner = batch.flows_set.first().filter(|_| random.chance(50)).map(|flow| OwnerId::of_flow(&flow.body));
            return Err(Refusal { owner, error: "table full".into() });
        }
        for group in &batch.groups_added {
            assert!(!self.has.groups.contains_key(&group.id), "group {} is added, but there", group.id);
        }
        for group in &batch.groups_changed {
            assert!(self.has.groups.contains_key(&group.id), "group {} is changed, but not there", group.id);
        }
        let groups = batch.groups_added.iter().chain(&batch.groups_changed);
        self.has.groups.extend(groups.map(|group| (group.id, group.clone())));
        self.has.flows.extend(batch.flows_set.iter().map(|flow| (flow.key.clone(), flow.body.clone())));
        batch.flows_removed.iter().for_each(|key| drop(self.has.flows.remove(key)));
        batch.groups_removed.iter().for_each(|id| drop(self.has.groups.remove(id)));
        Ok(())
    }

    /// Someone else removes a flow, adds one or gives one another cookie.
    pub fn edit(&mut self, random: &mut Random) -> Option<(Arc<FlowKey>, Option<Arc<FlowBody>>)> {
        let nth = random.below(self.has.flows.len() as u64) as usize;
        let (key, body) = self.has.flows.iter().nth(nth).map(|(key, body)| (key.clone(), body.clone()))?;
        let (key, body) = match random.below(3) {
            0 => (key, None),
            1 => (key, Some(Arc::new(FlowBody { cookie: 0xbad, ..(*body).clone() }))),
            _ => (Arc::new(FlowKey::new(key.table, 999, &key.matching)), Some(body)),
        };
        match &body {
            Some(body) => drop(self.has.flows.insert(key.clone(), body.clone())),
            None => drop(self.has.flows.remove(&key)),
        }
        Some((key, body))
    }
}
