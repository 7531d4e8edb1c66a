//! The verbs that talk to the running agent.

use std::{path::Path, time::Duration};

use api::{Attach, Client, ClientError, Containers, Endpoint, Name, WriteOptions};
use ipnet::IpNet;
use serde::de::IgnoredAny;

use crate::gossip::MembersAnswer;

/// How long the agent may take: what it gives the controller, and some more.
const PATIENCE: WriteOptions = WriteOptions { wait: true, timeout: Duration::from_secs(15) };

/// Asks the agent behind `socket` for an endpoint.
///
/// # Errors
/// What the agent said, or that it does not listen.
pub async fn attach(socket: &Path, attach: &Attach) -> anyhow::Result<Endpoint> {
    Client::unix(socket)?.post("/v1/endpoints", attach, PATIENCE).await.map_err(plain)
}

/// Has the agent behind `socket` remove an endpoint.
///
/// # Errors
/// What the agent said, or that it does not listen.
pub async fn detach(socket: &Path, name: &Name) -> anyhow::Result<()> {
    let answer = Client::unix(socket)?.delete::<IgnoredAny>(&format!("/v1/endpoints/{name}"), PATIENCE).await;
    answer.map(|_| ()).map_err(plain)
}

/// Has the agent behind `socket` keep part of its host's subnet free for containers.
///
/// # Errors
/// What the agent said, or that it does not listen.
pub async fn reserve(socket: &Path, cidr: IpNet) -> anyhow::Result<()> {
    let answer = Client::unix(socket)?.put::<_, IgnoredAny>("/v1/containers", &Containers { cidr }, PATIENCE).await;
    answer.map(|_| ()).map_err(plain)
}

/// Has the agent behind `socket` give back what it kept free for containers.
///
/// # Errors
/// What the agent said, or that it does not listen.
pub async fn release(socket: &Path) -> anyhow::Result<()> {
    let answer = Client::unix(socket)?.delete::<IgnoredAny>("/v1/containers", PATIENCE).await;
    answer.map(|_| ()).map_err(plain)
}

/// Asks the agent behind `socket` who is there.
///
/// # Errors
/// What the agent said, or that it does not listen.
pub async fn members(socket: &Path) -> anyhow::Result<MembersAnswer> {
    Client::unix(socket)?.get("/v1/members").await.map_err(plain)
}

/// The client's advice is about the controller; here it is the agent that does not answer.
fn plain(error: ClientError) -> anyhow::Error {
    match error {
        ClientError::Unreachable { server, reason } => {
            anyhow::anyhow!("no agent answers on {server}: {reason}; is sdn-agent running, and is --socket right?")
        }
        ClientError::Refused { .. } | ClientError::Answer { .. } => error.into(),
    }
}
