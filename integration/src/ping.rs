//! Pings that run as long as something else is done, and lose nothing that was only late.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

use crate::netns;
use crate::plan::Place;
use crate::testbed::Testbed;

/// Time between two requests, the first of which is answered.
const EACH: Duration = Duration::from_millis(1);

/// Time between two requests, the first of which is not answered yet: a host that has too much to do is not given more.
const UNANSWERED: Duration = Duration::from_millis(10);

/// How long answers are waited for after the last request: longer than anything that is late on its way.
const LATE: Duration = Duration::from_secs(1);

/// A ping that runs until it is asked for its result.
#[derive(Debug)]
pub struct Ping {
    /// Dropped for the thread to end.
    end: Sender<()>,
    thread: JoinHandle<Loss>,
}

/// What a [`Ping`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Requests sent.
    pub sent: u64,
    /// Requests never answered.
    pub lost: u64,
    /// How long the slowest answer took.
    pub slowest: Duration,
}

impl Ping {
    /// Pings `ip` from `place` once a millisecond, as long as answers come.
    ///
    /// # Errors
    /// When there is no such place, or no way from there.
    pub fn start(testbed: &Testbed, place: &Place, ip: IpAddr) -> Result<Self> {
        let open = || open(ip).with_context(|| format!("cannot ping {ip} from {place}"));
        let socket = netns::within(&testbed.config().netns(place), open)?;
        let (end, ended) = mpsc::channel();
        let thread = thread::spawn(move || run(&socket, ip, &ended));
        Ok(Self { end, thread })
    }

    /// Sends no more, and returns what was lost once all is answered or has had its time.
    ///
    /// # Errors
    /// When it sent nothing.
    pub fn finish(self) -> Result<Loss> {
        drop(self.end);
        let loss = self.thread.join().ok().context("the ping ended early")?;
        ensure!(loss.sent > 0, "the ping sent nothing");
        Ok(loss)
    }
}

/// A socket for ICMP echo of which the kernel writes identifier and checksum (`icmp(7)`).
fn open(ip: IpAddr) -> Result<UdpSocket> {
    fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0")?;
    let (family, protocol) = match ip {
        IpAddr::V4(_) => (AddressFamily::Inet, SockProtocol::Icmp),
        IpAddr::V6(_) => (AddressFamily::Inet6, SockProtocol::IcmpV6),
    };
    let socket = UdpSocket::from(socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, protocol)?);
    socket.connect(SocketAddr::new(ip, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// An echo request: type, code, checksum, identifier and sequence number, then which one it is.
fn request(ip: IpAddr, number: u64) -> [u8; 16] {
    let mut packet = [0; 16];
    packet[0] = if ip.is_ipv4() { 8 } else { 128 };
    packet[8..].copy_from_slice(&number.to_be_bytes());
    packet
}

/// Requests by number, and what became of them.
#[derive(Debug, Default)]
struct Requests {
    found: Loss,
    /// When those were sent that are not answered.
    open: BTreeMap<u64, Instant>,
}

impl Requests {
    /// Whether it is time for the next one.
    fn due(&self) -> bool {
        let last = self.found.sent.checked_sub(1).and_then(|last| self.open.get(&last));
        last.is_none_or(|sent| sent.elapsed() >= UNANSWERED)
    }

    /// Sends the next one. One that cannot be sent is not answered.
    fn send(&mut self, socket: &UdpSocket, ip: IpAddr) {
        self.open.insert(self.found.sent, Instant::now());
        let _ = socket.send(&request(ip, self.found.sent));
        self.found.sent += 1;
    }

    /// Takes in the answers that have come.
    fn receive(&mut self, socket: &UdpSocket) {
        let mut packet = [0; 64];
        loop {
            match socket.recv(&mut packet) {
                Ok(16) => {
                    let number = packet[8..16].try_into().map(u64::from_be_bytes).expect("eight bytes");
                    let took = self.open.remove(&number).map(|sent| sent.elapsed());
                    self.found.slowest = self.found.slowest.max(took.unwrap_or_default());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // Not ours, or an ICMP error about a request, which stays open.
                Ok(_) | Err(_) => {}
            }
        }
    }
}

fn run(socket: &UdpSocket, ip: IpAddr, ended: &Receiver<()>) -> Loss {
    let mut requests = Requests::default();
    while ended.recv_timeout(EACH) == Err(RecvTimeoutError::Timeout) {
        requests.receive(socket);
        if requests.due() {
            requests.send(socket, ip);
        }
    }
    let last = Instant::now();
    while !requests.open.is_empty() && last.elapsed() < LATE {
        thread::sleep(EACH);
        requests.receive(socket);
    }
    Loss { lost: requests.open.len() as u64, ..requests.found }
}
