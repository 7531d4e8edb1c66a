//! What switches were to have, for a while: snapshots that share what is the same.

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::compile::Compiler;

/// How many writes the revisions may hold that are kept: each costs its own copy of what is around it.
const KEPT: usize = 1000;

/// The last revisions, each with the time at which it came.
#[derive(Default)]
pub struct History {
    kept: VecDeque<(Timestamp, Compiler, usize)>,
    writes: usize,
}

/// Nothing that old is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("history begins at {since}; ask for a later time")]
pub struct TooOld {
    /// Where it begins.
    pub since: Timestamp,
}

impl History {
    /// Switches are to have this from `at` on, after so many writes.
    pub fn record(&mut self, at: Timestamp, compiler: Compiler, writes: usize) {
        self.kept.push_back((at, compiler, writes));
        self.writes += writes;
        while self.writes > KEPT && self.kept.len() > 1 {
            self.writes -= self.kept.pop_front().map_or(0, |(.., writes)| writes);
        }
    }

    /// What they were to have at a time.
    ///
    /// # Errors
    /// When nothing that old is kept.
    pub fn at(&self, time: Timestamp) -> Result<Compiler, TooOld> {
        let found = self.kept.iter().rev().find(|(at, ..)| *at <= time);
        let since = || self.kept.front().map_or(time, |(at, ..)| *at);
        found.map(|(_, compiler, _)| compiler.clone()).ok_or_else(|| TooOld { since: since() })
    }

    /// When a revision came; none if it is not kept, or came before all that is.
    pub fn when(&self, revision: u64) -> Option<Timestamp> {
        let came = self.kept.iter().skip(1).find(|(_, compiler, _)| compiler.intent().revision() == revision);
        came.map(|(at, ..)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        compile::{Mesh, Settings},
        intent::{Intent, Txn},
    };

    #[test]
    fn knows_what_was_when_as_far_as_it_goes_back() {
        let settings = Settings::new(Mesh::Flow, "10.96.0.0/12".parse().unwrap());
        let mut compiler = Compiler::new(settings, Intent::default());
        let mut history = History::default();
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        for second in 0..=KEPT as i64 {
            let plan = compiler.intent().plan(&[crate::intent::Change::Start], &compiler.settings().services, 0);
            let txn: Txn = plan.unwrap().txn.unwrap();
            compiler.apply(&txn);
            history.record(at(second), compiler.clone(), 1);
        }
        assert_eq!(history.at(at(7)).unwrap().intent().revision(), 8);
        assert_eq!(history.at(at(9_999)).unwrap().intent().revision(), KEPT as u64 + 1);
        assert_eq!(history.at(at(0)).unwrap_err(), TooOld { since: at(1) });
        assert_eq!(history.when(9), Some(at(8)));
        assert_eq!((history.when(1), history.when(2)), (None, None), "the oldest may be older than it says");
        history.record(at(2000), compiler.clone(), 5000);
        assert_eq!(
            history.at(at(1999)).unwrap_err(),
            TooOld { since: at(2000) },
            "one so large leaves room for no other"
        );
    }
}
