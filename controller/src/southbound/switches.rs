//! All OpenFlow sessions: switches call in, and are told from each other by their datapath ids.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use api::{Bfd, Name};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tracing::Instrument;

use super::{
    SwitchSession,
    switch::{self, Served},
};
use crate::{
    bfd::Sessions,
    cluster::Cluster,
    core::SessionId,
    events::{EventKind, Events},
    membership::Session,
    metrics::Metrics,
    pki::Gate,
    runtime::{CoreHandle, Event, Slot},
    store::Store,
};

#[derive(Default)]
struct Connected {
    switches: BTreeMap<Name, (SessionId, SwitchSession)>,
    /// Of which of them this controller is master.
    masters: BTreeMap<Name, SessionId>,
    /// OVSDB sessions per node: a new one may come before the old one's end is noticed.
    hosts: BTreeMap<Name, u32>,
    /// What they say of BFD.
    bfd: Sessions,
}

/// How many switches are read back or filled at a time: when all come at once, memory stays bounded.
const SLOTS: usize = 32;

/// Who is connected.
#[derive(Clone)]
pub struct Switches {
    connected: Arc<Mutex<Connected>>,
    arrivals: Arc<watch::Sender<()>>,
    next_session: Arc<AtomicU64>,
    slots: Arc<Semaphore>,
    pub(super) metrics: Arc<Metrics>,
    log: Arc<Events>,
}

impl Switches {
    /// Nobody is. What happens is told to `log`.
    pub fn new(metrics: Arc<Metrics>, log: Arc<Events>) -> Self {
        let slots = Arc::new(Semaphore::new(SLOTS));
        let (connected, arrivals, next_session) = Default::default();
        Self { connected, arrivals, next_session, slots, metrics, log }
    }

    /// The right to hold all of a switch's flows in memory, as soon as few enough do.
    pub(super) async fn slot(&self) -> Slot {
        self.slots.clone().acquire_owned().await.expect("the slots are never closed")
    }

    /// Something happened on a node.
    pub(super) fn record(&self, kind: EventKind, node: &Name, message: String) {
        self.log.record(kind, Some(node), None, message);
    }

    /// The session to a node's switch, to read it.
    pub(super) fn get(&self, node: &Name) -> Option<(SessionId, SwitchSession)> {
        self.lock().switches.get(node).cloned()
    }

    /// Whether there is a session to a node's switch.
    pub fn is_connected(&self, node: &Name) -> bool {
        self.lock().switches.contains_key(node)
    }

    /// Tells of each session to a switch that begins from now on.
    pub(super) fn arrivals(&self) -> watch::Receiver<()> {
        self.arrivals.subscribe()
    }

    /// Whether a session to a node's OVSDB is up.
    pub fn host_connected(&self, node: &Name) -> bool {
        self.lock().hosts.contains_key(node)
    }

    /// What a node's OVSDB says of BFD; what has changed is told.
    pub(super) fn see_bfd(&self, node: &Name, seen: BTreeMap<Name, Bfd>) {
        let changes = self.lock().bfd.observe(node, seen);
        changes.iter().for_each(|change| self.record(EventKind::Mesh, node, change.message()));
    }

    /// What nodes say of BFD, looked at by `look`.
    pub fn bfd<T>(&self, look: impl FnOnce(&Sessions) -> T) -> T {
        look(&self.lock().bfd)
    }

    /// Counts a session to a node's OVSDB for as long as the answer lives.
    pub(super) fn host_up(&self, node: &Name, core: &CoreHandle) -> HostUp {
        let mut connected = self.lock();
        *connected.hosts.entry(node.clone()).or_default() += 1;
        self.metrics.hosts_connected.set(connected.hosts.len() as i64);
        core.tell(Event::Session(node.clone(), Session::Ovsdb, true));
        HostUp { switches: self.clone(), core: core.clone(), node: node.clone() }
    }

    /// The nodes whose switches take writes from this controller.
    pub fn masters(&self) -> BTreeSet<Name> {
        self.lock().masters.keys().cloned().collect()
    }

    /// How many switches take writes from this controller.
    pub(super) fn masters_count(&self) -> usize {
        self.lock().masters.len()
    }

    /// A session became its switch's master, or is so no more.
    pub(super) fn set_master(&self, node: &Name, id: SessionId, master: bool) {
        let masters = &mut self.lock().masters;
        match (master, masters.get(node)) {
            (true, _) => drop(masters.insert(node.clone(), id)),
            (false, Some(current)) if *current == id => drop(masters.remove(node)),
            (false, _) => {}
        }
    }

    pub(super) fn switch_up(&self, node: &Name, session: SwitchSession) -> SessionId {
        let id = self.next_session.fetch_add(1, Ordering::Relaxed);
        let mut connected = self.lock();
        connected.switches.insert(node.clone(), (id, session));
        self.metrics.switches_connected.set(connected.switches.len() as i64);
        self.arrivals.send_replace(());
        id
    }

    /// A session ended; whether it was the last one to its switch.
    fn switch_down(&self, node: &Name, id: SessionId) -> bool {
        let mut connected = self.lock();
        let last = connected.switches.get(node).is_some_and(|(current, _)| *current == id);
        if last {
            connected.switches.remove(node);
        }
        self.metrics.switches_connected.set(connected.switches.len() as i64);
        last
    }

    fn lock(&self) -> MutexGuard<'_, Connected> {
        self.connected.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A session to a node's OVSDB is up while this lives.
pub(super) struct HostUp {
    switches: Switches,
    core: CoreHandle,
    node: Name,
}

impl Drop for HostUp {
    fn drop(&mut self) {
        let mut connected = self.switches.lock();
        if let Some(count) = connected.hosts.get_mut(&self.node) {
            *count -= 1;
            if *count == 0 {
                connected.hosts.remove(&self.node);
                connected.bfd.forget(&self.node);
                self.core.tell(Event::Session(self.node.clone(), Session::Ovsdb, false));
            }
        }
        self.switches.metrics.hosts_connected.set(connected.hosts.len() as i64);
    }
}

/// Accepts switches for ever.
pub async fn serve(
    listener: TcpListener,
    gate: Gate,
    store: Store,
    core: CoreHandle,
    switches: Switches,
    cluster: Cluster,
) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept an OpenFlow session");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let (store, core, switches, cluster) = (store.clone(), core.clone(), switches.clone(), cluster.clone());
        let gate = gate.clone();
        let span = tracing::info_span!("openflow", %peer, node = tracing::field::Empty);
        let session = async move {
            let reason = match switch::handshake(stream, &gate, &store).await {
                Ok((node, session, events)) => {
                    tracing::Span::current().record("node", node.as_str());
                    switches.record(EventKind::Session, &node, "switch connected".into());
                    let id = switches.switch_up(&node, session.clone());
                    core.tell(Event::Session(node.clone(), Session::OpenFlow, true));
                    let served =
                        Served { node: &node, id, session, store: &store, core: &core, switches: &switches, cluster };
                    let reason = served.run(events).await;
                    switches.set_master(&node, id, false);
                    if switches.switch_down(&node, id) {
                        core.tell(Event::Session(node.clone(), Session::OpenFlow, false));
                    }
                    switches.record(EventKind::Session, &node, format!("switch disconnected: {reason}"));
                    core.tell(Event::SwitchDown(node, id));
                    reason
                }
                Err(reason) => {
                    switches.metrics.bad_peers.inc();
                    reason
                }
            };
            tracing::info!(reason, "session ended");
        };
        tokio::spawn(session.instrument(span));
    }
}
