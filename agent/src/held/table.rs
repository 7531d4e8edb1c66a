//! The kernel's sockets as its tables in `/proc` have them, for kernels that do not tell by netlink. To print a table,
//! the kernel walks all connections of all namespaces.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use api::Protocol;

use crate::nat::Family;

/// Where sockets of this kind wait for others.
///
/// # Errors
/// What the system said.
pub(super) fn waiting(protocol: Protocol, family: Family) -> io::Result<Vec<SocketAddr>> {
    let version = if family == Family::V4 { "" } else { "6" };
    let table = std::fs::read_to_string(format!("/proc/net/{protocol}{version}"))?;
    // `linux/net/tcp_states.h`: those of TCP listen, those of UDP are not connected.
    let state = if protocol == Protocol::Udp { "07" } else { "0A" };
    Ok(table.lines().skip(1).filter_map(|line| address(line, state)).collect())
}

/// The local address of a socket that is in this state.
fn address(line: &str, state: &str) -> Option<SocketAddr> {
    let mut words = line.split_whitespace();
    let (address, port) = words.nth(1)?.split_once(':')?;
    let (_remote, is) = (words.next()?, words.next()?);
    let at = SocketAddr::new(ip(address)?, u16::from_str_radix(port, 16).ok()?);
    (is == state).then_some(at)
}

/// An address stands there word by word, each a number in the host's byte order.
fn ip(text: &str) -> Option<IpAddr> {
    let word = |at| u32::from_str_radix(text.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    match text.len() {
        8 => Some(IpAddr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            Some(IpAddr::from(<[u8; 16]>::try_from(words.concat()).ok()?))
        }
        _ => None,
    }
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::address;

    #[test]
    fn who_waits_is_found_among_connections_and_nonsense() {
        let line =
            |address: &str, state: &str| format!("   0: {address} 00000000:0000 {state} 00000000:00000000 00:0 0\n");
        let found = |at: &str| address(&line(at, "0A"), "0A").map(|at| at.to_string());
        for (at, expected) in [
            ("00000000:7580", "0.0.0.0:30080"),
            ("0100007F:7581", "127.0.0.1:30081"),
            ("0101A8C0:7583", "192.168.1.1:30083"),
            ("00000000000000000000000000000000:7584", "[::]:30084"),
            ("B80D0120000000000000000001000000:7585", "[2001:db8::1]:30085"),
            ("0000000000000000FFFF00000100007F:7586", "[::ffff:127.0.0.1]:30086"),
        ] {
            assert_eq!(found(at).as_deref(), Some(expected));
            assert_eq!(address(&line(at, "01"), "0A"), None, "it is connected");
        }
        for nonsense in ["", "nonsense", ":", "0:0", "0000000é:7580", "00000000:17580", "00000000:"] {
            assert_eq!(found(nonsense), None, "{nonsense}");
        }
        assert_eq!(address("nonsense", "0A"), None);
    }
}
