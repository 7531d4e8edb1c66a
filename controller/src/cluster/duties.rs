//! What a controller knows of itself and the others, and what follows from it: whose switches are its own.

use std::{collections::BTreeMap, net::SocketAddr};

use api::Name;
use serde::{Deserialize, Serialize};

use super::assign;

/// Where a controller is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// By clients and other controllers.
    pub http: SocketAddr,
    /// By switches.
    pub openflow: SocketAddr,
    /// By hosts' OVSDB servers.
    pub ovsdb: SocketAddr,
}

/// A controller, as another sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Where it is reached.
    pub member: Member,
    /// Whether its lease holds.
    pub alive: bool,
}

/// Whose switches are whose, as one controller sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Duties {
    /// The other controllers and this one, by their names; empty while it is the only one for good.
    pub members: BTreeMap<String, Known>,
    /// The master that each node is to have.
    pub masters: BTreeMap<Name, String>,
    /// The nodes that this controller is to be master of, and the generation by which it claims each, which
    /// grows with etcd's revision: that of when it found that it is.
    pub mine: BTreeMap<Name, u64>,
    /// Whether this controller's lease holds. Without it, it is master of nothing.
    pub holds: bool,
}

impl Duties {
    /// The duties that follow from who is alive as of `generation`. What was ours before keeps the one it has.
    pub fn next(&self, me: &str, members: BTreeMap<String, Known>, nodes: &[Name], generation: u64) -> Self {
        let alive: Vec<&str> = members.iter().filter(|(_, known)| known.alive).map(|(id, _)| id.as_str()).collect();
        let masters: BTreeMap<Name, String> =
            assign(&alive, nodes).into_iter().map(|(node, member)| (node, member.to_owned())).collect();
        let mine = masters.iter().filter(|(_, master)| *master == me).map(|(node, _)| node);
        let since = |node: &Name| self.mine.get(node).copied().unwrap_or(generation);
        let mine = mine.map(|node| (node.clone(), since(node))).collect();
        let holds = alive.contains(&me);
        Self { members, masters, mine, holds }
    }

    /// The duties of one whose lease may have ended: none.
    pub fn without_lease(&self) -> Self {
        Self { mine: BTreeMap::new(), holds: false, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(alive: &[(&str, bool)]) -> BTreeMap<String, Known> {
        let at: SocketAddr = "10.0.0.1:1".parse().unwrap();
        let known = |alive| Known { member: Member { http: at, openflow: at, ovsdb: at }, alive };
        alive.iter().map(|(id, alive)| ((*id).to_owned(), known(*alive))).collect()
    }

    #[test]
    fn what_is_taken_over_is_claimed_with_a_later_generation_than_it_was_held_with() {
        let nodes: Vec<Name> = (0..6).map(|n| Name::new(format!("h{n}")).unwrap()).collect();
        let both = members(&[("a", true), ("b", true)]);
        let [a, b] = ["a", "b"].map(|me| Duties::default().next(me, both.clone(), &nodes, 10));
        assert_eq!((a.mine.len(), b.mine.len()), (3, 3));
        assert!(a.mine.keys().all(|node| !b.mine.contains_key(node)));
        let after = b.next("b", members(&[("a", false), ("b", true)]), &nodes, 20);
        for node in &nodes {
            let expected = if a.mine.contains_key(node) { 20 } else { 10 };
            assert_eq!(after.mine[node], expected, "{node}");
        }
        let cut = a.without_lease();
        assert!(!cut.holds && cut.mine.is_empty() && cut.members == a.members);
        // Back again: nothing of what it held before counts.
        let back = cut.next("a", both, &nodes, 30);
        assert!(back.mine.values().all(|generation| *generation == 30));
    }
}
