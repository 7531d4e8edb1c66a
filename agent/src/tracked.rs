//! How many connections Open vSwitch may remember in each conntrack zone, and how many it does.
//!
//! A zone whose bound is reached remembers no more connections until some have ended; others are not concerned.
//! OpenFlow cannot say so, nor can OVSDB before Open vSwitch 3.3: this asks ovs-vswitchd itself. Zones that are not ours
//! stay as they are.

use std::{collections::BTreeMap, io, time::Duration};

use api::{AgentConfig, Datapath, Name, Tracked, Tracking};
use tokio::{sync::watch, time::sleep};

use crate::{follow::Configs, trouble::Trouble, vswitchd};

/// How often zones are looked at.
const INTERVAL: Duration = Duration::from_secs(5);

/// A zone as Open vSwitch has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Zone {
    limit: u32,
    count: u32,
}

/// Keeps the bounds right for ever, and says how many connections each network has.
pub async fn keep(db: &str, configs: Configs, usage: &watch::Sender<Vec<Tracked>>) {
    let mut trouble = Trouble::new("bound the connections that Open vSwitch remembers");
    loop {
        let current = configs.borrow().clone();
        if let Some(current) = current {
            match look(db, &current.config).await {
                Ok(seen) => {
                    trouble.over();
                    usage.send_replace(seen);
                }
                Err(e) => {
                    trouble.note(e);
                    usage.send_replace(Vec::new());
                }
            }
        }
        sleep(INTERVAL).await;
    }
}

/// Sets what is to be set, and answers what there is.
async fn look(db: &str, config: &AgentConfig) -> io::Result<Vec<Tracked>> {
    let Some(tracking) = config.tracking.as_ref().filter(|tracking| !tracking.zones.is_empty()) else {
        return Ok(Vec::new());
    };
    let datapath = match config.node.spec.datapath {
        Datapath::Netdev => "netdev@ovs-netdev",
        Datapath::System => "system@ovs-system",
    };
    let zones: Vec<String> = tracking.zones.keys().map(u16::to_string).collect();
    let asked = format!("zone={}", zones.join(","));
    let seen = parse(&vswitchd::call(db, "dpctl/ct-get-limits", &[datapath, &asked]).await?);
    let wrong = wrong(tracking, &seen);
    if !wrong.is_empty() {
        let words: Vec<&str> = [datapath].into_iter().chain(wrong.iter().map(|zone| &**zone)).collect();
        vswitchd::call(db, "dpctl/ct-set-limits", &words).await?;
    }
    Ok(by_network(tracking, &seen))
}

/// The zones of which the bound is another than it should be, as words of `ct-set-limits`.
fn wrong(tracking: &Tracking, seen: &BTreeMap<u16, Zone>) -> Vec<String> {
    let limit = tracking.limit;
    let differs = |zone: &&u16| seen.get(zone).is_none_or(|zone| zone.limit != limit);
    tracking.zones.keys().filter(differs).map(|zone| format!("zone={zone},limit={limit}")).collect()
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
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_set_and_what_there_is_is_added_up() {
        let network = |text: &str| Name::new(text).unwrap();
        let zones = [(2, "default"), (3, "default"), (4, "blue")].map(|(zone, name)| (zone, network(name)));
        let tracking = Tracking { limit: 100, zones: zones.into() };
        let seen = parse("default limit=0\nzone=2,limit=100,count=7\nzone=3,limit=0,count=1\nzone=x,limit=1\n");
        assert_eq!(seen.len(), 2);
        assert_eq!(wrong(&tracking, &seen), ["zone=3,limit=100", "zone=4,limit=100"]);
        let sums = by_network(&tracking, &seen).into_iter().map(|it| (it.network.to_string(), it.connections));
        assert_eq!(sums.collect::<Vec<_>>(), [("blue".to_owned(), 0), ("default".to_owned(), 8)]);
    }

    #[test]
    fn nonsense_is_no_zone() {
        for line in
            ["", "zone=", "zone=1", "zone=70000,limit=1,count=1", "limit=1,zone=2,count=1", "zone=1,limit=-1,count=0"]
        {
            assert!(parse(line).is_empty(), "{line}");
        }
    }
}
