//! OVSDB client.

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
pub use schema::{DatabaseSchema, SchemaError};
pub use session::{CallError, Event, RequestId, Session};
pub use tables::TypedRow;
pub use txn::{
    CheckError, Insert, Mutate, OperationResult, Outcome, Problem, Select, TransactError, Txn, Update, Wait,
};
pub use update::UpdateForm;
