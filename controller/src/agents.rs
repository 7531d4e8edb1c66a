//! What the hosts' agents last said, and when there is something new for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
    time::Instant,
};

use api::{AgentReport, GossipCounts, HeldPort, MeshMode, Name, PUBLISHED_PORTS, status::Mesh};
use tokio::sync::watch;

use crate::{
    intent::HeldPorts,
    links::{Change, FRESH, Links},
};

/// What an agent last said.
struct Report {
    at: Instant,
    gossip: GossipCounts,
    /// The revision of the configuration it follows.
    follows: u64,
    /// The ports that processes of the host hold.
    held: BTreeSet<HeldPort>,
    /// The connections that its switch remembers, by network.
    tracked: BTreeMap<Name, u64>,
}

#[derive(Default)]
struct Agent {
    reported: Option<Report>,
    config: watch::Sender<u64>,
}

/// What all agents last said.
pub struct Agents {
    agents: Mutex<BTreeMap<Name, Agent>>,
    links: Mutex<Links>,
    first_revision: u64,
}

impl Agents {
    /// No agent has said anything yet; the store is at `revision`.
    pub fn new(revision: u64) -> Self {
        Self { agents: Mutex::default(), links: Mutex::default(), first_revision: revision }
    }

    /// An agent reported at `now`; `there` says which nodes are, and are not down. Answers what changed between hosts.
    pub fn report(&self, node: &Name, report: AgentReport, there: impl Fn(&Name) -> bool, now: Instant) -> Vec<Change> {
        let (changes, lowered_or_raised) = {
            let mut links = self.links();
            let before = links.floor();
            links.report(node, &report, there, now);
            let changes = std::iter::from_fn(|| links.poll_change()).collect();
            (changes, links.floor() != before)
        };
        let mut agents = self.lock();
        if lowered_or_raised {
            agents.values().for_each(|agent| agent.config.send_modify(|_| {}));
        }
        let held = report.held.into_iter().filter(|held| PUBLISHED_PORTS.contains(&held.port)).collect();
        let tracked = report.tracked.into_iter().map(|of| (of.network, of.connections)).collect();
        let report = Report { at: now, gossip: report.gossip, follows: report.follows, held, tracked };
        agents.entry(node.clone()).or_default().reported = Some(report);
        changes
    }

    /// The largest packet that gets through between all hosts, in bytes; none while nothing is known.
    pub fn path_mtu(&self) -> Option<u32> {
        self.links().floor()
    }

    /// What a node's agent is to make true changed with this revision.
    pub fn changed(&self, node: &Name, revision: u64) {
        self.lock().entry(node.clone()).or_default().config.send_replace(revision);
    }

    /// A node is no more.
    pub fn forget(&self, node: &Name) {
        self.links().forget(node);
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

    /// The ports that processes hold, and on which nodes.
    pub fn held(&self, now: Instant) -> HeldPorts {
        let mut held = HeldPorts::new();
        let agents = self.lock();
        let reports = agents.iter().filter_map(|(node, agent)| Some((node, agent.fresh(now)?)));
        for (node, port) in reports.flat_map(|(node, report)| report.held.iter().map(move |port| (node, port))) {
            held.entry(*port).or_default().push(node.clone());
        }
        held
    }

    /// How many connections of a network nodes remember, as they said lately.
    pub fn connections(&self, network: &Name, now: Instant) -> BTreeMap<Name, u64> {
        let agents = self.lock();
        let told = agents.iter().filter_map(|(node, agent)| Some((node, *agent.fresh(now)?.tracked.get(network)?)));
        told.map(|(node, count)| (node.clone(), count)).collect()
    }

    /// How many connections nodes remember of each network that `is_there`, by node and network, as they said lately.
    pub fn all_connections(&self, is_there: impl Fn(&Name) -> bool, now: Instant) -> BTreeMap<(Name, Name), u64> {
        let agents = self.lock();
        let fresh = agents.iter().filter_map(|(node, agent)| Some((node, &agent.fresh(now)?.tracked)));
        let told = fresh.flat_map(|(node, tracked)| tracked.iter().map(move |of| (node, of)));
        let there = told.filter(|(_, (network, _))| is_there(network));
        there.map(|(node, (network, count))| ((node.clone(), network.clone()), *count)).collect()
    }

    /// What became of a node's gossip since its agent started, as it last said.
    pub fn gossip(&self, node: &Name) -> Option<GossipCounts> {
        Some(self.lock().get(node)?.reported.as_ref()?.gossip.clone())
    }

    /// Whether the last probe of every directed pair of `nodes` was answered lately.
    pub fn all_up(&self, nodes: &[Name], now: Instant) -> bool {
        self.links().all_up(nodes, now)
    }

    /// Every directed pair of `nodes`, as last probed.
    pub fn mesh(&self, nodes: &[Name], now: Instant) -> Mesh {
        let known = self.links();
        let mut links = Vec::with_capacity(nodes.len().saturating_mul(nodes.len()));
        for from in nodes {
            links.extend(nodes.iter().filter(|to| *to != from).map(|to| known.link(from, to, now)));
        }
        let (every_seconds, full_every_seconds) = known.pace();
        Mesh {
            nodes: nodes.to_vec(),
            links,
            path_mtu: known.floor(),
            every_seconds,
            full_every_seconds,
            mode: MeshMode::default(),
            pairs: Vec::new(),
        }
    }

    fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use api::Tracked;

    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn an_agent_is_fresh_for_a_while_after_its_report() {
        let (agents, start) = (Agents::new(7), Instant::now());
        agents.report(&name("h1"), AgentReport::default(), |_| true, start);
        assert!(agents.is_fresh(&name("h1"), start) && !agents.is_fresh(&name("h1"), start + FRESH));
    }

    #[test]
    fn connections_are_those_of_networks_that_are_there_on_nodes_that_reported_lately() {
        let (agents, start) = (Agents::new(7), Instant::now());
        let tracked = |network: &str, connections| Tracked { network: name(network), connections };
        let report = |tracked| AgentReport { tracked, ..AgentReport::default() };
        agents.report(&name("h1"), report(vec![tracked("blue", 7), tracked("default", 1)]), |_| true, start);
        agents.report(&name("h2"), report(vec![tracked("blue", 5)]), |_| true, start + FRESH);
        let of = |node: &str, network: &str, count| ((name(node), name(network)), count);
        let all = agents.all_connections(|_| true, start);
        assert_eq!(all, [of("h1", "blue", 7), of("h1", "default", 1), of("h2", "blue", 5)].into());
        let default = agents.all_connections(|network| network.as_str() != "blue", start);
        assert_eq!(default, [of("h1", "default", 1)].into(), "blue was removed");
        assert_eq!(agents.all_connections(|_| true, start + FRESH), [of("h2", "blue", 5)].into(), "h1 is silent");
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
