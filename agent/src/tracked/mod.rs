//! How many connections Open vSwitch may remember in each conntrack zone, and how many it does.
//!
//! A zone whose bound is reached remembers no more connections until some have ended; others are not concerned.
//! OpenFlow cannot say so, nor can OVSDB before Open vSwitch 3.3: this asks ovs-vswitchd itself. Zones that are not ours
//! stay as they are.

use std::{collections::BTreeMap, io, time::Duration};

use api::{AgentConfig, Datapath, Name, Tracked, Tracking};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{follow::Configs, trouble::Trouble, vswitchd};

/// How often zones are looked at when nothing has changed.
const INTERVAL: Duration = Duration::from_secs(5);

/// A zone as Open vSwitch has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Zone {
    limit: u32,
    count: u32,
}

/// Keeps the bounds right for ever, and says how many connections each network has: those of new zones at once, and all
/// of them when Open vSwitch begins anew, as `served` says, which has the bridge's number.
pub async fn keep(
    db: &str,
    mut configs: Configs,
    mut served: watch::Receiver<Option<u32>>,
    usage: &watch::Sender<Vec<Tracked>>,
) {
    let mut trouble = Trouble::new("bound the connections that Open vSwitch remembers");
    let mut bounded = Tracking::default();
    let mut due = Instant::now();
    loop {
        let current = configs.borrow_and_update().clone();
        if let Some(config) = current.as_ref().map(|current| &current.config) {
            let wanted = config.tracking.clone().unwrap_or_default();
            let done = if due <= Instant::now() {
                due = Instant::now() + INTERVAL;
                look(db, config, &wanted).await.map(|seen| drop(usage.send_replace(seen)))
            } else {
                bound(db, config, &added(&wanted, &bounded)).await
            };
            match done {
                Ok(()) => {
                    trouble.over();
                    bounded = wanted;
                }
                Err(e) => {
                    trouble.note(e);
                    usage.send_replace(Vec::new());
                    bounded = Tracking::default();
                }
            }
        }
        tokio::select! {
            () = sleep_until(due), if current.is_some() => {}
            changed = configs.changed() => if changed.is_err() { return },
            changed = served.changed() => match changed {
                Ok(()) if served.borrow_and_update().is_some() => due = Instant::now(),
                Ok(()) => {}
                Err(_) => return,
            },
        }
    }
}

/// Sets what is to be set, and answers what there is.
async fn look(db: &str, config: &AgentConfig, tracking: &Tracking) -> io::Result<Vec<Tracked>> {
    if tracking.zones.is_empty() {
        return Ok(Vec::new());
    }
    let zones: Vec<String> = tracking.zones.keys().map(u16::to_string).collect();
    let asked = format!("zone={}", zones.join(","));
    let seen = parse(&vswitchd::call(db, "dpctl/ct-get-limits", &[datapath(config), &asked]).await?);
    bound(db, config, &wrong(tracking, &seen)).await?;
    Ok(by_network(tracking, &seen))
}

/// Sets the bounds that these words of `ct-set-limits` say.
async fn bound(db: &str, config: &AgentConfig, zones: &[String]) -> io::Result<()> {
    if zones.is_empty() {
        return Ok(());
    }
    let words: Vec<&str> = [datapath(config)].into_iter().chain(zones.iter().map(|zone| &**zone)).collect();
    vswitchd::call(db, "dpctl/ct-set-limits", &words).await.map(drop)
}

fn datapath(config: &AgentConfig) -> &'static str {
    match config.node.spec.datapath {
        Datapath::Netdev => "netdev@ovs-netdev",
        Datapath::System => "system@ovs-system",
    }
}

/// The zones that are to be bounded and are not known to be, as words of `ct-set-limits`.
fn added(wanted: &Tracking, bounded: &Tracking) -> Vec<String> {
    let is_new = |zone: &&u16| bounded.limit != wanted.limit || !bounded.zones.contains_key(zone);
    wanted.zones.keys().filter(is_new).map(|zone| word(*zone, wanted.limit)).collect()
}

/// The zones of which the bound is another than it should be, as words of `ct-set-limits`.
fn wrong(tracking: &Tracking, seen: &BTreeMap<u16, Zone>) -> Vec<String> {
    let limit = tracking.limit;
    let differs = |zone: &&u16| seen.get(zone).is_none_or(|zone| zone.limit != limit);
    tracking.zones.keys().filter(differs).map(|zone| word(*zone, limit)).collect()
}

fn word(zone: u16, limit: u32) -> String {
    format!("zone={zone},limit={limit}")
}

fn by_network(tracking: &Tracking, seen: &BTreeMap<u16, Zone>) -> Vec<Tracked> {
    let mut sums: BTreeMap<&Name, u64> = BTreeMap::new();
    for (zone, network) in &tracking.zones {
        *sums.entry(network).or_default() += seen.get(zone).map_or(0, |zone| u64::from(zone.count));
    }
    sums.into_iter().map(|(network, connections)| Tracked { network: network.clone(), connections }).collect()
}

/// What `ct-get-limits` prints: lines like `zone=2,limit=100,count=3`, and one of the default that is none of ours.
fn parse(printed: &str) -> BTreeMap<u16, Zone> {
    let line = |line: &str| {
        let mut fields = line.split(',').map(|field| field.trim().split_once('='));
        let mut field = |name| fields.next().flatten().filter(|(key, _)| *key == name)?.1.parse::<u32>().ok();
        let (zone, limit, count) = (field("zone")?, field("limit")?, field("count")?);
        Some((u16::try_from(zone).ok()?, Zone { limit, count }))
    };
    printed.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests;
