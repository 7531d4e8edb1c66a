//! A client and a server of names, for tests.
#![allow(dead_code, missing_docs)]

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use integration::{Place, Testbed, netns};

/// Where every endpoint asks.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(169, 254, 77, 53);
/// Where those ask that have an IPv6 address.
pub const RESOLVER6: Ipv6Addr = Ipv6Addr::new(0xfda9, 0xfe4d, 0x35, 0, 0, 0, 0, 0x53);
const PATIENCE: Duration = Duration::from_secs(6);

/// The records of the answer, or what there is instead of them: `NXDomain`, `NoError` (no records), `silence` …
pub fn look_up(testbed: &Testbed, from: &Place, name: &str, of: RecordType) -> Vec<String> {
    found(exchange(testbed, from, name, of, false))
}

/// The same, asked by IPv6: by UDP and by TCP, which say the same.
pub fn look_up6(testbed: &Testbed, from: &Place, name: &str, of: RecordType) -> Vec<String> {
    let [udp, tcp] = [false, true].map(|tcp| found(exchange_with(testbed, from, RESOLVER6.into(), name, of, tcp)));
    assert_eq!(udp, tcp, "{name}");
    udp
}

fn found(answer: Result<Message>) -> Vec<String> {
    match answer {
        Ok(message) if message.answers.is_empty() => vec![format!("{:?}", message.metadata.response_code)],
        Ok(message) => {
            let mut found: Vec<String> = message.answers.iter().map(|record| record.data.to_string()).collect();
            found.sort_unstable();
            found
        }
        Err(_) => vec!["silence".into()],
    }
}

/// The whole answer.
pub fn exchange(testbed: &Testbed, from: &Place, name: &str, of: RecordType, tcp: bool) -> Result<Message> {
    exchange_with(testbed, from, RESOLVER.into(), name, of, tcp)
}

fn exchange_with(
    testbed: &Testbed,
    from: &Place,
    resolver: IpAddr,
    name: &str,
    of: RecordType,
    tcp: bool,
) -> Result<Message> {
    let mut name = Name::from_ascii(name)?;
    name.set_fqdn(true);
    let mut query = Message::query();
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(name, of));
    let bytes = netns::within(&testbed.config().netns(from), || {
        if tcp { by_tcp(resolver, &query) } else { by_udp(resolver, &query) }
    })?;
    let reply = Message::from_vec(&bytes)?;
    ensure!(reply.metadata.id == query.metadata.id && reply.queries == query.queries, "an answer to something else");
    Ok(reply)
}

fn by_udp(resolver: IpAddr, query: &Message) -> Result<Vec<u8>> {
    let socket = UdpSocket::bind(if resolver.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect((resolver, 53))?;
    let mut buffer = vec![0; 65_535];
    let bytes = query.to_vec()?;
    let mut ask = || {
        socket.send(&bytes)?;
        socket.recv(&mut buffer)
    };
    // A datagram may be lost: the C library asks twice.
    let length = ask().or_else(|_| ask()).context("no answer")?;
    buffer.truncate(length);
    Ok(buffer)
}

fn by_tcp(resolver: IpAddr, query: &Message) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((resolver, 53)), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write(&mut stream, &query.to_vec()?)?;
    read(&mut stream)
}

fn write(stream: &mut TcpStream, message: &[u8]) -> Result<()> {
    let length = u16::try_from(message.len())?;
    Ok(stream.write_all(&[&length.to_be_bytes()[..], message].concat())?)
}

fn read(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message)?;
    Ok(message)
}

/// A name server at some place: every name has the address 192.0.2.80, but for names that begin with `big`, which have a
/// hundred and no room for them in a datagram, and `gone`, which there is not.
pub struct NameServer {
    asked: Arc<AtomicUsize>,
}

impl NameServer {
    pub fn start(testbed: &Testbed, place: &Place) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let open = || Ok((UdpSocket::bind("0.0.0.0:53")?, TcpListener::bind("0.0.0.0:53")?));
        let (udp, tcp) = netns::within(&testbed.config().netns(place), open).expect("port 53 is free");
        let count = asked.clone();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = udp.recv_from(&mut buffer) {
                count.fetch_add(1, Ordering::SeqCst);
                let reply = answer(&buffer[..length], false);
                reply.into_iter().for_each(|reply| drop(udp.send_to(&reply, from)));
            }
        });
        thread::spawn(move || {
            for mut stream in tcp.incoming().flatten() {
                while let Ok(query) = read(&mut stream) {
                    let Some(reply) = answer(&query, true) else { break };
                    if write(&mut stream, &reply).is_err() {
                        break;
                    }
                }
            }
        });
        Self { asked }
    }

    /// How many datagrams it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn answer(query: &[u8], tcp: bool) -> Option<Vec<u8>> {
    let query = Message::from_vec(query).ok()?;
    let question = query.queries.first()?.clone();
    let mut reply = Message::new(query.metadata.id, MessageType::Response, query.metadata.op_code);
    let name = question.name().clone();
    let text = name.to_ascii();
    let record = |n: u8| Record::from_rdata(name.clone(), 60, RData::A(A(Ipv4Addr::new(192, 0, 2, n))));
    match () {
        () if text.starts_with("gone") => reply.metadata.response_code = ResponseCode::NXDomain,
        () if text.starts_with("big") && !tcp => reply.metadata.truncation = true,
        () if text.starts_with("big") => reply.answers = (1..=100).map(record).collect(),
        () => reply.answers = vec![record(80)],
    }
    reply.add_query(question);
    reply.to_vec().ok()
}
