//! OVSDB has no masters as OpenFlow has: here a number in the database stands for them.
//!
//! Before a controller writes, it puts the generation by which it is master under [`KEY`], unless a later one is there;
//! every transaction asks that it still is. So one that was overtaken and does not know cannot write.

use std::collections::BTreeMap;

use ovsdb::{Condition, Replica, Row, Txn};

/// The key among `external_ids` of table Open_vSwitch.
const KEY: &str = "sdn-generation";

/// Where a controller's generation stands against the one in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// The database holds it.
    Ours,
    /// The database holds an earlier one, or none.
    Raise,
    /// The database holds a later one: another controller has taken over.
    Overtaken,
}

/// Where `generation` stands.
pub fn standing(replica: &Replica, generation: u64) -> Fence {
    let held = root(replica).and_then(|root| ids(&root).get(KEY)?.parse::<u64>().ok());
    match held {
        Some(held) if held == generation => Fence::Ours,
        Some(held) if held > generation => Fence::Overtaken,
        _ => Fence::Raise,
    }
}

/// `txn`, behind the fence: it fails if another controller has taken over.
pub fn behind(txn: &Txn, replica: &Replica, generation: u64) -> Txn {
    let mut fenced = Txn::new("Open_vSwitch");
    if let Some(root) = root(replica) {
        let generation = generation.to_string();
        if ids(&root).get(KEY) == Some(&generation) {
            let ours = Condition::includes("external_ids", [(KEY, generation.as_str())]);
            fenced.wait("Open_vSwitch", ours).columns(&["external_ids"]).until_not();
        } else {
            fenced.wait("Open_vSwitch", root.uuid()).row(&[("external_ids", ids(&root))]);
            fenced.mutate("Open_vSwitch", root.uuid()).put("external_ids", &[(KEY.to_owned(), generation)]);
        }
    }
    for operation in txn.operations() {
        fenced.push(operation.clone());
    }
    fenced
}

fn root(replica: &Replica) -> Option<Row> {
    replica.rows("Open_vSwitch").next()
}

fn ids(root: &Row) -> BTreeMap<String, String> {
    root.read("external_ids")
}
