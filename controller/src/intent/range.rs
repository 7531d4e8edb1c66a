//! Where virtual addresses lie.

use std::{fmt, net::IpAddr, str::FromStr};

use api::Invalid;
use ipnet::IpNet;

/// The range of virtual addresses: a prefix of IPv4, and maybe one of IPv6 beside it, written
/// `10.96.0.0/12,fd00:10:96::/112`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtualRange {
    v4: IpNet,
    v6: Option<IpNet>,
}

impl VirtualRange {
    /// Its prefixes, IPv4 before IPv6.
    pub fn nets(&self) -> impl Iterator<Item = IpNet> + use<> {
        [self.v4].into_iter().chain(self.v6)
    }

    /// Its IPv4 prefix.
    pub fn v4(&self) -> IpNet {
        self.v4
    }

    /// Its IPv6 prefix.
    pub fn v6(&self) -> Option<IpNet> {
        self.v6
    }

    /// Whether an address lies in it.
    pub fn contains(&self, ip: &IpAddr) -> bool {
        self.nets().any(|net| net.contains(ip))
    }
}

impl FromStr for VirtualRange {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("services", format!("{text:?} is not like 10.96.0.0/12,fd00:10:96::/112"));
        let nets: Vec<IpNet> = text.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
        match nets[..] {
            [v4 @ IpNet::V4(_)] => Ok(Self { v4, v6: None }),
            [v4 @ IpNet::V4(_), v6 @ IpNet::V6(_)] => Ok(Self { v4, v6: Some(v6) }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for VirtualRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.v4)?;
        self.v6.map_or(Ok(()), |v6| write!(f, ",{v6}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_prints() {
        for text in ["10.96.0.0/12", "10.96.0.0/12,fd00:10:96::/112"] {
            assert_eq!(text.parse::<VirtualRange>().unwrap().to_string(), text);
        }
        for bad in
            ["", "10.96.0.0", "fd00::/112", "fd00::/112,10.96.0.0/12", "10.96.0.0/12,10.0.0.0/8", "10.96.0.0/12,"]
        {
            assert!(bad.parse::<VirtualRange>().is_err(), "{bad}");
        }
    }
}
