//! What `/metrics` serves: all families in one place.

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

/// The node a switch belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByNode {
    /// Its name.
    pub node: String,
}

/// Every family this controller serves.
pub struct Metrics {
    registry: Registry,
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
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("sdn"),
            flow_mods_sent: Family::default(),
            group_mods_sent: Family::default(),
            batches_refused: Family::default(),
            bad_peers: Counter::default(),
            switches_connected: Gauge::default(),
            hosts_connected: Gauge::default(),
            writes_refused: Counter::default(),
            realize_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 14)),
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
        metrics
    }
}

impl Metrics {
    /// The text page.
    pub fn page(&self) -> String {
        let mut page = String::new();
        match text::encode(&mut page, &self.registry) {
            Ok(()) => page,
            Err(error) => format!("# {error}\n"),
        }
    }
}
