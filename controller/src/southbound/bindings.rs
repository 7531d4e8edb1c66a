//! Clients bound to a backend for longer than OpenFlow has timeouts: their learned flows have none, and end here.
//!
//! OpenFlow 1.3 says how often a flow was met, not when last. So a flow was idle since the look at which its count had
//! last grown. One that was never met is as old as it is; one that was met before the first look counts as met then: who
//! is bound stays so for at least the time that was asked for.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use openflow::msg::flow::FlowStats;

use super::messages;
use crate::{
    intent::Intent,
    pipeline::{FlowKey, affinity},
};

/// The bindings of a switch that have no timeout of their own.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    seen: BTreeMap<FlowKey, Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    packets: u64,
    idle_since: Instant,
}

impl Bindings {
    /// Takes in what was read of all flows; says which bindings are over.
    pub fn over(&mut self, read: &[FlowStats], intent: &Intent, now: Instant) -> Vec<FlowKey> {
        let endless =
            |stats: &&FlowStats| (stats.idle_timeout, stats.hard_timeout) == (0, 0) && messages::is_learned(stats);
        let mut endless = read.iter().filter(endless).peekable();
        if endless.peek().is_none() {
            self.seen.clear();
            return Vec::new();
        }
        let kept: BTreeMap<u32, Duration> = intent
            .services
            .values()
            .filter_map(|service| Some((service.id, affinity::kept_by_controller(service.affinity?)?)))
            .collect();
        let (mut over, mut seen) = (Vec::new(), BTreeMap::new());
        for stats in endless {
            let (key, _) = messages::flow(stats);
            let idle_since = match self.seen.get(&key) {
                Some(before) if before.packets == stats.packet_count => before.idle_since,
                None if stats.packet_count == 0 => {
                    now.checked_sub(Duration::from_secs(stats.duration_sec.into())).unwrap_or(now)
                }
                _ => now,
            };
            let keep = affinity::service(stats.cookie).and_then(|service| kept.get(&service));
            match keep {
                Some(keep) if now.saturating_duration_since(idle_since) < *keep => {
                    seen.insert(key, Seen { packets: stats.packet_count, idle_since });
                }
                _ => over.push(key),
            }
        }
        self.seen = seen;
        over
    }
}

#[cfg(test)]
mod tests {
    use api::Kind;
    use openflow::{Action, Instruction, Match, TableId, msg::flow::FlowModFlags};

    use super::*;
    use crate::{
        intent::Change,
        pipeline::{Cookie, Table, reg},
    };

    /// An intent with a service whose clients are bound for so many seconds.
    fn intent(timeout: u32) -> Intent {
        let network = serde_json::json!({"subnets": ["10.244.0.0/16"], "node_prefix": 24});
        let service = serde_json::json!({
            "vip": "10.96.0.1", "ports": [{"port": 80, "target_port": 80}], "affinity": {"timeout": timeout},
        });
        let name = |text| api::Name::new(text).unwrap();
        let changes = [
            Change::PutNetwork(name("default"), serde_json::from_value(network).unwrap()),
            Change::PutService(name("web"), serde_json::from_value(service).unwrap()),
        ];
        let mut intent = Intent::default();
        let plan = intent.plan(&changes, &"10.96.0.0/12".parse().unwrap(), 0).unwrap();
        intent.apply(&plan.txn.unwrap());
        intent
    }

    fn bound(intent: &Intent, packet_count: u64, age: u32) -> FlowStats {
        let service = intent.services.values().next().unwrap();
        FlowStats {
            table_id: TableId(Table::Affinity.id()),
            duration_sec: age,
            duration_nsec: 0,
            priority: 100,
            idle_timeout: 0,
            hard_timeout: 0,
            flags: FlowModFlags::NONE,
            cookie: Cookie::new(Kind::Service, service.id, 7).to_u64(),
            packet_count,
            byte_count: 0,
            matching: Match::new(),
            instructions: vec![Instruction::apply(vec![Action::load(openflow::Field::reg(reg::BACKEND), 7)])],
        }
    }

    #[test]
    fn a_binding_is_over_when_nobody_met_it_for_as_long_as_its_service_says() {
        let intent = intent(200_000);
        let start = Instant::now();
        let mut bindings = Bindings::default();
        let mut over = |packets, hours: u32| {
            let now = start + Duration::from_secs(u64::from(hours) * 3600);
            bindings.over(&[bound(&intent, packets, hours * 3600)], &intent, now).len()
        };
        assert_eq!([over(0, 0), over(0, 55)], [0, 0]);
        assert_eq!(over(1, 56), 0, "a new connection came by");
        assert_eq!([over(1, 110), over(1, 112)], [0, 1]);
    }

    #[test]
    fn what_a_controller_that_starts_cannot_know_counts_for_the_client() {
        let intent = intent(200_000);
        let over =
            |packets| Bindings::default().over(&[bound(&intent, packets, 300_000)], &intent, Instant::now()).len();
        assert_eq!((over(0), over(5)), (1, 0));
    }

    #[test]
    fn a_binding_of_a_service_that_has_no_such_affinity_is_over() {
        let over = |intent: &Intent| {
            Bindings::default().over(&[bound(&super::tests::intent(200_000), 1, 0)], intent, Instant::now()).len()
        };
        assert_eq!((over(&Intent::default()), over(&intent(60)), over(&intent(70_000))), (1, 1, 0));
    }
}
