//! Answers, record by record.

use std::net::IpAddr;

use api::{Found, NameKey, Protocol, ServicePort};
use hickory_proto::{
    op::{Edns, Message, Metadata, Query, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, AAAA, NS, PTR, SOA, SRV},
    },
};

use super::{TTL, zone::Zone};

/// The largest datagram that is sent and taken: what fits any path unfragmented (DNS flag day 2020).
const DATAGRAM: u16 = 1_232;
/// The largest datagram for whoever does not say what it takes (RFC 1035 section 4.2.1).
const SMALL: u16 = 512;
/// What the smallest record takes: an address under a name that stood there before (RFC 1035 section 4.1.4).
const SMALLEST: usize = 16;
/// Who looks after the domain, by the convention of RFC 2142.
const MAILBOX: &str = "hostmaster";

/// How large an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u16);

impl Limit {
    /// The limit over UDP or TCP for a client that takes datagrams of `payload` bytes, if it said.
    pub fn new(tcp: bool, payload: Option<u16>) -> Self {
        match (tcp, payload) {
            (true, _) => Self(u16::MAX),
            (false, None) => Self(SMALL),
            (false, Some(payload)) => Self(payload.clamp(SMALL, DATAGRAM)),
        }
    }
}

/// What is found of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Records {
    /// There is no such name.
    Nothing,
    /// The name is there, with these records of the type asked for, and what helps beside.
    Some {
        /// The records.
        answers: Vec<Record>,
        /// Addresses of names in them.
        additionals: Vec<Record>,
    },
}

impl Records {
    /// The name is there, but has no record of the type asked for.
    pub fn none() -> Self {
        Self::of(Vec::new())
    }

    fn of(answers: Vec<Record>) -> Self {
        Self::Some { answers, additionals: Vec::new() }
    }
}

/// The domain itself.
pub fn domain(zone: &Zone, wanted: RecordType, serial: u32) -> Records {
    Records::of(match wanted {
        RecordType::SOA => vec![soa(zone, zone.domain.clone(), serial)],
        RecordType::NS => vec![record(&zone.domain, RData::NS(NS(server_name(zone))))],
        _ => Vec::new(),
    })
}

/// The name server.
pub fn server(zone: &Zone, question: &Query) -> Records {
    Records::of(addresses(question.name(), question.query_type(), zone.addresses.iter().copied()))
}

/// A service or an endpoint.
pub fn object(
    zone: &Zone,
    question: &Query,
    key: &NameKey,
    port: Option<(u16, Protocol)>,
    found: &Found,
    turn: usize,
) -> Records {
    let (name, wanted) = (question.name(), question.query_type());
    if matches!(key, NameKey::Ip(_)) {
        let pointer = zone.name_of(&found.name).filter(|_| matches!(wanted, RecordType::PTR | RecordType::ANY));
        return Records::of(pointer.into_iter().map(|to| record(name, RData::PTR(PTR(to)))).collect());
    }
    // A service without a virtual address stands for its backends, as each does where they were asked for.
    let direct = matches!(key, NameKey::Backends(_)) || (found.service && found.ips.is_empty());
    let ports = found.ports.iter().filter(|p| port.is_none_or(|of| of == (p.port, p.protocol)));
    let ports: Vec<&ServicePort> = ports.collect();
    if port.is_some() && ports.is_empty() {
        return Records::Nothing;
    }
    let mut backends: Vec<_> = found.backends.iter().collect();
    if !backends.is_empty() {
        let first = turn % backends.len();
        backends.rotate_left(first);
    }
    if wanted == RecordType::SRV {
        let targets = match direct {
            true => backends.iter().map(|backend| (&backend.name, &backend.ips)).collect(),
            false => vec![(&found.name, &found.ips)],
        };
        let each = targets.into_iter().filter_map(|(target, ips)| Some((zone.name_of(target)?, ips)));
        let (mut answers, mut additionals) = (Vec::new(), Vec::new());
        for (target, ips) in each {
            let number = |port: &ServicePort| if direct { port.target_port } else { port.port };
            let srv = |port: &&ServicePort| record(name, RData::SRV(SRV::new(0, 1, number(port), target.clone())));
            answers.extend(ports.iter().map(srv));
            additionals.extend(addresses(&target, RecordType::ANY, ips.iter().copied()));
        }
        return Records::Some { answers, additionals };
    }
    if port.is_some() {
        return Records::none();
    }
    let ips: Vec<IpAddr> = match direct {
        true => backends.iter().flat_map(|backend| backend.ips.iter().copied()).collect(),
        false => found.ips.clone(),
    };
    Records::of(addresses(name, wanted, ips))
}

/// The answer to `query` in bytes.
pub fn encode(query: &Message, records: Records, zone: &Zone, serial: u32, limit: Limit) -> Vec<u8> {
    let mut reply = begin(query);
    reply.metadata.authoritative = true;
    let empty = match records {
        Records::Nothing => {
            reply.metadata.response_code = ResponseCode::NXDomain;
            true
        }
        Records::Some { answers, additionals } => {
            (reply.answers, reply.additionals) = (answers, additionals);
            reply.answers.is_empty()
        }
    };
    if empty {
        let of = query.queries.first().map_or_else(|| zone.domain.clone(), |question| zone.authority(question.name()));
        reply.authorities.push(soa(zone, of, serial));
    }
    fit(reply, limit)
}

/// A refusal of `query` in bytes.
pub fn refuse(query: &Message, code: ResponseCode, limit: Limit) -> Vec<u8> {
    let mut reply = begin(query);
    reply.metadata.response_code = code;
    if code == ResponseCode::FormErr {
        reply.edns = None;
    }
    fit(reply, limit)
}

fn begin(query: &Message) -> Message {
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.metadata = Metadata::response_from_request(&query.metadata);
    reply.metadata.recursion_available = true;
    reply.queries = query.queries.clone();
    reply.edns = query.edns.as_ref().map(|asked| {
        let mut edns = Edns::new();
        edns.set_max_payload(DATAGRAM).set_dnssec_ok(asked.flags().dnssec_ok);
        edns
    });
    reply
}

/// As many records as fit: what helps goes first, then answers go, and the client is told so.
fn fit(mut reply: Message, Limit(limit): Limit) -> Vec<u8> {
    let most = usize::from(limit) / SMALLEST;
    if reply.answers.len() > most {
        reply.metadata.truncation = limit < u16::MAX;
        reply.answers.truncate(most);
    }
    loop {
        let bytes = reply.to_vec().unwrap_or_default();
        let whole = !bytes.is_empty() && bytes.get(2).is_some_and(|flags| flags & 2 == 0 || reply.metadata.truncation);
        if whole && bytes.len() <= usize::from(limit) {
            return bytes;
        }
        if !reply.additionals.is_empty() {
            reply.additionals.clear();
        } else if !reply.answers.is_empty() {
            reply.metadata.truncation = limit < u16::MAX;
            let keep = reply.answers.len() * usize::from(limit) / bytes.len().max(usize::from(limit) + 1);
            reply.answers.truncate(keep.min(reply.answers.len() - 1));
        } else {
            return bytes;
        }
    }
}

fn addresses(name: &Name, wanted: RecordType, ips: impl IntoIterator<Item = IpAddr>) -> Vec<Record> {
    let one = |ip: IpAddr| match (ip, wanted) {
        (IpAddr::V4(ip), RecordType::A | RecordType::ANY) => Some(record(name, RData::A(A(ip)))),
        (IpAddr::V6(ip), RecordType::AAAA | RecordType::ANY) => Some(record(name, RData::AAAA(AAAA(ip)))),
        _ => None,
    };
    ips.into_iter().filter_map(one).collect()
}

fn record(name: &Name, data: RData) -> Record {
    Record::from_rdata(name.clone(), TTL, data)
}

fn soa(zone: &Zone, of: Name, serial: u32) -> Record {
    let mailbox = zone.domain.prepend_label(MAILBOX).unwrap_or_else(|_| zone.domain.clone());
    let ttl = TTL as i32;
    record(&of, RData::SOA(SOA::new(server_name(zone), mailbox, serial, ttl, ttl, ttl, TTL)))
}

fn server_name(zone: &Zone) -> Name {
    zone.domain.prepend_label("ns").unwrap_or_else(|_| zone.domain.clone())
}
