//! What switches say of BFD on tunnel ports that lead to one peer each: only shown and told. Whether a direction works is
//! said by probes, which go all the way through the pipeline; who is a member by gossip.

use std::collections::BTreeMap;

use api::{Bfd, BfdSession, BfdState, Name};

/// A session that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whose switch says so.
    pub node: Name,
    /// The peer that the port leads to.
    pub peer: Name,
    /// How it is.
    pub bfd: Bfd,
}

impl Change {
    /// What happened, in words.
    pub fn message(&self) -> String {
        let Self { node, peer, bfd } = self;
        match (bfd.state, &bfd.diagnostic) {
            (BfdState::Up, _) => format!("BFD between {node} and {peer} is up again"),
            (_, Some(why)) => format!("BFD between {node} and {peer} went down: {why}"),
            (_, None) => format!("BFD between {node} and {peer} went down"),
        }
    }
}

/// One session, and what was told of it.
#[derive(Debug)]
struct Session {
    bfd: Bfd,
    /// Whether it was up once.
    known: bool,
    /// Whether it was up when there last was something to tell.
    up: bool,
}

/// All sessions, by whose switch says so and by peer.
#[derive(Debug, Default)]
pub struct Sessions {
    nodes: BTreeMap<Name, BTreeMap<Name, Session>>,
}

impl Sessions {
    /// What a node's database says of all its ports that lead to one peer. Answers which sessions that were up once went
    /// down or are up again; of ports that are no more there is nothing to tell.
    pub fn observe(&mut self, node: &Name, seen: BTreeMap<Name, Bfd>) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut old = self.nodes.remove(node).unwrap_or_default();
        let mut new = BTreeMap::new();
        for (peer, bfd) in seen {
            let up = bfd.state == BfdState::Up;
            let was = old.remove(&peer);
            if was.as_ref().is_some_and(|was| was.known && was.up != up) {
                changes.push(Change { node: node.clone(), peer: peer.clone(), bfd: bfd.clone() });
            }
            let known = up || was.is_some_and(|was| was.known);
            new.insert(peer, Session { bfd, known, up });
        }
        if !new.is_empty() {
            self.nodes.insert(node.clone(), new);
        }
        changes
    }

    /// Nothing is heard of a node any more.
    pub fn forget(&mut self, node: &Name) {
        self.nodes.remove(node);
    }

    /// What a node says of its session with a peer.
    pub fn get(&self, node: &Name, peer: &Name) -> Option<Bfd> {
        Some(self.nodes.get(node)?.get(peer)?.bfd.clone())
    }

    /// What a node says of all its sessions, in order of its peers' names.
    pub fn of(&self, node: &Name) -> Vec<BfdSession> {
        let sessions = self.nodes.get(node).into_iter().flatten();
        sessions.map(|(peer, session)| BfdSession { peer: peer.clone(), bfd: session.bfd.clone() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn bfd(state: BfdState) -> Bfd {
        Bfd { state, diagnostic: None, flaps: 0 }
    }

    fn observe(sessions: &mut Sessions, states: &[(&str, BfdState)]) -> Vec<(String, BfdState)> {
        let seen = states.iter().map(|(peer, state)| (name(peer), bfd(*state))).collect();
        let changes = sessions.observe(&name("h1"), seen).into_iter();
        changes.map(|change| (change.peer.to_string(), change.bfd.state)).collect()
    }

    #[test]
    fn what_was_up_is_told_when_it_goes_down_and_when_it_is_up_again() {
        let mut sessions = Sessions::default();
        let (up, down, init) = (BfdState::Up, BfdState::Down, BfdState::Init);
        assert_eq!(observe(&mut sessions, &[("h2", down)]), []);
        assert_eq!(observe(&mut sessions, &[("h2", init)]), []);
        assert_eq!(observe(&mut sessions, &[("h2", up), ("h3", down)]), []);
        assert_eq!(observe(&mut sessions, &[("h2", down), ("h3", up)]), [("h2".to_owned(), down)]);
        assert_eq!(observe(&mut sessions, &[("h2", init), ("h3", up)]), []);
        assert_eq!(observe(&mut sessions, &[("h2", up), ("h3", up)]), [("h2".to_owned(), up)]);
        assert_eq!(sessions.of(&name("h1")).len(), 2);
    }

    #[test]
    fn of_a_port_that_is_gone_nothing_is_told() {
        let mut sessions = Sessions::default();
        observe(&mut sessions, &[("h2", BfdState::Up)]);
        assert_eq!(observe(&mut sessions, &[]), []);
        assert_eq!(sessions.get(&name("h1"), &name("h2")), None);
        assert_eq!(observe(&mut sessions, &[("h2", BfdState::Down)]), []);
    }
}
