//! When a switch is looked at again, and whether what is seen is news.
//!
//! Flows have a monitor; groups have none in OpenFlow 1.3 and are read every second. Flows are read only now and then,
//! as a backstop. With many switches and large groups that becomes slower, so that its cost stays the same.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use crate::{
    pipeline::{Flows, Groups},
    reconcile::Audit,
};

/// How often groups are read again, if there are few.
const OFTEN: Duration = Duration::from_secs(1);

/// How many buckets of all switches are read in a second: a few hundredths of a core's time.
const BUCKETS_A_SECOND: f64 = 50_000.0;

/// Every how many audits flows are read, too.
const FULL: u32 = 60;

/// The audits of one session.
#[derive(Debug, Default)]
pub(super) struct Audits {
    round: u32,
    buckets: usize,
    flows: Option<u64>,
    groups: Option<u64>,
}

impl Audits {
    /// How long to wait until the next one, with so many switches.
    pub fn pause(&self, switches: usize) -> Duration {
        Duration::from_secs_f64((switches * self.buckets) as f64 / BUCKETS_A_SECOND).max(OFTEN)
    }

    /// The next one begins. True if flows are to be read, too.
    pub fn begin(&mut self) -> bool {
        self.round = self.round.wrapping_add(1);
        self.round.is_multiple_of(FULL)
    }

    /// The next one is to read flows.
    pub fn doubt_flows(&mut self) {
        self.round = FULL - 1;
    }

    /// Whether this is something else than what was seen before.
    pub fn is_news(&mut self, audit: &Audit) -> bool {
        self.buckets = audit.groups.values().map(|group| group.buckets.len()).sum();
        let groups = replace(&mut self.groups, digest::<Groups>(&audit.groups));
        audit.flows.as_ref().is_some_and(|flows| replace(&mut self.flows, digest::<Flows>(flows))) || groups
    }

    /// The switch is about to change, or to be read by other means: whatever is seen next is news.
    pub fn forget(&mut self) {
        (self.flows, self.groups) = (None, None);
    }
}

/// Whether that is a change.
fn replace(digest: &mut Option<u64>, new: u64) -> bool {
    digest.replace(new) != Some(new)
}

fn digest<T: Hash>(seen: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    seen.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::pipeline::Group;

    fn audit(buckets: usize) -> Audit {
        let group = Group::select(1, vec![(1, Vec::new()); buckets]);
        Audit { flows: None, groups: Groups::unit(1, Arc::new(group)) }
    }

    #[test]
    fn what_was_seen_before_is_no_news_until_the_switch_is_written_to() {
        let mut audits = Audits::default();
        assert!(audits.is_news(&audit(1)));
        assert!(!audits.is_news(&audit(1)));
        assert!(audits.is_news(&audit(2)));
        audits.forget();
        assert!(audits.is_news(&audit(2)));
        let flows = Audit { flows: Some(Flows::new()), ..audit(2) };
        assert!(audits.is_news(&flows));
        assert!(!audits.is_news(&flows));
        assert!(!audits.is_news(&audit(2)));
    }

    #[test]
    fn twenty_switches_are_read_every_second_and_a_thousand_as_often_as_is_cheap() {
        let mut audits = Audits::default();
        audits.is_news(&audit(500));
        assert_eq!(audits.pause(20), OFTEN);
        assert_eq!(audits.pause(1000), Duration::from_secs(10));
    }
}
