//! What `/metrics` serves: all families in one place.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use api::{AgentReport, Name, Probe};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use crate::{
    links::{Change, What},
    pki::Holder,
};

/// The node a switch belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByNode {
    /// Its name.
    pub node: String,
}

/// A network on a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByNetwork {
    /// The node's name.
    pub node: String,
    /// The network's.
    pub network: String,
}

/// A direction between two nodes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByDirection {
    /// Who sends.
    pub from: String,
    /// Who receives.
    pub to: String,
}

/// Who shows a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByHolder {
    /// `authority`, `controller` or `node`.
    pub kind: String,
    /// What it is called.
    pub name: String,
}

/// What is looked up when the page is asked for: whatever is not there any more is not on the page.
#[derive(Debug, Default)]
pub struct Present {
    /// Seconds until certificates end.
    pub certificate_seconds: BTreeMap<Holder, i64>,
    /// How many connections a node's switch remembers of a network.
    pub connections: BTreeMap<(Name, Name), u64>,
}

/// Every family this controller serves.
pub struct Metrics {
    registry: Registry,
    /// Held while a page is made: another would find families that are being filled.
    page: Mutex<()>,
    /// Flow-mods sent to switches.
    pub flow_mods_sent: Family<ByNode, Counter>,
    /// Group-mods sent to switches.
    pub group_mods_sent: Family<ByNode, Counter>,
    /// Bundles switches refused.
    pub batches_refused: Family<ByNode, Counter>,
    /// Sessions that ended because of what the peer sent.
    pub bad_peers: Counter,
    /// OpenFlow sessions that are up.
    pub switches_connected: Gauge,
    /// OVSDB sessions that are up.
    pub hosts_connected: Gauge,
    /// Writes refused by the API.
    pub writes_refused: Counter,
    /// Seconds from a write until every switch concerned acknowledged it.
    pub realize_seconds: Histogram,
    /// Probes of nodes that were answered or lost.
    pub probes_sent: Family<ByNode, Counter>,
    /// Of these, the lost ones.
    pub probes_lost: Family<ByNode, Counter>,
    /// Seconds from a probe to its answer.
    pub probe_seconds: Histogram,
    /// Connections that switches remember.
    pub connections: Family<ByNetwork, Gauge>,
    /// 1 for each direction in which nothing arrives; others are not listed.
    pub mesh_broken: Family<ByDirection, Gauge>,
    /// 1 for each direction in which plain packets take the tunnel, because they do not get through without it.
    pub mesh_detoured: Family<ByDirection, Gauge>,
    /// The largest packet that gets through in a direction, in bytes, where that is not the full size.
    pub mesh_reduced: Family<ByDirection, Gauge>,
    /// The largest packet that gets through between all nodes, in bytes; 0 while not known.
    pub mesh_path_mtu: Gauge,
    /// Seconds until certificates end.
    pub certificate_seconds_left: Family<ByHolder, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("sdn"),
            page: Mutex::default(),
            flow_mods_sent: Family::default(),
            group_mods_sent: Family::default(),
            batches_refused: Family::default(),
            bad_peers: Counter::default(),
            switches_connected: Gauge::default(),
            hosts_connected: Gauge::default(),
            writes_refused: Counter::default(),
            realize_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 14)),
            probes_sent: Family::default(),
            probes_lost: Family::default(),
            probe_seconds: Histogram::new(exponential_buckets(0.0001, 2.0, 14)),
            connections: Family::default(),
            mesh_broken: Family::default(),
            mesh_detoured: Family::default(),
            mesh_reduced: Family::default(),
            mesh_path_mtu: Gauge::default(),
            certificate_seconds_left: Family::default(),
        };
        let r = &mut metrics.registry;
        r.register("flow_mods_sent", "Flow-mods sent to switches", metrics.flow_mods_sent.clone());
        r.register("group_mods_sent", "Group-mods sent to switches", metrics.group_mods_sent.clone());
        r.register("batches_refused", "Bundles that switches refused", metrics.batches_refused.clone());
        r.register("bad_peers", "Sessions ended because of what the peer sent", metrics.bad_peers.clone());
        r.register("switches_connected", "OpenFlow sessions that are up", metrics.switches_connected.clone());
        r.register("hosts_connected", "OVSDB sessions that are up", metrics.hosts_connected.clone());
        r.register("writes_refused", "Writes refused by the API", metrics.writes_refused.clone());
        let help = "Seconds from a write until every switch concerned acknowledged it";
        r.register("realize_seconds", help, metrics.realize_seconds.clone());
        let help = "Seconds until the certificate ends";
        r.register("certificate_seconds_left", help, metrics.certificate_seconds_left.clone());
        metrics.register_mesh();
        metrics
    }
}

impl Metrics {
    fn register_mesh(&mut self) {
        let r = &mut self.registry;
        r.register("probes_sent", "Probes of nodes through tunnels", self.probes_sent.clone());
        r.register("probes_lost", "Probes without an answer", self.probes_lost.clone());
        r.register("connections", "Connections that switches remember", self.connections.clone());
        r.register("probe_seconds", "Seconds from a probe to its answer", self.probe_seconds.clone());
        r.register("mesh_broken", "Directions in which nothing arrives", self.mesh_broken.clone());
        let help = "Directions in which plain packets take the tunnel because they do not get through without it";
        r.register("mesh_detoured", help, self.mesh_detoured.clone());
        let help = "Largest packet that gets through where that is not the full size, in bytes";
        r.register("mesh_reduced_bytes", help, self.mesh_reduced.clone());
        let help = "Largest packet that gets through between all nodes, in bytes";
        r.register("mesh_path_mtu_bytes", help, self.mesh_path_mtu.clone());
    }

    /// Counts what an agent's probes became.
    pub fn count_probes(&self, node: &Name, report: &AgentReport) {
        let node = ByNode { node: node.to_string() };
        let sum = |of: fn(&Probe) -> u32| report.probes.iter().map(|probe| u64::from(of(probe))).sum();
        self.probes_sent.get_or_create(&node).inc_by(sum(|probe| probe.sent));
        self.probes_lost.get_or_create(&node).inc_by(sum(|probe| probe.lost));
        let answered = report.probes.iter().filter(|probe| probe.sent > probe.lost);
        answered.filter_map(|probe| probe.rtt_seconds).for_each(|rtt| self.probe_seconds.observe(rtt));
    }

    /// Shows what became of a direction between two nodes.
    pub fn show_direction(&self, change: &Change) {
        let by = ByDirection { from: change.from.to_string(), to: change.to.to_string() };
        match change.what {
            What::Broken => drop(self.mesh_broken.get_or_create(&by).set(1)),
            What::Works(_) => drop(self.mesh_broken.remove(&by)),
            What::Detoured => drop(self.mesh_detoured.get_or_create(&by).set(1)),
            What::Direct => drop(self.mesh_detoured.remove(&by)),
            What::Shrunk { passes, .. } => drop(self.mesh_reduced.get_or_create(&by).set(passes.into())),
            What::Grown { .. } => drop(self.mesh_reduced.remove(&by)),
        }
    }

    fn show(&self, present: &Present) {
        self.certificate_seconds_left.clear();
        for (holder, left) in &present.certificate_seconds {
            let by = ByHolder { kind: holder.kind().into(), name: holder.name().into() };
            self.certificate_seconds_left.get_or_create(&by).set(*left);
        }
        self.connections.clear();
        for ((node, network), count) in &present.connections {
            let by = ByNetwork { node: node.to_string(), network: network.to_string() };
            self.connections.get_or_create(&by).set(i64::try_from(*count).unwrap_or(i64::MAX));
        }
    }

    /// The text page.
    pub fn page(&self, present: &Present) -> String {
        let _alone = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        self.show(present);
        let mut page = String::new();
        match text::encode(&mut page, &self.registry) {
            Ok(()) => page,
            Err(error) => format!("# {error}\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_not_on_the_page_any_more() {
        let name = |text: &str| Name::new(text).unwrap();
        let of = |network: &str, count| ((name("h1"), name(network)), count);
        let lines = |metrics: &Metrics, connections: &[((Name, Name), u64)]| -> Vec<String> {
            let present = Present { connections: connections.iter().cloned().collect(), ..Present::default() };
            let page = metrics.page(&present);
            page.lines().filter(|line| line.starts_with("sdn_connections{")).map(str::to_owned).collect()
        };
        let metrics = Metrics::default();
        let both = lines(&metrics, &[of("blue", 7), of("default", u64::MAX)]);
        assert_eq!(both.len(), 2, "{both:?}");
        assert!(both.contains(&r#"sdn_connections{node="h1",network="blue"} 7"#.to_owned()), "{both:?}");
        assert_eq!(lines(&metrics, &[of("default", 1)]), [r#"sdn_connections{node="h1",network="default"} 1"#]);
        assert!(lines(&metrics, &[]).is_empty());
    }
}
