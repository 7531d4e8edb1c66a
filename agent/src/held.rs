//! Which of the ports at which services can be published are held by processes of this host: who publishes a service
//! there takes them away from these.

use std::{collections::BTreeSet, time::Duration};

use api::{Health, HeldPort, PUBLISHED_PORTS, Protocol};
use tokio::time::Instant;

/// Tables of sockets, their protocols, and the state in which a socket waits for others (`linux/net/tcp_states.h`).
const TABLES: [(&str, Protocol, &str); 4] = [
    ("/proc/net/tcp", Protocol::Tcp, "0A"),
    ("/proc/net/tcp6", Protocol::Tcp, "0A"),
    ("/proc/net/udp", Protocol::Udp, "07"),
    ("/proc/net/udp6", Protocol::Udp, "07"),
];

/// How old what was read may be: to read a table, the kernel walks all connections of all namespaces, which takes
/// milliseconds.
const AGE: Duration = Duration::from_secs(3);

/// What was read last.
#[derive(Debug, Default)]
pub struct Held {
    ports: Vec<HeldPort>,
    read: Option<Instant>,
}

impl Held {
    /// All held ports but for the agent's own, as of now or a short while ago.
    pub fn ports(&mut self, own: &[Health], now: Instant) -> Vec<HeldPort> {
        if self.read.is_none_or(|at| now.duration_since(at) >= AGE) {
            *self = Self { ports: ports(own), read: Some(now) };
        }
        self.ports.clone()
    }
}

/// All of them, but for the agent's own. A table that cannot be read has none.
fn ports(own: &[Health]) -> Vec<HeldPort> {
    let read = |(path, protocol, state)| {
        let table = std::fs::read_to_string(path).unwrap_or_default();
        in_table(&table, state).into_iter().map(move |port| HeldPort { protocol, port }).collect::<Vec<_>>()
    };
    let is_own = |held: &HeldPort| held.protocol == Protocol::Tcp && own.iter().any(|own| own.port == held.port);
    let held: BTreeSet<HeldPort> = TABLES.into_iter().flat_map(read).filter(|held| !is_own(held)).collect();
    held.into_iter().collect()
}

/// The ports of sockets that wait in this state at other addresses than the loopback's.
fn in_table(table: &str, state: &str) -> BTreeSet<u16> {
    let port = |line: &str| {
        let mut words = line.split_whitespace();
        let (address, port) = words.nth(1)?.split_once(':')?;
        let (_remote, is) = (words.next()?, words.next()?);
        // IPv4 stands there from its last byte to its first.
        let loopback = (address.len() == 8 && address.ends_with("7F")) || address == "00000000000000000000000001000000";
        u16::from_str_radix(port, 16).ok().filter(|port| is == state && !loopback && PUBLISHED_PORTS.contains(port))
    };
    table.lines().skip(1).filter_map(port).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_to_others_holds_the_port() {
        let line =
            |address: &str, state: &str| format!("   0: {address} 00000000:0000 {state} 00000000:00000000 00:0 0\n");
        let table = "  sl  local_address rem_address   st\n".to_owned()
            + &line("00000000:7580", "0A")
            + &line("0100007F:7581", "0A")
            + &line("0101A8C0:7582", "01")
            + &line("0101A8C0:7583", "0A")
            + &line("00000000000000000000000000000000:7584", "0A")
            + &line("00000000:0050", "0A")
            + "nonsense\n";
        assert_eq!(in_table(&table, "0A"), [30_080, 30_083, 30_084].into());
    }

    #[test]
    fn a_socket_of_ours_is_seen() {
        let Some((socket, port)) =
            PUBLISHED_PORTS.rev().find_map(|port| Some((std::net::UdpSocket::bind(("0.0.0.0", port)).ok()?, port)))
        else {
            return;
        };
        assert!(ports(&[]).contains(&HeldPort { protocol: Protocol::Udp, port }));
        drop(socket);
    }
}
