//! Between this host's kernel and the outside: masquerade, published services, refusals, and packets from elsewhere that
//! carry an address of the cluster as source, which are dropped and counted. One nftables table of the
//! agent's own, `ip sdn`, replaced whole or left alone; and `ip6 sdn`, where there are IPv6 addresses to masquerade.
//!
//! Published services are one map, however many there are: address, protocol and port outside to virtual address and
//! port. What the switch sends back for a virtual address is for a service without backends: the kernel refuses it.
//!
//! The rules carry a digest of the ruleset as comment. A table whose rules all carry the right digest, and in the right
//! number, with as many elements as there are to be, is right.

use std::{collections::BTreeSet, net::IpAddr, process::Stdio, time::Duration};

use api::{AgentConfig, Published};
use ipnet::IpNet;
use serde_json::Value;
use tokio::{
    io::AsyncWriteExt,
    process::Command,
    sync::watch,
    time::{sleep, timeout},
};

use crate::{conntrack, direct::Direct, follow::Configs, hash::fnv1a, trouble::Trouble};

/// How often the table is looked at when nothing has changed.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long `nft` may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which of the two tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `ip sdn`.
    V4,
    /// `ip6 sdn`.
    V6,
}

impl Family {
    fn has(self, ip: IpAddr) -> bool {
        ip.is_ipv4() == (self == Self::V4)
    }

    /// The name nftables has for it.
    fn name(self) -> &'static str {
        if self == Self::V4 { "ip" } else { "ip6" }
    }

    /// The type nftables has for its addresses.
    fn address(self) -> &'static str {
        if self == Self::V4 { "ipv4_addr" } else { "ipv6_addr" }
    }
}

/// What a table should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Which of the two it is.
    pub family: Family,
    /// The sources that are masqueraded.
    pub pools: Vec<IpNet>,
    /// The bridge by which they leave as they are.
    pub bridge: String,
    /// What this host answers for at addresses of the outside.
    pub published: Vec<Published>,
    /// Virtual addresses.
    pub services: Option<IpNet>,
    /// Addresses that are nobody's but the cluster's.
    pub cluster: Vec<IpNet>,
    /// The gateway's address, with the prefix of this host's subnet.
    pub gateway: Option<IpNet>,
    /// What comes from hosts of the cluster without a tunnel.
    pub direct: Direct,
}

/// A chain: its name, what it is hooked to, and its rules.
type Chain = (&'static str, &'static str, Vec<String>);

impl Want {
    /// What a configuration asks of a family's table; none if it has nothing to do with it.
    pub fn of(config: &AgentConfig, family: Family, direct: &Direct) -> Option<Self> {
        if family == Family::V6 && config.router6.is_none() {
            return None;
        }
        let published = |port: &&Published| family.has(port.address) && family.has(port.vip);
        Some(Self {
            family,
            pools: config.masquerade.iter().filter(|net| family.has(net.addr())).copied().collect(),
            bridge: config.bridge.clone(),
            published: config.published.iter().filter(published).cloned().collect(),
            services: if family == Family::V4 { config.services } else { config.services6 },
            cluster: config.routes.iter().filter(|net| family.has(net.addr())).copied().collect(),
            gateway: Some(config.gateway).filter(|gateway| family.has(gateway.addr())),
            direct: if family == Family::V4 { direct.clone() } else { Direct::default() },
        })
    }

    fn chains(&self) -> Vec<Chain> {
        let (bridge, ip) = (&self.bridge, self.family.name());
        let pools: Vec<String> = self.pools.iter().map(|pool| pool.trunc().to_string()).collect();
        // What the kernel routes to containers of its own stays within the cluster.
        let elsewhere = format!("{ip} daddr != {{ {} }} oifname != \"{bridge}\"", pools.join(", "));
        let outward = |pool: &IpNet| format!("{ip} saddr {} {elsewhere} masquerade", pool.trunc());
        // An endpoint that asks at a published port gets its answer from the kernel, not straight from the backend.
        let inward =
            |pool: &IpNet| format!("oifname \"{bridge}\" ct status dnat {ip} saddr {} masquerade", pool.trunc());
        let hidden =
            format!("oifname \"{bridge}\" ct status dnat {ip} daddr . meta l4proto . th dport @hidden masquerade");
        let sources = self.pools.iter().map(outward).chain(self.pools.iter().map(inward)).chain([hidden]);
        let to_service = format!("dnat {ip} to {ip} daddr . meta l4proto . th dport map @published");
        // In prerouting, the kernel has not yet spent its one ICMP message per second and client on a redirect.
        let back = format!("iifname \"{bridge}\" {ip} daddr");
        let icmp = if self.family == Family::V4 { "icmp" } else { "icmpv6" };
        let refusals = self.services.iter().flat_map(|net| {
            let net = net.trunc();
            [
                format!("{back} {net} meta l4proto tcp reject with tcp reset"),
                format!("{back} {net} reject with {icmp} port-unreachable"),
            ]
        });
        // Who is not in the cluster could send as an endpoint what the kernel then hands to the switch.
        let stranger = |net: &IpNet| format!("{ip} saddr {} fib saddr . iif oif 0 counter drop", net.trunc());
        vec![
            (
                "strangers",
                "filter hook prerouting priority raw",
                self.plain().chain(self.cluster.iter().map(stranger)).collect(),
            ),
            ("prerouting", "nat hook prerouting priority dstnat", vec![to_service.clone()]),
            ("output", "nat hook output priority -100", vec![to_service]),
            ("postrouting", "nat hook postrouting priority srcnat", sources.collect()),
            ("refuse", "filter hook prerouting priority mangle", refusals.collect()),
        ]
    }

    /// Plain packets between endpoints of two hosts. Conntrack has no part in them: marked ones take the tunnel, so that it
    /// would see connections by halves.
    fn plain(&self) -> impl Iterator<Item = String> {
        let parts = || Some((&self.direct.device.as_ref()?.0, self.gateway?));
        let rules = parts().filter(|_| !self.direct.accepted.is_empty()).map(|(device, gateway)| {
            let peers: Vec<String> = self.direct.accepted.keys().map(IpNet::to_string).collect();
            let (subnet, gateway) = (gateway.trunc(), gateway.addr());
            let known = format!("iifname \"{device}\" ip saddr . ether saddr @direct ip daddr {subnet}");
            [
                format!("iifname \"{}\" ip daddr {{ {} }} notrack", self.bridge, peers.join(", ")),
                format!("{known} ip daddr != {gateway} notrack accept"),
                format!("{known} accept"),
            ]
        });
        rules.into_iter().flatten()
    }

    /// The map of published services, and the set of those whose clients are hidden; and who may send plain packets.
    fn sets(&self) -> Vec<(String, Vec<String>)> {
        let address = self.family.address();
        let outside =
            |p: &Published| format!("{} . {} . {} : {} . {}", p.address, p.protocol, p.port, p.vip, p.vip_port);
        let hidden: BTreeSet<String> = self
            .published
            .iter()
            .filter(|p| p.masquerade)
            .map(|p| format!("{} . {} . {}", p.vip, p.protocol, p.vip_port))
            .collect();
        let mut sets = vec![
            (
                format!("map published {{ type {address} . inet_proto . inet_service : {address} . inet_service"),
                self.published.iter().map(outside).collect(),
            ),
            (format!("set hidden {{ type {address} . inet_proto . inet_service"), hidden.into_iter().collect()),
        ];
        if self.family == Family::V4 {
            let from = self.direct.accepted.iter().map(|(subnet, mac)| format!("{subnet} . {mac}"));
            sets.push(("set direct { type ipv4_addr . ether_addr; flags interval".into(), from.collect()));
        }
        sets
    }

    fn digest(&self) -> String {
        format!("sdn {:016x}", fnv1a(format!("{:?} {:?}", self.chains(), self.sets()).as_bytes()))
    }

    /// The whole table as one transaction of `nft -f`.
    pub fn ruleset(&self) -> String {
        let digest = self.digest();
        let set = |(head, elements): (String, Vec<String>)| match elements.is_empty() {
            true => format!("\t{head}; }}\n"),
            false => format!("\t{head}; elements = {{ {} }} }}\n", elements.join(", ")),
        };
        let chain = |(name, hook, rules): Chain| {
            let rules: String = rules.iter().map(|rule| format!("\t\t{rule} comment \"{digest}\"\n")).collect();
            format!("\tchain {name} {{\n\t\ttype {hook}; policy accept;\n{rules}\t}}\n")
        };
        let sets: String = self.sets().into_iter().map(set).collect();
        let chains: String = self.chains().into_iter().map(chain).collect();
        let table = format!("table {} sdn", self.family.name());
        format!("add {table}\ndelete {table}\n{table} {{\n{sets}{chains}}}\n")
    }

    /// Whether this is what `nft -j list table` printed of it.
    fn is_installed(&self, listing: &str) -> bool {
        let Ok(listing) = serde_json::from_str::<Value>(listing) else { return false };
        let objects = listing.get("nftables").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let of = |kind: &'static str| objects.iter().filter_map(move |object| object.get(kind));
        let text = |object: &Value, key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let digest = self.digest();
        let chains = self.chains();
        let names: BTreeSet<String> = of("chain").map(|chain| text(chain, "name")).collect();
        let rules: usize = chains.iter().map(|(_, _, rules)| rules.len()).sum();
        let elements = |object: &Value| object.get("elem").and_then(Value::as_array).map_or(0, Vec::len);
        let count: usize = of("map").chain(of("set")).map(elements).sum();
        names == chains.iter().map(|(name, ..)| (*name).to_owned()).collect()
            && of("chain").count() == chains.len()
            && of("rule").count() == rules
            && of("rule").all(|rule| text(rule, "comment") == digest)
            && count == self.sets().iter().map(|(_, elements)| elements.len()).sum::<usize>()
    }
}

/// Keeps the table right for ever.
pub async fn keep(mut configs: Configs, mut direct: watch::Receiver<Option<Direct>>) {
    let mut trouble = Trouble::new("write the table of masquerade and published services");
    loop {
        let current = configs.borrow_and_update().clone();
        let taken = direct.borrow_and_update().clone();
        // What was taken in before this agent started goes on to be.
        let wants = |family| Want::of(&current.as_ref()?.config, family, taken.as_ref()?);
        for want in [Family::V4, Family::V6].into_iter().filter_map(wants) {
            match ensure(&want).await {
                Ok(written) => {
                    trouble.over();
                    if written {
                        forget(want).await;
                    }
                }
                Err(e) => {
                    trouble.note(e);
                    break;
                }
            }
        }
        tokio::select! {
            changed = configs.changed() => if changed.is_err() { return },
            changed = direct.changed() => if changed.is_err() { return },
            () = sleep(INTERVAL) => {}
        }
    }
}

/// Has the kernel forget the connections that the new table would translate in another way.
async fn forget(want: Want) {
    let forget = move || conntrack::forget(want.family, &want.published, want.services.as_ref());
    match tokio::task::spawn_blocking(forget).await {
        Ok(Ok(count)) => tracing::debug!(count, "connections forgotten"),
        Ok(Err(error)) => tracing::warn!(%error, "UDP connections that never pause may not notice published services"),
        Err(error) => tracing::warn!(%error, "conntrack"),
    }
}

/// Makes the table right and answers whether anything had to be written.
///
/// # Errors
/// What `nft` said.
pub async fn ensure(want: &Want) -> anyhow::Result<bool> {
    // A table that is missing is printed as an error.
    if let Ok(listing) = nft(&["-j", "list", "table", want.family.name(), "sdn"], "").await
        && want.is_installed(&listing)
    {
        return Ok(false);
    }
    nft(&["-f", "-"], &want.ruleset()).await?;
    Ok(true)
}

async fn nft(arguments: &[&str], input: &str) -> anyhow::Result<String> {
    let mut child = Command::new("nft")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| anyhow::anyhow!("cannot run nft: {e}; is nftables installed?"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = timeout(PATIENCE, child.wait_with_output()).await??;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        anyhow::bail!("nft: {}", reason.lines().next().unwrap_or("failed without a word"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use api::Mac;

    use super::*;

    fn want() -> Want {
        let web = Published {
            address: "172.30.0.1".parse().unwrap(),
            protocol: api::Protocol::Tcp,
            port: 30_080,
            vip: "10.96.0.10".parse().unwrap(),
            vip_port: 80,
            masquerade: false,
        };
        Want {
            family: Family::V4,
            pools: vec!["10.244.0.0/16".parse().unwrap()],
            bridge: "kbr0".into(),
            published: vec![web],
            services: Some("10.96.0.0/12".parse().unwrap()),
            cluster: vec!["10.244.0.0/16".parse().unwrap(), "10.96.0.0/12".parse().unwrap()],
            gateway: Some("10.244.1.1/24".parse().unwrap()),
            direct: Direct::default(),
        }
    }

    fn listing(comment: &str, rules: usize, elements: usize) -> String {
        let chain = |name: &str| format!(r#",{{"chain":{{"name":"{name}"}}}}"#);
        let chains: String = ["strangers", "prerouting", "output", "postrouting", "refuse"].map(chain).concat();
        let rules = format!(r#",{{"rule":{{"family":"ip","comment":"{comment}","expr":[]}}}}"#).repeat(rules);
        let elements = vec!["0"; elements].join(",");
        format!(r#"{{"nftables":[{{"table":{{"name":"sdn"}}}},{{"map":{{"elem":[{elements}]}}}}{chains}{rules}]}}"#)
    }

    #[test]
    fn only_a_table_with_our_digest_and_nothing_else_is_right() {
        let digest = want().digest();
        assert!(want().is_installed(&listing(&digest, 9, 1)));
        assert!(!want().is_installed(&listing(&digest, 8, 1)));
        assert!(!want().is_installed(&listing(&digest, 9, 0)));
        assert!(!want().is_installed(&listing("sdn 0", 9, 1)));
        assert!(!want().is_installed("no JSON"));
        let other = Want { bridge: "kbr1".into(), ..want() };
        assert!(!other.is_installed(&listing(&digest, 9, 1)));
        let hidden = vec![Published { masquerade: true, ..want().published[0].clone() }];
        assert_ne!(Want { published: hidden, ..want() }.digest(), digest);
    }

    #[test]
    fn plain_packets_are_taken_from_a_peers_subnet_and_ethernet_address_only() {
        let accepted = [("10.244.2.0/24".parse().unwrap(), Mac([2, 0, 0, 0, 0, 7]))].into();
        let direct = Direct { device: Some(("eth1".into(), 3)), accepted };
        let text = Want { direct: direct.clone(), ..want() }.ruleset();
        let known = "iifname \"eth1\" ip saddr . ether saddr @direct ip daddr 10.244.1.0/24";
        for line in [
            "set direct { type ipv4_addr . ether_addr; flags interval; elements = { 10.244.2.0/24 . 02:00:00:00:00:07 } }",
            "iifname \"kbr0\" ip daddr { 10.244.2.0/24 } notrack comment",
            &format!("{known} ip daddr != 10.244.1.1 notrack accept comment"),
            &format!("{known} accept comment"),
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(text.find(known) < text.find("ip saddr 10.244.0.0/16 fib"), "before what is dropped");
        let nobody = Want { direct: Direct { accepted: Default::default(), ..direct }, ..want() }.ruleset();
        assert!(!nobody.contains("notrack") && !nobody.contains(known));
    }
}
