//! What a session is to do.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::limits::Limits;
use crate::op::Where;
use crate::replica::TableSpec;
use crate::schema::SchemaPool;
use crate::tables::TypedRow;

/// A table that is monitored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Monitored {
    /// Columns and indexes.
    pub spec: TableSpec,
    /// Which rows; all if `None`. Servers without `monitor_cond` send all of them anyway.
    pub rows: Option<Where>,
}

/// Which method a session asks first; it falls back to older ones that the server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonitorMethod {
    /// `monitor_cond_since`: update3, resumes after a reconnect. OVS 2.12.
    Since,
    /// `monitor_cond`: update2. OVS 2.6.
    Cond,
    /// `monitor`: RFC 7047.
    Plain,
}

/// What a session is to do, and within which limits.
#[derive(Debug, Clone)]
pub struct Options {
    /// The database.
    pub database: String,
    /// The tables that are monitored, by name.
    pub tables: BTreeMap<String, Monitored>,
    /// The method to monitor by.
    pub method: MonitorMethod,
    /// Stay only with the leader of a clustered database.
    pub leader_only: bool,
    /// After so long without a word the peer is asked for one, and given up after as long again.
    pub probe_interval: Option<Duration>,
    /// How long the start of a session may take: schema and first copy.
    pub ready_timeout: Duration,
    /// Limits.
    pub limits: Limits,
    /// Who else holds schemas: sessions with clones of the same options hold equal ones together.
    pub schemas: SchemaPool,
}

impl Options {
    /// A session on a database that monitors nothing yet, probes every 5 s and has 60 s to start.
    pub fn new(database: &str) -> Options {
        Options {
            database: database.to_owned(),
            tables: BTreeMap::new(),
            method: MonitorMethod::Since,
            leader_only: false,
            probe_interval: Some(Duration::from_secs(5)),
            ready_timeout: Duration::from_secs(60),
            limits: Limits::default(),
            schemas: SchemaPool::default(),
        }
    }

    /// Monitors columns of a table; those that the server's schema lacks are left out.
    pub fn table(mut self, table: &str, columns: &[&str]) -> Options {
        let held = self.tables.entry(table.to_owned()).or_default();
        let list = held.spec.columns.get_or_insert_with(Vec::new);
        list.extend(columns.iter().map(|column| (*column).to_owned()));
        list.sort_unstable();
        list.dedup();
        self
    }

    /// Monitors all columns of a table.
    pub fn whole_table(mut self, table: &str) -> Options {
        self.tables.entry(table.to_owned()).or_default().spec.columns = None;
        self
    }

    /// Monitors the columns that a typed row reads.
    pub fn watch<T: TypedRow>(self) -> Options {
        self.table(T::TABLE, T::COLUMNS)
    }

    /// Keeps an index on columns of a table that is monitored.
    pub fn index(mut self, table: &str, columns: &[&str]) -> Options {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        self.tables.entry(table.to_owned()).or_default().spec.indexes.push(columns);
        self
    }

    /// Monitors only some rows of a table.
    pub fn rows(mut self, table: &str, rows: impl Into<Where>) -> Options {
        self.tables.entry(table.to_owned()).or_default().rows = Some(rows.into());
        self
    }

    /// Stays only with the leader of a clustered database.
    pub fn leader_only(mut self) -> Options {
        self.leader_only = true;
        self
    }

    /// Probes a silent peer after so long; never, if `None`.
    pub fn probe_interval(mut self, interval: Option<Duration>) -> Options {
        self.probe_interval = interval;
        self
    }

    /// Sets the limits.
    pub fn limits(mut self, limits: Limits) -> Options {
        self.limits = limits;
        self
    }
}
