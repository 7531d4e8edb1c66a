//! Policies against a simple oracle: rules read one after the other, packets sent through the model of a switch.

use std::{collections::BTreeMap, net::Ipv4Addr};

use api::{Endpoint, Policy, PolicyPeer, PolicyPort, PolicyRule, PolicySpec, Protocol};
use openflow::Field;
use proptest::prelude::*;

use super::super::{
    lab::{Lab, TCP, UDP},
    tests::{built, commit, endpoint, json, name, node},
};
use crate::{
    compile::Compiler,
    dump::{self, Owners},
    intent::Change,
    pipeline::Table,
};

/// Where a packet comes from that none of this node's endpoints sends.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);

pub(in crate::compile) fn any_spec() -> impl Strategy<Value = PolicySpec> {
    let selector = || {
        let labels = [("app", "web"), ("app", "db"), ("tier", "front")];
        prop::collection::btree_set(prop::sample::select(labels.to_vec()), 0..2).prop_map(|labels| {
            labels.into_iter().map(|(k, v)| (k.into(), v.into())).collect::<BTreeMap<String, String>>()
        })
    };
    let cidrs = ["0.0.0.0/0", "10.244.0.0/16", "10.244.1.0/29", "10.244.1.3/32", "192.0.2.0/24"];
    let excepts = ["10.244.1.2/31", "10.244.1.3/32", "192.0.2.9/32", "10.244.2.0/24"];
    let cidr = (prop::sample::select(cidrs.to_vec()), prop::sample::subsequence(excepts.to_vec(), 0..3)).prop_map(
        |(cidr, except)| {
            let cidr: ipnet::IpNet = cidr.parse().unwrap();
            let except = except.into_iter().map(|net| net.parse().unwrap()).filter(|net| cidr.contains(net)).collect();
            PolicyPeer { selector: None, cidr: Some(cidr), except }
        },
    );
    let labelled = selector().prop_map(|labels| PolicyPeer { selector: Some(labels), ..PolicyPeer::default() });
    let peer = prop_oneof![labelled, cidr];
    let protocol = prop::sample::select(vec![Protocol::Tcp, Protocol::Udp]);
    let port = (protocol, prop::option::of((78..84u16, prop::option::of(0..6u16)))).prop_map(|(protocol, range)| {
        let (port, more) = range.map_or((None, None), |(port, more)| (Some(port), more));
        PolicyPort { protocol, port, end_port: more.and_then(|more| Some(port? + more)) }
    });
    let rule = (prop::collection::vec(peer, 0..3), prop::collection::vec(port, 0..3))
        .prop_map(|(peers, ports)| PolicyRule { peers, ports });
    let rules = || prop::option::of(prop::collection::vec(rule.clone(), 0..3));
    (selector(), rules(), rules()).prop_map(|(selector, ingress, egress)| {
        let ingress = if egress.is_none() { Some(ingress.unwrap_or_default()) } else { ingress };
        PolicySpec { network: name(api::DEFAULT_NETWORK), selector, ingress, egress }
    })
}

/// Whether policies allow what `subject` has with `peer` at a port.
fn allowed(compiler: &Compiler, egress: bool, subject: Ipv4Addr, peer: Ipv4Addr, protocol: u8, port: u16) -> bool {
    let intent = compiler.intent();
    let at = |ip: Ipv4Addr| intent.endpoints.values().find(|it| it.ips.contains(&ip.into()));
    let Some(subject) = at(subject) else { return true };
    let has_all =
        |it: &Endpoint, labels: &BTreeMap<String, String>| labels.iter().all(|(k, v)| it.labels.get(k) == Some(v));
    let about = intent.policies.values().filter(|policy| has_all(subject, &policy.spec.selector));
    let say = |policy: &Policy| if egress { policy.spec.egress.clone() } else { policy.spec.ingress.clone() };
    let mut saying = about.filter_map(|policy| say(policy)).peekable();
    let matches_peer = |rule: &PolicyRule| {
        let is = |it: &PolicyPeer| match &it.selector {
            Some(labels) => at(peer).is_some_and(|peer| has_all(peer, labels)),
            None => it.has_address(peer.into()),
        };
        rule.peers.is_empty() || rule.peers.iter().any(is)
    };
    let matches_port = |rule: &PolicyRule| {
        let is = |it: &PolicyPort| it.protocol.number() == protocol && (it.range().0..=it.range().1).contains(&port);
        rule.ports.is_empty() || rule.ports.iter().any(is)
    };
    saying.peek().is_none() || saying.flatten().any(|rule| matches_peer(&rule) && matches_port(&rule))
}

impl Lab {
    /// Whether this node tracks connections of this end, if it is one of its own.
    fn tracks(&self, ip: Ipv4Addr) -> bool {
        self.endpoint(ip).is_none_or(|it| it.node != name("h1") || !self.compiler.intent().policies_of(it).is_empty())
    }

    /// Whether both ends allow it, as far as this node judges them.
    fn expected(&self, from: Ipv4Addr, to: Ipv4Addr, protocol: u8, port: u16) -> bool {
        let here = |ip| self.endpoint(ip).is_some_and(|it| it.node == name("h1"));
        (!here(from) || allowed(&self.compiler, true, from, to, protocol, port))
            && (!here(to) || allowed(&self.compiler, false, to, from, protocol, port))
    }
}

fn labelled(node: u32, n: u32, labels: &[(&str, &str)]) -> Change {
    let labels: BTreeMap<&str, &str> = labels.iter().copied().collect();
    let spec = serde_json::json!({"node": format!("h{node}"), "device": format!("p{n}"), "labels": labels});
    Change::PutEndpoint(name(&format!("e{n}")), json(spec))
}

/// Three endpoints here, two there.
fn places() -> Vec<Change> {
    vec![
        node(1, 1500),
        node(2, 1500),
        labelled(1, 1, &[("app", "web")]),
        labelled(1, 2, &[("app", "db"), ("tier", "front")]),
        labelled(1, 3, &[]),
        labelled(2, 4, &[("app", "web"), ("tier", "front")]),
        labelled(2, 5, &[]),
    ]
}

fn addresses(lab: &Lab) -> Vec<Ipv4Addr> {
    let all = lab.compiler.intent().endpoints.values().filter_map(|it| super::super::v4(it.ips[0]));
    all.chain([OUTSIDE]).collect()
}

fn policy(n: u32, spec: PolicySpec) -> Change {
    Change::PutPolicy(name(&format!("p{n}")), spec)
}

fn ingress(rules: serde_json::Value) -> PolicySpec {
    json(serde_json::json!({"selector": {"app": "web"}, "ingress": rules}))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// What opens a connection passes if the oracle says so, and then its answers do; what is allowed no more is cut.
    #[test]
    fn packets_pass_as_the_rules_say(
        specs in prop::collection::vec(any_spec(), 0..4),
        later in prop::collection::vec((1..4u32, any_spec()), 1..3),
        tries in prop::collection::vec((0..6usize, 0..6usize, any::<bool>(), 77..91u16), 1..12),
    ) {
        let mut changes = places();
        changes.extend((1..).zip(specs).map(|(n, spec)| policy(n, spec)));
        let mut lab = Lab::new(&changes);
        let all = addresses(&lab);
        let mut open = Vec::new();
        for (nth, (from, to, tcp, port)) in tries.into_iter().enumerate().filter(|(_, (a, b, ..))| a != b && (*a < 3 || *b < 3)) {
            let (from, to, protocol, ports) = (all[from], all[to], if tcp { TCP } else { UDP }, (40_000 + nth as u16, port));
            let expected = lab.expected(from, to, protocol, port);
            let trace = lab.send(from, to, protocol, ports, 2);
            prop_assert_eq!(!trace.is_drop(), expected, "{} to {}:{}", from, to, port);
            if expected {
                let answer = lab.send(to, from, protocol, (port, ports.0), 0x12);
                prop_assert!(!answer.is_drop(), "the answer of {} to {}", to, from);
                prop_assert!(!lab.send(from, to, protocol, ports, 0x10).is_drop());
                // Of what was open before the first policy nobody knows who began it.
                open.extend((lab.tracks(from) && lab.tracks(to)).then_some((from, to, protocol, ports)));
            }
        }
        for (n, spec) in later {
            lab.change(&policy(n, spec));
            for (from, to, protocol, ports) in open.clone() {
                let expected = lab.expected(from, to, protocol, ports.1);
                prop_assert_eq!(!lab.send(from, to, protocol, ports, 0x10).is_drop(), expected, "{} to {}:{} later", from, to, ports.1);
                let answered = !lab.send(to, from, protocol, (ports.1, ports.0), 0x10).is_drop();
                prop_assert_eq!(answered, expected, "{} answers {} later", to, from);
            }
        }
    }
}

#[test]
fn who_is_subject_to_no_policy_meets_no_conntrack() {
    let mut changes = places();
    changes.push(policy(1, ingress(serde_json::json!([]))));
    let mut lab = Lab::new(&changes);
    let [web, db, plain] = [0, 1, 2].map(|n| addresses(&lab)[n]);
    assert_eq!(lab.send(db, plain, TCP, (40_000, 80), 2).passes.len(), 1);
    let denied = lab.send(plain, web, TCP, (40_000, 80), 2);
    assert!(denied.is_drop());
    assert_eq!(denied.passes.len(), 2);
    let last = denied.last_flow().unwrap();
    assert_eq!(last.table_id.0, Table::IngressRules.id());
    let owners = Owners::new(&[lab.compiler.intent()]);
    let request = openflow::msg::flow::FlowRequest::default();
    let shown = lab
        .switch
        .flows(&request)
        .into_iter()
        .find(|flow| flow.cookie == last.cookie && flow.packet_count == 1 && flow.table_id == last.table_id);
    let shown = dump::flow(&shown.unwrap(), &owners, None);
    assert_eq!((shown.owner.as_deref(), shown.reason.as_deref()), (Some("policy/p1"), Some("no policy allows it")));
}

#[test]
fn flows_grow_with_addresses_and_ports_not_with_their_product() {
    let peers: Vec<_> = (0..50).map(|n| serde_json::json!({"cidr": format!("198.51.100.{n}/32")})).collect();
    let ports: Vec<_> = (0..40).map(|n| serde_json::json!({"port": 2 * n + 1})).collect();
    let flows = |rules| {
        let compiler = built(&[places(), vec![policy(1, ingress(rules))]].concat());
        compiler.state(&name("h1")).flows.len()
    };
    let isolated = flows(serde_json::json!([]));
    let one = flows(serde_json::json!([{"peers": peers, "ports": ports}]));
    assert_eq!(one - isolated, 50 + 40 + 1 + 1, "peers, ports, whom it is about, and both met");
}

#[test]
fn rules_are_only_where_they_are_about_someone() {
    let mut compiler = built(&[places(), vec![policy(1, json(serde_json::json!({"selector": {"tier": "front"}, "ingress": [{"peers": [{"cidr": "10.0.0.0/8"}]}]})))]].concat());
    let rules = |compiler: &Compiler, node: &str| {
        let state = compiler.state(&name(node));
        state.flows.keys().filter(|key| key.table == Table::IngressRules.id() && key.priority == 1001).count()
    };
    assert_eq!((rules(&compiler, "h1"), rules(&compiler, "h2")), (3, 3));
    let mut intent = compiler.intent().clone();
    let deltas = compiler.apply(&commit(&mut intent, &labelled(2, 4, &[])).unwrap());
    assert_eq!(deltas.keys().collect::<Vec<_>>(), [&name("h2")]);
    assert_eq!((rules(&compiler, "h1"), rules(&compiler, "h2")), (3, 0));
}

#[test]
fn a_service_is_judged_by_its_backend_and_its_host_is_never_judged() {
    let web = ingress(serde_json::json!([{"peers": [{"selector": {"app": "db"}}], "ports": [{"port": 8080}]}]));
    let to_web = serde_json::json!({"selector": {"app": "db"}, "egress": [{"peers": [{"selector": {"app": "web"}}], "ports": [{"port": 8080}]}]});
    let service = serde_json::json!({"vip": "10.96.0.1", "ports": [{"port": 80, "target_port": 8080}], "backends": ["10.244.1.2"]});
    let mut changes = places();
    changes.extend([policy(1, web), policy(2, json(to_web)), Change::PutService(name("s"), json(service))]);
    let mut lab = Lab::new(&changes);
    let vip = Ipv4Addr::new(10, 96, 0, 1);
    let [web, db, plain] = [0, 1, 2].map(|n| addresses(&lab)[n]);
    let trace = lab.send(db, vip, TCP, (40_000, 80), 2);
    assert_eq!(trace.outputs()[0].1.get(Field::OXM_OF_IPV4_DST), u128::from(u32::from(web)));
    let answer = lab.send(web, db, TCP, (8080, 40_000), 0x12);
    assert_eq!(
        answer.outputs()[0].1.get(Field::OXM_OF_IPV4_SRC),
        u128::from(u32::from(vip)),
        "the client sees the service"
    );
    assert!(!lab.send(db, vip, TCP, (40_000, 80), 0x10).is_drop());
    assert!(lab.send(plain, vip, TCP, (40_000, 80), 2).is_drop());
    assert!(!lab.send(Ipv4Addr::new(10, 244, 1, 1), web, TCP, (40_000, 1), 2).is_drop(), "its own host");
    assert!(lab.send(OUTSIDE, web, TCP, (40_000, 8080), 2).is_drop());
}

#[test]
fn what_was_open_before_the_first_policy_goes_on_if_allowed_and_ends_if_not() {
    let mut lab = Lab::new(&places());
    let [web, db, plain] = [0, 1, 2].map(|n| addresses(&lab)[n]);
    lab.change(&policy(1, ingress(serde_json::json!([{"peers": [{"selector": {"app": "db"}}]}]))));
    for (client, goes_on) in [(db, true), (plain, false)] {
        assert!(!lab.send(web, client, TCP, (80, 40_000), 0x10).is_drop(), "the server speaks first");
        assert_eq!(!lab.send(client, web, TCP, (40_000, 80), 0x10).is_drop(), goes_on);
    }
    assert!(!lab.send(web, plain, TCP, (50_000, 80), 0x10).is_drop(), "a connection of its own");
    assert!(!lab.send(plain, web, TCP, (80, 50_000), 0x10).is_drop(), "is answered");
    let fresh = endpoint(1, 9, true);
    lab.change(&fresh);
    assert_eq!(lab.endpoint(Ipv4Addr::new(10, 244, 1, 5)).unwrap().labels["app"], "web");
    assert!(!lab.expected(plain, Ipv4Addr::new(10, 244, 1, 5), TCP, 80), "isolated as soon as it is there");
}
