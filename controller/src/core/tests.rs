use api::{EndpointSpec, NodeSpec};

use super::*;
use crate::{
    compile::Mesh,
    intent::Change,
    reconcile::{OwnerId, Refusal},
};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn json<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// A core over two nodes whose switches are up and have all they are to have; and what the user sees of intent.
struct World {
    core: Core,
    intent: Intent,
}

impl World {
    fn new() -> Self {
        let mut intent = Intent::default();
        let services = "10.96.0.0/12".parse().unwrap();
        let network = json(serde_json::json!({"subnets": ["10.244.0.0/16"], "node_prefix": 24}));
        let node = |n: u8| {
            let spec: NodeSpec = json(serde_json::json!({"address": format!("172.30.0.{n}"), "mtu": 1500}));
            Change::PutNode(name(&format!("h{n}")), spec)
        };
        for change in [Change::PutNetwork(name("default"), network), node(1), node(2)] {
            let txn = intent.plan(&[change], &services, 0).unwrap().txn.unwrap();
            intent.apply(&txn);
        }
        let settings = Settings::new(Mesh::Flow, services);
        let mut world = Self { core: Core::new(settings, intent.clone(), Instant::now()), intent };
        for (session, node) in [(1, "h1"), (2, "h2")] {
            world.core.switch_up(&name(node), session);
            let sent = world.core.observed(&name(node), session, &State::default());
            world.accept(sent);
        }
        world
    }

    fn endpoint(&mut self, n: u32) -> (u64, Vec<Action>) {
        let spec: EndpointSpec = json(serde_json::json!({"node": "h1", "device": format!("p{n}")}));
        let change = Change::PutEndpoint(name(&format!("e{n}")), spec);
        let services = self.core.compiler().settings().services;
        let txn = self.intent.plan(&[change], &services, 0).unwrap().txn.unwrap();
        self.intent.apply(&txn);
        (txn.revision, self.core.apply(&txn, self.intent.clone(), Instant::now()))
    }

    /// Switches and hosts accept all they are sent; what comes of that.
    fn accept(&mut self, actions: Vec<Action>) -> Vec<Action> {
        let mut came = Vec::new();
        for action in actions {
            let next = match &action {
                Action::Send(node, session, batch) => {
                    self.core.batch_done(node, *session, batch.id, Ok(()), Instant::now())
                }
                Action::SetHost(node, _, revision) => self.core.host_done(node, *revision, Broken::new()),
                _ => Vec::new(),
            };
            came.push(action);
            came.extend(self.accept(next));
        }
        came
    }
}

fn resolved(actions: &[Action]) -> Vec<u64> {
    actions
        .iter()
        .filter_map(|action| if let Action::Resolve(waiter) = action { Some(*waiter) } else { None })
        .collect()
}

#[test]
fn a_write_is_real_when_switch_and_host_have_acknowledged_it() {
    let mut world = World::new();
    let (revision, actions) = world.endpoint(1);
    assert!(world.core.wait(77, revision).is_empty());
    assert_eq!(world.core.pending(revision), ["h1"], "h2 is not concerned");
    let (to_host, to_switch): (Vec<_>, Vec<_>) = actions.into_iter().partition(|a| matches!(a, Action::SetHost(..)));
    assert!(resolved(&world.accept(to_switch)).is_empty());
    assert_eq!(resolved(&world.accept(to_host)), [77]);
    assert!(world.core.pending(revision).is_empty());
}

#[test]
fn a_revision_that_has_not_come_by_is_waited_for() {
    let mut world = World::new();
    let next = world.intent.revision() + 1;
    assert!(world.core.wait(77, next).is_empty());
    let (_, actions) = world.endpoint(1);
    assert_eq!(resolved(&world.accept(actions)), [77]);
}

#[test]
fn a_port_that_does_not_work_holds_up_its_own_write_only() {
    let mut world = World::new();
    let (broken, first) = world.endpoint(1);
    let (fine, second) = world.endpoint(2);
    world.core.wait(1, broken);
    world.core.wait(2, fine);
    let sent = first.into_iter().chain(second).filter(|a| matches!(a, Action::Send(..))).collect();
    world.accept(sent);
    let missing = Broken::from([("p1".to_owned(), "no such device".to_owned())]);
    let actions = world.core.host_done(&name("h1"), fine, missing);
    assert_eq!(resolved(&actions), [2]);
    let error = world.core.progress()[&name("h1")].error.clone();
    assert_eq!(error.as_deref(), Some("port p1: no such device"));
    assert_eq!(resolved(&world.core.host_done(&name("h1"), fine, Broken::new())), [1]);
}

#[test]
fn an_object_a_switch_refuses_holds_up_its_own_write_only() {
    let mut world = World::new();
    let (bad, actions) = world.endpoint(1);
    let Some(Action::Send(node, session, batch)) = actions.into_iter().find(|a| matches!(a, Action::Send(..))) else {
        panic!("nothing sent")
    };
    let refusal = Refusal { owner: Some(OwnerId::of_flow(&batch.flows_set[0].body)), error: "table full".into() };
    let again = world.core.batch_done(&node, session, batch.id, Err(refusal), Instant::now());
    assert!(again.is_empty(), "there is nothing else to send: {again:?}");
    let (good, actions) = world.endpoint(2);
    world.core.wait(1, bad);
    world.core.wait(2, good);
    assert_eq!(resolved(&world.accept(actions)), [2]);
    assert_eq!(world.core.pending(bad), ["h1"]);
}

#[test]
fn what_an_old_session_says_is_not_heard() {
    let mut world = World::new();
    world.core.switch_up(&name("h1"), 9);
    assert!(world.core.observed(&name("h1"), 1, &State::default()).is_empty());
    world.core.switch_down(&name("h1"), 1);
    assert!(!world.core.observed(&name("h1"), 9, &State::default()).is_empty());
}

#[test]
fn nobody_waits_here_for_a_switch_of_another_controller_until_it_is_taken_over() {
    let mut world = World::new();
    world.core.assign(BTreeSet::new());
    let (revision, sent) = world.endpoint(1);
    assert!(world.core.pending(revision).is_empty());
    assert_eq!(resolved(&world.core.wait(7, revision)), [7]);
    // The other one is gone before it said that it was done.
    world.core.assign(BTreeSet::from([name("h1"), name("h2")]));
    assert_eq!(world.core.pending(revision), ["h1"]);
    assert!(world.core.wait(8, revision).is_empty());
    assert_eq!(resolved(&world.accept(sent)), [8]);
    assert!(world.core.pending(revision).is_empty());
}
