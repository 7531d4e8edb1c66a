use std::time::Duration;

use api::{Containers, Node, WriteOptions, Written};

use super::Endpoints;
use crate::Error;

/// How long the switches have to acknowledge where containers are.
const REALIZE: WriteOptions = WriteOptions { wait: true, timeout: Duration::from_secs(10) };

impl Endpoints {
    /// Has the controller keep addresses free for containers of this host, or no longer.
    ///
    /// # Errors
    /// What the controller said, or that a switch did not acknowledge it.
    pub async fn set_containers(&self, wanted: Option<Containers>) -> Result<(), Error> {
        let path = format!("/v1/nodes/{}/containers", self.node);
        let written: Written<Node> = match wanted {
            Some(wanted) => self.client.put(&path, &wanted, REALIZE).await?,
            None => self.client.delete(&path, REALIZE).await?,
        };
        if written.pending.contains(&self.node.to_string()) {
            return Err(Error::Pending(vec![self.node.to_string()]));
        }
        Ok(())
    }
}
