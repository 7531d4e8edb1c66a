//! `sdn-load mesh`: a whole cluster of simulated hosts in front of this product's controller, measured.
//!
//! ```text
//!   join ─► endpoints, services ─► hosts connect ─► in sync ─► rounds ─► (all go and come back) ─► report
//!           (not connected yet)    └── cold start ──┘          one more     0 flow-mods?
//! ```

mod measure;
mod report;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use api::Name;
use tokio::sync::watch;

pub use report::{Report, Restart};

use super::database::{self, Schema};
use super::host::Host;
use super::intent::Intent;
use super::link::Manner;
use super::switch;

/// How long a switch of [`Misbehave::Flap`] stays.
const FLAP: Duration = Duration::from_secs(2);

/// How long all of [`Misbehave::Storm`] stay before they go and come back together.
const STORM: Duration = Duration::from_secs(10);

/// How long those of [`Misbehave::Storm`] are away.
const AWAY: Duration = Duration::from_millis(200);

/// What some of the switches do that they should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Misbehave {
    /// Each goes and comes back every two seconds.
    Flap,
    /// They never read.
    Deaf,
    /// They answer with another's transaction id.
    WrongXid,
    /// All go and come back together every ten seconds.
    Storm,
}

/// What is simulated and measured.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the controller's API is.
    pub http: SocketAddr,
    /// Where hosts' databases call in.
    pub ovsdb: SocketAddr,
    /// The controller's process, if it is not to be found by its port.
    pub pid: Option<i32>,
    /// How many hosts.
    pub nodes: usize,
    /// Endpoints of each.
    pub endpoints: usize,
    /// How many services.
    pub services: u32,
    /// Backends of each service.
    pub backends: usize,
    /// How often one endpoint more is measured.
    pub rounds: usize,
    /// How often a service is measured.
    pub service_rounds: usize,
    /// How often one endpoint more of a flat network is measured that all hosts have endpoints of.
    pub flat_rounds: usize,
    /// Whether all hosts go and come back.
    pub reconnect: bool,
    /// What some switches do that they should not, and how many.
    pub misbehave: Option<(Misbehave, usize)>,
    /// How often each agent reports; zero for never.
    pub report_every: Duration,
    /// How long to wait until all is in sync.
    pub patience: Duration,
}

impl Config {
    /// No hosts, and nothing to measure, at the controller that listens there.
    pub fn at(http: SocketAddr, ovsdb: SocketAddr) -> Self {
        Self {
            http,
            ovsdb,
            pid: None,
            nodes: 0,
            endpoints: 0,
            services: 0,
            backends: 1,
            rounds: 0,
            service_rounds: 0,
            flat_rounds: 0,
            reconnect: false,
            misbehave: None,
            report_every: Duration::ZERO,
            patience: Duration::from_secs(60),
        }
    }
}

/// A running cluster.
struct Cluster {
    hosts: Vec<Arc<Host>>,
    intent: Intent,
    /// Whether hosts are connected.
    online: watch::Sender<bool>,
    /// Whether those that storm are.
    storming: watch::Sender<bool>,
    pid: Option<i32>,
    patience: Duration,
}

/// Simulates and measures; `say` hears of each step.
///
/// # Errors
/// When the controller refuses something or is not in sync in time.
pub async fn run(config: &Config, say: &mut (dyn FnMut(&str) + Send)) -> Result<Report> {
    let schema = Arc::new(Schema::load(Path::new(Schema::INSTALLED))?);
    let intent = Intent::new(&format!("http://{}", config.http))?;
    let names: Vec<Name> = (1..=config.nodes)
        .map(|n| Name::new(format!("n{n:04}")))
        .collect::<Result<_, _>>()
        .context("names of nodes")?;
    intent.join(&names).await?;
    let reporting = report_for_ever(&intent, &names, config.report_every);
    say(&format!("{} nodes joined", names.len()));

    let wanted = config.backends.max(1);
    let addresses = intent.populate(&names, config.endpoints, wanted).await?;
    for number in 0..config.services {
        intent.service(number, &addresses, false).await?;
    }
    say(&format!("{} endpoints, {} services created", config.endpoints * config.nodes, config.services));

    let cluster = Cluster::start(config, &names, intent, schema);
    let report = measure::all(&cluster, config, &addresses, say).await;
    if let Some(task) = reporting {
        task.abort();
    }
    report
}

fn report_for_ever(intent: &Intent, names: &[Name], every: Duration) -> Option<tokio::task::JoinHandle<()>> {
    if every.is_zero() {
        return None;
    }
    let (intent, names) = (intent.clone(), names.to_vec());
    Some(tokio::spawn(async move { intent.report(&names, every).await }))
}

impl Cluster {
    /// Hosts that are not connected yet. The last of them misbehave.
    fn start(config: &Config, names: &[Name], intent: Intent, schema: Arc<Schema>) -> Self {
        let (online, _) = watch::channel(false);
        let (storming, _) = watch::channel(false);
        let (kind, bad) = config.misbehave.map_or((None, 0), |(kind, bad)| (Some(kind), bad));
        let healthy = names.len().saturating_sub(bad);
        let mut hosts = Vec::with_capacity(names.len());
        for (number, name) in (0..).zip(names) {
            let kind = kind.filter(|_| number >= healthy);
            let manner = match kind {
                None => Manner::Good,
                Some(Misbehave::Deaf) => Manner::Deaf,
                Some(Misbehave::WrongXid) => Manner::WrongXid,
                Some(Misbehave::Flap) => Manner::Flap(FLAP),
                // ended together, from outside
                Some(Misbehave::Storm) => Manner::Flap(STORM * 2),
            };
            let host = Arc::new(Host::new(name.clone(), number as u32, manner, schema.clone()));
            let says = if kind == Some(Misbehave::Storm) { &storming } else { &online };
            tokio::spawn(host.clone().run(config.ovsdb, says.subscribe()));
            hosts.push(host);
        }
        let pid = config.pid.or_else(|| super::owner::listening(config.http));
        Self { hosts, intent, online, storming, pid, patience: config.patience }
    }

    /// Connects or disconnects all hosts.
    fn set_online(&self, online: bool) {
        self.online.send_replace(online);
        self.storming.send_replace(online);
    }

    fn healthy(&self) -> impl Iterator<Item = &Arc<Host>> {
        self.hosts.iter().filter(|host| host.is_healthy())
    }

    fn switch_counts(&self) -> Vec<switch::Counts> {
        self.hosts.iter().map(|host| host.switch_counts()).collect()
    }

    fn database_counts(&self) -> Vec<database::Counts> {
        self.hosts.iter().map(|host| host.database_counts()).collect()
    }
}

/// Has those that storm go and come back; for ever.
async fn storm(online: watch::Sender<bool>) {
    loop {
        tokio::time::sleep(STORM).await;
        online.send_replace(false);
        // long enough for every one of them to notice
        tokio::time::sleep(AWAY).await;
        online.send_replace(true);
    }
}
