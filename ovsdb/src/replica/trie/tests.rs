use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Keys that share long prefixes, so that branches grow deep.
fn key() -> impl Strategy<Value = Key> {
    (0u8..4, 0u8..64).prop_map(|(first, last)| {
        let mut key = [0; 16];
        key[0] = first << 6;
        key[15] = last;
        key
    })
}

#[derive(Debug, Clone)]
enum Step {
    Insert(Key, u8),
    Remove(Key),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (key(), any::<u8>()).prop_map(|(key, value)| Step::Insert(key, value)),
        2 => key().prop_map(Step::Remove),
    ]
}

fn differences(old: &Trie<u8>, new: &Trie<u8>) -> Vec<(Key, Option<u8>, Option<u8>)> {
    let mut found = Vec::new();
    old.diff(new, &|a, b| a == b, &mut |key, a, b| found.push((*key, a.copied(), b.copied())));
    found
}

proptest! {
    #[test]
    fn it_is_a_map(steps in proptest::collection::vec(step(), 0..400), cut in 0usize..400) {
        let (mut trie, mut model) = (Trie::default(), BTreeMap::new());
        let mut before = (trie.clone(), model.clone());
        for (number, step) in steps.into_iter().enumerate() {
            if number == cut {
                before = (trie.clone(), model.clone());
            }
            match step {
                Step::Insert(key, value) => {
                    prop_assert_eq!(trie.insert(key, value), model.insert(key, value));
                }
                Step::Remove(key) => prop_assert_eq!(trie.remove(&key), model.remove(&key)),
            }
            prop_assert_eq!(trie.len(), model.len());
        }
        prop_assert!(trie.iter().eq(model.iter()));
        prop_assert!(before.0.iter().eq(before.1.iter()), "a snapshot changed");
        for key in model.keys().chain(before.1.keys()) {
            prop_assert_eq!(trie.get(key), model.get(key));
        }
        let keys = model.keys().chain(before.1.keys());
        let mut wanted: Vec<_> = keys
            .map(|key| (*key, before.1.get(key).copied(), model.get(key).copied()))
            .filter(|(_, a, b)| a != b)
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        prop_assert_eq!(differences(&before.0, &trie), wanted);
    }
}

#[test]
fn equal_parts_are_not_compared() {
    let key = |n: u128| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes();
    let mut trie = Trie::default();
    for n in 0..10_000u128 {
        trie.insert(key(n), n);
    }
    let old = trie.clone();
    trie.insert(key(77), 0);
    let compared = std::cell::Cell::new(0);
    let same = |a: &u128, b: &u128| {
        compared.set(compared.get() + 1);
        a == b
    };
    let mut found = 0;
    old.diff(&trie, &same, &mut |_, _, _| found += 1);
    assert_eq!(found, 1);
    assert!(compared.get() <= LEAF, "compared {} of 10,000", compared.get());
}
