//! The sockets of the resolver, at an address of the host's own.

use std::{io, net::IpAddr, os::fd::AsRawFd};

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket,
    sockopt::{IpFreebind, ReuseAddr},
};
use tokio::net::{TcpListener, UdpSocket};

use super::PORT;
use crate::udp;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 64;

/// Opens both.
///
/// # Errors
/// What the system said, as when another name server listens at every address of the host.
pub fn open(address: IpAddr) -> io::Result<(UdpSocket, TcpListener)> {
    Ok((udp::open(address, PORT, None)?, tcp(address)?))
}

fn tcp(address: IpAddr) -> io::Result<TcpListener> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)?;
    setsockopt(&socket, IpFreebind, &true)?;
    setsockopt(&socket, ReuseAddr, &true)?;
    bind(socket.as_raw_fd(), &SockaddrStorage::from(std::net::SocketAddr::new(address, PORT)))?;
    listen(&socket, Backlog::new(BACKLOG)?)?;
    TcpListener::from_std(socket.into())
}
