//! Chance that replays.

/// SplitMix64.
pub struct Random {
    state: u64,
    calm: bool,
}

impl Random {
    pub fn new(seed: u64) -> Self {
        Self { state: seed, calm: false }
    }

    /// One by which nothing happens.
    pub fn calm() -> Self {
        Self { state: 0, calm: true }
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n.max(1)
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        !self.calm && self.below(100) < percent
    }
}
