//! Flow monitors (ONF 1870): who hears of which change.

use openflow::Xid;
use openflow::msg::experimenter::ExperimenterReply;
use openflow::msg::flow::FlowRemoved;
use openflow::msg::monitor::{FlowMonitor, FlowUpdate, FlowUpdateFull, MonitorFlags, MonitorReply};
use openflow::multipart::{MultipartFlags, MultipartReply, MultipartReplyBody};
use openflow::wire::{Wire, Writer};
use openflow::{Message, msg::flow::FlowModFlags};

use super::filter::Filter;
use super::flow::Flow;
use super::reply::MAX_REPLY;
use super::session::Session;
use super::state::{Done, How, State};
use super::{Counts, SessionId, Switch};

impl Switch {
    /// Tells everyone who wants to know what the message `xid` of `by` did.
    pub(super) fn tell_flows(&mut self, by: SessionId, xid: Xid, log: &[Done]) {
        for (id, session) in &mut self.sessions {
            if !session.monitors.is_empty() {
                tell(session, *id == by, xid, log, &mut self.counts);
            }
            for removed in log.iter().filter_map(removed) {
                if session.wants_removed(removed.reason.0) {
                    session.send(&Message::new(0, removed), &mut self.counts);
                }
            }
        }
    }
}

fn tell(session: &mut Session, own: bool, xid: Xid, log: &[Done], counts: &mut Counts) {
    let monitors: Vec<(MonitorFlags, Filter)> =
        session.monitors.values().map(|monitor| (monitor.flags, Filter::of_monitor(monitor))).collect();
    let mut updates = Vec::new();
    for done in log {
        let Done::Flow { old, new, how } = done else { continue };
        let unchanged = || old.as_ref().map(Flow::bytes) == new.as_ref().map(Flow::bytes);
        if *how == How::Modified && unchanged() {
            continue;
        }
        let Some(flow) = new.as_ref().or(old.as_ref()) else { continue };
        let event = match how {
            How::Added => MonitorFlags::ADD,
            How::Modified => MonitorFlags::MODIFY,
            How::Deleted(_) => MonitorFlags::DELETE,
        };
        let hears = |(flags, filter): &&(MonitorFlags, Filter)| flags.contains(event) && filter.meets(flow);
        let Some(flags) = monitors.iter().filter(hears).map(|(flags, _)| *flags).reduce(|a, b| a | b) else { continue };
        if own && !flags.contains(MonitorFlags::OWN) {
            updates = vec![FlowUpdate::Abbrev { xid }];
            break;
        }
        updates.push(update(flow, *how, flags));
    }
    send(session, 0, updates, counts);
}

/// The flows there are when a monitor begins; the answer is there also if there are none.
pub(super) fn initial(state: &State, monitors: &[FlowMonitor]) -> Vec<FlowUpdate> {
    let wanted = monitors.iter().filter(|monitor| monitor.flags.contains(MonitorFlags::INITIAL));
    let flows = wanted.flat_map(|monitor| {
        let filter = Filter::of_monitor(monitor);
        let flows: Vec<FlowUpdate> =
            state.select(&filter).map(|flow| update(flow, How::Added, monitor.flags)).collect();
        flows
    });
    flows.collect()
}

fn update(flow: &Flow, how: How, flags: MonitorFlags) -> FlowUpdate {
    let stats = flow.stats();
    let mut writer = Writer::default();
    stats.matching.iter().for_each(|oxm| oxm.write(&mut writer));
    let full = FlowUpdateFull {
        reason: match how {
            How::Deleted(reason) => reason.0.into(),
            How::Added | How::Modified => 0,
        },
        priority: stats.priority,
        idle_timeout: stats.idle_timeout,
        hard_timeout: stats.hard_timeout,
        match_len: u16::try_from(writer.position() + 4).unwrap_or(u16::MAX),
        table_id: stats.table_id,
        cookie: stats.cookie,
        matching: stats.matching,
        instructions: if flags.contains(MonitorFlags::ACTIONS) { stats.instructions } else { Vec::new() },
    };
    match how {
        How::Added => FlowUpdate::Added(full),
        How::Modified => FlowUpdate::Modified(full),
        How::Deleted(_) => FlowUpdate::Deleted(full),
    }
}

/// Sends updates in as many messages as they need; none if there are none.
fn send(session: &mut Session, xid: Xid, updates: Vec<FlowUpdate>, counts: &mut Counts) {
    for part in parts(updates) {
        session.send(&message(xid, MultipartFlags::NONE, part), counts);
    }
}

/// Answers the request for a monitor, also if there is nothing to tell yet.
pub(super) fn answer(session: &mut Session, xid: Xid, updates: Vec<FlowUpdate>, counts: &mut Counts) {
    let mut parts = parts(updates);
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        session.send(&message(xid, MultipartFlags::MORE, part), counts);
    }
    session.send(&message(xid, MultipartFlags::NONE, last), counts);
}

/// Divides updates by the size of messages.
fn parts(updates: Vec<FlowUpdate>) -> Vec<Vec<FlowUpdate>> {
    let mut parts: Vec<Vec<FlowUpdate>> = Vec::new();
    let mut size = usize::MAX;
    for update in updates {
        let mut writer = Writer::default();
        update.write(&mut writer);
        size = size.saturating_add(writer.position());
        if size > MAX_REPLY {
            parts.push(Vec::new());
            size = writer.position();
        }
        if let Some(part) = parts.last_mut() {
            part.push(update);
        }
    }
    parts
}

fn message(xid: Xid, flags: MultipartFlags, updates: Vec<FlowUpdate>) -> Message {
    let body = MultipartReplyBody::Experimenter(ExperimenterReply::OnfstFlowMonitor(MonitorReply { updates }));
    Message::new(xid, openflow::Body::MultipartReply(MultipartReply { flags, body }))
}

fn removed(done: &Done) -> Option<FlowRemoved> {
    let Done::Flow { old: Some(flow), how: How::Deleted(reason), .. } = done else { return None };
    if !flow.flags().contains(FlowModFlags::SEND_FLOW_REM) {
        return None;
    }
    let stats = flow.stats();
    Some(FlowRemoved {
        cookie: stats.cookie,
        priority: stats.priority,
        reason: *reason,
        table_id: stats.table_id,
        duration_sec: 0,
        duration_nsec: 0,
        idle_timeout: stats.idle_timeout,
        hard_timeout: stats.hard_timeout,
        packet_count: 0,
        byte_count: 0,
        matching: stats.matching,
    })
}
