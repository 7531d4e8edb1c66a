//! Clients of two hosts' backends, by a virtual address, straight, and from outside.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrIn};

use super::dataplane::PATIENCE;
use super::side::{Side, hosts};
use crate::plan::Place;
use crate::{netns, tool};

/// Where backends of the first service answer.
const PORT: u16 = 8080;
/// Clients one after the other, and at once; for how long each time; their service's address, and its backends' port. Each
/// have backends of their own and little time, for none is to use a port again that conntrack still knows: the Open
/// vSwitch 3.1 of OVN's hosts dies of it, by an assertion in `conn_update_state`.
pub(super) const CLIENTS_OF: [(usize, Duration, Ipv4Addr, u16); 2] = [
    (1, Duration::from_secs(3), Ipv4Addr::new(10, 96, 0, 10), PORT),
    (16, Duration::from_secs(1), Ipv4Addr::new(10, 96, 0, 11), PORT + 1),
];
/// From which ports clients ask.
const PORTS: &str = "10000 65535";

/// Who can be a client: so many, and a range of the underlay for them.
const CLIENTS: u16 = 1000;
const CLIENT_RANGE: &str = "172.30.64.0/20";
const FIRST_CLIENT: u32 = 0xac1e_4001;
/// Where nodes answer for the first service.
pub(super) const NODE_PORT: u16 = 30_080;

impl Side {
    /// A first word with each backend: who has not spoken yet is not known everywhere.
    ///
    /// # Errors
    /// When one does not answer.
    pub(super) fn greet(&self) -> Result<()> {
        let _servers = [answer(&self.pods[1], PORT)?, answer(&self.pods[2], PORT)?];
        netns::within(&self.pods[0], || {
            for ip in [self.far, self.near] {
                TcpStream::connect_timeout(&SocketAddr::new(ip.into(), PORT), PATIENCE)
                    .with_context(|| format!("{ip} of {}", self.testbed.config().name))?;
            }
            Ok(())
        })
    }

    /// Connections per second by so many clients of one pod, of which each asks again when it is answered, each time the next
    /// of `to`; and how many came to nothing within a second. Backends listen at `port`.
    ///
    /// # Errors
    /// When nobody answers at all.
    pub(super) fn connections(
        &self,
        (clients, time): (usize, Duration),
        to: &[SocketAddr],
        port: u16,
    ) -> Result<(f64, u32)> {
        let _servers = [answer(&self.pods[1], port)?, answer(&self.pods[2], port)?];
        let first = *to.first().context("nobody to ask")?;
        netns::within(&self.pods[0], || {
            tool::sysctl("ipv4/ip_local_port_range", PORTS)?;
            let mut last = String::new();
            let mut answered = || ask(first).map_err(|error| last = format!("{error:#}")).is_ok();
            let answers = tool::wait_until("an answer", PATIENCE, &mut answered);
            answers.with_context(|| format!("{first} of {}: {last}", self.testbed.config().name))?;
            let since = Instant::now();
            let client = || {
                let (mut count, mut lost) = (0u32, 0u32);
                for to in to.iter().cycle().take_while(|_| since.elapsed() < time) {
                    *if ask(*to).is_ok() { &mut count } else { &mut lost } += 1;
                }
                (count, lost)
            };
            let all = thread::scope(|scope| {
                let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
                clients.into_iter().map(|client| client.join().unwrap_or_default()).collect::<Vec<_>>()
            });
            let (count, lost) = all.into_iter().fold((0, 0), |(count, lost), of| (count + of.0, lost + of.1));
            Ok((f64::from(count) / since.elapsed().as_secs_f64(), lost))
        })
    }

    /// Datapath flows of the first host after 100 connections of its pod to a service, and after 1,000.
    ///
    /// # Errors
    /// When a connection fails.
    pub(super) fn asked_by_a_pod(&self) -> Result<(u64, u64)> {
        let (_, _, vip, port) = CLIENTS_OF[1];
        self.asked(&self.pods[0], port, |_| ask(SocketAddr::from((vip, 80))))
    }

    /// The same after 100 clients outside, and after 1,000: of this host's own flows, the userspace datapath has one for
    /// each address that its kernel is to answer, for it looks among the ends of tunnels for it.
    ///
    /// # Errors
    /// When a connection fails.
    pub(super) fn asked_outside(&self) -> Result<(u64, u64)> {
        let config = self.testbed.config();
        let outside = config.netns(&Place::External);
        netns::within(&outside, || tool::ip_batch(&[format!("route add local {CLIENT_RANGE} dev lo")]))?;
        let first = hosts(config)?[0];
        self.asked(&outside, PORT, |n| ask_as(Ipv4Addr::from(FIRST_CLIENT + u32::from(n)), first.ip()))
    }

    fn asked(&self, from: &str, port: u16, ask: impl Fn(u16) -> Result<()> + Send + Sync) -> Result<(u64, u64)> {
        let first = Place::from(hosts(self.testbed.config())?[0]);
        let _servers = [answer(&self.pods[1], port)?, answer(&self.pods[2], port)?];
        let count = |mut clients: std::ops::Range<u16>| -> Result<u64> {
            netns::within(from, || clients.try_for_each(&ask))?;
            let flows = self.testbed.run(&first, &["ovs-appctl", "dpctl/dump-flows"])?;
            Ok(flows.lines().filter(|line| line.contains("actions:")).count() as u64)
        };
        Ok((count(0..CLIENTS / 10)?, count(CLIENTS / 10..CLIENTS)?))
    }
}

fn ask_as(source: Ipv4Addr, node: Ipv4Addr) -> Result<()> {
    let socket = socket::socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let [a, b, c, d] = source.octets();
    socket::bind(socket.as_raw_fd(), &SockaddrIn::new(a, b, c, d, 0))?;
    let [a, b, c, d] = node.octets();
    socket::connect(socket.as_raw_fd(), &SockaddrIn::new(a, b, c, d, NODE_PORT))
        .with_context(|| format!("{source} to {node}"))?;
    Ok(())
}

/// One connection, with a question and an answer.
fn ask(to: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&to, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"GET /i HTTP/1.0\r\n\r\n")?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A server that answers in a word.
struct Answering(TcpListener);

impl Drop for Answering {
    fn drop(&mut self) {
        let _ = socket::shutdown(self.0.as_raw_fd(), socket::Shutdown::Both);
    }
}

fn answer(ns: &str, port: u16) -> Result<Answering> {
    let bind = || Ok(TcpListener::bind((IpAddr::from(Ipv4Addr::UNSPECIFIED), port))?);
    let listener = netns::within(ns, bind)?;
    let accepting = listener.try_clone()?;
    thread::spawn(move || {
        while let Ok((mut stream, _)) = accepting.accept() {
            // A client that goes away, or of which nothing more is heard, is no matter, and keeps nobody waiting.
            let mut talk = move || {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.read(&mut [0; 256]).and_then(|_| stream.write_all(b"ok\n"))
            };
            thread::spawn(move || talk().unwrap_or_default());
        }
    });
    Ok(Answering(listener))
}
