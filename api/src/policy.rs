use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Endpoint, Invalid, Name, Protocol};

/// The most rules of a direction: their number is part of conjunction ids.
const MAX_RULES: usize = 128;

/// The most peers or ports of a rule.
const MAX_PARTS: usize = 256;

/// The most exceptions of a peer.
const MAX_EXCEPT: usize = 32;

/// The most prefixes that all peers of a direction come to, exceptions taken out: each is a flow.
const MAX_PREFIXES: usize = 10_000;

/// What a user says of a policy: which connections some endpoints may have.
///
/// The endpoints it selects are isolated in each direction of which it speaks: what no rule of any policy allows there is
/// dropped. Answers pass, and so does what an endpoint has with its own host or with itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicySpec {
    /// The network its endpoints are in.
    #[serde(default = "crate::network::default_network")]
    pub network: Name,
    /// The endpoints it is about: those of the network that have all of these labels; all of them if there are none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub selector: BTreeMap<String, String>,
    /// What may come in; without it the policy does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Vec<PolicyRule>>,
    /// What may go out; without it the policy does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<Vec<PolicyRule>>,
}

/// What is allowed: connections with one of the peers, to one of the ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyRule {
    /// The other ends; whoever it is if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<PolicyPeer>,
    /// Protocols and ports at which the connection ends; all if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PolicyPort>,
}

/// The other end of a connection: either endpoints by label, or addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyPeer {
    /// Endpoints of the policy's network that have all of these labels; all of them for an empty selector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<BTreeMap<String, String>>,
    /// Addresses, whoever has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::schema::Cidr>)]
    pub cidr: Option<IpNet>,
    /// Of these addresses, those that are not meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<crate::schema::Cidr>)]
    pub except: Vec<IpNet>,
}

/// Ports at which connections end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyPort {
    /// Their protocol.
    #[serde(default)]
    pub protocol: Protocol,
    /// The port, or the first of several; all of the protocol without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub port: Option<u16>,
    /// The last one, if there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_port: Option<u16>,
}

/// Which connections some endpoints may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    /// Its name.
    pub name: Name,
    /// Its number, part of cookies and of its conjunctions' ids.
    pub id: u32,
    /// The revision of its last change.
    pub revision: u64,
    /// What its maker said.
    pub spec: PolicySpec,
}

impl PolicySpec {
    /// Checks what needs no other object.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn validate(&self) -> Result<(), Invalid> {
        check_selector("selector", &self.selector)?;
        if self.ingress.is_none() && self.egress.is_none() {
            return Err(Invalid::new("ingress", "neither ingress nor egress is there; [] allows nothing"));
        }
        for (field, rules) in [("ingress", &self.ingress), ("egress", &self.egress)] {
            let rules = rules.as_deref().unwrap_or_default();
            if rules.len() > MAX_RULES {
                return Err(Invalid::new(field, format!("{} rules, at most {MAX_RULES} are allowed", rules.len())));
            }
            rules.iter().try_for_each(|rule| rule.validate(field))?;
            let peers = rules.iter().flat_map(|rule| &rule.peers);
            if peers.flat_map(PolicyPeer::prefixes).take(MAX_PREFIXES + 1).count() > MAX_PREFIXES {
                return Err(Invalid::new(field, format!("more than {MAX_PREFIXES} prefixes without what is excepted")));
            }
        }
        Ok(())
    }

    /// Whether this endpoint is one it is about.
    pub fn selects(&self, endpoint: &Endpoint) -> bool {
        endpoint.network == self.network && endpoint.has_labels(&self.selector)
    }

    /// Whether one of its rules names this endpoint by its labels.
    pub fn names(&self, endpoint: &Endpoint) -> bool {
        endpoint.network == self.network && self.peer_selectors().any(|selector| endpoint.has_labels(selector))
    }

    /// By which labels its rules name endpoints.
    pub fn peer_selectors(&self) -> impl Iterator<Item = &BTreeMap<String, String>> {
        let rules = self.ingress.iter().chain(&self.egress).flatten();
        rules.flat_map(|rule| &rule.peers).filter_map(|peer| peer.selector.as_ref())
    }
}

impl PolicyRule {
    fn validate(&self, field: &'static str) -> Result<(), Invalid> {
        let parts = self.peers.len().max(self.ports.len());
        if parts > MAX_PARTS {
            return Err(Invalid::new(
                field,
                format!("a rule of {parts} peers or ports, at most {MAX_PARTS} are allowed"),
            ));
        }
        self.peers.iter().try_for_each(|peer| peer.validate(field))?;
        self.ports.iter().try_for_each(|port| port.validate(field))
    }
}

impl PolicyPeer {
    fn validate(&self, field: &'static str) -> Result<(), Invalid> {
        let refuse = |reason: String| Err(Invalid::new(field, reason));
        match (&self.selector, self.cidr) {
            (Some(selector), None) if self.except.is_empty() => return check_selector(field, selector),
            (None, Some(_)) => {}
            _ => return refuse("a peer has either a selector, or a cidr and what is excepted from it".into()),
        }
        if self.except.len() > MAX_EXCEPT {
            return refuse(format!("{} exceptions, at most {MAX_EXCEPT} are allowed", self.except.len()));
        }
        let mut all = self.cidr.iter().chain(&self.except);
        if let Some(odd) = all.find(|net| net.trunc() != **net) {
            return refuse(format!("{odd} has host bits set; did you mean {}?", odd.trunc()));
        }
        match self.except.iter().find(|except| !self.cidr.is_some_and(|cidr| cidr.contains(*except))) {
            Some(outside) => refuse(format!("{outside} is excepted but lies outside of the peer's cidr")),
            None => Ok(()),
        }
    }

    /// Its addresses, as the fewest prefixes that hold them and nothing else; none if it goes by labels.
    pub fn prefixes(&self) -> BTreeSet<IpNet> {
        let except = &self.except;
        let mut left: Vec<IpNet> = self.cidr.into_iter().collect();
        let mut prefixes = BTreeSet::new();
        while let Some(net) = left.pop() {
            match () {
                () if except.iter().any(|except| except.contains(&net)) => {}
                () if except.iter().any(|except| net.contains(except)) => {
                    left.extend(net.subnets(net.prefix_len() + 1).into_iter().flatten());
                }
                () => drop(prefixes.insert(net)),
            }
        }
        prefixes
    }

    /// Whether it means this address, as one of its prefixes.
    pub fn has_address(&self, ip: IpAddr) -> bool {
        let has = |net: &IpNet| net.contains(&ip);
        self.cidr.as_ref().is_some_and(has) && !self.except.iter().any(has)
    }
}

impl PolicyPort {
    fn validate(&self, field: &'static str) -> Result<(), Invalid> {
        let refuse = |reason: String| Err(Invalid::new(field, reason));
        match (self.port, self.end_port) {
            (Some(0), _) => refuse("port 0: a port is within 1 to 65535".into()),
            (None, Some(end)) => refuse(format!("end_port {end} without a port to begin with")),
            (Some(port), Some(end)) if end < port => refuse(format!("end_port {end} is below port {port}")),
            _ => Ok(()),
        }
    }

    /// The first and the last port.
    pub fn range(&self) -> (u16, u16) {
        match self.port {
            None => (0, u16::MAX),
            Some(port) => (port, self.end_port.unwrap_or(port)),
        }
    }

    /// Value and mask of the fewest blocks of ports that make up the range.
    pub fn blocks(&self) -> Vec<(u16, u16)> {
        let (first, last) = self.range();
        let (mut next, end) = (u32::from(first), u32::from(last) + 1);
        let mut blocks = Vec::new();
        while next < end {
            let aligned = if next == 0 { 1 << 16 } else { next & next.wrapping_neg() };
            let fitting = 1 << (31 - (end - next).leading_zeros());
            let size: u32 = aligned.min(fitting);
            blocks.push((next as u16, (0x1_0000 - size) as u16));
            next += size;
        }
        blocks
    }
}

fn check_selector(field: &'static str, selector: &BTreeMap<String, String>) -> Result<(), Invalid> {
    match selector.len() {
        0..=64 => Ok(()),
        many => Err(Invalid::new(field, format!("{many} labels, at most 64 are allowed"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(json: serde_json::Value) -> PolicySpec {
        serde_json::from_value(json).unwrap()
    }

    fn rule(rule: serde_json::Value) -> PolicySpec {
        spec(serde_json::json!({"ingress": [rule]}))
    }

    #[test]
    fn refusals_name_the_field_and_what_is_wrong() {
        let cases = [
            (spec(serde_json::json!({})), "ingress: neither ingress nor egress"),
            (rule(serde_json::json!({"peers": [{}]})), "either a selector, or a cidr"),
            (rule(serde_json::json!({"peers": [{"selector": {}, "cidr": "10.0.0.0/8"}]})), "either a selector"),
            (rule(serde_json::json!({"peers": [{"cidr": "10.0.0.1/8"}]})), "did you mean 10.0.0.0/8"),
            (rule(serde_json::json!({"peers": [{"cidr": "::/0", "except": ["11.0.0.0/9"]}]})), "lies outside"),
            (rule(serde_json::json!({"peers": [{"cidr": "fd00::1/8"}]})), "did you mean fd00::/8"),
            (rule(serde_json::json!({"peers": [{"cidr": "10.0.0.0/8", "except": ["11.0.0.0/9"]}]})), "lies outside"),
            (rule(serde_json::json!({"ports": [{"port": 0}]})), "within 1 to 65535"),
            (rule(serde_json::json!({"ports": [{"end_port": 9}]})), "without a port"),
            (rule(serde_json::json!({"ports": [{"port": 9, "end_port": 8}]})), "below port 9"),
            (spec(serde_json::json!({"egress": vec![serde_json::json!({}); 129]})), "egress: 129 rules, at most 128"),
        ];
        for (spec, expected) in cases {
            let refused = spec.validate().unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused:?} lacks {expected:?}");
        }
        assert!(spec(serde_json::json!({"egress": []})).validate().is_ok());
    }

    #[test]
    fn prefixes_and_blocks_hold_what_is_meant_and_nothing_else() {
        let peer = PolicyPeer {
            cidr: Some("10.0.0.0/24".parse().unwrap()),
            except: vec!["10.0.0.0/26".parse().unwrap(), "10.0.0.77/32".parse().unwrap()],
            ..PolicyPeer::default()
        };
        for ip in (0..=255).map(|n| IpAddr::from([10, 0, 0, n])) {
            assert_eq!(peer.prefixes().iter().any(|net| net.contains(&ip)), peer.has_address(ip), "{ip}");
        }
        assert_eq!(peer.prefixes().len(), 7, "128/25, and six around .77");
        let ranges = [(1, 1), (80, 90), (1, 65_535), (1024, 2047), (32_767, 32_769), (65_535, 65_535), (7, 60_001)];
        for (first, last) in ranges {
            let port = PolicyPort { protocol: Protocol::Tcp, port: Some(first), end_port: Some(last) };
            let blocks = port.blocks();
            for at in 0..=u16::MAX {
                let hits = blocks.iter().filter(|(value, mask)| at & mask == *value).count();
                assert_eq!(hits, usize::from((first..=last).contains(&at)), "{at} in {first} to {last}");
            }
            assert!(blocks.len() <= 30);
        }
    }
}
