//! `sdn-load`: simulated switches and hosts in front of a controller.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use integration::load::link::Manner;
use integration::load::mesh::Misbehave;
use integration::load::{classic, crowd, mesh};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::Serialize;

/// Simulated switches and hosts in front of a controller.
#[derive(Debug, Parser)]
#[command(name = "sdn-load", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How results are printed.
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A cluster of hosts in front of sdn-controller, with nodes, endpoints and services
    Mesh(MeshArgs),
    /// Switches in front of any controller of OpenFlow 1.3
    Switches(SwitchesArgs),
    /// Packet-ins to any controller of OpenFlow 1.3, and how many are answered
    PacketIn(PacketInArgs),
}

#[derive(Debug, Args)]
struct MeshArgs {
    /// The controller's address
    #[arg(long, value_name = "IP")]
    controller: IpAddr,
    /// Where its API is
    #[arg(long, default_value_t = 6680, value_name = "PORT")]
    http_port: u16,
    /// Where hosts' databases call in
    #[arg(long, default_value_t = 6640, value_name = "PORT")]
    ovsdb_port: u16,
    /// The controller's process, to read its memory; found by its API's port on this machine
    #[arg(long)]
    pid: Option<i32>,
    /// How many hosts
    #[arg(long, default_value_t = 100)]
    nodes: usize,
    /// Endpoints of each host
    #[arg(long, default_value_t = 100)]
    endpoints: usize,
    /// How many services
    #[arg(long, default_value_t = 0)]
    services: u32,
    /// Backends of each service
    #[arg(long, default_value_t = 50)]
    backends: usize,
    /// How often one endpoint more is measured
    #[arg(long, default_value_t = 100)]
    rounds: usize,
    /// How often one service more is measured
    #[arg(long, default_value_t = 5)]
    service_rounds: usize,
    /// How often one endpoint more is measured of a flat network that all hosts have endpoints of
    #[arg(long, default_value_t = 0)]
    flat_rounds: usize,
    /// Have all hosts go and come back with their tables kept
    #[arg(long)]
    reconnect: bool,
    /// What some of the switches do that they should not
    #[arg(long, value_enum, requires = "count")]
    misbehave: Option<Misbehave>,
    /// How many of them
    #[arg(long, requires = "misbehave")]
    count: Option<usize>,
    /// Seconds between an agent's reports, 0 for none
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS")]
    report_every: f64,
    /// Seconds until all has to be in sync
    #[arg(long, default_value_t = 120.0, value_name = "SECONDS")]
    patience: f64,
}

#[derive(Debug, Args)]
struct SwitchesArgs {
    /// The controller's address
    #[arg(long, value_name = "IP:PORT")]
    controller: SocketAddr,
    /// How many switches
    #[arg(long, default_value_t = 16)]
    switches: usize,
    /// Ports of each
    #[arg(long, default_value_t = 4)]
    ports: u32,
    /// For how long
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// What some of the switches do that they should not
    #[arg(long, value_enum, requires = "count")]
    misbehave: Option<Misbehave>,
    /// How many of them
    #[arg(long, requires = "misbehave")]
    count: Option<usize>,
}

#[derive(Debug, Args)]
struct PacketInArgs {
    /// The controller's address
    #[arg(long, value_name = "IP:PORT")]
    controller: SocketAddr,
    /// How many switches
    #[arg(long, default_value_t = 16)]
    switches: usize,
    /// Ethernet addresses behind each
    #[arg(long, default_value_t = 1000)]
    macs: u32,
    /// For how long
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Packet-ins of a switch that may be unanswered at once: 1 for latency, more for throughput
    #[arg(long, default_value_t = 1)]
    window: usize,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sdn-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard.max(soft), hard)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match &cli.command {
            Command::Mesh(args) => run_mesh(args, cli.output).await,
            Command::Switches(args) => run_switches(args, cli.output).await,
            Command::PacketIn(args) => run_packet_in(args, cli.output).await,
        }
    })
}

async fn run_mesh(args: &MeshArgs, output: Output) -> Result<()> {
    let seconds = |seconds: f64| std::time::Duration::try_from_secs_f64(seconds).context("seconds");
    let config = mesh::Config {
        http: (args.controller, args.http_port).into(),
        ovsdb: (args.controller, args.ovsdb_port).into(),
        pid: args.pid,
        nodes: args.nodes,
        endpoints: args.endpoints,
        services: args.services,
        backends: args.backends,
        rounds: args.rounds,
        service_rounds: args.service_rounds,
        flat_rounds: args.flat_rounds,
        reconnect: args.reconnect,
        misbehave: args.misbehave.zip(args.count),
        report_every: seconds(args.report_every)?,
        patience: seconds(args.patience)?,
    };
    let since = std::time::Instant::now();
    let report = mesh::run(&config, &mut |step| eprintln!("{:6.1} s  {step}", since.elapsed().as_secs_f64())).await?;
    show(&report, output)
}

async fn run_switches(args: &SwitchesArgs, output: Output) -> Result<()> {
    let manner = args.misbehave.map(|kind| match kind {
        Misbehave::Deaf => Manner::Deaf,
        Misbehave::WrongXid => Manner::WrongXid,
        Misbehave::Flap | Misbehave::Storm => Manner::Flap(Duration::from_secs(2)),
    });
    let config = crowd::Config {
        controller: args.controller,
        switches: args.switches,
        ports: args.ports,
        misbehave: manner.zip(args.count),
        seconds: args.seconds,
    };
    if output == Output::Table {
        println!(
            "second connected handshakes   msgs in  bytes in  msgs out bytes out flow-mods group-mods refused    flows"
        );
    }
    crowd::run(&config, &mut |s| match output {
        Output::Json => println!("{}", serde_json::to_string(s).unwrap_or_default()),
        Output::Table => println!(
            "{:6} {:9} {:10} {:9} {:9} {:9} {:9} {:9} {:10} {:7} {:8}",
            s.second,
            s.connected,
            s.handshakes,
            s.messages_in,
            s.bytes_in,
            s.messages_out,
            s.bytes_out,
            s.flow_mods,
            s.group_mods,
            s.refused,
            s.flows
        ),
    })
    .await;
    Ok(())
}

async fn run_packet_in(args: &PacketInArgs, output: Output) -> Result<()> {
    let config = classic::Config {
        controller: args.controller,
        switches: args.switches,
        macs: args.macs,
        seconds: args.seconds,
        window: args.window,
    };
    show(&classic::run(&config).await?, output)
}

fn show(report: &(impl Serialize + std::fmt::Display), output: Output) -> Result<()> {
    match output {
        Output::Json => println!("{}", serde_json::to_string_pretty(report)?),
        Output::Table => print!("{report}"),
    }
    Ok(())
}
