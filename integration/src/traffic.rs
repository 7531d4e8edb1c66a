//! Traffic from anywhere in a testbed: TCP servers that say who they are and whom they see, and clients.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::libc;
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrIn, SockaddrStorage, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use std::os::fd::AsRawFd;

use crate::netns;
use crate::plan::Place;
use crate::testbed::Testbed;

/// How long a client waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// A TCP server at some place. To each client it says `NAME PEER`, then it sends back every line.
#[derive(Debug)]
pub struct Server {
    listener: Arc<TcpListener>,
}

impl Server {
    /// Listens on `port` of every address of `place`.
    ///
    /// # Errors
    /// When the port is taken or there is no such place.
    pub fn start(testbed: &Testbed, place: &Place, port: u16) -> Result<Self> {
        Self::listen(testbed, place, SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port))
    }

    /// As [`Server::start`], at its IPv6 addresses.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start6(testbed: &Testbed, place: &Place, port: u16) -> Result<Self> {
        Self::listen(testbed, place, SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port))
    }

    fn listen(testbed: &Testbed, place: &Place, at: SocketAddr) -> Result<Self> {
        let listener = netns::within(&testbed.config().netns(place), || {
            TcpListener::bind(at).with_context(|| format!("cannot listen on {place}:{}", at.port()))
        })?;
        let listener = Arc::new(listener);
        let (accepting, name) = (Arc::clone(&listener), place.to_string());
        thread::spawn(move || {
            while let Ok((stream, peer)) = accepting.accept() {
                let name = name.clone();
                // A client that goes away in the middle is no matter.
                thread::spawn(move || talk(&stream, &name, peer).unwrap_or_default());
            }
        });
        Ok(Self { listener })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Closing alone would not wake the thread that accepts.
        let _ = socket::shutdown(self.listener.as_raw_fd(), socket::Shutdown::Both);
    }
}

fn talk(stream: &TcpStream, name: &str, peer: SocketAddr) -> std::io::Result<()> {
    let mut writer = stream;
    writeln!(writer, "{name} {}", peer.ip())?;
    for line in BufReader::new(stream).lines() {
        writeln!(writer, "{}", line?)?;
    }
    Ok(())
}

/// A connection to a [`Server`].
#[derive(Debug)]
pub struct Connection {
    reader: BufReader<TcpStream>,
    /// Name of the place that answered.
    pub server: String,
    /// Address from which that place saw the connection come.
    pub seen_as: IpAddr,
}

/// What became of a line sent over a [`Connection`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// It came back.
    Answered,
    /// The connection is at its end, and the client knows.
    Ended,
    /// Nothing came back within [`PATIENCE`].
    Hangs,
}

impl Connection {
    /// Connects from `place` to `ip:port`.
    ///
    /// # Errors
    /// When nobody answers within [`PATIENCE`].
    pub fn open(testbed: &Testbed, place: &Place, ip: IpAddr, port: u16) -> Result<Self> {
        let what = || format!("{place} to {ip}:{port}");
        let to = SocketAddr::new(ip, port);
        let connect = || TcpStream::connect_timeout(&to, PATIENCE).with_context(what);
        Self::greeted(netns::within(&testbed.config().netns(place), connect)?).with_context(what)
    }

    /// As [`Connection::open`] of IPv4, from a port that may just have been used.
    ///
    /// # Errors
    /// As [`Connection::open`], and when a socket holds the port.
    pub fn open_from(testbed: &Testbed, place: &Place, from: u16, ip: Ipv4Addr, port: u16) -> Result<Self> {
        let what = || format!("{place} from port {from} to {ip}:{port}");
        let connect = || {
            let socket = socket::socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
            socket::setsockopt(&socket, sockopt::ReuseAddr, &true)?;
            socket::setsockopt(&socket, sockopt::SendTimeout, &TimeVal::seconds(PATIENCE.as_secs().try_into()?))?;
            socket::bind(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, from)))?;
            socket::connect(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(ip, port)))?;
            Ok(TcpStream::from(socket))
        };
        Self::greeted(netns::within(&testbed.config().netns(place), connect).with_context(what)?).with_context(what)
    }

    fn greeted(stream: TcpStream) -> Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let (server, seen_as) = line.trim().split_once(' ').context("no greeting")?;
        Ok(Self { server: server.to_owned(), seen_as: seen_as.parse()?, reader })
    }

    /// Ends it, and waits until the server has done so, too.
    ///
    /// # Errors
    /// When the server does not within [`PATIENCE`].
    pub fn end(mut self) -> Result<()> {
        self.reader.get_ref().shutdown(Shutdown::Write)?;
        self.reader.read_to_end(&mut Vec::new()).map(drop).context("the server does not end the connection")
    }

    /// Ends it by a reset, of which neither side's kernel remembers anything.
    ///
    /// # Errors
    /// When the kernel refuses the option.
    pub fn reset(self) -> Result<()> {
        Ok(socket::setsockopt(self.reader.get_ref(), sockopt::Linger, &libc::linger { l_onoff: 1, l_linger: 0 })?)
    }

    /// Sends a line and waits for it to come back.
    pub fn echo(&mut self) -> Echo {
        if self.reader.get_mut().write_all(b"still there?\n").is_err() {
            return Echo::Ended;
        }
        match self.reader.read_line(&mut String::new()) {
            Ok(1..) => Echo::Answered,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Echo::Hangs,
            Ok(0) | Err(_) => Echo::Ended,
        }
    }
}

/// Connects from `place` to `ip:port`, and closes again. Returns who answered and whom it saw.
///
/// # Errors
/// As [`Connection::open`].
pub fn ask(testbed: &Testbed, place: &Place, ip: IpAddr, port: u16) -> Result<(String, IpAddr)> {
    let connection = Connection::open(testbed, place, ip, port)?;
    let _ = connection.reader.get_ref().shutdown(Shutdown::Both);
    Ok((connection.server, connection.seen_as))
}

/// Whether a connection from `place` to `ip:port` is refused, rather than lost.
pub fn refused(testbed: &Testbed, place: &Place, ip: IpAddr, port: u16) -> bool {
    let to = SocketAddr::new(ip, port);
    let connect = || Ok(TcpStream::connect_timeout(&to, PATIENCE));
    let refused = |connected: std::io::Result<TcpStream>| {
        connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    };
    netns::within(&testbed.config().netns(place), connect).is_ok_and(refused)
}

/// Any address of the same family.
#[must_use]
pub fn unspecified(ip: IpAddr) -> IpAddr {
    if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }
}

/// Whether a datagram from `place` to `ip:port` is answered by an ICMP error.
pub fn unreachable(testbed: &Testbed, place: &Place, ip: IpAddr, port: u16) -> bool {
    let send = || {
        let socket = std::net::UdpSocket::bind(SocketAddr::new(unspecified(ip), 0))?;
        socket.connect(SocketAddr::new(ip, port))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.send(b"anyone?")?;
        Ok(socket.recv(&mut [0; 16]))
    };
    let refused =
        |received: std::io::Result<usize>| received.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
    netns::within(&testbed.config().netns(place), send).is_ok_and(refused)
}

/// Begins `times` TCP connections from `place` to `ip:port`, each by one SYN, and waits for none of them.
///
/// # Errors
/// When there is no such place, or no way there.
pub fn knock(testbed: &Testbed, place: &Place, ip: IpAddr, port: u16, times: usize) -> Result<()> {
    let to = SockaddrStorage::from(SocketAddr::new(ip, port));
    netns::within(&testbed.config().netns(place), || {
        for n in 0..times {
            let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
            let socket = socket::socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
            match socket::connect(socket.as_raw_fd(), &to) {
                Ok(()) | Err(nix::errno::Errno::EINPROGRESS) => {}
                Err(error) => return Err(error).with_context(|| format!("{place} to {ip}:{port}")),
            }
            if n % 100 == 99 {
                thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    })
}
