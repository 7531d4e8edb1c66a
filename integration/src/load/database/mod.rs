//! A host's Open_vSwitch database with as much of ovsdb-server(7) as controllers use, and of ovs-vswitchd what it
//! writes there.
//!
//! ```text
//!   bytes ──► session ──► transact ──► commit ──► monitor ──► bytes
//!                                         │          ▲
//!                                         └► vswitchd┘   numbers of ports, cur_cfg
//! ```
//!
//! A `wait` that is not met fails at once, and monitors have no conditions.

mod commit;
mod monitor;
mod schema;
mod session;
mod transact;
mod value;
mod vswitchd;

use std::collections::BTreeMap;
use std::sync::Arc;

use ovsdb::json::JsonError;
use ovsdb::{Datum, ToDatum, Uuid};

pub use schema::{Schema, SchemaFileError};
use session::Session;
pub use vswitchd::Bridge;

/// The database's name.
const NAME: &str = "Open_vSwitch";

/// Columns that are not as when nobody set them.
type Row = BTreeMap<Arc<str>, Datum>;

/// Rows as they were before: none for a row that was not there.
type Touched = BTreeMap<(Arc<str>, Uuid), Option<Row>>;

/// Tells connections to a database apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(u32);

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionEnd {
    /// What came is not JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// What came is no message of the protocol.
    #[error("{0}")]
    Protocol(String),
    /// The connection was closed before.
    #[error("no such session")]
    Unknown,
}

/// What passed between a database and its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages from clients.
    pub messages_in: u64,
    /// Bytes from clients.
    pub bytes_in: u64,
    /// Messages to clients.
    pub messages_out: u64,
    /// Bytes to clients.
    pub bytes_out: u64,
    /// Transactions that changed something.
    pub commits: u64,
    /// Transactions that were refused.
    pub refused: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.messages_in += other.messages_in;
        self.bytes_in += other.bytes_in;
        self.messages_out += other.messages_out;
        self.bytes_out += other.bytes_out;
        self.commits += other.commits;
        self.refused += other.refused;
    }
}

/// A simulated database.
#[derive(Debug)]
pub struct Database {
    schema: Arc<Schema>,
    tables: BTreeMap<Arc<str>, BTreeMap<Uuid, Row>>,
    seed: u64,
    next_row: u64,
    sessions: BTreeMap<SessionId, Session>,
    next_session: u32,
    counts: Counts,
}

impl Database {
    /// A database with one row in table Open_vSwitch, with these `external_ids`. Databases of different seeds give
    /// rows different identities.
    pub fn new(schema: Arc<Schema>, seed: u64, external_ids: &[(&str, &str)]) -> Self {
        let mut database = Self {
            schema,
            tables: BTreeMap::new(),
            seed,
            next_row: 0,
            sessions: BTreeMap::new(),
            next_session: 0,
            counts: Counts::default(),
        };
        let root = database.new_uuid();
        let columns = [
            ("external_ids", external_ids.to_datum()),
            ("ovs_version", "3.1.0".to_datum()),
            ("datapath_types", ["netdev", "system"].as_slice().to_datum()),
            ("iface_types", ["geneve", "gre", "internal", "vxlan"].as_slice().to_datum()),
        ];
        let row = columns.into_iter().map(|(column, value)| (Arc::from(column), value)).collect();
        database.tables.entry(Arc::from(NAME)).or_default().insert(root, row);
        database
    }

    /// A client's connection begins.
    pub fn connect(&mut self) -> SessionId {
        let id = SessionId(self.next_session);
        self.next_session = self.next_session.wrapping_add(1);
        self.sessions.insert(id, Session::default());
        id
    }

    /// A connection ended, and its monitors with it.
    pub fn disconnect(&mut self, id: SessionId) {
        self.sessions.remove(&id);
    }

    /// Bytes for a client, if there are any.
    pub fn poll_transmit(&mut self, id: SessionId) -> Option<Vec<u8>> {
        let out = &mut self.sessions.get_mut(&id)?.out;
        (!out.is_empty()).then(|| std::mem::take(out))
    }

    /// What passed so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many rows a table has.
    pub fn rows(&self, table: &str) -> usize {
        self.tables.get(table).map_or(0, BTreeMap::len)
    }

    fn new_uuid(&mut self) -> Uuid {
        self.next_row += 1;
        // version 4, variant 1, as those of ovsdb-server look
        let low = 1 << 63 | self.next_row;
        Uuid((u128::from(self.seed) << 80 | 0x4 << 76 | u128::from(low)).to_be_bytes())
    }

    fn row(&self, table: &str, uuid: Uuid) -> Option<&Row> {
        self.tables.get(table)?.get(&uuid)
    }

    /// The value of a column, also where nobody set it.
    fn column(&self, table: &str, row: &Row, column: &str) -> Datum {
        row.get(column).cloned().unwrap_or_else(|| self.schema.default(table, column))
    }
}
