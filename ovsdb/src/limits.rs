//! What a session accepts before it gives its peer up.

/// Limits of one session; each breach ends that session alone, with a [`CloseReason`] or an error
/// that names the limit.
///
/// [`CloseReason`]: crate::CloseReason
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message from the peer; in memory it may come to 32 times as many.
    pub message_size: usize,
    /// Nesting of arrays and objects in a message from the peer.
    pub depth: usize,
    /// Requests that wait for their answer.
    pub pending_requests: usize,
    /// Bytes waiting to be written to a peer that does not read.
    pub unsent_bytes: usize,
    /// Updates a reader of [`Client::updates`](crate::Client::updates) may lag behind.
    pub unread_updates: usize,
    /// Estimated bytes of all rows of the replica.
    pub replica_bytes: usize,
}

impl Default for Limits {
    /// 64 MiB messages, depth 1,000 as Open vSwitch, 10,000 requests, 64 MiB unsent,
    /// 1,024 updates unread, 1 GiB of rows.
    fn default() -> Limits {
        Limits {
            message_size: 64 << 20,
            depth: 1000,
            pending_requests: 10_000,
            unsent_bytes: 64 << 20,
            unread_updates: 1024,
            replica_bytes: 1 << 30,
        }
    }
}
