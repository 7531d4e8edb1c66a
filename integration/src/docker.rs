//! A Docker of its own on a host of the testbed: in the host's network namespace, with mounts and processes of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::plan::{HostId, Place};
use crate::testbed::Testbed;
use crate::{netns, tool};

/// Keeps dockerd running, and restarts it when there is a file `restart`, which it removes then. The first process of a
/// process namespace: when it ends, so do Docker and all containers.
const KEEPER: &str = r#"
set -eu
cd "$1"
mkdir -p cgroups data exec
mount --rbind /sys/fs/cgroup cgroups
mount -t sysfs sysfs /sys
mount --move cgroups /sys/fs/cgroup
mount --bind /run/sdn-testbed /mnt
mount -t tmpfs tmpfs /run
mkdir -p /run/sdn-testbed /run/docker /run/lock
mount --bind /mnt /run/sdn-testbed
cd "$1"
printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' >resolv.conf
mount --bind resolv.conf /etc/resolv.conf
while :; do
  dockerd --config-file "$1/daemon.json" --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/exec/dockerd.pid" \
    -H "unix://$1/docker.sock" --cgroup-parent "/sdn-$2" >>dockerd.log 2>&1 &
  docker=$!
  rm -f restart
  while kill -0 $docker 2>/dev/null; do
    if [ -e restart ]; then kill $docker; wait $docker || :; else sleep 0.1; fi
  done
done
"#;

/// How long Docker may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Docker on a host; it ends with this.
#[derive(Debug)]
pub struct Docker {
    keeper: Child,
    dir: PathBuf,
    netns: String,
}

impl Docker {
    /// Starts it, with an image `busybox` made of this machine's.
    ///
    /// # Errors
    /// When Docker is not installed or does not start.
    pub fn start(testbed: &Testbed, host: HostId) -> Result<Self> {
        let netns = testbed.config().netns(&Place::from(host));
        let dir = testbed.state().host(host).join("docker");
        fs::create_dir_all(&dir)?;
        fs::write(dir.join("keeper.sh"), KEEPER)?;
        fs::write(dir.join("daemon.json"), "{}")?;
        fs::write(
            dir.join("restart.sh"),
            format!("cd {0}; : >restart; while [ -e restart ]; do sleep 0.1; done\n", dir.display()),
        )?;
        let spawn = || {
            let mut command = Command::new("unshare");
            command.args([
                "--mount",
                "--propagation",
                "slave",
                "--pid",
                "--fork",
                "--mount-proc",
                "--kill-child",
                "sh",
            ]);
            command.arg(dir.join("keeper.sh")).arg(&dir).arg(&netns);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(dir.join("keeper.log"))?);
            command.spawn().context("cannot run unshare")
        };
        let keeper = netns::within(&netns, spawn)?;
        let docker = Self { keeper, dir: dir.clone(), netns: netns.clone() };
        let answers = || docker.run(&["version"]).is_ok();
        tool::wait_until("Docker answers", PATIENCE, answers).with_context(|| docker.log())?;
        docker.import()?;
        Ok(docker)
    }

    /// Runs `docker` with these words and returns what it printed.
    ///
    /// # Errors
    /// When it fails, with what it says.
    pub fn run(&self, words: &[&str]) -> Result<String> {
        let mut command = Command::new("docker");
        command.env("DOCKER_HOST", self.host()).args(words);
        let printed = netns::within(&self.netns, || tool::run(&mut command))?;
        Ok(printed.trim().to_owned())
    }

    /// Where it listens, as `DOCKER_HOST` has it.
    #[must_use]
    pub fn host(&self) -> String {
        format!("unix://{}/docker.sock", self.dir.display())
    }

    /// Its settings.
    #[must_use]
    pub fn daemon_json(&self) -> PathBuf {
        self.dir.join("daemon.json")
    }

    /// The command that restarts it.
    #[must_use]
    pub fn restart(&self) -> String {
        format!("sh {}/restart.sh", self.dir.display())
    }

    fn log(&self) -> String {
        let text = |name: &str| fs::read_to_string(self.dir.join(name)).unwrap_or_default();
        let log = text("keeper.log") + &text("dockerd.log");
        let lines: Vec<&str> = log.lines().rev().take(10).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    fn import(&self) -> Result<()> {
        let root = self.dir.join("image");
        fs::create_dir_all(root.join("bin"))?;
        fs::copy(busybox()?, root.join("bin/busybox")).context("no busybox here")?;
        for name in ["sh", "sleep", "ping", "nc", "nslookup", "cat"] {
            let link = root.join("bin").join(name);
            if !link.exists() {
                std::os::unix::fs::symlink("busybox", link)?;
            }
        }
        let archive = self.dir.join("image.tar");
        tool::run(Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&archive).arg("."))?;
        self.run(&["import", &archive.display().to_string(), "busybox"]).map(|_| ())
    }
}

fn busybox() -> Result<PathBuf> {
    let places = ["/bin/busybox", "/usr/bin/busybox"].map(Path::new);
    places.into_iter().find(|path| path.exists()).map(Path::to_owned).context("no busybox here: run integration/deps")
}

impl Drop for Docker {
    fn drop(&mut self) {
        // `--kill-child` ends its namespace with it.
        if let Ok(pid) = i32::try_from(self.keeper.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = self.keeper.wait();
        let _ =
            tool::wait_until("Docker's mounts go", Duration::from_secs(10), || fs::remove_dir_all(&self.dir).is_ok());
    }
}
