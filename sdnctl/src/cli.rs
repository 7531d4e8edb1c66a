//! What can be typed; one file per object.

mod endpoint;
mod files;
mod flows;
mod mesh;
mod network;
mod node;
mod service;

pub use endpoint::EndpointVerb;
pub use files::{Files, Plan, Size};
pub use flows::{FlowQuery, Flows, Groups};
pub use mesh::{ChosenWay, MeshVerb};
pub use network::{NetworkCreate, NetworkVerb};
pub use node::{GossipVerb, NodeVerb, TokenVerb};
pub use service::{NodePort, ServiceCreate, ServiceVerb, Weighted};

use std::{path::PathBuf, process::ExitCode, time::Duration};

use api::{Client, Credential, Name, Trust, Vip, WriteOptions};
use clap::{Parser, Subcommand, ValueEnum, error::ErrorKind};

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
