//! Sockets between hosts.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::AsRawFd,
};

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket,
    sockopt::{BindToDevice, IpFreebind},
};
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, set_ip_mtu_discover};
use tokio::net::UdpSocket;

/// A socket at `address`, which may come and go, that speaks by way of `device` only, where one is given.
///
/// # Errors
/// What the system said.
pub fn open(address: IpAddr, port: u16, device: Option<&str>) -> io::Result<UdpSocket> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(family, SockType::Datagram, flags, None)?;
    setsockopt(&socket, IpFreebind, &true)?;
    if let Some(device) = device {
        setsockopt(&socket, BindToDevice, &device.into())?;
    }
    bind(socket.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(address, port)))?;
    UdpSocket::from_std(socket.into())
}

/// As [`open`] by way of `device`; what it sends goes in one piece or not at all, whatever routes say.
///
/// # Errors
/// What the system said.
pub fn open_whole(address: IpAddr, port: u16, device: &str) -> io::Result<UdpSocket> {
    let socket = open(address, port, Some(device))?;
    set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::PROBE)?;
    Ok(socket)
}
