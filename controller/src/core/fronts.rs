//! What clients of services ask, also of those that are no more: their connections are to be forgotten by it.

use std::{collections::BTreeMap, sync::Arc};

use api::Service;

use crate::{pipeline::group, reconcile::Front};

/// By a service's port, as of [`group::port`]; none where it has changed.
#[derive(Debug, Default)]
pub(super) struct Fronts(BTreeMap<u32, Option<Front>>);

impl Fronts {
    /// A service is as it is now.
    pub fn note(&mut self, service: &Arc<Service>) {
        let Some(ip) = service.vip else { return };
        for (nth, port) in service.ports.iter().enumerate() {
            let front = Some(Front { ip, port: port.port, protocol: port.protocol });
            let known = self.0.entry(group::id(service.id, nth, 0)).or_insert(front);
            *known = known.filter(|known| Some(*known) == front);
        }
    }

    /// What clients of a service's port ask, if it never was anything else.
    pub fn get(&self, service_port: u32) -> Option<Front> {
        self.0.get(&service_port).copied().flatten()
    }
}
