//! Addresses as Open vSwitch writes them: ovsdb(7), "Connection Methods".

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The port of OVSDB at IANA.
const PORT: u16 = 6640;

/// A text that is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad address {address}: {problem}")]
pub struct AddressError {
    /// The text.
    pub address: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Where to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remote {
    /// `unix:FILE`
    Unix(PathBuf),
    /// `tcp:HOST[:PORT]`
    Tcp(String, u16),
    /// `ssl:HOST[:PORT]`
    Ssl(String, u16),
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passive {
    /// `punix:FILE`
    Unix(PathBuf),
    /// `ptcp:[PORT][:HOST]`, on all addresses without a host
    Tcp(String, u16),
    /// `pssl:[PORT][:HOST]`
    Ssl(String, u16),
}

/// Reads a list of addresses with commas between, as for the servers of a cluster.
pub fn remotes(text: &str) -> Result<Vec<Remote>, AddressError> {
    text.split(',').map(|part| part.trim().parse()).collect()
}

fn port(text: &str) -> Option<u16> {
    if text.is_empty() { Some(PORT) } else { text.parse().ok() }
}

/// `HOST[:PORT]`, an IPv6 address in brackets.
fn host_port(text: &str) -> Option<(String, u16)> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => match text.find(':') {
            Some(at) => text.split_at_checked(at)?,
            None => (text, ""),
        },
    };
    let number = if rest.is_empty() { rest } else { rest.strip_prefix(':')? };
    let bad = host.is_empty() || host.contains(['[', ']']);
    if bad { None } else { Some((host.to_owned(), port(number)?)) }
}

/// `[PORT][:HOST]`.
fn port_host(text: &str) -> Option<(String, u16)> {
    let (number, host) = text.split_once(':').unwrap_or((text, "0.0.0.0"));
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    Some((host.to_owned(), port(number)?))
}

impl FromStr for Remote {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Remote, AddressError> {
        let error = |problem| AddressError { address: text.to_owned(), problem };
        let (kind, rest) = text.split_once(':').ok_or(error("no unix:, tcp: or ssl:"))?;
        let host_port = || host_port(rest).ok_or(error("not HOST[:PORT]"));
        match kind {
            "unix" if rest.is_empty() => Err(error("no file")),
            "unix" => Ok(Remote::Unix(rest.into())),
            "tcp" => host_port().map(|(host, port)| Remote::Tcp(host, port)),
            "ssl" => host_port().map(|(host, port)| Remote::Ssl(host, port)),
            _ => Err(error("neither unix, tcp nor ssl")),
        }
    }
}

impl FromStr for Passive {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Passive, AddressError> {
        let error = |problem| AddressError { address: text.to_owned(), problem };
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let port_host = || port_host(rest).ok_or(error("not [PORT][:HOST]"));
        match kind {
            "punix" if rest.is_empty() => Err(error("no file")),
            "punix" => Ok(Passive::Unix(rest.into())),
            "ptcp" => port_host().map(|(host, port)| Passive::Tcp(host, port)),
            "pssl" => port_host().map(|(host, port)| Passive::Ssl(host, port)),
            _ => Err(error("neither punix, ptcp nor pssl")),
        }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, host, port) = match self {
            Remote::Unix(path) => return write!(f, "unix:{}", path.display()),
            Remote::Tcp(host, port) => ("tcp", host, port),
            Remote::Ssl(host, port) => ("ssl", host, port),
        };
        match host.contains(':') {
            true => write!(f, "{kind}:[{host}]:{port}"),
            false => write!(f, "{kind}:{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_and_print() {
        for (text, printed) in [
            ("unix:/run/db.sock", "unix:/run/db.sock"),
            ("tcp:192.0.2.1", "tcp:192.0.2.1:6640"),
            ("ssl:[2001:db8::1]:7000", "ssl:[2001:db8::1]:7000"),
            ("tcp:host.example:1", "tcp:host.example:1"),
        ] {
            assert_eq!(text.parse::<Remote>().map(|r| r.to_string()), Ok(printed.to_owned()));
        }
        assert_eq!("ptcp:".parse(), Ok(Passive::Tcp("0.0.0.0".to_owned(), 6640)));
        assert_eq!("pssl:0:[::1]".parse(), Ok(Passive::Ssl("::1".to_owned(), 0)));
        assert_eq!(remotes("tcp:a:1, tcp:b:2").map(|list| list.len()), Ok(2));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "tcp", "tcp:", "tcp:h:99999", "udp:h:1", "unix:", "tcp:[::1", "tcp:[::1]x", "tcp:[[1]"] {
            assert!(text.parse::<Remote>().is_err(), "{text}");
        }
        assert!("ptcp:x".parse::<Passive>().is_err());
    }
}
