//! Which controller is to be the master of which switch: pure, even, and the same wherever it is computed.

use std::collections::BTreeMap;

use api::Name;

/// Gives each node one of `members`: to each member as many as to any other, or one more.
///
/// Nodes and members rank each other by a hash of both names. Each node asks the members in its order, each member keeps
/// the best it has room for and sends the others on (Gale and Shapley's matching). So the outcome does not depend on the
/// order in which nodes are looked at, and who is added or gone moves few others.
pub fn assign<'a>(members: &[&'a str], nodes: &[Name]) -> BTreeMap<Name, &'a str> {
    let mut members = members.to_vec();
    members.sort_unstable();
    members.dedup();
    if members.is_empty() {
        return BTreeMap::new();
    }
    let (share, more) = (nodes.len() / members.len(), nodes.len() % members.len());
    let room = |member: usize| share + usize::from(member < more);
    let ranked: Vec<Vec<(u64, usize)>> = nodes.iter().map(|node| rank(&members, node)).collect();
    let mut kept: Vec<BTreeMap<(u64, usize), ()>> = vec![BTreeMap::new(); members.len()];
    let mut next = vec![0; nodes.len()];
    let mut asking: Vec<usize> = (0..nodes.len()).collect();
    while let Some(node) = asking.pop() {
        // There is room for all: nobody is sent away by everyone.
        let Some((weight, member)) = ranked[node].get(next[node]).copied() else { continue };
        next[node] += 1;
        kept[member].insert((weight, node), ());
        if kept[member].len() > room(member)
            && let Some(((_, worst), ())) = kept[member].pop_first()
        {
            asking.push(worst);
        }
    }
    let pairs = kept.iter().zip(&members).flat_map(|(kept, member)| kept.keys().map(move |(_, node)| (*node, *member)));
    pairs.map(|(node, member)| (nodes[node].clone(), member)).collect()
}

/// The members in the order in which a node would have them, with how much each would have the node.
fn rank(members: &[&str], node: &Name) -> Vec<(u64, usize)> {
    let mut ranked: Vec<(u64, usize)> =
        members.iter().enumerate().map(|(index, member)| (weight(member, node.as_str()), index)).collect();
    ranked.sort_unstable_by(|a, b| b.cmp(a));
    ranked
}

/// FNV-1a over both names, then mixed, as names differ in their last characters only.
fn weight(member: &str, node: &str) -> u64 {
    let bytes = member.bytes().chain([0]).chain(node.bytes());
    let mut hash =
        bytes.fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nodes(count: usize) -> Vec<Name> {
        (0..count).map(|n| Name::new(format!("h{n}")).unwrap()).collect()
    }

    fn counts(assigned: &BTreeMap<Name, &str>) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        assigned.values().for_each(|member| *counts.entry((*member).to_owned()).or_default() += 1);
        counts
    }

    #[test]
    fn nobody_is_master_where_nobody_is_alive() {
        assert!(assign(&[], &nodes(3)).is_empty());
        assert!(assign(&["c1"], &[]).is_empty());
    }

    proptest! {
        #[test]
        fn each_node_has_one_master_and_each_master_its_share(
            members in proptest::collection::btree_set("[a-z]{1,8}", 1..7),
            count in 0usize..120,
            seed in any::<u64>(),
        ) {
            let nodes = nodes(count);
            let members: Vec<&str> = members.iter().map(String::as_str).collect();
            let assigned = assign(&members, &nodes);
            prop_assert_eq!(assigned.len(), count);
            let share = count / members.len();
            for member in &members {
                let has = counts(&assigned).get(*member).copied().unwrap_or_default();
                prop_assert!(has == share || has == share + 1, "{} of {}", has, share);
            }
            let (mut others, mut shuffled) = (members, nodes);
            others.reverse();
            let by = (seed as usize) % shuffled.len().max(1);
            shuffled.rotate_left(by);
            prop_assert_eq!(assign(&others, &shuffled), assigned);
        }

        #[test]
        fn few_move_when_one_goes_or_comes(alive in 2usize..6, count in 1usize..200) {
            let names: Vec<String> = (0..alive).map(|n| format!("c{n}")).collect();
            let members: Vec<&str> = names.iter().map(String::as_str).collect();
            let nodes = nodes(count);
            let all = assign(&members, &nodes);
            for gone in &members {
                let left: Vec<&str> = members.iter().copied().filter(|member| member != gone).collect();
                let fewer = assign(&left, &nodes);
                let must = all.values().filter(|member| *member == gone).count();
                let moved = nodes.iter().filter(|node| all[*node] != fewer[*node]).count();
                // A hash without memory moves a few that need not; without the matching it would be almost all.
                prop_assert!(moved <= must + count / 3 + 2, "{} moved, {} had to", moved, must);
            }
        }
    }
}
