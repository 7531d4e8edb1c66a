//! Times and counts, and how they are summed up.

use std::time::Duration;

use serde::Serialize;

/// Several times of the same thing, in seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// How many there are.
    pub count: usize,
    /// Half took no longer.
    pub median: f64,
    /// Of a hundred, 99 took no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Times {
    /// Sums up.
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self { count: times.len(), median: quantile(&times, 50), p99: quantile(&times, 99), max: quantile(&times, 100) }
    }
}

/// The smallest time that so many of a hundred do not exceed.
fn quantile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).map_or(0.0, Duration::as_secs_f64)
}

/// One figure per switch.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// The smallest.
    pub min: u64,
    /// Half have no more.
    pub median: u64,
    /// The greatest.
    pub max: u64,
    /// All together.
    pub sum: u64,
}

impl Spread {
    /// Sums up.
    pub fn of(figures: impl IntoIterator<Item = u64>) -> Self {
        let mut all: Vec<u64> = figures.into_iter().collect();
        all.sort_unstable();
        let at = |index: usize| all.get(index).copied().unwrap_or_default();
        let last = all.len().saturating_sub(1);
        Self { min: at(0), median: at(last / 2), max: at(last), sum: all.iter().sum() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_times_that_were_measured() {
        let ms = |n: u64| Duration::from_millis(n);
        let times = Times::of((1..=100).rev().map(ms).collect());
        assert_eq!((times.median, times.p99, times.max), (0.05, 0.099, 0.1));
        assert_eq!(Times::of(vec![ms(7)]).p99, 0.007);
        assert_eq!(Times::of(Vec::new()), Times::default());
    }

    #[test]
    fn a_spread_of_nothing_is_zero() {
        assert_eq!(Spread::of([]), Spread::default());
        assert_eq!(Spread::of([3, 1, 2]), Spread { min: 1, median: 2, max: 3, sum: 6 });
    }
}
