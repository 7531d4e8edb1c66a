//! `sdnctl`: the command line of the controller, and of the two protocol libraries.

mod apply;
mod cli;
mod file;
mod flows;
mod mesh;
mod node;
mod objects;
mod openflow_cmd;
mod output;
mod ovsdb_cmd;
mod predict;
mod service;
mod status;
mod token;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = match Cli::try_parse().and_then(Cli::check) {
        Ok(cli) => cli,
        Err(error) => return cli::usage(&error),
    };
    match cli.command {
        Command::Openflow(verb) => return openflow_cmd::run(&verb),
        Command::Ovsdb(verb) => return ovsdb_cmd::run(&verb, cli.output),
        _ => {}
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match runtime.block_on(run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&*error),
    }
}

fn fail(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("sdnctl: {error}");
    ExitCode::FAILURE
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let remote = cli::Remote::new(&cli)?;
    match cli.command {
        Command::Status => status::show(&remote).await,
        Command::Node(verb) => node::run(&remote, verb).await,
        Command::Token(verb) => token::run(&remote, verb).await,
        Command::Gossip(cli::GossipVerb::Rotate) => node::rotate(&remote).await,
        Command::Network(verb) => objects::network(&remote, verb).await,
        Command::Endpoint(verb) => objects::endpoint(&remote, verb).await,
        Command::Service(verb) => service::run(&remote, verb).await,
        Command::Policy(verb) => objects::policy(&remote, verb).await,
        Command::Apply(cli::Files { files }) => apply::apply(&remote, &files).await,
        Command::Plan(cli::Plan { size: Some(size), .. }) => predict::show(&remote, &size).await,
        Command::Plan(cli::Plan { files, size: None }) => apply::plan(&remote, &files).await,
        Command::Get { objects } => apply::get(&remote, &objects).await,
        Command::Watch { after, kind } => apply::watch(&remote, after, kind).await,
        Command::Backup { file } => apply::backup(&remote, &file).await,
        Command::Restore { file, force } => apply::restore(&remote, &file, force).await,
        Command::Blame { node, flow } => flows::blame(&remote, &node, &flow).await,
        Command::Mesh { verb: None } => mesh::show(&remote).await,
        Command::Mesh { verb: Some(verb) } => mesh::change(&remote, verb).await,
        Command::Flows(cli::Flows::Dump(query)) => flows::dump_flows(&remote, query).await,
        Command::Groups(cli::Groups::Dump { node }) => flows::dump_groups(&remote, node).await,
        Command::Pipeline => flows::pipeline(&remote).await,
        Command::Events => status::events(&remote).await,
        Command::Openflow(_) | Command::Ovsdb(_) => Ok(()),
    }
}
