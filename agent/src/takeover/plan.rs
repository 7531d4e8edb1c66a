//! What a takeover does, before it is done.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use api::{AgentConfig, DEFAULT_NETWORK};
use ipnet::IpNet;
use serde_json::{Value, json};

use super::{
    docker::Seen,
    first,
    record::Record,
    settings::{self, Keys},
};

/// From this version on Docker drops what is routed to its bridge, unless it is told not to.
const GUARDED: u32 = 28;

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The addresses that containers get.
    pub range: IpNet,
    /// Docker's settings as they will be.
    pub after: String,
    before: Option<String>,
    /// The address that Docker's bridge has now.
    bridge: String,
    keys: Keys,
    changes: Keys,
    daemon_json: PathBuf,
    seen: Seen,
}

impl Plan {
    /// The plan for this host, whose Docker is as it was `seen` and has the settings `before`.
    ///
    /// # Errors
    /// When the settings are no JSON object.
    pub fn new(
        config: &AgentConfig,
        range: IpNet,
        seen: Seen,
        before: Option<String>,
        daemon_json: &Path,
    ) -> anyhow::Result<Self> {
        let changes = changes(config, &range, seen.major)?;
        let (after, keys) = settings::change(before.as_deref(), &changes)?;
        let bridge = format!("{}/{}", first(&seen.subnet)?, seen.subnet.prefix_len());
        Ok(Self { range, after, before, bridge, keys, changes, daemon_json: daemon_json.into(), seen })
    }

    /// What is kept of it.
    pub fn record(&self) -> Record {
        Record {
            range: self.range,
            bridge: self.bridge.clone(),
            daemon_json: self.daemon_json.clone(),
            before: self.before.clone(),
            after: self.after.clone(),
            keys: self.keys.clone(),
        }
    }
}

/// The settings of Docker that are changed.
fn changes(config: &AgentConfig, range: &IpNet, major: u32) -> anyhow::Result<Keys> {
    let set = |key: &str, value: Value| (key.to_owned(), Some(value));
    let mut keys: Keys = [
        set("bip", json!(format!("{}/{}", first(range)?, range.prefix_len()))),
        set("mtu", json!(config.mtu)),
        // The agent masquerades what leaves the cluster, and nothing within.
        set("ip-masq", json!(false)),
    ]
    .into();
    // These would contradict `bip`.
    keys.extend(["bridge", "fixed-cidr", "default-gateway"].map(|key| (key.to_owned(), None)));
    if let Some(names) = &config.names {
        keys.extend([
            set("dns", json!([names.address])),
            set("dns-search", json!([format!("{DEFAULT_NETWORK}.{}", names.domain)])),
        ]);
    }
    if major >= GUARDED {
        keys.extend([set("allow-direct-routing", json!(true))]);
    }
    Ok(keys)
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.seen.running.len();
        writeln!(f, "Docker {}, {count} containers running, its bridge has {}", self.seen.version, self.seen.subnet)?;
        writeln!(f, "1. keep {} of this host's subnet free for containers, on every host", self.range)?;
        writeln!(f, "2. in {} (as it is now, it is kept):", self.daemon_json.display())?;
        for (key, value) in &self.changes {
            match (value, self.keys.get(key).and_then(Option::as_ref)) {
                (Some(value), Some(was)) if value == was => {}
                (Some(value), was) => {
                    let was = was.map_or_else(String::new, |was| format!(", was {was}"));
                    writeln!(f, "     {key}: {value}{was}")?;
                }
                (None, Some(was)) => writeln!(f, "     no {key}, was {was}")?,
                (None, None) => {}
            }
        }
        match &self.seen.running[..] {
            [] => writeln!(f, "3. restart Docker")?,
            running => writeln!(f, "3. restart Docker, which ends {}", running.join(", "))?,
        }
        write!(f, "4. let kbr0 and docker0 forward to each other (iptables, chain DOCKER-USER)")
    }
}
