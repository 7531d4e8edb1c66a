//! One OpenFlow session: who is it, make it ours, then do as the core says.

use std::{sync::Arc, time::Duration};

use api::Name;
use openflow::{
    Body,
    conn::{Config, Event as OfEvent},
    msg::{
        config::{AsyncConfig, Role, RoleMsg},
        experimenter::{Experimenter, ExperimenterReply},
        flow::{FlowRequest, FlowStats},
        group::{GroupDesc, GroupRequest, GroupStats},
    },
    multipart::{MultipartReply, MultipartReplyBody, MultipartRequest, MultipartRequestBody},
    net::{self, Events, Handle},
    types::GroupId,
};
use tokio::{
    net::TcpStream,
    sync::mpsc,
    time::{Instant, MissedTickBehavior},
};

use super::{Switches, messages};
use crate::{
    compile::State,
    core::SessionId,
    dump::Owners,
    events::EventKind,
    metrics::ByNode,
    pipeline::{FlowBody, FlowKey},
    reconcile::{Audit, Batch, Refusal},
    runtime::{Command, CoreHandle, Event},
    store::Store,
};

/// How often groups are read again.
const AUDIT: Duration = Duration::from_secs(1);

/// Every how many audits flows are read, too.
const FULL_AUDIT: u32 = 60;

/// A session, to read its switch.
#[derive(Clone)]
pub struct SwitchSession {
    handle: Handle,
}

impl SwitchSession {
    /// All flows.
    ///
    /// # Errors
    /// What the switch said, or why it did not answer.
    pub async fn read_flows(&self) -> Result<Vec<FlowStats>, String> {
        match self.multipart(MultipartRequestBody::Flow(FlowRequest::default())).await? {
            MultipartReplyBody::Flow(flows) => Ok(flows),
            other => Err(format!("asked for flows, got {other:.40?}")),
        }
    }

    /// All groups: what they are, and their counters.
    ///
    /// # Errors
    /// What the switch said, or why it did not answer.
    pub async fn read_groups(&self) -> Result<(Vec<GroupDesc>, Vec<GroupStats>), String> {
        let all = GroupRequest { group_id: GroupId::ALL };
        let counted = match self.multipart(MultipartRequestBody::Group(all)).await? {
            MultipartReplyBody::Group(counted) => counted,
            other => return Err(format!("asked for counters of groups, got {other:.40?}")),
        };
        Ok((self.read_group_descs().await?, counted))
    }

    async fn read_group_descs(&self) -> Result<Vec<GroupDesc>, String> {
        match self.multipart(MultipartRequestBody::GroupDesc).await? {
            MultipartReplyBody::GroupDesc(groups) => Ok(groups),
            other => Err(format!("asked for groups, got {other:.40?}")),
        }
    }

    async fn multipart(&self, body: MultipartRequestBody) -> Result<MultipartReplyBody, String> {
        let request = MultipartRequest { flags: Default::default(), body };
        match self.handle.request(request).await.map_err(|error| error.to_string())? {
            Body::MultipartReply(reply) => Ok(reply.body),
            other => Err(format!("asked for statistics, got {other:.40?}")),
        }
    }

    /// This controller is the switch's master, and wants no packets from it.
    async fn take_over(&self, generation: u64) -> Result<(), String> {
        let role = RoleMsg { role: Role::MASTER, generation_id: generation };
        self.handle.request(Body::RoleRequest(role)).await.map_err(|error| error.to_string())?;
        let every = [0b111, 0b111];
        let quiet = AsyncConfig { packet_in_mask: [0; 2], port_status_mask: every, flow_removed_mask: [0; 2] };
        self.handle.request(Body::SetAsync(quiet)).await.map_err(|error| error.to_string())?;
        if let Err(error) = self.handle.request(messages::monitor()).await {
            tracing::warn!(%error, "the switch does not tell of changed flows; they are noticed by reading them");
        }
        Ok(())
    }

    async fn apply(&self, batch: &Batch, store: &Store) -> Result<(), Refusal> {
        self.handle.bundle(messages::bundle(batch)).await.map_err(|refused| match refused.index {
            Some(index) => {
                let about = messages::describe(batch, index, &Owners::new(&[&store.read()]));
                Refusal { owner: messages::owner(batch, index), error: format!("{about}: {}", refused.error) }
            }
            None => Refusal { owner: None, error: refused.to_string() },
        })?;
        for flush in &batch.flushes {
            if let Err(error) = self.handle.request(messages::flush(flush)).await {
                // Older switches cannot; their connections end with their timeouts.
                tracing::warn!(%error, zone = flush.zone, "cannot flush connections of a backend that left");
            }
        }
        Ok(())
    }
}

/// Brings a session up and finds out whose it is.
pub async fn handshake(stream: TcpStream, store: &Store) -> Result<(Name, SwitchSession, Events), String> {
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let (handle, mut events) = net::spawn(stream, Config::default());
    let features = match events.recv().await {
        Some(OfEvent::Up { features }) => features,
        Some(OfEvent::Closed { reason }) => return Err(reason.to_string()),
        other => return Err(format!("the handshake brought {other:.80?}")),
    };
    let id = features.datapath_id;
    let (node, generation) = {
        let intent = store.read();
        let node = intent.nodes.values().find(|node| node.datapath_id() == id).map(|node| node.name.clone());
        (node, intent.generation())
    };
    let node = node.ok_or_else(|| format!("datapath {id:016x} belongs to no node: its agent has not joined"))?;
    let session = SwitchSession { handle };
    session.take_over(generation).await?;
    Ok((node, session, events))
}

/// Does as the core says until the session ends; says why it did.
pub async fn run(
    node: &Name,
    id: SessionId,
    session: SwitchSession,
    mut events: Events,
    store: &Store,
    core: &CoreHandle,
    switches: &Switches,
) -> String {
    let metrics = &switches.metrics;
    let label = ByNode { node: node.to_string() };
    let flow_mods = metrics.flow_mods_sent.get_or_create_owned(&label);
    let group_mods = metrics.group_mods_sent.get_or_create_owned(&label);
    let (commands_in, mut commands) = mpsc::unbounded_channel();
    core.tell(Event::SwitchUp(node.clone(), id, commands_in));
    let mut audits = tokio::time::interval_at(Instant::now() + AUDIT, AUDIT);
    audits.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut round = 0u32;
    loop {
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                Some(Command::ReadBack) => match read_back(&session).await {
                    Ok(installed) => core.tell(Event::Observed(node.clone(), id, installed)),
                    Err(reason) => return reason,
                },
                Some(Command::Send(batch)) => {
                    flow_mods.inc_by(batch.flow_mods() as u64);
                    group_mods.inc_by(batch.group_mods() as u64);
                    let result = session.apply(&batch, store).await;
                    if let Err(refusal) = &result {
                        metrics.batches_refused.get_or_create(&label).inc();
                        switches.record(EventKind::Refused, node, refusal.error.clone());
                    }
                    core.tell(Event::BatchDone(node.clone(), id, batch.id, result));
                }
                None => return "another session to the same switch took over".into(),
            },
            event = events.recv() => match event {
                Some(OfEvent::Closed { reason }) => return reason.to_string(),
                Some(OfEvent::Async(message)) => match heard(message.body) {
                    Heard::Changes(changes) if changes.is_empty() => {}
                    Heard::Changes(changes) => core.tell(Event::Foreign(node.clone(), id, changes)),
                    // Some changes were not told: look at everything again.
                    Heard::Gap => round = FULL_AUDIT - 1,
                    Heard::Else => {}
                },
                Some(event) => tracing::debug!(?event, "unasked"),
                None => return "closed".into(),
            },
            _ = audits.tick() => {
                round = round.wrapping_add(1);
                match audit(&session, round.is_multiple_of(FULL_AUDIT)).await {
                    Ok(audit) => core.tell(Event::Audited(node.clone(), id, audit)),
                    Err(reason) => return reason,
                }
            },
        }
    }
}

/// What a switch says unasked.
enum Heard {
    /// Others changed flows.
    Changes(Vec<(Arc<FlowKey>, Option<Arc<FlowBody>>)>),
    /// Others may have changed flows while it could not tell.
    Gap,
    /// Nothing that concerns us.
    Else,
}

fn heard(body: Body) -> Heard {
    match body {
        Body::MultipartReply(MultipartReply {
            body: MultipartReplyBody::Experimenter(ExperimenterReply::OnfstFlowMonitor(reply)),
            ..
        }) => Heard::Changes(messages::foreign(reply.updates)),
        Body::Experimenter(Experimenter::OnftFlowMonitorResumed(_)) => Heard::Gap,
        _ => Heard::Else,
    }
}

/// Groups have no monitor in OpenFlow 1.3 and are read each time; flows are only now and then, as a backstop.
async fn audit(session: &SwitchSession, flows_too: bool) -> Result<Audit, String> {
    let flows = if flows_too { session.read_flows().await? } else { Vec::new() };
    let seen = messages::installed(flows, session.read_group_descs().await?);
    Ok(Audit { flows: flows_too.then_some(seen.flows), groups: seen.groups })
}

async fn read_back(session: &SwitchSession) -> Result<State, String> {
    let flows = session.read_flows().await?;
    let groups = session.read_group_descs().await?;
    Ok(messages::installed(flows, groups))
}
