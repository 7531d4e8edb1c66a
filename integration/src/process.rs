//! Daemons of a testbed, each remembered by process id, start time and boot, so that only our own
//! are ever ended.

use std::fs::{self, File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::{netns, state, tool};

/// One daemon: where it runs, where its record and its log are.
#[derive(Clone, Debug)]
pub struct Daemon {
    /// Network namespace.
    pub netns: String,
    /// Record of the running process; absent when it was never started.
    pub record: PathBuf,
    /// Its log.
    pub log: PathBuf,
}

#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Record {
    pid: i32,
    /// Clock ticks since boot, field 22 of `/proc/PID/stat`.
    start: u64,
    boot: String,
}

impl Daemon {
    /// A daemon in `netns` whose files lie in `dir` and begin with `name`.
    #[must_use]
    pub fn new(netns: String, dir: &Path, name: &str) -> Self {
        Self { netns, record: dir.join(format!("{name}.process")), log: dir.join(format!("{name}.log")) }
    }

    /// Starts `command` in the daemon's namespace, detached from the terminal, its output appended
    /// to the log.
    ///
    /// # Errors
    /// When it runs already or cannot be started.
    pub fn start(&self, mut command: Command) -> Result<()> {
        let what = command.get_program().to_string_lossy().into_owned();
        if self.is_alive() {
            bail!("{what} runs already");
        }
        let log = append(&self.log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let child = netns::within(&self.netns, || command.spawn().with_context(|| format!("cannot start {what}")))?;
        let pid = i32::try_from(child.id())?;
        let (_, start) = stat(pid).with_context(|| format!("{what} ended at once"))?;
        let boot = boot_id()?;
        state::write(&self.record, &Record { pid, start, boot })
    }

    /// Whether the process that was started is still there.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.pid().is_some()
    }

    /// Process id, when it is still there.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        let record: Record = state::read(&self.record).ok()?;
        reap(record.pid);
        let same_boot = boot_id().is_ok_and(|boot| boot == record.boot);
        let (state, start) = stat(record.pid)?;
        let ended = state == 'Z' && !has_threads(record.pid);
        (same_boot && start == record.start && !ended).then_some(record.pid)
    }

    /// Ends it with SIGKILL, waits until it is gone and forgets it. Returns whether it was there.
    ///
    /// # Errors
    /// When it does not go within five seconds.
    pub fn kill(&self) -> Result<bool> {
        let pid = self.pid();
        if let Some(pid) = pid {
            signal_kill(pid)?;
            let gone = || !self.is_alive();
            tool::wait_until(&format!("end of process {pid}"), Duration::from_secs(5), gone)?;
        }
        match fs::remove_file(&self.record) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(pid.is_some()),
        }
    }

    /// What it is and where its log lies, for messages.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.log.file_stem().unwrap_or_default().to_string_lossy();
        format!("{name} (log {})", self.log.display())
    }

    /// The last line of its log, for messages.
    #[must_use]
    pub fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let last = text.lines().rev().find(|line| !line.trim().is_empty());
        last.unwrap_or("nothing in its log").to_owned()
    }
}

/// Sends SIGKILL; a process that is gone already is no error.
///
/// # Errors
/// Without the right to do so.
pub fn signal_kill(pid: i32) -> Result<()> {
    match kill(Pid::from_raw(pid), Signal::SIGKILL) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot end process {pid}")),
    }
}

/// Whether process `pid` is there and not a zombie.
#[must_use]
pub fn exists(pid: i32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z')
}

/// Resident memory of process `pid`, in KiB.
#[must_use]
pub fn memory_kb(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().split(' ').next()?.parse().ok()
}

/// How long process `pid` has run on a core, all its threads together.
#[must_use]
pub fn cpu(pid: i32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let of_thread = |thread: fs::DirEntry| -> Option<u64> {
        // Its first field is in nanoseconds: Documentation/scheduler/sched-stats.
        fs::read_to_string(thread.path().join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    Some(Duration::from_nanos(threads.flatten().filter_map(of_thread).sum()))
}

/// Takes the status of a daemon that has ended, if it was started by this very process: else it stays
/// as a zombie as long as we live.
fn reap(pid: i32) {
    let _ = waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
}

/// Whether other threads than the first are still there: until they have ended, their files are open.
fn has_threads(pid: i32) -> bool {
    fs::read_dir(format!("/proc/{pid}/task")).is_ok_and(|threads| threads.count() > 1)
}

/// State and start time of a process.
fn stat(pid: i32) -> Option<(char, u64)> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// proc(5): the second field is the name in parentheses and may itself hold blanks and parentheses.
fn parse_stat(line: &str) -> Option<(char, u64)> {
    let (_, rest) = line.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

fn boot_id() -> Result<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(text.trim().to_owned())
}

fn append(path: &Path) -> Result<File> {
    OpenOptions::new().create(true).append(true).open(path).with_context(|| format!("cannot open {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_process_cannot_shift_the_fields() {
        let tail = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        for name in ["cat", "a b", "x) R 1 (", "((("] {
            let line = format!("17 ({name}) {tail}");
            assert_eq!(parse_stat(&line), Some(('S', 4711)), "{line}");
        }
        assert_eq!(parse_stat("17 (cat"), None);
        assert_eq!(parse_stat("17 (cat) S 1"), None);
    }

    #[test]
    fn a_reused_process_id_is_not_ours() {
        let dir = tempfile::tempdir().unwrap();
        let daemon = Daemon::new("none".into(), dir.path(), "x");
        let pid = i32::try_from(std::process::id()).unwrap();
        let (_, start) = stat(pid).unwrap();
        let boot = boot_id().unwrap();
        let ours = Record { pid, start, boot };
        state::write(&daemon.record, &ours).unwrap();
        assert!(daemon.is_alive());
        let start = ours.start + 1;
        state::write(&daemon.record, &Record { start, ..ours }).unwrap();
        assert!(!daemon.is_alive());
        assert!(!daemon.kill().unwrap());
    }
}
