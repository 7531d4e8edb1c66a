//! A query to its answer: pure, for any bytes at all.

use std::time::Instant;

use api::{Name as ObjectName, NameKey};
use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, ResponseCode},
    rr::{DNSClass, RecordType},
};

use super::{
    book::Book,
    client::Client,
    reply::{self, Limit},
    zone::{Asked, Zone},
};

/// What is to become of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This is the answer.
    Reply(Vec<u8>),
    /// It cannot be answered without knowing this.
    Need(ObjectName, NameKey),
    /// Someone else is to be asked, with these bytes; the answer may have so many.
    Forward(Limit),
    /// It is not answered.
    Drop,
}

/// How many bytes a header has, and where the number of questions stands (RFC 1035 section 4.1.1).
const HEADER: usize = 12;
const QUESTIONS: std::ops::Range<usize> = 4..6;

/// Answers `query`, which came over UDP or TCP, as far as `book` goes. `turn` chooses which of several addresses comes
/// first.
pub fn answer(
    query: &[u8],
    tcp: bool,
    client: &Client,
    zone: &Zone,
    book: &mut Book,
    (now, turn): (Instant, usize),
) -> Outcome {
    let (query, limit) = match read(query, tcp) {
        Ok(read) => read,
        Err(outcome) => return outcome,
    };
    let [question] = &query.queries[..] else { return refuse(&query, ResponseCode::FormErr, limit) };
    if question.query_class() != DNSClass::IN || matches!(question.query_type(), RecordType::AXFR | RecordType::IXFR) {
        return refuse(&query, ResponseCode::Refused, limit);
    }
    let serial = book.revision() as u32;
    let respond = |records: reply::Records| Outcome::Reply(reply::encode(&query, records, zone, serial, limit));
    match zone.asked(question.name()) {
        Asked::Outside => outside(&query, client, limit),
        Asked::Nothing => respond(reply::Records::Nothing),
        Asked::Empty => respond(reply::Records::none()),
        Asked::Domain => respond(reply::domain(zone, question.query_type(), serial)),
        Asked::Server => respond(reply::server(zone, question)),
        Asked::Object { key, port, short } => match book.find(&zone.network, &key, now) {
            None => Outcome::Need(zone.network.clone(), key),
            Some(None) if short => outside(&query, client, limit),
            Some(None) => respond(reply::Records::Nothing),
            Some(Some(found)) => respond(reply::object(zone, question, &key, port, &found, turn)),
        },
    }
}

/// The answer when what is needed cannot be had: ask again.
pub fn fail(query: &[u8], tcp: bool) -> Option<Vec<u8>> {
    let (query, limit) = read(query, tcp).ok()?;
    match refuse(&query, ResponseCode::ServFail, limit) {
        Outcome::Reply(reply) => Some(reply),
        Outcome::Need(..) | Outcome::Forward(_) | Outcome::Drop => None,
    }
}

fn outside(query: &Message, client: &Client, limit: Limit) -> Outcome {
    match client.forwards {
        true => Outcome::Forward(limit),
        false => refuse(query, ResponseCode::Refused, limit),
    }
}

/// Reads a query; what is none is dropped, and what is a bad one is refused.
fn read(bytes: &[u8], tcp: bool) -> Result<(Message, Limit), Outcome> {
    // Looked at first: what the header promises is not made room for.
    let header = bytes.get(..HEADER).ok_or(Outcome::Drop)?;
    if header[2] & 0x80 != 0 {
        return Err(Outcome::Drop);
    }
    let small = Limit::new(tcp, None);
    if header[QUESTIONS] != [0, 1] {
        return Err(bare(header, ResponseCode::FormErr, small));
    }
    let message = Message::from_vec(bytes).map_err(|_| bare(header, ResponseCode::FormErr, small))?;
    let limit = Limit::new(tcp, message.edns.as_ref().map(Edns::max_payload));
    if message.metadata.op_code != OpCode::Query {
        return Err(refuse(&message, ResponseCode::NotImp, limit));
    }
    if message.edns.as_ref().is_some_and(|edns| edns.version() > 0) {
        return Err(refuse(&message, ResponseCode::BADVERS, limit));
    }
    Ok((message, limit))
}

fn refuse(query: &Message, code: ResponseCode, limit: Limit) -> Outcome {
    Outcome::Reply(reply::refuse(query, code, limit))
}

/// A refusal of what cannot be read beyond its header.
fn bare(header: &[u8], code: ResponseCode, limit: Limit) -> Outcome {
    let id = u16::from_be_bytes([header[0], header[1]]);
    let op_code = OpCode::from_u8((header[2] >> 3) & 0xf);
    let mut query = Message::new(id, MessageType::Query, op_code);
    query.metadata.recursion_desired = header[2] & 1 != 0;
    refuse(&query, code, limit)
}
