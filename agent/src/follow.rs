//! Following the controller: join once, then poll for the configuration for ever.
//!
//! ```text
//!            PUT /v1/nodes/NAME           GET …/config?after=REVISION
//!   ┌──────┐ ───────────────────► ┌───────────┐ ──┐
//!   │ join │                      │  follow   │   │ answered: publish, ask again
//!   └──────┘ ◄─────────────────── └───────────┘ ◄─┘ not answered: wait, ask again
//!                404: unknown node
//! ```

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use api::{AgentConfig, Client, ClientError, Datapath, Invalid, Name, Node, NodeSpec, WriteOptions, Written};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tracing::info;

use crate::{Error, bridge, link::Netlink, state::State, trouble::Trouble};

/// How long one poll may stay unanswered.
const POLL: Duration = Duration::from_secs(30);
/// The shortest and the longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));
/// Changes that come within this time are written to disk together.
const BURST: Duration = Duration::from_millis(100);

/// A configuration to be made true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    /// Its content.
    pub config: AgentConfig,
    /// Whether it came from the controller since the agent started; else it is that of the last time.
    pub fresh: bool,
}

/// Where tasks see the newest configuration.
pub type Configs = watch::Receiver<Option<Arc<Current>>>;

/// Who this host is.
#[derive(Clone, Debug)]
pub struct Host {
    /// The node's name.
    pub node: Name,
    /// Its address on the underlay.
    pub underlay: IpAddr,
    /// Its IPv6 address there, where published services are reached.
    pub underlay6: Option<Ipv6Addr>,
    /// The datapath `kbr0` is to use.
    pub datapath: Datapath,
    /// Where it is.
    pub zone: Option<Name>,
}

/// Joins and follows for ever; every new configuration is published.
pub async fn follow(host: &Host, client: &Client, netlink: &Netlink, configs: &watch::Sender<Option<Arc<Current>>>) {
    let mut trouble = Trouble::new("join the controller");
    let mut pause = PAUSES.0;
    loop {
        match join(host, client, netlink).await {
            Ok(node) => {
                trouble.over();
                info!(node = %node.name, id = node.id, "joined");
                pause = PAUSES.0;
                poll(host, client, configs).await;
                sleep(PAUSES.1).await;
            }
            Err(e) => {
                trouble.note(e);
                sleep(pause).await;
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }
}

async fn join(host: &Host, client: &Client, netlink: &Netlink) -> Result<Node, Error> {
    let missing = || Error::kernel("underlay", format!("no device of this host has {}", host.underlay));
    let device = netlink.device_with(host.underlay).await?.ok_or_else(missing)?;
    // Before anyone knows this host, and asks for it.
    bridge::ready_underlay(&device, host.datapath)?;
    let spec = NodeSpec {
        address: host.underlay,
        prefix: netlink.prefix_of(host.underlay).await?,
        address6: host.underlay6,
        mtu: device.mtu,
        datapath: host.datapath,
        zone: host.zone.clone(),
    };
    let options = WriteOptions { wait: false, ..WriteOptions::default() };
    let written: Written<Node> = client.put(&format!("/v1/nodes/{}", host.node), &spec, options).await?;
    written.object.ok_or_else(|| Error::kernel("the controller", "answered without the node"))
}

/// Polls until the controller says it does not know the node.
async fn poll(host: &Host, client: &Client, configs: &watch::Sender<Option<Arc<Current>>>) {
    let mut trouble = Trouble::new("read this host's configuration");
    let (mut after, mut pause) = (0, PAUSES.0);
    loop {
        let known = configs.borrow().as_ref().and_then(|current| current.config.path_mtu);
        let path_mtu = known.map_or(String::new(), |mtu| format!("&path_mtu={mtu}"));
        let path = format!("/v1/nodes/{}/config?after={after}&timeout={}{path_mtu}", host.node, POLL.as_secs());
        let asked = Instant::now();
        let answer = client.get_within::<AgentConfig>(&path, POLL).await;
        match answer.map_err(Error::from).and_then(|config| Ok(check(config)?)) {
            Ok(config) => {
                trouble.over();
                pause = PAUSES.0;
                after = config.revision;
                let new = publish(configs, config);
                // Guards against a server that answers an unchanged poll at once.
                if !new && asked.elapsed() < PAUSES.1 {
                    sleep(PAUSES.1).await;
                }
            }
            Err(Error::Controller(ClientError::Refused { status: 404, .. })) => return,
            Err(e) => {
                trouble.note(e);
                sleep(pause).await;
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }
}

/// Publishes a configuration, unless it is the one that is there; answers whether it did.
fn publish(configs: &watch::Sender<Option<Arc<Current>>>, config: AgentConfig) -> bool {
    let mut new = Current { config, fresh: true };
    configs.send_if_modified(|current| {
        // A controller that has just started does not know it yet.
        new.config.path_mtu = new.config.path_mtu.or(current.as_ref().and_then(|current| current.config.path_mtu));
        let differs = current.as_deref() != Some(&new);
        if differs {
            *current = Some(Arc::new(new));
        }
        differs
    })
}

/// Refuses a configuration that this version cannot make true.
fn check(config: AgentConfig) -> Result<AgentConfig, Invalid> {
    let device = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if config.bridge.is_empty() || config.bridge.len() > 15 || !config.bridge.chars().all(device) {
        return Err(Invalid::new("bridge", format!("{:.40?} is not the name of a bridge", config.bridge)));
    }
    if !config.gateway.addr().is_ipv4() || !config.router.is_ipv4() {
        return Err(Invalid::new("gateway", "gateway and router must be IPv4"));
    }
    let second = config.gateway6.map(|gateway| gateway.addr()).into_iter().chain(config.router6);
    if let Some(ip) = second.into_iter().find(|ip| !ip.is_ipv6()) {
        return Err(Invalid::new("gateway6", format!("{ip} is not IPv6")));
    }
    if !(576..=65_535).contains(&config.mtu) {
        return Err(Invalid::new("mtu", format!("{} is not within 576 to 65535 bytes", config.mtu)));
    }
    if config.path_mtu.is_some_and(|mtu| mtu < 576) {
        return Err(Invalid::new("path_mtu", "is less than 576 bytes"));
    }
    Ok(config)
}

/// Keeps on disk whatever is published, so that a restart finds it.
pub async fn persist(state: &State, mut configs: Configs) {
    let mut trouble = Trouble::new("keep the configuration on disk");
    while configs.changed().await.is_ok() {
        let Some(current) = configs.borrow_and_update().clone() else { continue };
        match state.keep_config(&current.config).await {
            Ok(()) => trouble.over(),
            Err(e) => trouble.note(e),
        }
        sleep(BURST).await;
    }
}
