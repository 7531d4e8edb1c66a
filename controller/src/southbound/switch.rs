//! One OpenFlow session: who is it, make it ours, then do as the core says.

use api::Name;
use openflow::{
    Body,
    conn::{Config, Event as OfEvent},
    msg::{
        config::{AsyncConfig, Role, RoleMsg},
        flow::{FlowRequest, FlowStats},
        group::{GroupDesc, GroupRequest, GroupStats},
    },
    multipart::{MultipartReplyBody, MultipartRequest, MultipartRequestBody},
    net::{self, Events, Handle},
    types::GroupId,
};
use tokio::{net::TcpStream, sync::mpsc};

use super::messages;
use crate::{
    core::SessionId,
    metrics::{ByNode, Metrics},
    reconcile::Batch,
    runtime::{Command, CoreHandle, Event},
    store::Store,
};

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
        Ok(())
    }

    async fn apply(&self, batch: &Batch) -> Result<(), String> {
        self.handle.bundle(messages::bundle(batch)).await.map_err(|error| error.to_string())?;
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
    core: &CoreHandle,
    metrics: &Metrics,
) -> String {
    let label = ByNode { node: node.to_string() };
    let flow_mods = metrics.flow_mods_sent.get_or_create_owned(&label);
    let group_mods = metrics.group_mods_sent.get_or_create_owned(&label);
    let (commands_in, mut commands) = mpsc::unbounded_channel();
    core.tell(Event::SwitchUp(node.clone(), id, commands_in));
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::ReadBack) => match read_back(&session).await {
                    Ok(installed) => core.tell(Event::Observed(node.clone(), id, installed)),
                    Err(reason) => return reason,
                },
                Some(Command::Send(batch)) => {
                    flow_mods.inc_by(batch.flow_mods() as u64);
                    group_mods.inc_by(batch.group_mods() as u64);
                    let result = session.apply(&batch).await;
                    if let Err(error) = &result {
                        metrics.batches_refused.get_or_create(&label).inc();
                        tracing::warn!(error, flow_mods = batch.flow_mods(), "the switch refused a batch");
                    }
                    core.tell(Event::BatchDone(node.clone(), id, batch.id, result));
                }
                None => return "another session to the same switch took over".into(),
            },
            event = events.recv() => match event {
                Some(OfEvent::Closed { reason }) => return reason.to_string(),
                Some(event) => tracing::debug!(?event, "unasked"),
                None => return "closed".into(),
            },
        }
    }
}

async fn read_back(session: &SwitchSession) -> Result<crate::reconcile::Installed, String> {
    let flows = session.read_flows().await?;
    let groups = session.read_group_descs().await?;
    Ok(messages::installed(flows, groups))
}
