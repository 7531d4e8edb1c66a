//! Asking the host's resolvers, in the client's own words.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::{Instant, timeout_at},
};

/// How long one resolver may take over UDP before the next one is asked.
const TRY: Duration = Duration::from_millis(1_500);
/// How long all of them together may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest datagram that is taken; a client that wants more asks again over TCP.
const DATAGRAM: usize = 4_096;
/// How many bytes a header has (RFC 1035 section 4.1.1).
const HEADER: usize = 12;

/// The first answer to `query` of one of `servers`; none if none answers in time.
pub async fn forward(query: &[u8], tcp: bool, servers: &[SocketAddr]) -> Option<Vec<u8>> {
    let until = Instant::now() + PATIENCE;
    // Twice each: a datagram may be lost.
    for server in servers.iter().chain(servers) {
        let until = until.min(Instant::now() + if tcp { PATIENCE } else { TRY });
        let asked = async {
            match tcp {
                true => over_tcp(query, *server).await,
                false => over_udp(query, *server).await,
            }
        };
        if let Ok(Ok(reply)) = timeout_at(until, asked).await {
            return Some(reply);
        }
        if Instant::now() >= until && tcp {
            return None;
        }
    }
    None
}

/// The same question under a number that nobody else knows.
fn renumbered(query: &[u8]) -> Vec<u8> {
    let mut bytes = query.to_vec();
    bytes[..2].copy_from_slice(&rand::random::<[u8; 2]>());
    bytes
}

/// The reply as an answer to `query`, if it is one to `sent`.
fn accept(mut reply: Vec<u8>, sent: &[u8], query: &[u8]) -> Option<Vec<u8>> {
    let question = question(sent)?;
    let answers = reply.len() >= HEADER
        && reply[..2] == sent[..2]
        && reply[2] & 0x80 != 0
        && (reply[4..6] == [0, 0]
            || reply.get(HEADER..HEADER + question.len()).is_some_and(|q| q.eq_ignore_ascii_case(question)));
    answers.then(|| {
        reply[..2].copy_from_slice(&query[..2]);
        reply
    })
}

/// The question of a query that was read before: its first name, type and class.
fn question(query: &[u8]) -> Option<&[u8]> {
    let mut end = HEADER;
    while let length @ 1.. = usize::from(*query.get(end)?) {
        end += 1 + length;
    }
    query.get(HEADER..end + 5)
}

async fn over_udp(query: &[u8], server: SocketAddr) -> io::Result<Vec<u8>> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    let sent = renumbered(query);
    socket.send(&sent).await?;
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if let Some(reply) = accept(buffer[..length].to_vec(), &sent, query) {
            return Ok(reply);
        }
    }
}

async fn over_tcp(query: &[u8], server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let sent = renumbered(query);
    let length = u16::try_from(sent.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], &sent].concat()).await?;
    let length = stream.read_u16().await?;
    let mut reply = vec![0; length.into()];
    stream.read_exact(&mut reply).await?;
    accept(reply, &sent, query).ok_or_else(|| io::Error::other("it answers another question"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01";

    #[test]
    fn only_an_answer_to_the_very_question_counts() {
        let mut sent = QUERY.to_vec();
        sent[..2].copy_from_slice(&[0xab, 0xcd]);
        let mut reply = sent.clone();
        reply[2] |= 0x80;
        assert_eq!(accept(reply.clone(), &sent, QUERY).unwrap()[..2], [0x12, 0x34]);
        assert_eq!(accept(sent.clone(), &sent, QUERY), None, "a query");
        assert_eq!(accept(QUERY.to_vec(), &sent, QUERY), None, "another number");
        reply[14] = b'x';
        assert_eq!(accept(reply, &sent, QUERY), None, "another name");
        assert_eq!(accept(vec![0xab, 0xcd, 0x80], &sent, QUERY), None, "cut short");
        for cut in 0..QUERY.len() {
            assert_eq!(question(&QUERY[..cut]), None);
        }
    }
}
