use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Make(u8, u32),
    Free(u32),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..4u8, 0..24u32).prop_map(|(node, n)| Step::Make(node, n)),
        3 => (0..24u32).prop_map(Step::Free),
        1 => (1..50u64).prop_map(Step::Wait),
    ]
}

proptest! {
    /// No address, port or id is in use twice, none is given before it rested, and what is written reads back.
    #[test]
    fn any_history_keeps_addresses_apart(steps in proptest::collection::vec(step(), 1..120)) {
        let mut intent = with_nodes(3);
        let mut now = 1000;
        let mut freed: BTreeMap<IpAddr, u64> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Wait(seconds) => now += seconds,
                Step::Make(node, n) => {
                    let fresh = !intent.endpoints.contains_key(&name(&format!("e{n}")));
                    if make(&mut intent, &endpoint(node, n, None), now).is_ok() && fresh {
                        let ip = intent.endpoints[&name(&format!("e{n}"))].ips[0];
                        prop_assert!(freed.get(&ip).is_none_or(|at| now - at >= REST_SECONDS));
                    }
                }
                Step::Free(n) => {
                    let there = intent.endpoints.get(&name(&format!("e{n}"))).map(|e| e.ips[0]);
                    prop_assert_eq!(make(&mut intent, &Change::DeleteEndpoint(name(&format!("e{n}"))), now).is_ok(), there.is_some());
                    freed.extend(there.map(|ip| (ip, now)));
                }
            }
            let all: Vec<_> = intent.endpoints.values().collect();
            let distinct = |count: usize| count == all.len();
            prop_assert!(distinct(all.iter().map(|e| e.ips[0]).collect::<std::collections::BTreeSet<_>>().len()));
            prop_assert!(distinct(all.iter().map(|e| e.id).collect::<std::collections::BTreeSet<_>>().len()));
            prop_assert!(distinct(all.iter().map(|e| (&e.node, e.port)).collect::<std::collections::BTreeSet<_>>().len()));
        }
        for value in intent.endpoints.values().cloned().map(Value::Endpoint) {
            prop_assert_eq!(Value::decode(&value.key().encode(), &value.encode()).unwrap(), value);
        }
    }
}
