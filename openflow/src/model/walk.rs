//! Walks a packet through the tables.
//!
//! ```text
//! pass: table 0 ──► flow ──► ops ──► output, controller, ct      (effects, in order)
//!         ▲          │ resubmit, goto, group, clone: frames on a stack, not recursion
//!         │          ▼
//!         └── next frame; at the end the action set
//! then the effects are carried out; ct with a table begins another pass
//! ```

mod actions;
mod effects;
mod learn;
mod send;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) use actions::clear_conntrack;

use super::Switch;
use super::action_set;
use super::flow::{Flow, Op};
use super::packet::Packet;
use super::table::Table;
use super::trace::{Choices, Limit, Pass, Trace, WalkError};
use crate::action::Action;
use crate::oxm::Field;
use crate::types::{PortNo, TableId};

/// How deep tables (backwards) and groups may nest.
const MAX_DEPTH: u32 = 64;
/// How often a packet may be looked up.
const MAX_RESUBMITS: u32 = 4096;
/// Bytes there may be on the stack.
const MAX_STACK: usize = 65_536;

/// Walks a packet from the first table.
pub(super) fn from_table(switch: &mut Switch, packet: Packet, choices: &Choices) -> Result<Trace, WalkError> {
    run(switch, choices, |run| run.pass(Start { packet, resume: Some(TableId(0)), ..Start::default() }))
}

/// Has a packet do actions, as a packet-out says.
pub(super) fn from_actions(switch: &mut Switch, packet: Packet, actions: &[Action]) -> Result<Trace, WalkError> {
    let actions: Arc<[Op]> = actions.iter().cloned().map(Op::Do).collect();
    run(switch, &Choices::default(), |run| run.pass(Start { packet, actions, packet_out: true, ..Start::default() }))
}

fn run(
    switch: &mut Switch,
    choices: &Choices,
    f: impl FnOnce(&mut Run<'_>) -> Result<(), WalkError>,
) -> Result<Trace, WalkError> {
    let mut run = Run { switch, choices, trace: Trace::default() };
    f(&mut run)?;
    Ok(run.trace)
}

/// A packet with all its passes.
struct Run<'a> {
    switch: &'a mut Switch,
    choices: &'a Choices,
    trace: Trace,
}

/// How a pass begins: in a table, or with actions.
#[derive(Clone, Debug)]
struct Start {
    packet: Packet,
    resume: Option<TableId>,
    actions: Arc<[Op]>,
    packet_out: bool,
    depth: u8,
    stack: Vec<Pushed>,
    action_set: Vec<Action>,
}

impl Default for Start {
    fn default() -> Self {
        Self {
            packet: Packet::default(),
            resume: None,
            actions: Arc::new([]),
            packet_out: false,
            depth: 0,
            stack: Vec::new(),
            action_set: Vec::new(),
        }
    }
}

/// A value on the stack, and how many bytes it takes there.
#[derive(Clone, Copy, Debug)]
struct Pushed {
    value: u128,
    size: usize,
}

impl Run<'_> {
    fn pass(&mut self, start: Start) -> Result<(), WalkError> {
        let mut walk = Walk {
            switch: self.switch,
            choices: self.choices,
            pass: Pass { depth: start.depth, start: start.packet.clone(), ..Pass::default() },
            packet: start.packet,
            action_set: start.action_set,
            stack: start.stack,
            starts: Vec::new(),
            frames: Vec::new(),
            table: TableId(0),
            cookie: 0,
            depth: 0,
            resubmits: 0,
            packet_out: start.packet_out,
            in_action_set: false,
            exited: false,
            before: BTreeMap::new(),
        };
        match start.resume {
            Some(table) => walk.table_action(walk.packet.in_port(), table, false),
            None => walk.enter(start.actions),
        }
        walk.run()?;
        let (mut pass, starts) = (walk.pass, walk.starts);
        pass.end = walk.packet;
        self.trace.passes.push(pass.clone());
        self.carry_out(&pass, starts)
    }
}

/// A packet in one pass.
struct Walk<'a> {
    switch: &'a mut Switch,
    /// Tables that this pass learned flows in, as they were: it does not find these flows itself.
    before: BTreeMap<u8, Table>,
    choices: &'a Choices,
    pass: Pass,
    packet: Packet,
    action_set: Vec<Action>,
    stack: Vec<Pushed>,
    /// How the packet goes on after each ct among the effects.
    starts: Vec<Option<Start>>,
    frames: Vec<Frame>,
    table: TableId,
    cookie: u64,
    depth: u32,
    resubmits: u32,
    packet_out: bool,
    in_action_set: bool,
    /// An action ended the pass.
    exited: bool,
}

/// What there is still to do.
enum Frame {
    /// Steps from this one on.
    Ops(Arc<[Op]>, usize),
    /// Going back from a table.
    Leave { table: TableId, cookie: u64, deepens: bool },
    /// A bucket that is yet to come.
    BeginBucket(Arc<[Op]>),
    /// The end of a bucket.
    Bucket(Box<Packet>),
    /// The action set, which a clone does at its end, too.
    ActionSet,
    /// Its end.
    EndActionSet,
    /// The end of a clone.
    Clone(Box<(Packet, Vec<Pushed>, Vec<Action>)>),
}

/// Whether the list of actions goes on.
#[derive(PartialEq, Eq)]
enum Then {
    Next,
    /// Not this list; those it was called from do.
    EndList,
    /// Nothing but other buckets.
    Exit,
}

impl Walk<'_> {
    fn run(&mut self) -> Result<(), WalkError> {
        self.run_frames()?;
        if !self.exited {
            self.enter_action_set();
            self.run_frames()?;
        }
        if self.pass.failed.is_some() {
            self.pass.effects.clear();
            self.starts.clear();
        }
        Ok(())
    }

    fn run_frames(&mut self) -> Result<(), WalkError> {
        while let Some(frame) = self.frames.pop() {
            match frame {
                frame if self.pass.failed.is_some() => self.leave(frame),
                Frame::Ops(ops, at) => {
                    let Some(op) = ops.get(at).cloned() else { continue };
                    self.frames.push(Frame::Ops(ops, at + 1));
                    match self.op(op)? {
                        Then::Next => {}
                        Then::EndList => drop(self.frames.pop()),
                        Then::Exit => self.exit(),
                    }
                }
                Frame::BeginBucket(ops) => self.begin_bucket(ops),
                Frame::ActionSet => self.enter_action_set(),
                other => self.leave(other),
            }
        }
        Ok(())
    }

    /// Undoes what a frame was for.
    fn leave(&mut self, frame: Frame) {
        match frame {
            Frame::Ops(..) | Frame::BeginBucket(_) | Frame::ActionSet => {}
            Frame::EndActionSet => self.in_action_set = false,
            Frame::Leave { table, cookie, deepens } => {
                (self.table, self.cookie) = (table, cookie);
                self.depth -= u32::from(deepens);
            }
            Frame::Bucket(packet) => {
                self.packet = *packet;
                self.depth -= 1;
            }
            Frame::Clone(saved) => (self.packet, self.stack, self.action_set) = *saved,
        }
    }

    /// Leaves everything up to the next bucket.
    fn exit(&mut self) {
        while let Some(frame) = self.frames.pop() {
            let bucket = matches!(frame, Frame::Bucket(_));
            self.leave(frame);
            if bucket {
                return;
            }
        }
        self.exited = true;
    }

    fn enter(&mut self, ops: Arc<[Op]>) {
        self.frames.push(Frame::Ops(ops, 0));
    }

    fn enter_action_set(&mut self) {
        let set = action_set::ordered(&std::mem::take(&mut self.action_set));
        if set.is_empty() {
            return;
        }
        self.in_action_set = true;
        self.frames.push(Frame::EndActionSet);
        self.enter(set.into_iter().map(Op::Do).collect());
    }

    fn op(&mut self, op: Op) -> Result<Then, WalkError> {
        match op {
            Op::Do(action) => return self.action(&action),
            Op::Clear => self.action_set.clear(),
            Op::Write(actions) => self.action_set.extend(actions),
            Op::Metadata(value, mask) => {
                let old = self.packet.get(Field::OXM_OF_METADATA);
                let mask = u128::from(mask);
                self.packet.set(Field::OXM_OF_METADATA, (old & !mask) | (u128::from(value) & mask));
            }
            Op::Goto(table) => self.table_action(self.packet.in_port(), table, false),
        }
        Ok(Then::Next)
    }

    /// Looks the packet up in a table, as if it came in by `in_port`, and does what the flow says.
    fn table_action(&mut self, in_port: PortNo, table: TableId, swap_ct: bool) {
        if !self.has_room() {
            return;
        }
        let flow = self.lookup(in_port, table, swap_ct);
        self.pass.visited.push((table, flow.clone()));
        let Some(flow) = flow else { return };
        let first = self.frames.is_empty();
        let deepens = table <= self.table && !first;
        self.resubmits += u32::from(!first);
        self.depth += u32::from(deepens);
        self.frames.push(Frame::Leave { table: self.table, cookie: self.cookie, deepens });
        (self.table, self.cookie) = (table, flow.cookie);
        self.enter(flow.ops.clone());
    }

    /// Whether the packet may go deeper.
    fn has_room(&mut self) -> bool {
        let limit = match () {
            () if self.depth >= MAX_DEPTH => Limit::TooDeep,
            () if self.resubmits >= MAX_RESUBMITS => Limit::TooManyResubmits,
            () if self.stack.iter().map(|p| p.size).sum::<usize>() >= MAX_STACK => Limit::StackTooDeep,
            () => return true,
        };
        self.pass.failed.get_or_insert(limit);
        false
    }

    fn lookup(&mut self, in_port: PortNo, table: TableId, swap_ct: bool) -> Option<Arc<Flow>> {
        let mut key = self.packet.clone().with(Field::OXM_OF_IN_PORT, in_port);
        if key.get(Field::NXM_NX_IP_FRAG) != 0 {
            TRANSPORT.iter().for_each(|field| key.set(*field, 0));
        }
        if swap_ct {
            swap_with_original(&mut key);
        }
        let size = self.packet.payload().len() as u64;
        let now = self.switch.now;
        let before = self.before.get(&table.0);
        let table = self.switch.state.tables.get_mut(&table.0)?;
        table.lookups += 1;
        let flow = before.unwrap_or(table).lookup(&key)?;
        table.matched += 1;
        if let Some(entry) = table.flows.get_mut(&flow.key()) {
            entry.packets += 1;
            entry.bytes += size;
            entry.used = now;
        }
        Some(flow)
    }
}

/// Fields that fragments do not have, by the usual configuration.
const TRANSPORT: [Field; 8] = [
    Field::OXM_OF_TCP_SRC,
    Field::OXM_OF_TCP_DST,
    Field::OXM_OF_UDP_SRC,
    Field::OXM_OF_UDP_DST,
    Field::OXM_OF_SCTP_SRC,
    Field::OXM_OF_SCTP_DST,
    Field::OXM_OF_ICMPV4_TYPE,
    Field::OXM_OF_ICMPV4_CODE,
];

/// Exchanges addresses and ports for those of the conntrack's original direction.
fn swap_with_original(packet: &mut Packet) {
    let ports = match packet.get(Field::OXM_OF_IP_PROTO) {
        6 => [Field::OXM_OF_TCP_SRC, Field::OXM_OF_TCP_DST],
        17 => [Field::OXM_OF_UDP_SRC, Field::OXM_OF_UDP_DST],
        132 => [Field::OXM_OF_SCTP_SRC, Field::OXM_OF_SCTP_DST],
        _ => return,
    };
    let [src, dst] = ports;
    let pairs = [
        (Field::OXM_OF_IPV4_SRC, Field::NXM_NX_CT_NW_SRC),
        (Field::OXM_OF_IPV4_DST, Field::NXM_NX_CT_NW_DST),
        (Field::OXM_OF_IPV6_SRC, Field::NXM_NX_CT_IPV6_SRC),
        (Field::OXM_OF_IPV6_DST, Field::NXM_NX_CT_IPV6_DST),
        (src, Field::NXM_NX_CT_TP_SRC),
        (dst, Field::NXM_NX_CT_TP_DST),
    ];
    for (own, original) in pairs {
        let (a, b) = (packet.get(own), packet.get(original));
        packet.set(own, b);
        packet.set(original, a);
    }
}
