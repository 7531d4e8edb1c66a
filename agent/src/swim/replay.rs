//! Which datagrams of a sender were received before.

use super::identity::Life;

/// How many datagrams may overtake one.
const WIDTH: u32 = 64;

/// The last datagrams of one sender: those of its newest life, as RFC 4303 section 3.4.3 does it.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    life: Life,
    highest: u32,
    // Bit n: the datagram n before the highest was seen.
    seen: u64,
}

impl Window {
    /// A window that has seen one datagram.
    pub fn new(life: Life, counter: u32) -> Self {
        Self { life, highest: counter, seen: 1 }
    }

    /// Whether a datagram, proven to be the sender's, is new; it no longer is afterwards.
    pub fn accept(&mut self, life: Life, counter: u32) -> bool {
        if life != self.life {
            let newer = life > self.life;
            if newer {
                *self = Self::new(life, counter);
            }
            return newer;
        }
        if let Some(ahead) = counter.checked_sub(self.highest).filter(|ahead| *ahead > 0) {
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = counter;
            return true;
        }
        let behind = self.highest - counter;
        let new = behind < WIDTH && self.seen & (1 << behind) == 0;
        if new {
            self.seen |= 1 << behind;
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nothing_is_accepted_twice_and_little_that_is_late() {
        let life = Life::new(1, 1);
        let mut window = Window::new(life, 100);
        assert!(!window.accept(life, 100));
        assert!(window.accept(life, 99) && !window.accept(life, 99));
        assert!(window.accept(life, 163));
        assert!(window.accept(life, 101) && !window.accept(life, 99));
        assert!(window.accept(life, u32::MAX) && !window.accept(life, 163));
    }

    #[test]
    fn an_earlier_life_says_nothing_any_more() {
        let mut window = Window::new(Life::new(1, 9), 100);
        assert!(window.accept(Life::new(2, 3), 0));
        assert!(!window.accept(Life::new(1, 9), 101));
        assert!(!window.accept(Life::new(2, 3), 0));
    }

    #[test]
    fn agrees_with_a_set_of_all_that_were_seen() {
        let life = Life::new(1, 1);
        let (mut window, mut seen, mut state) = (Window::new(life, 1000), BTreeSet::from([1000]), 1_u32);
        for step in 0..100_000_u32 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let counter = 1000 + step / 3 + (state >> 24) % 90 - 45;
            let highest = *seen.last().unwrap();
            let new = counter + WIDTH > highest && seen.insert(counter);
            assert_eq!(window.accept(life, counter), new, "{counter} after {highest}");
        }
    }
}
