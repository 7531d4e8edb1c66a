//! How a virtual address is written: an IP address, or `none` for a service that only has names.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// What stands in the place of the address of a service without one.
const NONE: &str = "none";

/// The virtual address that a service is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Vip {
    /// This one.
    At(IpAddr),
    /// None: the service has names only.
    None,
}

impl Vip {
    /// The address, if there is to be one.
    pub fn address(self) -> Option<IpAddr> {
        match self {
            Self::At(ip) => Some(ip),
            Self::None => None,
        }
    }
}

impl FromStr for Vip {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            NONE => Ok(Self::None),
            text => {
                text.parse().map(Self::At).map_err(|_| format!("{text:.60?} is neither an IP address nor {NONE:?}"))
            }
        }
    }
}

impl fmt::Display for Vip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(ip) => write!(f, "{ip}"),
            Self::None => f.write_str(NONE),
        }
    }
}

impl TryFrom<String> for Vip {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Vip> for String {
    fn from(vip: Vip) -> Self {
        vip.to_string()
    }
}

pub(crate) fn serialize<S: Serializer>(vip: &Option<IpAddr>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&vip.map_or(Vip::None, Vip::At))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IpAddr>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Vip::address).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_or_none() {
        assert_eq!("none".parse(), Ok(Vip::None));
        assert_eq!("10.96.0.10".parse::<Vip>().unwrap().to_string(), "10.96.0.10");
        for bad in ["", "None", "10.96.0.10/32", "web"] {
            assert!(bad.parse::<Vip>().is_err(), "{bad}");
        }
    }
}
