//! What the kernel tells of changes.

use std::io;

use futures::{StreamExt, channel::mpsc::UnboundedReceiver};
use rtnetlink::{
    MulticastGroup,
    packet_core::{NetlinkMessage, NetlinkPayload},
    packet_route::RouteNetlinkMessage,
    sys::SocketAddr,
};

use super::message::{device, route};

/// Changes of devices, addresses and routes, as the kernel tells of them.
#[derive(Debug)]
pub struct Changes {
    messages: UnboundedReceiver<(NetlinkMessage<RouteNetlinkMessage>, SocketAddr)>,
}

impl Changes {
    /// Subscribes to them in the calling thread's network namespace.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn subscribe() -> io::Result<Self> {
        let groups = [
            MulticastGroup::Link,
            MulticastGroup::Ipv4Ifaddr,
            MulticastGroup::Ipv4Route,
            MulticastGroup::Ipv6Ifaddr,
            MulticastGroup::Ipv6Route,
        ];
        let (connection, _, messages) = rtnetlink::new_multicast_connection(&groups)?;
        tokio::spawn(connection);
        Ok(Self { messages })
    }

    /// Waits for the next change that concerns the device called `name`, last seen as number `index`.
    ///
    /// Answers false when the subscription has ended.
    pub async fn concerning(&mut self, name: &str, index: Option<u32>) -> bool {
        while let Some((message, _)) = self.messages.next().await {
            let NetlinkPayload::InnerMessage(message) = message.payload else { return true };
            let concerned = match &message {
                RouteNetlinkMessage::NewLink(link) | RouteNetlinkMessage::DelLink(link) => device(link).name == name,
                RouteNetlinkMessage::NewAddress(a) | RouteNetlinkMessage::DelAddress(a) => {
                    Some(a.header.index) == index
                }
                RouteNetlinkMessage::DelRoute(r) => index.is_some_and(|index| route(r, index).is_some()),
                _ => false,
            };
            if concerned {
                return true;
            }
        }
        false
    }
}
