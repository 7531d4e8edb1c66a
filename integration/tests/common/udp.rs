//! UDP servers as most are: one socket bound to no address, which lets the kernel choose from where it answers.
#![allow(dead_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use integration::{Place, Testbed, netns, traffic};

/// Answers each datagram with the name of its place and whom it sees, until it is dropped.
pub struct UdpServer(Arc<AtomicBool>);

impl UdpServer {
    /// At a port of every address, of both families.
    pub fn start(testbed: &Testbed, place: &Place, port: u16) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        for any in [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()] {
            let socket = open(testbed, place, SocketAddr::new(any, port));
            let (ended, name) = (Arc::clone(&ends), place.to_string());
            thread::spawn(move || serve(&socket, &name, &ended));
        }
        Self(ends)
    }
}

impl Drop for UdpServer {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn serve(socket: &UdpSocket, name: &str, ended: &AtomicBool) {
    let mut buffer = [0; 64];
    while !ended.load(Ordering::Relaxed) {
        if let Ok((_, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(format!("{name} {}", from.ip()).as_bytes(), from);
        }
    }
}

/// Who answers a datagram from `place`, and whom that one sees; none if nobody does within half a second.
pub fn ask_udp(testbed: &Testbed, place: &Place, ip: IpAddr, port: u16) -> Option<(String, IpAddr)> {
    let socket = open(testbed, place, SocketAddr::new(traffic::unspecified(ip), 0));
    socket.connect(SocketAddr::new(ip, port)).ok()?;
    socket.send(b"who?").ok()?;
    let mut buffer = [0; 128];
    let length = socket.recv(&mut buffer).ok()?;
    let said = String::from_utf8_lossy(&buffer[..length]).into_owned();
    let (name, seen) = said.split_once(' ')?;
    Some((name.to_owned(), seen.split('%').next()?.parse().ok()?))
}

/// The C library would have a socket of IPv6 take IPv4, too.
fn open(testbed: &Testbed, place: &Place, at: SocketAddr) -> UdpSocket {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt};
    use std::os::fd::AsRawFd;
    let family = if at.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let bound = netns::within(&testbed.config().netns(place), || {
        let socket = socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        if at.is_ipv6() {
            setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
        }
        bind(socket.as_raw_fd(), &SockaddrStorage::from(at))?;
        Ok(UdpSocket::from(socket))
    });
    let socket = bound.unwrap_or_else(|error| panic!("{place}: {error:#}"));
    socket.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    socket
}
