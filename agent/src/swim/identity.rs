use serde::{Deserialize, Serialize};

/// One run of an agent: a number that grows with every start and with every return from the dead, and a random one
/// that makes each run's datagrams and nonces its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Life(u64);

impl Life {
    /// The life with this number.
    pub fn new(number: u32, session: u32) -> Self {
        Self(u64::from(number) << 32 | u64::from(session))
    }

    /// The life as it stands in a datagram.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// All of it in one integer, of which the number is the upper half.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// The number that grows.
    pub fn number(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The random number.
    pub fn session(self) -> u32 {
        self.0 as u32
    }

    fn next(self) -> Option<Self> {
        Some(Self::new(self.number().checked_add(1)?, self.session()))
    }
}

/// A member as gossip names it: a node, in one of its lives. Names and addresses are the roster's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// The node's number.
    pub node: u32,
    /// Which of its lives.
    pub life: Life,
}

impl Identity {
    /// Stands for sender and receiver inside a sealed datagram, which names both outside.
    pub(super) const BLANK: Self = Self { node: 0, life: Life(0) };
}

impl foca::Identity for Identity {
    type Addr = u32;

    fn renew(&self) -> Option<Self> {
        Some(Self { node: self.node, life: self.life.next()? })
    }

    fn addr(&self) -> u32 {
        self.node
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self.life > adversary.life
    }
}
