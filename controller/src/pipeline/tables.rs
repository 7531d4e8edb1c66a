//! The tables, in the order packets meet them.

/// A table of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Table {
    /// Where from: network and direction into registers, spoof guard.
    Classify = 0,
    /// Answers ARP and neighbour discovery from intent.
    Resolve = 10,
    /// Sends only stateful traffic through conntrack.
    Track = 20,
    /// Answers of backends to addresses that are no endpoint's: of a connection that came in elsewhere?
    Answer = 25,
    /// Such answers, once conntrack has said what it knows.
    Answered = 26,
    /// Virtual address to backend.
    Service = 30,
    /// The backend that a client is bound to, as was learned from its earlier connections.
    Affinity = 32,
    /// To the backend that a client is bound to; else to a group, whose choice binds it.
    Bind = 33,
    /// One of several groups of a service with many backends.
    Slice = 35,
    /// Whose traffic is subject to policy: through conntrack, in the endpoint's own zone.
    EgressPolicy = 40,
    /// What an isolated endpoint may send.
    EgressRules = 41,
    /// Remembers the connection that was allowed.
    EgressCommit = 42,
    /// Destination to port or tunnel.
    Route = 50,
    /// Whose traffic is subject to policy: through conntrack, in the endpoint's own zone.
    IngressPolicy = 60,
    /// What an isolated endpoint may receive.
    IngressRules = 61,
    /// Remembers the connection that was allowed.
    IngressCommit = 62,
    /// Last steps before a local port: translates replies of services back.
    Deliver = 65,
    /// Out of the port that was chosen.
    Output = 70,
}

impl Table {
    /// All tables in order.
    pub const ALL: [Self; 18] = [
        Self::Classify,
        Self::Resolve,
        Self::Track,
        Self::Answer,
        Self::Answered,
        Self::Service,
        Self::Affinity,
        Self::Bind,
        Self::Slice,
        Self::EgressPolicy,
        Self::EgressRules,
        Self::EgressCommit,
        Self::Route,
        Self::IngressPolicy,
        Self::IngressRules,
        Self::IngressCommit,
        Self::Deliver,
        Self::Output,
    ];

    /// Its number.
    pub fn id(self) -> u8 {
        self as u8
    }

    /// The table with this number.
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.id() == id)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classify => "classify",
            Self::Resolve => "resolve",
            Self::Track => "track",
            Self::Answer => "answer",
            Self::Answered => "answered",
            Self::Service => "service",
            Self::Affinity => "affinity",
            Self::Bind => "bind",
            Self::Slice => "slice",
            Self::EgressPolicy => "egress_policy",
            Self::EgressRules => "egress_rules",
            Self::EgressCommit => "egress_commit",
            Self::Route => "route",
            Self::IngressPolicy => "ingress_policy",
            Self::IngressRules => "ingress_rules",
            Self::IngressCommit => "ingress_commit",
            Self::Deliver => "deliver",
            Self::Output => "output",
        }
    }

    /// What it does, in one line.
    pub fn does(self) -> &'static str {
        match self {
            Self::Classify => "where from: network and direction into registers; spoof guard; control frames dropped",
            Self::Resolve => "answers ARP and ND for endpoints, gateway and router",
            Self::Track => "sends traffic to virtual addresses through conntrack",
            Self::Answer => "what backends send to addresses outside, through conntrack",
            Self::Answered => "answers to strangers back to the node where they came in",
            Self::Service => "virtual address and port to a select group of backends",
            Self::Affinity => "which backend a client is bound to, learned from its earlier connections",
            Self::Bind => "to the backend that a client is bound to; else to a group, whose choice binds it",
            Self::Slice => "one of the groups of a service with many backends, by the packet's hash",
            Self::EgressPolicy => "sends what endpoints subject to policy send through conntrack, in their own zones",
            Self::EgressRules => "what isolated endpoints may send; answers pass",
            Self::EgressCommit => "remembers connections that were allowed",
            Self::Route => "destination to local port, tunnel or gateway; TTL and Ethernet addresses",
            Self::IngressPolicy => {
                "sends what is for endpoints subject to policy through conntrack, in their own zones"
            }
            Self::IngressRules => "what isolated endpoints may receive; answers pass",
            Self::IngressCommit => "remembers connections that were allowed",
            Self::Deliver => "translates replies of services back; an endpoint that reached itself",
            Self::Output => "out of the port chosen by route",
        }
    }

    /// What becomes of a packet that no flow of an object matches.
    pub fn miss(self) -> &'static str {
        match self {
            Self::Classify => "drop: spoofed or not IPv4",
            Self::Resolve => "drop: no such address",
            Self::Route => "drop: no route",
            Self::Track | Self::Answer | Self::Answered => "goto service",
            Self::Service => "goto egress_policy",
            Self::Affinity => "bound to what a group chose, if one did",
            Self::Slice | Self::Bind => "drop: service without backends",
            Self::EgressPolicy => "goto route",
            Self::EgressRules => "goto egress_commit",
            Self::EgressCommit => "ct(commit), goto route",
            Self::IngressPolicy => "goto deliver",
            Self::IngressRules => "goto ingress_commit",
            Self::IngressCommit => "ct(commit), goto deliver",
            Self::Deliver => "goto output",
            Self::Output => "output",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The README's table is this one.
    #[test]
    fn the_readme_shows_these_tables() {
        let readme = include_str!("../../README.md");
        let rows: Vec<String> = Table::ALL
            .iter()
            .map(|table| format!("| {} | {} | {} | {} |", table.id(), table.name(), table.does(), table.miss()))
            .collect();
        assert!(readme.contains(&rows.join("\n")), "README.md should hold\n{}", rows.join("\n"));
    }
}
