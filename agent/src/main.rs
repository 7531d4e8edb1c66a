//! `sdn-agent`: joins a host to the mesh, and makes and removes its endpoints.

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use agent::{
    args::{Cli, Verb, usage},
    call, identity, run, takeover,
};
use api::Attach;
use clap::{Parser, error::ErrorKind};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) if matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => e.exit(),
        Err(e) => {
            complain(&usage(&e));
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build();
    let result = runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(obey(cli.verb)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            complain(&format!("error: {e:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn obey(verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Join(args) => {
            log();
            run::run(identity::join(args).await?).await
        }
        Verb::Run(args) => {
            log();
            run::run(args).await
        }
        Verb::Attach(args) => {
            let attach = Attach {
                name: args.name,
                network: args.network,
                netns: std::path::absolute(args.netns)?,
                device: args.device,
                ip: args.ip.first().copied(),
                ips: args.ip.into_iter().skip(1).collect(),
                labels: args.labels.into_iter().collect(),
            };
            let endpoint = call::attach(&args.socket, &attach).await?;
            writeln!(std::io::stdout(), "{}", serde_json::to_string(&endpoint)?)?;
            Ok(())
        }
        Verb::Members(args) => {
            let members = call::members(&args.socket).await?;
            writeln!(std::io::stdout(), "{}", serde_json::to_string(&members)?)?;
            Ok(())
        }
        Verb::Takeover(args) => takeover::run(args).await,
        Verb::Detach(args) => call::detach(&args.socket, &args.name).await,
    }
}

fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
}

fn complain(line: &str) {
    // Nobody is left to be told when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}
