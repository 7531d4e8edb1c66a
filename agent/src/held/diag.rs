//! The kernel's sockets, asked for by netlink (`linux/inet_diag.h`): it looks at those that wait for others only, and
//! not at every connection of every namespace, which takes milliseconds.

use std::{io, net::SocketAddr};

use api::Protocol;
use netlink_packet_sock_diag::{
    AF_INET, AF_INET6, SockDiagMessage,
    inet::{ExtensionFlags, InetRequest, SocketId, StateFlags},
};
use rtnetlink::{
    packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload},
    sys::{Socket, SocketAddr as Kernel, protocols::NETLINK_SOCK_DIAG},
};

use crate::nat::Family;

/// More than the kernel puts into one datagram, in bytes.
const DATAGRAM: usize = 1 << 16;

/// Where sockets of this kind wait for others. It never blocks: an answer is there as soon as it was asked for.
///
/// # Errors
/// What the kernel said; one without the module that tells of these sockets says that there is no such thing.
pub(super) fn waiting(protocol: Protocol, family: Family) -> io::Result<Vec<SocketAddr>> {
    let socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.connect(&Kernel::new(0, 0))?;
    socket.set_non_blocking(true)?;
    socket.send(&request(protocol, family), 0)?;
    let (mut found, mut buffer) = (Vec::new(), Vec::with_capacity(DATAGRAM));
    loop {
        buffer.clear();
        socket.recv(&mut buffer, 0)?;
        if read(&buffer, &mut found)? {
            return Ok(found);
        }
    }
}

fn request(protocol: Protocol, family: Family) -> Vec<u8> {
    let (number, socket_id) = match family {
        Family::V4 => (AF_INET, SocketId::new_v4()),
        Family::V6 => (AF_INET6, SocketId::new_v6()),
    };
    let states = match protocol {
        Protocol::Tcp | Protocol::Sctp => StateFlags::LISTEN,
        // One that is connected waits for nobody else.
        Protocol::Udp => StateFlags::CLOSE,
    };
    let inet = InetRequest {
        family: number,
        protocol: protocol.number(),
        extensions: ExtensionFlags::empty(),
        states,
        socket_id,
    };
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(SockDiagMessage::InetRequest(inet)));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// Reads the messages of a datagram, and answers whether the last was among them.
fn read(mut bytes: &[u8], found: &mut Vec<SocketAddr>) -> io::Result<bool> {
    while !bytes.is_empty() {
        let message = NetlinkMessage::<SockDiagMessage>::deserialize(bytes).map_err(io::Error::other)?;
        match message.payload {
            NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(socket)) => {
                let id = &socket.header.socket_id;
                found.push(SocketAddr::new(id.source_address, id.source_port));
            }
            NetlinkPayload::Done(done) if done.code < 0 => return Err(io::Error::from_raw_os_error(-done.code)),
            NetlinkPayload::Done(_) => return Ok(true),
            NetlinkPayload::Error(error) => return Err(error.to_io()),
            NetlinkPayload::Overrun(_) => return Err(io::Error::other("the kernel lost some of its answer")),
            _ => {}
        }
        let length = usize::try_from(message.header.length).unwrap_or(bytes.len());
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_cut_or_twisted_anywhere_is_refused_or_read_in_part() {
        let whole = request(Protocol::Tcp, Family::V6);
        for end in 1..whole.len() {
            assert!(read(&whole[..end], &mut Vec::new()).is_err(), "{end}");
        }
        for at in 0..whole.len() {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut twisted = whole.clone();
                twisted[at] = byte;
                let _read_to_its_end = read(&twisted, &mut Vec::new());
            }
        }
    }

    #[test]
    fn what_the_kernel_refuses_is_its_error() {
        let mut bytes = 20_u32.to_ne_bytes().to_vec();
        bytes.extend(2_u16.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend((-nix::libc::ENOENT).to_ne_bytes());
        let error = read(&bytes, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
