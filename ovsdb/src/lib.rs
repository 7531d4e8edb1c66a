//! OVSDB: the Open vSwitch Database Management Protocol (RFC 7047 and the extensions of
//! ovsdb-server(7)), with a copy of the database in memory.
//!
//! ```text
//!   Client      a handle to copy around: snapshots, changes, transactions       tokio
//!   ────────────────────────────────────────────────────────────────────────────────────
//!   Connector, Reconnect       when and where to connect          transport: unix tcp ssl
//!   Session                    handshake, probes, monitors, locks, requests      no I/O
//!   ────────────────────────────────────────────────────────────────────────────────────
//!   Replica                    tables, indexes, snapshots, differences           no I/O
//!   Txn, Operation             a transaction, held against the schema
//!   DatabaseSchema, Datum      types and values
//!   ────────────────────────────────────────────────────────────────────────────────────
//!   json                       messages out of a stream cut anywhere             no I/O
//! ```
//!
//! A [`Client`] follows chosen tables and columns of one database. Its [`Replica`] is a snapshot
//! that costs nothing and stays as it is; [`Client::changes`] tells what differs from one to the
//! next. When [`Client::transact`] returns, what the transaction did is in the replica. Values are
//! held against the server's schema before anything is sent, and every error is typed.
//!
//! A client either has a stream, as from a host that called in ([`Client::from_stream`],
//! [`transport::Listener`]), and ends with it; or it connects by itself ([`Client::connect`]),
//! again and again, keeping its readers' copy and going on from the last transaction in it where
//! the server can: that is, a server of a clustered database.
//!
//! Every size, depth, count and rate that the other side could drive up is bounded by [`Limits`].
//! A peer that passes one, or breaks the protocol, loses its session, and [`CloseReason`] says why.
//!
//! # Example
//!
//! As a program, `cargo run --example bridge -- unix:/run/openvswitch/db.sock` does much the same.
//!
//! ```no_run
//! use ovsdb::tables::{Bridge, OpenVswitch};
//! use ovsdb::{Client, Connector, Options, Txn, Where};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options::new("Open_vSwitch")
//!     .watch::<Bridge>()
//!     .watch::<OpenVswitch>()
//!     .index("Bridge", &["name"]);
//! let client = Client::connect(Connector::new("unix:/run/openvswitch/db.sock")?, options);
//! client.ready().await?;
//!
//! let mut txn = Txn::new("Open_vSwitch");
//! let interface = txn.insert("Interface").set("name", "br0").set("type", "internal").id();
//! let port = txn.insert("Port").set("name", "br0").set("interfaces", interface).id();
//! let bridge = txn
//!     .insert("Bridge")
//!     .set("name", "br0")
//!     .set("ports", port)
//!     .set("fail_mode", "secure")
//!     .set("external_ids", [("owner", "me")])
//!     .id();
//! txn.mutate("Open_vSwitch", Where::all()).insert("bridges", &bridge);
//! txn.comment("a bridge of our own");
//! let outcome = client.transact(txn).await?;
//!
//! let made: Option<Bridge> = client.replica().find_one("name", "br0");
//! assert_eq!(made.map(|bridge| bridge.uuid), outcome.uuid(&bridge));
//!
//! let mut changes = client.changes();
//! while let Some(list) = changes.next().await {
//!     for change in list {
//!         println!("{} {} {:?}", change.table(), change.uuid, change.new);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

pub mod atom;
mod client;
mod convert;
mod datum;
mod error;
pub mod json;
mod limits;
pub mod op;
mod options;
mod probe;
mod reconnect;
mod replica;
pub mod schema;
mod session;
pub mod tables;
mod text;
pub mod transport;
mod txn;
mod update;

pub use atom::{Atom, AtomType, NamedUuid, Uuid};
pub use client::{Changes, Client, Connector, Lagged, State, Submitted, Updates};
pub use convert::{Element, FromAtom, FromDatum, ToAtom, ToDatum};
pub use datum::Datum;
pub use error::{CloseReason, ErrorKind, OvsdbError, ProtocolError, ValueError};
pub use limits::Limits;
pub use op::{Condition, Mutation, Operation, Where};
pub use options::{MonitorMethod, Monitored, Options};
pub use reconnect::{Action, Backoff, Reconnect};
pub use replica::{Change, Replica, Row, Table, TableSpec};
pub use schema::{DatabaseSchema, SchemaError, SchemaPool};
pub use session::{CallError, Event, RequestId, Session};
pub use tables::TypedRow;
pub use txn::{
    CheckError, Insert, Mutate, OperationResult, Outcome, Problem, Select, TransactError, Txn, Update, Wait,
};
pub use update::UpdateForm;
