//! What one OpenFlow session is asked: to be ours, to change, to show what it has.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures::future::join_all;
use openflow::{
    Body,
    conn::{BundleError, RequestError},
    msg::{
        config::{AsyncConfig, Role, RoleMsg},
        flow::{FlowRequest, FlowStats},
        group::{GroupDesc, GroupRequest, GroupStats},
    },
    multipart::{MultipartReplyBody, MultipartRequest, MultipartRequestBody},
    net::Handle,
    types::GroupId,
};

use super::{ReadError, messages};
use crate::{
    dump::Owners,
    reconcile::{Batch, Refusal},
    store::Store,
};

/// A session, to read its switch.
#[derive(Clone)]
pub struct SwitchSession {
    handle: Handle,
    /// Whether the switch was told what to tell.
    told: Arc<AtomicBool>,
}

impl SwitchSession {
    pub(super) fn new(handle: Handle) -> Self {
        Self { handle, told: Arc::default() }
    }

    /// All flows.
    ///
    /// # Errors
    /// What the switch said, or why it did not answer.
    pub async fn read_flows(&self) -> Result<Vec<FlowStats>, ReadError> {
        self.read_some_flows(FlowRequest::default()).await
    }

    /// The flows that a request asks for.
    ///
    /// # Errors
    /// What the switch said, or why it did not answer.
    pub async fn read_some_flows(&self, request: FlowRequest) -> Result<Vec<FlowStats>, ReadError> {
        match self.multipart(MultipartRequestBody::Flow(request)).await? {
            MultipartReplyBody::Flow(flows) => Ok(flows),
            other => Err(ReadError::unasked("flows", &other)),
        }
    }

    /// All groups: what they are, and their counters.
    ///
    /// # Errors
    /// What the switch said, or why it did not answer.
    pub async fn read_groups(&self) -> Result<(Vec<GroupDesc>, Vec<GroupStats>), ReadError> {
        let all = GroupRequest { group_id: GroupId::ALL };
        let counted = match self.multipart(MultipartRequestBody::Group(all)).await? {
            MultipartReplyBody::Group(counted) => counted,
            other => return Err(ReadError::unasked("counters of groups", &other)),
        };
        Ok((self.read_group_descs().await?, counted))
    }

    pub(super) async fn read_group_descs(&self) -> Result<Vec<GroupDesc>, ReadError> {
        match self.multipart(MultipartRequestBody::GroupDesc).await? {
            MultipartReplyBody::GroupDesc(groups) => Ok(groups),
            other => Err(ReadError::unasked("groups", &other)),
        }
    }

    async fn multipart(&self, body: MultipartRequestBody) -> Result<MultipartReplyBody, ReadError> {
        let request = MultipartRequest { flags: Default::default(), body };
        match self.handle.request(request).await? {
            Body::MultipartReply(reply) => Ok(reply.body),
            other => Err(ReadError::unasked("statistics", &other)),
        }
    }

    /// Whether the switch answers at all.
    pub(super) async fn answers(&self) -> bool {
        self.is_master().await.is_ok()
    }

    /// Whether this controller is the switch's master, as the switch says.
    pub(super) async fn is_master(&self) -> Result<bool, String> {
        let ask = RoleMsg { role: Role::NOCHANGE, generation_id: 0 };
        match self.handle.request(Body::RoleRequest(ask)).await.map_err(|error| error.to_string())? {
            Body::RoleReply(reply) => Ok(reply.role == Role::MASTER),
            other => Err(format!("asked for the role, got {other:.40?}")),
        }
    }

    /// This controller is the switch's master, and wants no packets from it. A switch that knows a later master refuses.
    pub(super) async fn take_over(&self, generation: u64) -> Result<(), String> {
        let role = RoleMsg { role: Role::MASTER, generation_id: generation };
        self.handle.request(Body::RoleRequest(role)).await.map_err(|error| error.to_string())?;
        if self.told.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let every = [0b111, 0b111];
        let quiet = AsyncConfig { packet_in_mask: [0; 2], port_status_mask: every, flow_removed_mask: [0; 2] };
        self.handle.request(Body::SetAsync(quiet)).await.map_err(|error| error.to_string())?;
        if let Err(error) = self.handle.request(messages::monitor()).await {
            tracing::warn!(%error, "the switch does not tell of changed flows; they are noticed by reading them");
        }
        Ok(())
    }

    /// Sends messages that are applied all or none. One alone is so without a bundle, which takes a round trip more.
    pub(super) async fn send(&self, messages: Vec<Body>) -> Result<(), BundleError> {
        match <[Body; 1]>::try_from(messages) {
            Ok([one]) => {
                let refused =
                    |error| BundleError { index: matches!(error, RequestError::Switch(_)).then_some(0), error };
                self.handle.request(one).await.map(drop).map_err(refused)
            }
            Err(several) => self.handle.bundle(several).await,
        }
    }

    pub(super) async fn apply(&self, batch: &Batch, store: &Store) -> Result<(), Refusal> {
        let messages = messages::bundle(batch);
        let applied = if messages.is_empty() { Ok(()) } else { self.send(messages).await };
        applied.map_err(|refused| match refused.index {
            Some(index) => {
                let about = messages::describe(batch, index, &Owners::new(&[&store.read()]));
                Refusal { owner: messages::owner(batch, index), error: format!("{about}: {}", refused.error) }
            }
            None => Refusal { owner: None, error: refused.to_string() },
        })
    }

    /// Ends the connections of backends that left.
    pub(super) async fn flush(&self, batch: &Batch) {
        let flush = |flush| async move {
            if let Err(error) = self.handle.request(messages::flush(flush)).await {
                // Older switches cannot; their connections end with their timeouts.
                tracing::warn!(%error, zone = flush.to.zone, "cannot flush connections of a backend that left");
            }
        };
        join_all(batch.flushes.iter().map(flush)).await;
    }
}
