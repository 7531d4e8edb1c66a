//! `sdn-testbed`: real Open vSwitch hosts in network namespaces, with a controller.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::error::{ContextKind, ErrorKind};
use clap::{Parser, Subcommand};
use integration::{Config, HostId, Mesh, Place, PodSpec, Target, Testbed, Tunnel, testbed};

/// Real Open vSwitch hosts in network namespaces, with a controller.
#[derive(Parser)]
#[command(name = "sdn-testbed", version, max_term_width = 100)]
struct Args {
    /// Name of the testbed; several can stand side by side.
    #[arg(id = "testbed", long = "name", value_name = "NAME", global = true, default_value = "lab")]
    name: String,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Bring hosts and controller up; returns when the mesh is ready.
    Up {
        /// Number of hosts.
        #[arg(long, default_value_t = 3)]
        hosts: u16,
        /// Encapsulation between hosts.
        #[arg(long, value_enum, default_value = "vxlan")]
        tunnel: Tunnel,
        /// Tunnel ports: one chosen by flow, one per peer, or both.
        #[arg(long, value_enum, default_value = "flow")]
        mesh: Mesh,
        /// The zones of the first hosts, like a,a,b; with --mesh mixed by default a for one half and b for the other.
        #[arg(long, value_name = "ZONE", value_delimiter = ',')]
        zones: Vec<String>,
        /// Number of controllers; several share an etcd.
        #[arg(long, default_value_t = 1)]
        controllers: u16,
        /// Hosts join with a token, and everyone speaks TLS.
        #[arg(long)]
        secure: bool,
        /// Pods and the underlay have IPv6 addresses, too.
        #[arg(long)]
        ipv6: bool,
        /// Hosts have IPv6 addresses only on the underlay: tunnels, gossip and sessions go by these.
        #[arg(long)]
        underlay6: bool,
    },
    /// Add or remove a pod.
    #[command(subcommand)]
    Pod(PodVerb),
    /// Run a command somewhere: a pod, a host (h1), controller, or external.
    Exec {
        /// A pod, a host (h1), controller, or external.
        place: Place,
        /// The command, after `--`.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// End controller, controller2, etcd, agent@h1, ovs@h1, ovsdb@h1 or vswitchd@h1 with SIGKILL.
    Kill {
        /// What to end.
        target: Target,
    },
    /// Start controller, controller2, etcd, agent@h1, ovs@h1, ovsdb@h1 or vswitchd@h1 again.
    Start {
        /// What to start.
        target: Target,
    },
    /// Cut a host off from another one, or from everybody.
    Partition {
        /// Who is cut off.
        one: Place,
        /// From whom; without it, from everybody.
        other: Option<Place>,
    },
    /// Undo every partition.
    Heal,
    /// End the testbed, also after a crash.
    Down,
}

#[derive(Subcommand)]
enum PodVerb {
    /// Start a pod; prints name, host, ip and mac as JSON.
    Add {
        /// Name of the pod.
        #[arg(value_name = "NAME")]
        pod: String,
        /// Host to run on.
        #[arg(long)]
        host: HostId,
        /// Network to join.
        #[arg(long)]
        network: Option<String>,
        /// Address to have.
        #[arg(long)]
        ip: Option<String>,
        /// Label, as key=value; may be repeated.
        #[arg(long = "label", value_name = "KEY=VALUE")]
        labels: Vec<String>,
    },
    /// End a pod.
    Rm {
        /// Name of the pod.
        #[arg(value_name = "NAME")]
        pod: String,
    },
}

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    match run(&args.name, args.verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sdn-testbed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(name: &str, verb: Verb) -> Result<()> {
    match verb {
        Verb::Up { hosts, tunnel, mesh, zones, controllers, secure, ipv6, underlay6 } => {
            let config =
                Config { hosts, tunnel, mesh, controllers, secure, ipv6, underlay6, zones, ..Config::new(name) };
            up(&config.with_zones_if_mixed())
        }
        Verb::Down => {
            match Testbed::down(name)? {
                true => eprintln!("testbed {name} is gone"),
                false => eprintln!("no testbed {name}: nothing to do"),
            }
            Ok(())
        }
        verb => act(&Testbed::open(name)?, verb),
    }
}

fn up(config: &Config) -> Result<()> {
    let since = Instant::now();
    Testbed::up(config, &mut |step| eprintln!("{:5.1} s  {step}", since.elapsed().as_secs_f64()))?;
    eprintln!("{}", testbed::summary(config, since));
    Ok(())
}

fn act(testbed: &Testbed, verb: Verb) -> Result<()> {
    match verb {
        Verb::Pod(PodVerb::Add { pod, host, network, ip, labels }) => {
            let pod = testbed.pod_add(&PodSpec { name: pod, host, network, ip, labels })?;
            println!("{}", serde_json::to_string(&pod)?);
            Ok(())
        }
        Verb::Pod(PodVerb::Rm { pod }) => testbed.pod_rm(&pod),
        Verb::Exec { place, command } => match testbed.exec(&place, &command)? {},
        Verb::Kill { target } => testbed.kill(target),
        Verb::Start { target } => testbed.start(target),
        Verb::Partition { one, other } => testbed.partition(&one, other.as_ref()),
        Verb::Heal => testbed.heal(),
        Verb::Up { .. } | Verb::Down => unreachable!("done before a testbed is opened"),
    }
}

/// Help as it is; of an error one line: what is wrong and what to type.
fn usage(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let reason = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand, _) => {
            "a verb is missing".to_owned()
        }
        (ErrorKind::MissingRequiredArgument, Some(names)) => format!("{names} is missing"),
        _ => first.trim_start_matches("error: ").to_owned(),
    };
    let shape = text.lines().find_map(|line| line.strip_prefix("Usage: "));
    let hint = shape.unwrap_or("sdn-testbed --help");
    eprintln!("sdn-testbed: {reason}; type: {hint}");
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once("sdn-testbed").chain(line.split_whitespace()))
    }

    #[test]
    fn the_name_goes_with_every_verb() {
        for line in [
            "up --hosts 2",
            "pod add web --host h1 --label a=b --label c=d --ip 10.244.1.9 --network n",
            "pod rm web",
            "exec h1",
            "kill agent@h1",
            "start ovs@h1",
            "partition h1 h2",
            "partition h1",
            "heal",
            "down",
        ] {
            let command = if line.starts_with("exec") { " -- ls --name x" } else { "" };
            for line in [format!("{line} --name other{command}"), format!("--name other {line}{command}")] {
                let args = parse(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
                assert_eq!(args.name, "other", "{line}");
            }
        }
    }

    #[test]
    fn what_exec_runs_comes_after_two_dashes() {
        let Verb::Exec { place, command } = parse("exec web -- ls -l --name x").unwrap().verb else { panic!() };
        assert_eq!(place, Place::Pod("web".to_owned()));
        assert_eq!(command, ["ls", "-l", "--name", "x"]);
        assert!(parse("exec web").is_err());
        assert!(parse("exec web ls").is_err());
    }
}
