//! The command line.

use std::{
    net::{IpAddr, Ipv6Addr},
    path::PathBuf,
};

use api::{Datapath, JoinToken, Name};
use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;

/// Joins a host to the mesh, and makes and removes its endpoints.
#[derive(Debug, Parser)]
#[command(name = "sdn-agent", version, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Join with a token, once, and serve this host until ended
    Join(JoinArgs),
    /// Serve this host until ended: one that has joined, or one of a controller that asks nobody for a certificate
    Run(RunArgs),
    /// Plug a network namespace into the mesh, and print the endpoint as JSON
    Attach(AttachArgs),
    /// Remove an endpoint; one that is not there is no error
    Detach(DetachArgs),
    /// Show what it takes that plain `docker run` lands on this host's subnet; do it, or take it back
    Takeover(TakeoverArgs),
    /// Print as JSON who is there as gossip has it, and what became of gossip
    Members(MembersArgs),
}

/// `sdn-agent run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The controller, like https://10.0.0.1:6680; several with commas between them
    #[arg(long, env = "SDN_CONTROLLER", value_name = "URL", value_delimiter = ',', required = true, value_parser = ControllerUrl::parse)]
    pub controller: Vec<ControllerUrl>,
    /// This host's name in the mesh
    #[arg(long, env = "SDN_NODE", value_name = "NAME")]
    pub node: Name,
    /// This host's address on the underlay, where tunnels to it end
    #[arg(long, env = "SDN_UNDERLAY_IP", value_name = "IP")]
    pub underlay_ip: IpAddr,
    /// The rest.
    #[command(flatten)]
    pub host: HostArgs,
}

/// `sdn-agent join`
#[derive(Debug, Args)]
pub struct JoinArgs {
    /// The controller, like 10.0.0.1 or https://10.0.0.1:6680; several with commas between them
    #[arg(env = "SDN_CONTROLLER", value_name = "CONTROLLER", value_delimiter = ',', required = true, value_parser = ControllerUrl::secure)]
    pub controller: Vec<ControllerUrl>,
    /// What `sdnctl token create` printed; not needed by a host that has joined
    #[arg(long, env = "SDN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<JoinToken>,
    /// This host's name in the mesh; the one it has when it is left out
    #[arg(long, env = "SDN_NODE", value_name = "NAME")]
    pub node: Option<Name>,
    /// This host's address on the underlay, where tunnels to it end; the one from which it reaches the controller when it is left out
    #[arg(long, env = "SDN_UNDERLAY_IP", value_name = "IP")]
    pub underlay_ip: Option<IpAddr>,
    /// The rest.
    #[command(flatten)]
    pub host: HostArgs,
}

/// What is the same however the host joins.
#[derive(Debug, Args)]
pub struct HostArgs {
    /// This host's IPv6 address on the underlay, where published services of IPv6 are reached
    #[arg(long, env = "SDN_UNDERLAY_IP6", value_name = "IP")]
    pub underlay_ip6: Option<Ipv6Addr>,
    /// The local Open vSwitch database
    #[arg(long, env = "SDN_OVS_DB", value_name = "REMOTE", default_value = "unix:/var/run/openvswitch/db.sock")]
    pub ovs_db: String,
    /// Which of Open vSwitch's datapaths to use; auto: system where its kernel module is loaded, else netdev
    #[arg(long, env = "SDN_DATAPATH", default_value = "auto")]
    pub datapath: DatapathChoice,
    /// Where to listen for requests of this host
    #[arg(long, env = "SDN_SOCKET", value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,
    /// Where to keep what a restart needs
    #[arg(long, env = "SDN_STATE_DIR", value_name = "PATH", default_value = "/var/lib/sdn-agent")]
    pub state_dir: PathBuf,
    /// Where this host is: services can prefer backends of the client's zone
    #[arg(long, env = "SDN_ZONE", value_name = "NAME")]
    pub zone: Option<Name>,
    /// The UDP port of probes between hosts
    #[arg(long, env = "SDN_PROBE_PORT", value_name = "PORT", default_value_t = 6682, value_parser = clap::value_parser!(u16).range(1..))]
    pub probe_port: u16,
    /// The UDP port of gossip between hosts, the same on all of them
    #[arg(long, env = "SDN_GOSSIP_PORT", value_name = "PORT", default_value_t = 6681, value_parser = clap::value_parser!(u16).range(1..))]
    pub gossip_port: u16,
    /// The file that names the host's resolvers, which are asked for all names but those of the cluster
    #[arg(long, env = "SDN_RESOLV_CONF", value_name = "PATH", default_value = "/etc/resolv.conf")]
    pub resolv_conf: PathBuf,
    /// A file with 32 random bytes in base64 that seal gossip, the same on all hosts; used while the controller gives no key
    #[arg(long, env = "SDN_GOSSIP_KEY_FILE", value_name = "PATH")]
    pub gossip_key_file: Option<PathBuf>,
}

/// `sdn-agent attach`
#[derive(Debug, Args)]
pub struct AttachArgs {
    /// The endpoint's name
    pub name: Name,
    /// The network namespace, like /run/netns/web1
    #[arg(long, value_name = "PATH")]
    pub netns: PathBuf,
    /// The agent's socket
    #[arg(long, env = "SDN_SOCKET", value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,
    /// The network; the default one when it is left out
    #[arg(long, value_name = "NAME")]
    pub network: Option<Name>,
    /// The device in the namespace
    #[arg(long, value_name = "NAME", default_value = "eth0")]
    pub device: String,
    /// An address it must have, at most one of IPv4 and one of IPv6; what is left out is chosen
    #[arg(long, value_name = "IP")]
    pub ip: Vec<IpAddr>,
    /// A label, as often as needed
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub labels: Vec<(String, String)>,
}

/// `sdn-agent detach`
#[derive(Debug, Args)]
pub struct DetachArgs {
    /// The endpoint's name
    pub name: Name,
    /// The agent's socket
    #[arg(long, env = "SDN_SOCKET", value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,
}

/// `sdn-agent members`
#[derive(Debug, Args)]
pub struct MembersArgs {
    /// The agent's socket
    #[arg(long, env = "SDN_SOCKET", value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,
}

/// `sdn-agent takeover`
#[derive(Debug, Args)]
pub struct TakeoverArgs {
    /// Do it; without this nothing is changed
    #[arg(long, conflicts_with = "undo")]
    pub yes: bool,
    /// Put everything back as it was
    #[arg(long)]
    pub undo: bool,
    /// The part of this host's subnet that containers get; its upper half when it is left out
    #[arg(long, value_name = "CIDR")]
    pub range: Option<IpNet>,
    /// Docker's settings
    #[arg(long, value_name = "PATH", default_value = "/etc/docker/daemon.json")]
    pub daemon_json: PathBuf,
    /// What restarts Docker, words with blanks between them
    #[arg(long, value_name = "COMMAND", default_value = "systemctl restart docker")]
    pub restart: String,
    /// The agent's socket
    #[arg(long, env = "SDN_SOCKET", value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,
    /// The agent's state directory
    #[arg(long, env = "SDN_STATE_DIR", value_name = "PATH", default_value = "/var/lib/sdn-agent")]
    pub state_dir: PathBuf,
}

const DEFAULT_SOCKET: &str = "/run/sdn/agent.sock";

/// The port of the controller's API.
const DEFAULT_PORT: u16 = 6680;

/// What `--datapath` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DatapathChoice {
    /// System where the kernel module is loaded, else netdev.
    Auto,
    /// The kernel module.
    System,
    /// The userspace datapath.
    Netdev,
}

impl DatapathChoice {
    /// The datapath meant, on a host that has the kernel module or not.
    pub fn resolve(self, has_module: bool) -> Datapath {
        match (self, has_module) {
            (Self::System, _) | (Self::Auto, true) => Datapath::System,
            (Self::Netdev, _) | (Self::Auto, false) => Datapath::Netdev,
        }
    }
}

/// The controller's URL, and the host in it: its OVSDB port is on the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerUrl {
    /// The whole URL.
    pub url: String,
    /// Its host: a name or an address, IPv6 without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is TLS.
    pub is_secure: bool,
}

impl ControllerUrl {
    /// Reads `https://HOST:PORT`, or the same with `http`.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "give it as https://HOST:PORT, like https://10.0.0.1:6680".to_owned();
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let (host, port) = rest.trim_end_matches('/').rsplit_once(':').ok_or_else(wrong)?;
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".-:".contains(c);
        let port = port.parse::<u16>().map_err(|_| wrong())?;
        if host.is_empty() || !host.chars().all(allowed) || !["http", "https"].contains(&scheme) {
            return Err(wrong());
        }
        Ok(Self { url: text.to_owned(), host: host.to_owned(), port, is_secure: scheme == "https" })
    }

    /// Reads `HOST`, `HOST:PORT` or `https://HOST:PORT`.
    ///
    /// # Errors
    /// What would be right.
    pub fn secure(text: &str) -> Result<Self, String> {
        let with_port = |host: &str| format!("https://{host}:{DEFAULT_PORT}");
        let url = match text {
            text if text.contains("://") => text.to_owned(),
            text if text.parse::<std::net::Ipv6Addr>().is_ok() => with_port(&format!("[{text}]")),
            text if text.contains(':') && !text.ends_with(']') => format!("https://{text}"),
            text => with_port(text),
        };
        let found = Self::parse(&url)?;
        if found.is_secure { Ok(found) } else { Err("hosts join by TLS only: leave http:// out".into()) }
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("give it as KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// One line for a command line that is wrong: what is wrong with it, and what to type.
pub fn usage(error: &clap::Error) -> String {
    let text = error.to_string();
    let (wrong, _) = text.split_once("\n\nUsage").unwrap_or((&text, ""));
    let wrong: Vec<&str> = wrong.split_whitespace().collect();
    format!("{}; see sdn-agent --help", wrong.join(" ").trim_end_matches("; see sdn-agent --help"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_controllers_url_gives_its_host() {
        let host = |text: &str| ControllerUrl::parse(text).map(|c| c.host);
        assert_eq!(host("http://10.0.0.1:6680").unwrap(), "10.0.0.1");
        assert_eq!(host("http://[fd00::1]:6680/").unwrap(), "fd00::1");
        for bad in ["", "10.0.0.1:6680", "ftp://x:1", "http://10.0.0.1", "http://a b:1", "http://x:99999", "http://:1"]
        {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn joining_takes_the_shortest_that_says_where() {
        let url = |text: &str| ControllerUrl::secure(text).map(|c| c.url);
        assert_eq!(url("10.0.0.1").unwrap(), "https://10.0.0.1:6680");
        assert_eq!(url("c1:7000").unwrap(), "https://c1:7000");
        assert_eq!(url("fd00::1").unwrap(), "https://[fd00::1]:6680");
        assert_eq!(url("https://c1:1").unwrap(), "https://c1:1");
        assert!(url("http://c1:1").is_err() && url("").is_err() && url("a b").is_err());
    }

    #[test]
    fn a_wrong_command_line_is_answered_in_one_line() {
        for line in ["", "fly", "run", "attach x", "attach a/b --netns /x", "run --datapath x"] {
            let words = std::iter::once("sdn-agent").chain(line.split_whitespace());
            let said = usage(&Cli::try_parse_from(words).unwrap_err());
            assert!(!said.contains('\n') && said.contains("--help"), "{said}");
        }
    }

    #[test]
    fn auto_takes_what_the_host_has() {
        assert_eq!(DatapathChoice::Auto.resolve(true), Datapath::System);
        assert_eq!(DatapathChoice::Auto.resolve(false), Datapath::Netdev);
        assert_eq!(DatapathChoice::Netdev.resolve(true), Datapath::Netdev);
    }
}
