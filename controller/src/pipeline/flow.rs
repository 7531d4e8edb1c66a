//! Flows and groups in a normal form, so that what a switch reads back can be compared with what was sent.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    net::IpAddr,
    sync::Arc,
};

use imbl::OrdMap;
use openflow::{
    Action, Field, Instruction, Match,
    action::{self, Ct, CtZone},
};

use super::{Cookie, Reason, Table, group, reg};

/// What makes a flow itself: two flows of a switch never share it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowKey {
    /// The table's number.
    pub table: u8,
    /// Its priority.
    pub priority: u16,
    /// Comes before the match in the order, so that telling two matches apart costs no look at their fields.
    digest: u64,
    /// What it matches.
    pub matching: Match,
}

impl FlowKey {
    /// A key; the match is brought into the form in which Open vSwitch gives it back.
    pub fn new(table: u8, priority: u16, matching: &Match) -> Self {
        let matching = matching.canonical();
        let mut hasher = DefaultHasher::new();
        matching.hash(&mut hasher);
        Self { table, priority, digest: hasher.finish(), matching }
    }
}

impl FlowKey {
    /// The service's port whose clients this flow sends to a backend that they are bound to, as of
    /// [`group::port`].
    pub fn binds(&self) -> Option<u32> {
        let bound = self.table == Table::Bind.id() && self.matching.get(Field::reg(reg::BACKEND)).is_some();
        let group = self.matching.get(Field::reg(reg::GROUP)).filter(|_| bound)?;
        group.value_u128().map(|group| group::port(group as u32))
    }
}

impl Hash for FlowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.table, self.priority, self.digest).hash(state);
    }
}

/// What a flow does, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FlowBody {
    /// The cookie's number: see [`Cookie`].
    pub cookie: u64,
    /// What it does; nothing drops.
    pub instructions: Vec<Instruction>,
}

impl FlowBody {
    /// A body in the form in which Open vSwitch gives it back.
    pub fn new(cookie: u64, mut instructions: Vec<Instruction>) -> Self {
        for instruction in &mut instructions {
            if let Instruction::ApplyActions { actions } = instruction {
                *actions = action::canonical(actions);
            }
        }
        Self { cookie, instructions }
    }

    /// Where it translates connections to.
    pub fn backends(&self) -> BTreeSet<Translation> {
        let actions = self.instructions.iter().filter_map(|instruction| match instruction {
            Instruction::ApplyActions { actions } => Some(actions),
            _ => None,
        });
        translations(actions.flatten())
    }
}

/// A flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// What makes it itself.
    pub key: Arc<FlowKey>,
    /// What it does.
    pub body: Arc<FlowBody>,
}

/// Flows by what makes them themselves. A clone costs nothing.
pub type Flows = OrdMap<Arc<FlowKey>, Arc<FlowBody>>;

/// Groups by id. A clone costs nothing.
pub type Groups = OrdMap<u32, Arc<Group>>;

impl Flow {
    /// A flow of an object.
    pub fn new(table: Table, priority: u16, matching: Match, cookie: Cookie, instructions: Vec<Instruction>) -> Self {
        let key = FlowKey::new(table.id(), priority, &matching);
        Self { key: Arc::new(key), body: Arc::new(FlowBody::new(cookie.to_u64(), instructions)) }
    }

    /// A flow that drops.
    pub fn drop(table: Table, priority: u16, matching: Match, reason: Reason) -> Self {
        Self::new(table, priority, matching, Cookie::drop(reason), Vec::new())
    }
}

/// A select group: each packet that opens a connection takes one bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// Its number.
    pub id: u32,
    /// Among what it chooses.
    pub buckets: Vec<Bucket>,
}

/// One way of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// Its share among the others.
    pub weight: u16,
    /// What it does.
    pub actions: Vec<Action>,
}

impl Group {
    /// A select group with these buckets.
    pub fn select(id: u32, buckets: impl IntoIterator<Item = (u16, Vec<Action>)>) -> Self {
        let bucket = |(weight, actions): (u16, Vec<Action>)| Bucket { weight, actions: action::canonical(&actions) };
        Self { id, buckets: buckets.into_iter().map(bucket).collect() }
    }

    /// Where its buckets translate connections to.
    pub fn backends(&self) -> BTreeSet<Translation> {
        translations(self.buckets.iter().flat_map(|bucket| &bucket.actions))
    }
}

/// Where conntrack translates connections of a service to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Translation {
    /// The zone the service translates in.
    pub zone: u16,
    /// The backend's address.
    pub ip: IpAddr,
    /// The backend's port; none of SCTP, whose connections are known by their addresses.
    pub port: Option<u16>,
}

/// Where actions translate connections to.
pub fn translations<'a>(actions: impl Iterator<Item = &'a Action>) -> BTreeSet<Translation> {
    let translations = actions.filter_map(|action| match action {
        Action::NxCt(ct) => match &**ct {
            Ct { zone: CtZone::Imm(zone), actions, .. } => Some((*zone, actions)),
            Ct { zone: CtZone::Field { .. }, .. } => None,
        },
        _ => None,
    });
    translations
        .flat_map(|(zone, actions)| actions.iter().map(move |action| (zone, action)))
        .filter_map(|(zone, action)| match action {
            Action::NxNat(nat) => {
                let ip = nat.ipv4_min.map(IpAddr::V4).or(nat.ipv6_min.map(IpAddr::V6))?;
                Some(Translation { zone, ip, port: nat.proto_min })
            }
            _ => None,
        })
        .collect()
}
