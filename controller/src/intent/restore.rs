//! Bringing back what a backup holds.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Counters, Intent, Key, REST_SECONDS, Refused, Value,
    change::{Draft, Effect},
};

impl Draft<'_> {
    /// All becomes what `values` hold. Ids go on from the higher of both counters, and addresses that are in use now and not
    /// in the backup rest first: neither is given twice.
    pub(super) fn restore(&mut self, values: &[Value], force: bool) -> Result<Effect, Refused> {
        let count = self.intent.nodes.len()
            + self.intent.endpoints.len()
            + self.intent.services.len()
            + self.intent.policies.len();
        if count > 0 && !force {
            let reason = format!(
                "the store holds {count} nodes, endpoints, services and policies; --force puts the backup in their place"
            );
            return Err(Refused::Conflict(reason));
        }
        check(values)?;
        let kept: BTreeSet<Key> = values.iter().map(Value::key).collect();
        let there: Vec<Value> = self.intent.values().filter(|value| value.key() != Key::Counters).collect();
        for value in &there {
            if let Value::Endpoint(endpoint) = value {
                for ip in &endpoint.ips {
                    let (network, until) = (endpoint.network.clone(), self.now + REST_SECONDS);
                    self.put(Value::Resting { network, ip: *ip, until });
                }
            }
        }
        // Addresses go on resting, and who is known now stays so: with the keys, certificates and tokens there are.
        let stays = |key: &Key| kept.contains(key) || matches!(key, Key::Resting(..)) || key.is_secret();
        for key in there.iter().map(Value::key).filter(|key| !stays(key)) {
            self.remove(key);
        }
        for value in values {
            match value {
                Value::Counters(counters) => self.counters = higher(self.counters, *counters),
                value => self.put(value.clone()),
            }
        }
        Ok(Effect::Changed)
    }
}

/// A backup that contradicts itself was not written by a controller.
fn check(values: &[Value]) -> Result<(), Refused> {
    let mut holders = BTreeMap::new();
    let intent = Intent::load(values.iter().cloned());
    for endpoint in intent.endpoints.values() {
        let refuse =
            |what: String| Err(Refused::Conflict(format!("endpoint {}: {what}; take another backup", endpoint.name)));
        if !intent.nodes.contains_key(&endpoint.node) || !intent.networks.contains_key(&endpoint.network) {
            return refuse("its node or network is not in the backup".into());
        }
        for ip in &endpoint.ips {
            if let Some(other) = holders.insert((&endpoint.network, *ip), &endpoint.name) {
                return refuse(format!("{ip} is also the address of {other}"));
            }
        }
    }
    Ok(())
}

fn higher(a: Counters, b: Counters) -> Counters {
    Counters {
        revision: a.revision.max(b.revision.saturating_add(1)),
        generation: a.generation.max(b.generation),
        node: a.node.max(b.node),
        network: a.network.max(b.network),
        endpoint: a.endpoint.max(b.endpoint),
        service: a.service.max(b.service),
        policy: a.policy.max(b.policy),
    }
}
