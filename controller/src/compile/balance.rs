//! Chances of buckets in a select group, so that Open vSwitch gives each what it is to get.
//!
//! Open vSwitch deals out slots, at least 16 and at most 256: the power of two from the sum of all weights over the
//! least one. A bucket gets exactly its weight in slots if the weights add up to the number of slots; that number is
//! what we ask for if the least weight is 1. So we deal the slots out ourselves, and where nobody has just one, one
//! has its share in two buckets, of which the second has one slot.

/// How many slots Open vSwitch deals out at least and at most.
const SLOTS: (usize, usize) = (16, 256);

/// How far from what it is to get a bucket's share may be, in hundredths: with more slots, there are more datapath flows.
const TOLERANCE: usize = 4;

/// Buckets as index into `weights` and weight in the group.
pub(super) fn buckets(weights: &[u16]) -> Vec<(usize, u16)> {
    let slots = slots(weights);
    let total: usize = slots.iter().map(|slots| usize::from(*slots)).sum();
    let dealt = slots.iter().copied().enumerate().filter(|(_, slots)| *slots > 0);
    let mut buckets: Vec<(usize, u16)> = dealt.collect();
    let least = buckets.iter().map(|(_, slots)| *slots).min().unwrap_or(0);
    if total > SLOTS.0 && least > 1 {
        let (first, _) = buckets[0];
        buckets[0].1 -= 1;
        buckets.push((first, 1));
    }
    buckets
}

/// The slots of each, as few as come near enough to the weights.
fn slots(weights: &[u16]) -> Vec<u16> {
    let mut count = SLOTS.0;
    loop {
        let slots = deal(weights, count);
        let all: usize = slots.iter().map(|slots| usize::from(*slots)).sum();
        if count >= SLOTS.1 || (all == count && is_near(weights, &slots)) {
            return slots;
        }
        count *= 2;
    }
}

/// Deals `count` slots out by weight: at least one to each that has any, the rest to those that come off worst.
fn deal(weights: &[u16], count: usize) -> Vec<u16> {
    let sum: usize = weights.iter().map(|weight| usize::from(*weight)).sum();
    let mut slots: Vec<usize> =
        weights.iter().map(|weight| usize::from(*weight)).map(|w| (w * count / sum.max(1)).max(w.min(1))).collect();
    let mut order: Vec<usize> = (0..weights.len()).filter(|at| weights[*at] > 0).collect();
    let dealt: usize = slots.iter().sum();
    let lacking = |at: usize, slots: &[usize]| (usize::from(weights[at]) * count) as i64 - (slots[at] * sum) as i64;
    order.sort_by_key(|at| (std::cmp::Reverse(lacking(*at, &slots)), *at));
    order
        .iter()
        .cycle()
        .take(count.saturating_sub(dealt) * usize::from(!order.is_empty()))
        .for_each(|at| slots[*at] += 1);
    for _ in count..dealt {
        let most = order.iter().copied().filter(|at| slots[*at] > 1).min_by_key(|at| lacking(*at, &slots));
        most.into_iter().for_each(|at| slots[at] -= 1);
    }
    slots.into_iter().map(|slots| slots as u16).collect()
}

fn is_near(weights: &[u16], slots: &[u16]) -> bool {
    let sum = |of: &[u16]| of.iter().map(|n| usize::from(*n)).sum::<usize>();
    let (all, count) = (sum(weights), sum(slots));
    weights.iter().zip(slots).all(|(weight, slots)| {
        let (fair, is) = (usize::from(*weight) * count, usize::from(*slots) * all);
        fair.abs_diff(is) * 100 <= fair * TOLERANCE
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::intent::MAX_BUCKETS;

    /// The slots that Open vSwitch deals out, one after the other to who has the largest weight over twice its slots plus
    /// one (Webster).
    fn dealt_by_ovs(weights: &[u16]) -> Vec<usize> {
        let sum: usize = weights.iter().map(|w| usize::from(*w)).sum();
        let least = weights.iter().copied().min().unwrap().into();
        let count = sum.div_ceil(least).next_power_of_two().max(16);
        assert!(count <= 256, "{weights:?} fall back to a datapath flow per connection");
        let mut slots = vec![0usize; weights.len()];
        for _ in 0..count {
            let value = |at: usize| f64::from(weights[at]) / (2 * slots[at] + 1) as f64;
            let best = (0..weights.len()).fold(0, |best, at| if value(at) > value(best) { at } else { best });
            slots[best] += 1;
        }
        slots
    }

    fn shares(weights: &[u16]) -> Vec<f64> {
        let buckets = buckets(weights);
        let dealt = dealt_by_ovs(&buckets.iter().map(|(_, weight)| *weight).collect::<Vec<_>>());
        let all: usize = dealt.iter().sum();
        let mut shares = vec![0.0; weights.len()];
        buckets.iter().zip(dealt).for_each(|((of, _), slots)| shares[*of] += slots as f64 / all as f64);
        shares
    }

    #[test]
    fn equal_backends_get_equal_shares() {
        for count in 1..=MAX_BUCKETS {
            for share in shares(&vec![1; count]) {
                let off = share * count as f64 - 1.0;
                assert!(off.abs() < 0.14, "{count} backends: {off}");
            }
        }
    }

    #[test]
    fn few_slots_where_few_do() {
        assert_eq!(buckets(&[1, 1]), [(0, 8), (1, 8)]);
        assert_eq!(buckets(&[1]), [(0, 16)]);
        assert_eq!(buckets(&[3, 0, 1]), [(0, 12), (2, 4)]);
        assert_eq!(buckets(&[0, 0]), []);
        assert_eq!(buckets(&[1, 1, 1]).iter().map(|(_, weight)| u32::from(*weight)).sum::<u32>(), 64);
    }

    proptest! {
        #[test]
        fn weights_are_respected(weights in prop::collection::vec(1..=100u16, 1..=MAX_BUCKETS)) {
            let sum: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
            for (weight, share) in weights.iter().zip(shares(&weights)) {
                let fair = f64::from(*weight) / sum;
                // One slot of 256 is the least there is.
                prop_assert!((share - fair).abs() <= (fair * 0.05).max(1.0 / 256.0) + 1e-9, "{} for {}", share, fair);
            }
        }
    }
}
