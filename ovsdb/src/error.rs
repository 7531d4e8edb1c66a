//! Errors: of values, of requests that a server refused, and of whole sessions.

use std::fmt;

use serde_json::Value;

use crate::atom::AtomType;
use crate::json::JsonError;

/// Why a value does not fit its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// Not of the atomic type of the column.
    #[error("expected {}", .expected.name())]
    WrongType {
        /// The type of the column.
        expected: AtomType,
    },
    /// Not 36 characters of hexadecimal digits and hyphens.
    #[error("malformed uuid")]
    BadUuid,
    /// A column that is a map was given something else.
    #[error("expected a map")]
    NotAMap,
    /// A column that is a set was given a map.
    #[error("expected a set")]
    NotASet,
    /// An entry of a map is not an array of two.
    #[error("expected a pair of key and value")]
    NotAPair,
    /// An element or key is there twice.
    #[error("duplicate element")]
    Duplicate,
    /// NaN or an infinity.
    #[error("not a finite number")]
    NotFinite,
    /// A null character in text.
    #[error("null character in string")]
    NullCharacter,
    /// Outside `minInteger`…`maxInteger` or `minReal`…`maxReal`.
    #[error("{value} is out of range")]
    OutOfRange {
        /// The number, as text.
        value: String,
    },
    /// Outside `minLength`…`maxLength`.
    #[error("length of {length} characters is out of range")]
    BadLength {
        /// The length in characters.
        length: usize,
    },
    /// Not one of the values of an `enum`.
    #[error("not one of the allowed values")]
    NotInEnum,
    /// Too few or too many elements.
    #[error("{count} elements are out of range")]
    BadSize {
        /// The number of elements.
        count: usize,
    },
}

/// What an OVSDB server calls an error: the strings of RFC 7047 and those Open vSwitch adds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is malformed, or names what the schema lacks.
    Syntax,
    /// The database is not served here.
    UnknownDatabase,
    /// A strong reference would point to no row.
    ReferentialIntegrity,
    /// A value, a count of rows or an index is not allowed by the schema.
    Constraint,
    /// The server lacks memory or other resources.
    ResourcesExhausted,
    /// The database file could not be written.
    Io,
    /// Two inserts of one transaction have the same `uuid-name`.
    DuplicateUuidName,
    /// The given UUID of an insert is in use.
    DuplicateUuid,
    /// A mutation left its domain, such as a division by zero.
    Domain,
    /// The result of a mutation is out of range.
    Range,
    /// A `wait` was not satisfied in time.
    TimedOut,
    /// The server does not do that.
    NotSupported,
    /// An `abort` operation was met.
    Aborted,
    /// An `assert` named a lock this client does not own.
    NotOwner,
    /// The request was cancelled.
    Canceled,
    /// The method is not known to this server.
    UnknownMethod,
    /// Access control forbids it.
    Permission,
    /// A clustered database could not commit.
    Cluster,
    /// The server is not the leader of its cluster.
    NotLeader,
    /// The server met a fault of its own.
    Internal,
    /// Another string.
    Other(String),
}

impl ErrorKind {
    const NAMES: [(&'static str, ErrorKind); 20] = [
        ("syntax error", ErrorKind::Syntax),
        ("unknown database", ErrorKind::UnknownDatabase),
        ("referential integrity violation", ErrorKind::ReferentialIntegrity),
        ("constraint violation", ErrorKind::Constraint),
        ("resources exhausted", ErrorKind::ResourcesExhausted),
        ("I/O error", ErrorKind::Io),
        ("duplicate uuid-name", ErrorKind::DuplicateUuidName),
        ("duplicate uuid", ErrorKind::DuplicateUuid),
        ("domain error", ErrorKind::Domain),
        ("range error", ErrorKind::Range),
        ("timed out", ErrorKind::TimedOut),
        ("not supported", ErrorKind::NotSupported),
        ("aborted", ErrorKind::Aborted),
        ("not owner", ErrorKind::NotOwner),
        ("canceled", ErrorKind::Canceled),
        ("unknown method", ErrorKind::UnknownMethod),
        ("permission error", ErrorKind::Permission),
        ("cluster error", ErrorKind::Cluster),
        ("not leader", ErrorKind::NotLeader),
        ("internal error", ErrorKind::Internal),
    ];

    /// The kind with the given wire string.
    pub fn from_name(name: &str) -> ErrorKind {
        let known = ErrorKind::NAMES.iter().find(|(text, _)| *text == name);
        known.map_or_else(|| ErrorKind::Other(name.to_owned()), |(_, kind)| kind.clone())
    }

    /// The wire string.
    pub fn name(&self) -> &str {
        if let ErrorKind::Other(name) = self {
            return name;
        }
        let known = ErrorKind::NAMES.iter().find(|(_, kind)| kind == self);
        known.map_or("", |(text, _)| text)
    }
}

/// An error as a server reports it: RFC 7047 section 3.1, `<error>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OvsdbError {
    /// What kind.
    pub kind: ErrorKind,
    /// More, for people.
    pub details: Option<String>,
    /// The piece of JSON that the server tripped over.
    pub syntax: Option<String>,
}

impl OvsdbError {
    /// Reads an `<error>`: an object with `error`, or a bare string as some replies have it.
    pub fn from_json(value: &Value) -> OvsdbError {
        let member = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let name = member("error").or_else(|| value.as_str().map(str::to_owned));
        OvsdbError {
            kind: ErrorKind::from_name(&name.unwrap_or_else(|| value.to_string())),
            details: member("details"),
            syntax: member("syntax"),
        }
    }
}

impl fmt::Display for OvsdbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        match &self.details {
            Some(details) => write!(f, ": {details}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for OvsdbError {}

/// A message that is JSON but breaks the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad {what}: {problem}")]
pub struct ProtocolError {
    /// The message or the part of it.
    pub what: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl ProtocolError {
    pub(crate) fn new(what: &'static str, problem: impl fmt::Display) -> ProtocolError {
        ProtocolError { what, problem: problem.to_string() }
    }
}

/// Why a session ended. The reason is final: a session never comes back, a new one is made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer closed the stream.
    #[error("peer closed the connection")]
    Eof,
    /// Reading or writing failed.
    #[error("connection failed: {0}")]
    Io(String),
    /// The peer sent what is not JSON, or more of it than is allowed.
    #[error("peer sent malformed json: {0}")]
    Json(#[from] JsonError),
    /// The peer sent JSON that is not OVSDB.
    #[error("peer broke the protocol: {0}")]
    Protocol(#[from] ProtocolError),
    /// The peer neither sent anything nor answered a probe.
    #[error("peer is silent: no reply to inactivity probe within {seconds} s")]
    Silent {
        /// The probe interval.
        seconds: u64,
    },
    /// The start of the session (schema, monitors) did not end in time.
    #[error("session was not ready within {seconds} s")]
    NotReady {
        /// The time allowed.
        seconds: u64,
    },
    /// The peer refused a request without which there is no session.
    #[error("peer refused {method}: {error}")]
    Refused {
        /// The method.
        method: &'static str,
        /// Its answer.
        error: OvsdbError,
    },
    /// The schema is not one this client can read.
    #[error("bad schema: {0}")]
    Schema(#[from] crate::schema::SchemaError),
    /// The rows to monitor are described by what the schema lacks.
    #[error("bad condition: {0}")]
    Condition(#[from] crate::txn::CheckError),
    /// The server is not the leader, or not connected to its cluster.
    #[error("server is not usable: {0}")]
    NotUsable(&'static str),
    /// A limit was passed.
    #[error("{what} over the limit of {limit}")]
    Limit {
        /// What was counted.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// This side closed the session.
    #[error("closed by this side")]
    Closed,
}
