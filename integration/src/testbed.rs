//! A testbed as a whole: what the `sdn-testbed` command and the tests call.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use std::{env, ops};

use anyhow::{Context, Result, ensure};

use crate::ovs::Ovs;
use crate::plan::{Config, HostId, Place, Target};
use crate::pod::{self, Pod, PodSpec};
use crate::state::{self, StateDir};
use crate::{control, etcd, host, netns, ready, teardown, tool, underlay};

/// A testbed that is there, whole or half-made.
#[derive(Clone, Debug)]
pub struct Testbed {
    config: Config,
    state: StateDir,
}

impl Testbed {
    /// Brings up hosts, controller and agents and waits until the mesh is ready. `progress` is told
    /// what is going on.
    ///
    /// # Errors
    /// Without root, when there is a testbed of this name, or when a step fails. What was made is
    /// left for inspection, until [`Testbed::down`].
    pub fn up(config: &Config, progress: &mut dyn FnMut(&str)) -> Result<Self> {
        for name in ["sdn-controller", "sdn-agent", "sdnctl"] {
            control::program(name)?;
        }
        let testbed = Self::up_hosts(config, progress)?;
        progress("starting the controller and the agents");
        control::start_controllers(config, &testbed.state)?;
        for host in config.host_ids() {
            control::start_agent(config, &testbed.state, host)?;
            ready::wait_joined(&testbed, host)?;
        }
        ready::wait(&testbed, ready::PATIENCE, progress)?;
        Ok(testbed)
    }

    /// Brings up the hosts with their Open vSwitch and the underlay, and nothing of the product.
    ///
    /// # Errors
    /// As [`Testbed::up`].
    pub fn up_hosts(config: &Config, progress: &mut dyn FnMut(&str)) -> Result<Self> {
        config.validate()?;
        need_root()?;
        let state = StateDir::create(config)?;
        progress(&format!("starting Open vSwitch on {}", config.hosts_in_words()));
        netns::add(&teardown::static_namespaces(config))?;
        underlay::build(config)?;
        host::up_all(config, &state)?;
        Ok(Self { config: config.clone(), state })
    }

    /// A testbed that was brought up before.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn open(name: &str) -> Result<Self> {
        Config::new(name).validate()?;
        need_root()?;
        let state = StateDir::of(name);
        ensure!(state.exists(), "no testbed {name}: make it with sdn-testbed up --name {name}");
        let config = state::read(&state.config())?;
        Ok(Self { config, state })
    }

    /// Ends the testbed `name`. Returns whether there was one.
    ///
    /// # Errors
    /// When a process or a namespace cannot be ended.
    pub fn down(name: &str) -> Result<bool> {
        need_root()?;
        teardown::down(name)
    }

    /// What it was asked to be.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where its logs, records and sockets are.
    #[must_use]
    pub fn state(&self) -> &StateDir {
        &self.state
    }

    /// Starts a pod. See [`pod::add`].
    ///
    /// # Errors
    /// As [`pod::add`].
    pub fn pod_add(&self, spec: &PodSpec) -> Result<Pod> {
        pod::add(&self.config, &self.state, spec)
    }

    /// Ends a pod. See [`pod::remove`].
    ///
    /// # Errors
    /// As [`pod::remove`].
    pub fn pod_rm(&self, name: &str) -> Result<()> {
        pod::remove(&self.config, &self.state, name)
    }

    /// Ends a part of the testbed with SIGKILL.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&self, target: Target) -> Result<()> {
        let was_there = match target {
            Target::Controller => control::controller(&self.config, &self.state, 1).kill()?,
            Target::Replica(number) => control::controller(&self.config, &self.state, number).kill()?,
            Target::Etcd(number) => etcd::member(&self.config, &self.state, number).kill()?,
            Target::Agent(host) => self.agent(host)?.kill()?,
            Target::Ovs(host) => self.ovs(host)?.kill()?,
            Target::Ovsdb(host) => self.ovs(host)?.kill_server()?,
            Target::Vswitchd(host) => self.ovs(host)?.kill_switch()?,
        };
        ensure!(was_there, "{target} does not run");
        Ok(())
    }

    /// Starts a part of the testbed that was killed.
    ///
    /// # Errors
    /// When it runs already or does not start.
    pub fn start(&self, target: Target) -> Result<()> {
        let empty = host::empty_database(&self.state);
        match target {
            Target::Controller => control::start_controller(&self.config, &self.state, 1),
            Target::Replica(number) => {
                self.config.check_controller(number)?;
                control::start_controller(&self.config, &self.state, number)
            }
            Target::Etcd(number) => {
                self.config.check_controller(number)?;
                etcd::start(&self.config, &self.state, number)
            }
            Target::Agent(host) => {
                self.config.check_host(host)?;
                control::start_agent(&self.config, &self.state, host)
            }
            Target::Ovs(host) => self.ovs(host)?.start(&empty),
            Target::Ovsdb(host) => self.ovs(host)?.start_server(&empty),
            Target::Vswitchd(host) => self.ovs(host)?.start_switch(),
        }
    }

    /// Cuts `one` off from `other`, or from everybody.
    ///
    /// # Errors
    /// When one of them is no member of the underlay.
    pub fn partition(&self, one: &Place, other: Option<&Place>) -> Result<()> {
        for place in std::iter::once(one).chain(other) {
            self.check_member(place)?;
        }
        underlay::partition(&self.config, one, other)
    }

    /// Loses so many of a hundred frames from `from` to `to`, and none the other way.
    ///
    /// # Errors
    /// When one of them is no member of the underlay.
    pub fn lose(&self, from: &Place, to: &Place, percent: u8) -> Result<()> {
        self.check_member(from)?;
        self.check_member(to)?;
        underlay::lose(&self.config, from, to, percent)
    }

    /// Has the link of `member` carry packets of at most `mtu` bytes, without telling it: larger ones are lost.
    ///
    /// # Errors
    /// When it is no member of the underlay.
    pub fn set_mtu(&self, member: &Place, mtu: u32) -> Result<()> {
        self.check_member(member)?;
        underlay::set_mtu(&self.config, member, mtu)
    }

    /// Undoes every [`Testbed::partition`] and [`Testbed::lose`].
    ///
    /// # Errors
    /// When nftables refuses it.
    pub fn heal(&self) -> Result<()> {
        underlay::heal(&self.config)
    }

    /// Becomes the command `argv`, run at `place`.
    ///
    /// # Errors
    /// Returns only when that is not possible.
    pub fn exec(&self, place: &Place, argv: &[String]) -> Result<std::convert::Infallible> {
        let mut command = self.command(place, argv)?;
        netns::enter(&self.config.netns(place))?;
        netns::own_sysfs()?;
        netns::own_etc(&self.config.netns(place))?;
        let error = command.exec();
        Err(error).with_context(|| format!("cannot run {}", command.get_program().display()))
    }

    /// Runs the command `argv` at `place` and returns what it printed.
    ///
    /// # Errors
    /// When it cannot be started or fails.
    pub fn run(&self, place: &Place, argv: &[&str]) -> Result<String> {
        let mut command = self.command(place, argv)?;
        netns::within(&self.config.netns(place), || tool::run(&mut command))
    }

    /// Starts the command `argv` at `place` and leaves it running, its standard output piped.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self, place: &Place, argv: &[&str]) -> Result<Child> {
        let mut command = self.command(place, argv)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        netns::within(&self.config.netns(place), || {
            command.spawn().with_context(|| format!("cannot run {}", argv.join(" ")))
        })
    }

    /// The command `argv` with the environment it has at `place`.
    fn command(&self, place: &Place, argv: &[impl AsRef<str>]) -> Result<Command> {
        let (program, args) = argv.split_first().context("no command was given")?;
        let path = format!("{}:{}", control::bin_dir()?.display(), env::var("PATH").unwrap_or_default());
        // The program is looked up in the child's PATH when that is set through the environment.
        let mut command = Command::new(program.as_ref());
        command.args(args.iter().map(AsRef::as_ref)).env("PATH", path);
        match place {
            Place::Controller | Place::Replica(_) => {
                let number = if let Place::Replica(number) = place { *number } else { 1 };
                command.env("SDN_SERVER", control::local_server(&self.config));
                command.env("SDN_CREDENTIAL", control::credential(&self.state, number));
            }
            Place::Host(host) => {
                let ovs = self.ovs(*host)?;
                command.env("SDN_SERVER", control::servers(&self.config)).envs(ovs.environment());
                command.env("SDN_CREDENTIAL", control::credential(&self.state, 1));
            }
            Place::Pod(name) => {
                pod::find(&self.config, &self.state, name)?;
            }
            Place::External => {}
        }
        Ok(command)
    }

    fn ovs(&self, host: HostId) -> Result<Ovs> {
        self.config.check_host(host)?;
        Ok(Ovs::new(&self.config, &self.state, host))
    }

    fn agent(&self, host: HostId) -> Result<crate::process::Daemon> {
        self.config.check_host(host)?;
        Ok(control::agent(&self.config, &self.state, host))
    }

    fn check_member(&self, place: &Place) -> Result<()> {
        match place {
            Place::Host(host) => self.config.check_host(*host),
            Place::Replica(number) => self.config.check_controller(*number),
            Place::Controller | Place::External => Ok(()),
            Place::Pod(name) => anyhow::bail!("{name} is not on the underlay: name a host"),
        }
    }
}

/// A testbed that goes when it is dropped, also in a panic.
#[derive(Debug)]
pub struct Scoped {
    testbed: Testbed,
}

impl Scoped {
    /// As [`Testbed::up`].
    ///
    /// # Errors
    /// As [`Testbed::up`], but nothing is left then.
    pub fn up(config: &Config, progress: &mut dyn FnMut(&str)) -> Result<Self> {
        Self::new(config, Testbed::up(config, progress))
    }

    /// As [`Testbed::up_hosts`].
    ///
    /// # Errors
    /// As [`Testbed::up_hosts`], but nothing is left then.
    pub fn up_hosts(config: &Config, progress: &mut dyn FnMut(&str)) -> Result<Self> {
        Self::new(config, Testbed::up_hosts(config, progress))
    }

    /// Lets the testbed stand.
    pub fn keep(self) {
        std::mem::forget(self);
    }

    fn new(config: &Config, up: Result<Testbed>) -> Result<Self> {
        match up {
            Ok(testbed) => Ok(Self { testbed }),
            Err(error) => {
                let _ = teardown::down(&config.name);
                Err(error)
            }
        }
    }
}

impl From<Testbed> for Scoped {
    fn from(testbed: Testbed) -> Self {
        Self { testbed }
    }
}

impl ops::Deref for Scoped {
    type Target = Testbed;

    fn deref(&self) -> &Testbed {
        &self.testbed
    }
}

impl Drop for Scoped {
    fn drop(&mut self) {
        if let Err(error) = teardown::down(&self.testbed.config.name) {
            eprintln!("testbed {} is left over: {error:#}", self.testbed.config.name);
        }
    }
}

/// One line for people.
#[must_use]
pub fn summary(config: &Config, since: Instant) -> String {
    let name = match config.name.as_str() {
        "lab" => String::new(),
        other => format!(" --name {other}"),
    };
    format!(
        "{} ready in {:.1} s. Try: sdn-testbed pod add web --host h1{name}; \
         sdn-testbed exec controller{name} -- sdnctl status",
        config.hosts_in_words(),
        since.elapsed().as_secs_f64()
    )
}

fn need_root() -> Result<()> {
    ensure!(nix::unistd::geteuid().is_root(), "a testbed needs root, for its network namespaces: run it with sudo");
    Ok(())
}
