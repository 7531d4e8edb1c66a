//! What can be typed.

use std::{net::IpAddr, path::PathBuf, process::ExitCode, time::Duration};

use api::{
    Affinity, Client, Credential, MeshMode, Name, PUBLISHED_PORTS, Prefer, Reach, ServicePort, Trust, Tunnel, Vip,
    WriteOptions,
};
use clap::{Args, Parser, Subcommand, ValueEnum, error::ErrorKind};
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

use crate::{openflow_cmd, ovsdb_cmd};

/// Looks at and changes what a controller runs.
#[derive(Parser)]
#[command(name = "sdnctl", version, about)]
pub struct Cli {
    /// The controller; http:// for one that runs --insecure.
    #[arg(long, env = "SDN_SERVER", default_value = "https://127.0.0.1:6680", global = true, value_name = "URL")]
    pub server: String,
    /// By what you are known: the file that the controller wrote into its data directory at its first start.
    #[arg(
        long,
        env = "SDN_CREDENTIAL",
        default_value = "/var/lib/sdn-controller/admin.pem",
        global = true,
        value_name = "FILE"
    )]
    pub credential: PathBuf,
    /// A table for people, or JSON for programs.
    #[arg(short, long, value_enum, default_value_t = Output::Table, global = true)]
    pub output: Output,
    /// Whether a write waits until every switch concerned has acknowledged it.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", global = true, value_name = "true|false")]
    pub wait: bool,
    /// How long a write waits, in seconds.
    #[arg(long, default_value_t = 10.0, global = true, value_name = "SECONDS")]
    pub timeout: f64,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Controller and switches: connected, at which revision, converged or not.
    Status,
    /// Hosts.
    #[command(subcommand)]
    Node(NodeVerb),
    /// What hosts join with.
    #[command(subcommand)]
    Token(TokenVerb),
    /// What seals gossip between agents.
    #[command(subcommand)]
    Gossip(GossipVerb),
    /// Address spaces.
    #[command(subcommand)]
    Network(NetworkVerb),
    /// Pods, containers, tasks.
    #[command(subcommand)]
    Endpoint(EndpointVerb),
    /// Virtual addresses in front of endpoints.
    #[command(subcommand)]
    Service(ServiceVerb),
    /// Which connections endpoints may have.
    #[command(subcommand)]
    Policy(Verb),
    /// Makes objects what files say, all of them or none; the same again changes nothing.
    Apply(Files),
    /// Shows which flows on which hosts applying files would change, or what a size would take; touches nothing.
    Plan(Plan),
    /// Prints objects as files hold them: KIND or KIND/NAME, or all there are.
    Get {
        #[arg(value_name = "KIND[/NAME]")]
        objects: Vec<String>,
    },
    /// Prints every change of an object as it happens.
    Watch {
        /// From this revision on; from now on when there is none.
        #[arg(long, value_name = "REVISION")]
        after: Option<u64>,
        /// Only objects of this kind.
        #[arg(long)]
        kind: Option<String>,
    },
    /// Writes all that is stored into a file.
    Backup { file: PathBuf },
    /// Puts what a backup holds in the place of all there is.
    Restore {
        file: PathBuf,
        /// Even if there are objects already: those that the backup does not hold are lost.
        #[arg(long)]
        force: bool,
    },
    /// Every pair of hosts: round-trip time through the tunnel, loss, largest packet.
    Mesh {
        #[command(subcommand)]
        verb: Option<MeshVerb>,
    },
    /// Flows, as the switches themselves have them.
    #[command(subcommand)]
    Flows(Flows),
    /// Who asked for a flow, when, and what that is now.
    Blame {
        node: Name,
        /// The flow, as `sdnctl flows dump -o ofctl` or `ovs-ofctl dump-flows` prints it.
        flow: String,
    },
    /// Groups, as the switches themselves have them.
    #[command(subcommand)]
    Groups(Groups),
    /// The tables packets go through.
    Pipeline,
    /// What happened lately: foreign changes, refusals, sessions, hosts lost and back.
    Events,
    /// Decode, encode, print and parse OpenFlow messages, a line each.
    #[command(subcommand)]
    Openflow(openflow_cmd::Verb),
    /// Speak OVSDB, and check its messages and values.
    #[command(subcommand)]
    Ovsdb(ovsdb_cmd::Verb),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Table,
    Json,
    /// As `ovs-ofctl` prints it (flows and groups only).
    Ofctl,
}

#[derive(Subcommand)]
pub enum Verb {
    /// Lists them.
    Ls,
    /// Shows all of one.
    Inspect { name: Name },
    /// Removes one.
    Rm { name: Name },
}

#[derive(Subcommand)]
pub enum EndpointVerb {
    /// Lists them.
    Ls,
    /// Shows all of one.
    Inspect { name: Name },
    /// Sends it no new connections of services, before it ends; those that it has go on.
    Terminate {
        name: Name,
        /// It goes on as before.
        #[arg(long)]
        undo: bool,
    },
    /// Removes one.
    Rm { name: Name },
}

#[derive(Subcommand)]
pub enum MeshVerb {
    /// Lays it out in another way, while it is live: flow (one tunnel port), static (one for each peer), mixed (one for
    /// each peer of the same zone, another for all others) or direct (as flow, but no tunnel for plain packets between
    /// hosts in one underlay subnet, whose layer 2 is trusted).
    Set { mode: MeshMode },
    /// Has two hosts use flow, static or direct whatever the mode; default: as the mode says.
    Pair { one: Name, other: Name, way: ChosenWay },
}

/// The way that two hosts are to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChosenWay {
    /// The port that leads to any host.
    Flow,
    /// A port for this peer.
    Static,
    /// No tunnel for plain packets, if both are in one underlay subnet.
    Direct,
    /// As the mode says.
    Default,
}

#[derive(Subcommand)]
pub enum NodeVerb {
    /// Lists them: alive, suspect or down, since when, and seen by how many others.
    Ls,
    /// Shows all of one.
    Inspect { name: Name },
    /// Leaves one: new connections to services and new endpoints go elsewhere, what is established goes on.
    Drain {
        name: Name,
        /// It takes what is new again.
        #[arg(long)]
        undo: bool,
    },
    /// Removes one that has no endpoint.
    Rm {
        name: Name,
        /// Removes its endpoints, too: of a host that is gone for good.
        #[arg(long)]
        force: bool,
    },
}

#[derive(Subcommand)]
pub enum TokenVerb {
    /// Makes one, and prints it: sdn-agent join CONTROLLER --token TOKEN.
    Create {
        /// For how long it is good, like 30m or 12h.
        #[arg(long, default_value = "1h", value_name = "TIME", value_parser = span)]
        ttl: SignedDuration,
    },
    /// Lists them.
    Ls,
    /// Revokes one; hosts that joined with it stay.
    Rm { name: Name },
}

#[derive(Subcommand)]
pub enum GossipVerb {
    /// Gives agents another key, step by step; that happens by itself once a day.
    Rotate,
}

#[derive(Args)]
pub struct Files {
    /// A file of objects, YAML or JSON; - is standard input.
    #[arg(short, long = "file", required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

#[derive(Args)]
pub struct Plan {
    /// A file of objects, YAML or JSON; - is standard input.
    #[arg(short, long = "file", required_unless_present = "nodes", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub size: Option<Size>,
}

/// A size that need not be built.
#[derive(Args)]
#[group(conflicts_with = "files")]
pub struct Size {
    /// So many hosts.
    #[arg(long, value_name = "N")]
    pub nodes: u32,
    /// With so many endpoints on all of them together.
    #[arg(long, default_value_t = 0, value_name = "N", requires = "nodes")]
    pub endpoints: u32,
    /// With so many services of one port.
    #[arg(long, default_value_t = 0, value_name = "N", requires = "nodes")]
    pub services: u32,
    /// With so many backends each; 10 if there are so many endpoints.
    #[arg(long, value_name = "N", requires = "nodes")]
    pub backends: Option<u32>,
}

#[derive(Subcommand)]
pub enum NetworkVerb {
    /// Lists them.
    Ls,
    /// Shows all of one.
    Inspect { name: Name },
    /// Makes one.
    Create(NetworkCreate),
    /// Removes one.
    Rm { name: Name },
}

#[derive(Args)]
pub struct NetworkCreate {
    pub name: Name,
    /// Its addresses on all hosts, of IPv4 or IPv6; once for each if it is to have both.
    #[arg(long, value_name = "CIDR", required = true, value_delimiter = ',')]
    pub subnet: Vec<IpNet>,
    /// How its packets travel between hosts: vxlan, gre or geneve.
    #[arg(long, default_value = "vxlan")]
    pub tunnel: Tunnel,
    /// Its endpoints reach nothing outside of it but services.
    #[arg(long)]
    pub internal: bool,
    /// One subnet over all hosts, rather than a share for each.
    #[arg(long)]
    pub flat: bool,
    /// The size of one host's share of the IPv4 subnet.
    #[arg(long, default_value_t = 24, value_name = "BITS", conflicts_with = "flat")]
    pub node_prefix: u8,
    /// The size of one host's share of the IPv6 subnet.
    #[arg(long, default_value_t = 64, value_name = "BITS", conflicts_with = "flat")]
    pub node_prefix6: u8,
}

#[derive(Subcommand)]
pub enum ServiceVerb {
    /// Lists them.
    Ls,
    /// Shows all of one.
    Inspect { name: Name },
    /// Makes one.
    Create(ServiceCreate),
    /// Changes which addresses are its backends.
    Backends {
        name: Name,
        /// An address that becomes a backend.
        #[arg(long, value_name = "IP")]
        add: Vec<IpAddr>,
        /// An address that is one no more.
        #[arg(long, value_name = "IP")]
        rm: Vec<IpAddr>,
    },
    /// Has every node answer for a port of it, at the same port of its own address.
    Publish {
        name: Name,
        /// The service's port, to be published at any free one; or the one to publish at, within 30000 to 32767; or
        /// both, like 30080:80.
        #[arg(value_name = "PORT")]
        port: NodePort,
        /// Backends see the node in the place of clients.
        #[arg(long)]
        masquerade: bool,
    },
    /// Has nodes answer for it no more.
    Unpublish { name: Name },
    /// Removes one.
    Rm { name: Name },
}

#[derive(Args)]
pub struct ServiceCreate {
    pub name: Name,
    /// The virtual address, or none for a service of names only; a free one is chosen when it is left out.
    #[arg(long, value_name = "IP")]
    pub vip: Option<Vip>,
    /// A port, and the backends' port, like 80:8080/tcp; a service of names only needs none.
    #[arg(long = "port", value_name = "PORT[:TARGET][/PROTOCOL]")]
    pub ports: Vec<ServicePort>,
    /// The network the backends are in.
    #[arg(long, default_value = api::DEFAULT_NETWORK)]
    pub network: Name,
    /// Every endpoint with this label is a backend.
    #[arg(long, value_name = "KEY=VALUE", value_parser = label, conflicts_with = "backends")]
    pub selector: Vec<(String, String)>,
    /// The endpoint, or the node itself, with this address is a backend.
    #[arg(long = "backend", value_name = "IP")]
    pub backends: Vec<IpAddr>,
    /// Every node answers for it at this address, too, wherever routing sends it.
    #[arg(long = "external-ip", value_name = "IP")]
    pub external_ips: Vec<IpAddr>,
    /// Backends see the node in the place of clients from outside.
    #[arg(long)]
    pub masquerade: bool,
    /// A client keeps its backend for so long after its last new connection, like 90s, 30m, 3h or 7d.
    #[arg(long, value_name = "TIME")]
    pub affinity: Option<Affinity>,
    /// Which backends endpoints and hosts reach: cluster, all of them, or local, those of the client's node.
    #[arg(long, value_name = "REACH", default_value = "cluster")]
    pub internal: Reach,
    /// Which backends clients from outside reach: cluster, all of them, or local, those of the node they come in by.
    #[arg(long, value_name = "REACH", default_value = "cluster")]
    pub external: Reach,
    /// Which backends are preferred: any, those of the client's zone, or those of its node, then of its zone.
    #[arg(long, value_name = "any|zone|node", default_value = "any")]
    pub prefer: Prefer,
    /// Nodes answer HTTP at this port: 200 with backends of their own, else 503; 0 for any. Needs --external local.
    #[arg(long, value_name = "PORT")]
    pub health_port: Option<u16>,
}

/// Where to publish which port of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodePort {
    /// The service's port; the only one it has when there is none.
    pub port: Option<u16>,
    /// The port of every node; 0 for any.
    pub node_port: u16,
}

impl std::str::FromStr for NodePort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is neither PORT nor NODEPORT:PORT, like 30080:80");
        let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(wrong);
        match text.split_once(':') {
            Some((node_port, port)) => Ok(Self { port: Some(number(port)?), node_port: number(node_port)? }),
            None => match number(text)? {
                node_port if PUBLISHED_PORTS.contains(&node_port) => Ok(Self { port: None, node_port }),
                port => Ok(Self { port: Some(port), node_port: 0 }),
            },
        }
    }
}

#[derive(Subcommand)]
pub enum Flows {
    /// Reads and prints them.
    Dump(FlowQuery),
}

#[derive(Args)]
pub struct FlowQuery {
    /// The node; all of them when there is none.
    pub node: Option<Name>,
    /// Only this table, by name or number.
    #[arg(long)]
    pub table: Option<String>,
    /// Only flows of this object, like service/web.
    #[arg(long, value_name = "KIND/NAME")]
    pub owner: Option<String>,
    /// Only flows that are not as they are to be: missing, changed, foreign.
    #[arg(long)]
    pub diff: bool,
    /// What there was to be at a time, like 2026-01-31T12:00:00Z, or so long ago, like 5m.
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "diff")]
    pub at: Option<Timestamp>,
}

#[derive(Subcommand)]
pub enum Groups {
    /// Reads and prints them.
    Dump {
        /// The node; all of them when there is none.
        node: Option<Name>,
    },
}

fn time(text: &str) -> Result<Timestamp, String> {
    let wrong = || "write a time like 2026-01-31T12:00:00Z, or how long ago, like 5m".to_owned();
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let ago: SignedDuration = text.parse().map_err(|_| wrong())?;
    Timestamp::now().checked_sub(ago).map_err(|_| wrong())
}

fn span(text: &str) -> Result<SignedDuration, String> {
    let span: SignedDuration = text.parse().map_err(|_| "write it like 30m or 12h")?;
    if span.is_positive() { Ok(span) } else { Err("it must be longer than nothing".into()) }
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.into(), value.into()))
}

/// The controller, and how to talk with it and to the user.
pub struct Remote {
    pub client: Client,
    pub output: Output,
    pub write: WriteOptions,
}

impl Remote {
    pub fn new(cli: &Cli) -> anyhow::Result<Self> {
        let timeout = Duration::try_from_secs_f64(cli.timeout)?;
        let write = WriteOptions { wait: cli.wait, timeout };
        let client = if cli.server.starts_with("https://") {
            let hint = "give the controller's admin.pem as --credential (or SDN_CREDENTIAL)";
            let credential = Credential::load(&cli.credential).map_err(|error| anyhow::anyhow!("{error}; {hint}"))?;
            Client::secured(&cli.server, Trust::Known(&credential))?
        } else {
            Client::new(&cli.server)?
        };
        Ok(Self { client, output: cli.output, write })
    }
}

impl Cli {
    /// What the single arguments do not tell.
    pub fn check(self) -> Result<Self, clap::Error> {
        if let Command::Service(ServiceVerb::Create(create)) = &self.command
            && create.ports.is_empty()
            && create.vip != Some(Vip::None)
        {
            let missing = "--port is missing: only a service of names (--vip none) needs none";
            return Err(clap::Error::raw(ErrorKind::MissingRequiredArgument, missing));
        }
        Ok(self)
    }
}

/// Help goes out whole; a mistake is one line that says what to type.
pub fn usage(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // A reader that is gone wants no help.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    eprintln!("sdnctl: {}", one_line(&error.render().to_string()));
    ExitCode::from(2)
}

fn one_line(rendered: &str) -> String {
    let mut lines = rendered.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default().trim_start_matches("error: ").trim_end_matches(':');
    let needed: Vec<&str> = lines
        .clone()
        .take_while(|line| !line.starts_with("Usage:"))
        .filter(|l| l.starts_with('<') || l.starts_with('-'))
        .collect();
    let usage = lines.find_map(|line| line.strip_prefix("Usage: ")).unwrap_or("sdnctl --help");
    let needed = if needed.is_empty() { String::new() } else { format!(" {}", needed.join(" ")) };
    format!("{first}{needed}; usage: {usage} (--help says more)")
}
