//! What the hosts' agents last said, and when there is something new for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use api::{
    AgentReport, GossipCounts, HeldPort, Name, PUBLISHED_PORTS, Probe,
    status::{Link, Mesh},
};
use tokio::sync::watch;

/// How old a report may be for its agent to count as there.
pub const FRESH: Duration = Duration::from_secs(4);

/// What an agent last said.
struct Report {
    at: Instant,
    probes: BTreeMap<Name, Probe>,
    gossip: GossipCounts,
    /// The revision of the configuration it follows.
    follows: u64,
    /// The ports that processes of the host hold.
    held: BTreeSet<HeldPort>,
}

#[derive(Default)]
struct Agent {
    reported: Option<Report>,
    config: watch::Sender<u64>,
}

/// What all agents last said.
pub struct Agents {
    agents: Mutex<BTreeMap<Name, Agent>>,
    first_revision: u64,
}

impl Agents {
    /// No agent has said anything yet; the store is at `revision`.
    pub fn new(revision: u64) -> Self {
        Self { agents: Mutex::default(), first_revision: revision }
    }

    /// An agent reported at `now`.
    pub fn report(&self, node: &Name, report: AgentReport, now: Instant) {
        let probes = report.probes.into_iter().map(|probe| (probe.peer.clone(), probe)).collect();
        let held = report.held.into_iter().filter(|held| PUBLISHED_PORTS.contains(&held.port)).collect();
        let report = Report { at: now, probes, gossip: report.gossip, follows: report.follows, held };
        self.lock().entry(node.clone()).or_default().reported = Some(report);
    }

    /// What a node's agent is to make true changed with this revision.
    pub fn changed(&self, node: &Name, revision: u64) {
        self.lock().entry(node.clone()).or_default().config.send_replace(revision);
    }

    /// A node is no more.
    pub fn forget(&self, node: &Name) {
        self.lock().remove(node);
    }

    /// The revision at which the agent's configuration last changed: watch it to see the next one.
    pub fn config(&self, node: &Name) -> watch::Receiver<u64> {
        let mut agents = self.lock();
        let agent = agents.entry(node.clone()).or_default();
        agent.config.send_if_modified(|revision| {
            let untold = *revision == 0;
            *revision = (*revision).max(self.first_revision);
            untold
        });
        agent.config.subscribe()
    }

    /// Whether this node's agent reported lately.
    pub fn is_fresh(&self, node: &Name, now: Instant) -> bool {
        self.lock().get(node).is_some_and(|agent| agent.fresh(now).is_some())
    }

    /// Whether every agent that reported lately follows its configuration as of `revision`, or a later one.
    pub fn all_follow(&self, revision: u64, now: Instant) -> bool {
        self.lock().values().filter_map(|agent| agent.fresh(now)).all(|report| report.follows >= revision)
    }

    /// A node on which a process holds this port.
    pub fn holder(&self, port: &HeldPort, now: Instant) -> Option<Name> {
        let agents = self.lock();
        let mut nodes = agents.iter().filter(|(_, agent)| agent.fresh(now).is_some_and(|it| it.held.contains(port)));
        nodes.next().map(|(node, _)| node.clone())
    }

    /// What became of a node's gossip since its agent started, as it last said.
    pub fn gossip(&self, node: &Name) -> Option<GossipCounts> {
        Some(self.lock().get(node)?.reported.as_ref()?.gossip.clone())
    }

    /// Whether the last probe of every directed pair of `nodes` was answered lately.
    pub fn all_up(&self, nodes: &[Name], now: Instant) -> bool {
        let agents = self.lock();
        nodes.iter().all(|from| {
            let probes = agents.get(from).and_then(|agent| agent.fresh(now)).map(|report| &report.probes);
            let up =
                |to: &Name| probes.and_then(|probes| probes.get(to)).is_some_and(|probe| probe.rtt_seconds.is_some());
            nodes.iter().all(|to| to == from || up(to))
        })
    }

    /// Every directed pair of `nodes`, as last probed.
    pub fn mesh(&self, nodes: &[Name], now: Instant) -> Mesh {
        let agents = self.lock();
        let mut links = Vec::with_capacity(nodes.len().saturating_mul(nodes.len()));
        for from in nodes {
            let probes = agents.get(from).and_then(|agent| agent.fresh(now)).map(|report| &report.probes);
            for to in nodes.iter().filter(|to| *to != from) {
                links.push(link(from, to, probes.and_then(|probes| probes.get(to))));
            }
        }
        Mesh { nodes: nodes.to_vec(), links }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, Agent>> {
        self.agents.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Agent {
    fn fresh(&self, now: Instant) -> Option<&Report> {
        self.reported.as_ref().filter(|report| now.saturating_duration_since(report.at) < FRESH)
    }
}

fn link(from: &Name, to: &Name, probe: Option<&Probe>) -> Link {
    let loss = probe.map_or(1.0, |probe| f64::from(probe.lost.min(probe.sent)) / f64::from(probe.sent.max(1)));
    Link {
        from: from.clone(),
        to: to.clone(),
        up: probe.is_some_and(|probe| probe.rtt_seconds.is_some()),
        rtt_seconds: probe.and_then(|probe| probe.rtt_seconds),
        loss,
        mtu: probe.and_then(|probe| probe.mtu),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn a_pair_is_up_while_its_last_probe_was_answered_lately() {
        let agents = Agents::new(7);
        let start = Instant::now();
        let probe = Probe { peer: name("h2"), rtt_seconds: Some(0.001), sent: 4, lost: 1, mtu: None };
        agents.report(&name("h1"), AgentReport { probes: vec![probe], ..AgentReport::default() }, start);
        let nodes = [name("h1"), name("h2")];
        let up = |now| agents.mesh(&nodes, now).links.iter().map(|link| link.up).collect::<Vec<_>>();
        assert!(agents.all_up(&nodes[..1], start) && !agents.all_up(&nodes, start));
        assert_eq!(up(start), [true, false]);
        assert_eq!(agents.mesh(&nodes, start).links[0].loss, 0.25);
        assert_eq!(up(start + FRESH), [false, false]);
        assert!(!agents.is_fresh(&name("h1"), start + FRESH));
    }

    #[test]
    fn a_watcher_starts_at_the_stores_revision_and_sees_the_next_change() {
        let agents = Agents::new(7);
        let mut config = agents.config(&name("h1"));
        assert_eq!(*config.borrow_and_update(), 7);
        agents.changed(&name("h1"), 9);
        assert!(config.has_changed().unwrap());
        assert_eq!(*agents.config(&name("h1")).borrow(), 9);
    }
}
