//! One session per host's OVSDB, which calls in: keeps the host's bridge and ports as compiled.

use std::{net::SocketAddr, time::Duration};

use api::Name;
use ovsdb::{Changes, Client, Limits, Options, Replica, Txn};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tracing::Instrument;

use super::{
    Switches,
    fence::{self, Fence},
    host_plan,
};
use crate::{
    cluster::Cluster,
    core::Broken,
    events::EventKind,
    pipeline::BRIDGE,
    pki::{Gate, unix_now},
    runtime::{CoreHandle, Event, HostTarget},
};

/// How long a host may take to answer a change.
const ANSWER: Duration = Duration::from_secs(10);

/// How long to wait for a host that nobody knows (yet) before it is sent away to call again.
const UNKNOWN: Duration = Duration::from_secs(2);

/// How long to wait after a refused transaction.
const REFUSED: Duration = Duration::from_secs(1);

/// The key among `external_ids` of table Open_vSwitch by which the agent names its node.
const NODE: &str = "sdn-node";

/// Accepts hosts' OVSDB servers for ever. Bridges are put under all controllers; a controller that is the only one is at
/// its OpenFlow port `openflow`, at the address by which the host reached us.
pub async fn serve(
    listener: TcpListener,
    gate: Gate,
    openflow: u16,
    core: CoreHandle,
    switches: Switches,
    cluster: Cluster,
) {
    // Cloned, so that all sessions hold the hosts' schema together.
    let options = options();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept an OVSDB session");
                tokio::time::sleep(REFUSED).await;
                continue;
            }
        };
        let (gate, core, switches, cluster) = (gate.clone(), core.clone(), switches.clone(), cluster.clone());
        let options = options.clone();
        let span = tracing::info_span!("ovsdb", %peer, node = tracing::field::Empty);
        let session = async move {
            if let Err(reason) = session(stream, options, &gate, openflow, &core, &switches, cluster).await {
                tracing::info!(reason, "session ended");
            }
        };
        tokio::spawn(session.instrument(span));
    }
}

async fn session(
    stream: TcpStream,
    options: Options,
    gate: &Gate,
    openflow: u16,
    core: &CoreHandle,
    switches: &Switches,
    cluster: Cluster,
) -> Result<(), String> {
    let local = stream.local_addr().map_err(|e| e.to_string())?;
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    let (stream, shown) = gate.enter(stream).await.map_err(|error| {
        switches.metrics.bad_peers.inc();
        error.to_string()
    })?;
    let client = Client::from_stream(stream, options);
    // Who is silent is given up by the session itself; who is slow may be one of many that came at once.
    client.ready().await.map_err(|reason| {
        switches.metrics.bad_peers.inc();
        reason.to_string()
    })?;
    let mut changes = client.changes();
    let (node, target) = identify(&client.replica(), &mut changes, core).await?;
    gate.caller(&shown, unix_now()).speaks_for(&node).inspect_err(|_| {
        switches.metrics.bad_peers.inc();
    })?;
    tracing::Span::current().record("node", node.as_str());
    let _connected = switches.host_up(&node, core);
    switches.record(EventKind::Session, &node, "host's OVSDB connected".into());
    let found = SocketAddr::new(local.ip().to_canonical(), openflow);
    let transport = if gate.is_secure() { "ssl" } else { "tcp" };
    Kept { client, node, found, transport, core, switches, cluster }.keep(changes, target).await
}

fn options() -> Options {
    let tables = host_plan::MONITORED.into_iter();
    // Nobody reads updates one by one here.
    let options = Options::new("Open_vSwitch").limits(Limits { unread_updates: 16, ..Limits::default() });
    tables.fold(options, |options, (table, columns)| options.table(table, columns))
}

/// Which node this is, by what its agent wrote; the agent may be about to write it.
async fn identify(
    first: &Replica,
    changes: &mut Changes,
    core: &CoreHandle,
) -> Result<(Name, watch::Receiver<HostTarget>), String> {
    let deadline = tokio::time::Instant::now() + UNKNOWN;
    let mut replica = first.clone();
    loop {
        let ids = replica
            .rows("Open_vSwitch")
            .next()
            .map(|row| row.read::<std::collections::BTreeMap<String, String>>("external_ids"));
        let named = ids.and_then(|ids| ids.get(NODE).cloned());
        let reason = match named {
            None => format!("external_ids:{NODE} is not set: start sdn-agent on that host"),
            Some(text) => {
                let name = Name::new(text.as_str()).map_err(|error| error.to_string())?;
                match core.host(name.clone()).await {
                    Some(target) => return Ok((name, target)),
                    None => format!("no node is called {text:?}: its agent has not joined"),
                }
            }
        };
        let changed = tokio::time::timeout_at(deadline, changes.next()).await;
        replica = match changed {
            Ok(Some(_)) => changes.replica().clone(),
            Ok(None) => return Err("closed".into()),
            Err(_) => return Err(reason),
        };
    }
}

/// A host's OVSDB, with all it takes to keep it.
struct Kept<'a> {
    client: Client,
    node: Name,
    /// Where the host found this controller's OpenFlow port.
    found: SocketAddr,
    /// How switches are to call in, as Open vSwitch names it.
    transport: &'static str,
    core: &'a CoreHandle,
    switches: &'a Switches,
    cluster: Cluster,
}

impl Kept<'_> {
    /// Keeps the host as it is to be until the session ends. Who is not to be master looks on.
    async fn keep(mut self, mut changes: Changes, mut target: watch::Receiver<HostTarget>) -> Result<(), String> {
        let mut settled = None;
        loop {
            let (host, revision) = target.borrow_and_update().clone();
            let replica = self.client.replica();
            let targets = self.cluster.targets(self.found);
            let targets = targets.iter().map(|at| format!("{}:{at}", self.transport)).collect();
            let generation = self.cluster.generation(&self.node);
            // All that a host is to have may be large, when many hosts come at once.
            let slot = if settled.is_none() { Some(self.switches.slot().await) } else { None };
            let plan = host_plan::plan(&host, &replica, &targets);
            self.switches.see_bfd(&self.node, host_plan::bfd(&host, &replica));
            let as_is = plan.txn.is_empty();
            if as_is {
                settled = Some(revision);
                self.core.tell(Event::HostDone(self.node.clone(), revision, plan.broken));
            }
            if let Some(txn) = generation.and_then(|generation| self.fenced(plan.txn, &replica, generation)) {
                if settled.take() == Some(revision) && !as_is {
                    self.drifted(&plan.differs);
                }
                let answered = tokio::time::timeout(ANSWER, self.client.transact(txn)).await;
                let answered = answered.map_err(|_| format!("no answer to a change within {} s", ANSWER.as_secs()))?;
                drop(slot);
                let Err(error) = answered else { continue };
                tracing::warn!(%error, "the host refused a change; trying again");
                let refused = Broken::from([(BRIDGE.to_owned(), error.to_string())]);
                self.core.tell(Event::HostDone(self.node.clone(), 0, refused));
                tokio::time::sleep(REFUSED).await;
                continue;
            }
            drop(slot);
            tokio::select! {
                changed = target.changed() => changed.map_err(|_| "the node was removed".to_owned())?,
                changed = changes.next() => drop(changed.ok_or("the database's session ended")?),
                // Other controllers, or another master: what differs then is nobody's fault.
                () = self.cluster.changed() => settled = None,
                reason = self.client.closed() => return Err(reason.to_string()),
            }
        }
    }

    /// What to send for `txn`, if anything: among several controllers, behind a fence that keeps the overtaken out.
    fn fenced(&self, txn: Txn, replica: &Replica, generation: u64) -> Option<Txn> {
        if !self.cluster.is_shared() {
            return (!txn.is_empty()).then_some(txn);
        }
        let send = match fence::standing(replica, generation) {
            Fence::Ours => !txn.is_empty(),
            Fence::Raise => true,
            Fence::Overtaken => false,
        };
        send.then(|| fence::behind(&txn, replica, generation))
    }

    /// It was as it is to be, and that has not changed: someone else changed the database.
    fn drifted(&self, differs: &[String]) {
        let what = differs.join("; ");
        let message = format!("OVSDB was changed by someone else, put right: {what}");
        self.switches.record(EventKind::Drift, &self.node, message);
    }
}
