//! Values of every type made from random bytes, for tests: what the macros declare makes itself,
//! the rest is here.

pub mod action;
mod message;
mod tests;

use crate::oxm::{Field, Match, Oxm, OxmId};
use crate::property::Property;
use crate::types::{Blob, FixedStr, Mac};

/// Elements of a list there are at most.
const LIST: usize = 3;
/// How deep values nest at most.
const DEPTH: usize = 6;

/// Random bytes, used up from the front; zeros when they are.
pub struct Gen<'a> {
    bytes: &'a [u8],
    depth: usize,
}

impl<'a> Gen<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, depth: 0 }
    }

    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *first
    }

    pub fn below(&mut self, n: usize) -> usize {
        usize::from(u16::arb(self)) % n.max(1)
    }

    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    pub fn take(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.byte()).collect()
    }

    /// Bytes that fill a structure to a multiple of 8.
    pub fn words(&mut self) -> Blob {
        let size = self.below(4) * 8;
        self.take(size).into()
    }
}

/// A type of which values can be made.
pub trait Arb: Sized {
    fn arb(g: &mut Gen<'_>) -> Self;
}

impl Arb for u8 {
    fn arb(g: &mut Gen<'_>) -> Self {
        g.byte()
    }
}

macro_rules! int {
    ($($t:ty),*) => {$(
        impl Arb for $t {
            fn arb(g: &mut Gen<'_>) -> Self {
                // all ones are special almost everywhere
                if g.byte() < 40 {
                    return Self::MAX;
                }
                g.take(size_of::<Self>()).iter().fold(0, |n, b| n << 8 | Self::from(*b))
            }
        }
    )*};
}
int!(u16, u32, u64);

impl Arb for bool {
    fn arb(g: &mut Gen<'_>) -> Self {
        g.byte() & 1 == 1
    }
}

impl<T: Arb> Arb for Option<T> {
    fn arb(g: &mut Gen<'_>) -> Self {
        bool::arb(g).then(|| T::arb(g))
    }
}

impl<T: Arb> Arb for Box<T> {
    fn arb(g: &mut Gen<'_>) -> Self {
        Box::new(T::arb(g))
    }
}

impl<T: Arb> Arb for Vec<T> {
    fn arb(g: &mut Gen<'_>) -> Self {
        if g.depth >= DEPTH {
            return Vec::new();
        }
        g.depth += 1;
        let list = (0..g.below(LIST + 1)).map(|_| T::arb(g)).collect();
        g.depth -= 1;
        list
    }
}

impl<T: Arb, const N: usize> Arb for [T; N] {
    fn arb(g: &mut Gen<'_>) -> Self {
        std::array::from_fn(|_| T::arb(g))
    }
}

impl Arb for Blob {
    fn arb(g: &mut Gen<'_>) -> Self {
        let n = g.below(20);
        g.take(n).into()
    }
}

impl Arb for Mac {
    fn arb(g: &mut Gen<'_>) -> Self {
        Self(Arb::arb(g))
    }
}

impl<const N: usize> Arb for FixedStr<N> {
    fn arb(g: &mut Gen<'_>) -> Self {
        let n = g.below(N + 1);
        FixedStr::new(&g.take(n)).unwrap()
    }
}

impl Arb for Field {
    fn arb(g: &mut Gen<'_>) -> Self {
        let named: Vec<Field> = Field::named().collect();
        match g.byte() {
            0..20 => Field::experimenter(Arb::arb(g), Arb::arb(g), g.byte()),
            _ => g.pick(&named),
        }
    }
}

impl Arb for Oxm {
    fn arb(g: &mut Gen<'_>) -> Self {
        let field = Field::arb(g);
        let size = field.size().map_or_else(|| g.below(124), usize::from);
        let value = g.take(size);
        let mask = bool::arb(g).then(|| g.take(size));
        Oxm::from_bytes(field, &value, mask.as_deref()).unwrap()
    }
}

impl Arb for OxmId {
    fn arb(g: &mut Gen<'_>) -> Self {
        let mut id = OxmId::new(Field::arb(g));
        id.length |= 1;
        id.has_mask = g.byte() < 10;
        id
    }
}

impl Arb for Match {
    fn arb(g: &mut Gen<'_>) -> Self {
        Vec::arb(g).into()
    }
}

impl Arb for Property {
    fn arb(g: &mut Gen<'_>) -> Self {
        Self { kind: 0x100 | u16::arb(g) & 0x7fff, data: Arb::arb(g) }
    }
}
