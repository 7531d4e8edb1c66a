//! Where etcd is: `etcd://HOST:PORT[,HOST:PORT…][/PREFIX]`.

use std::{fmt, str::FromStr};

/// The prefix of all keys where none is given.
const PREFIX: &str = "sdn";

/// The members of an etcd cluster, and below which key all is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// `HOST:PORT` of each member, the first tried first.
    pub members: Vec<String>,
    /// What all keys begin with, without slashes at its ends.
    pub prefix: String,
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "give it as etcd://HOST:PORT[,HOST:PORT…][/PREFIX], like etcd://10.0.0.1:2379".to_owned();
        let rest = text.strip_prefix("etcd://").ok_or_else(wrong)?;
        let (members, prefix) = rest.split_once('/').unwrap_or((rest, PREFIX));
        let members: Vec<String> = members.split(',').map(str::to_owned).collect();
        let host = |c: char| c.is_ascii_alphanumeric() || ".-:[]_".contains(c);
        let member = |member: &String| {
            let parts = member.rsplit_once(':');
            parts.is_some_and(|(name, port)| {
                !name.is_empty() && name.chars().all(host) && port.parse::<u16>().is_ok_and(|port| port > 0)
            })
        };
        let part = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let prefix = prefix.trim_matches('/');
        if !members.iter().all(member) || prefix.is_empty() || !prefix.chars().all(part) {
            return Err(wrong());
        }
        Ok(Self { members, prefix: prefix.to_owned() })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "etcd://{}/{}", self.members.join(","), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_members_and_prefix() {
        let url: Url = "etcd://10.0.0.1:2379,[fd00::1]:2379/lab/one/".parse().unwrap();
        assert_eq!(url.members, ["10.0.0.1:2379", "[fd00::1]:2379"]);
        assert_eq!(url.to_string(), "etcd://10.0.0.1:2379,[fd00::1]:2379/lab/one");
        assert_eq!("etcd://etcd:2379".parse::<Url>().unwrap().prefix, "sdn");
        for bad in
            ["", "10.0.0.1:2379", "etcd://", "etcd://a", "etcd://a:0", "etcd://a:1,,b:1", "etcd://a:1/", "etcd://a b:1"]
        {
            assert!(bad.parse::<Url>().is_err(), "{bad}");
        }
    }
}
