//! Network namespaces, named as `ip netns` names them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};

use crate::tool;

const DIR: &str = "/run/netns";

/// Where the namespace `name` is found.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

/// Makes all of `names` in one step.
///
/// # Errors
/// When one of them exists already, or without the right to make it.
pub fn add(names: &[String]) -> Result<()> {
    let lines: Vec<_> = names.iter().map(|ns| format!("netns add {ns}")).collect();
    tool::ip_batch(&lines).context("cannot make the network namespaces")
}

/// Removes those of `names` that exist.
///
/// # Errors
/// When one cannot be removed; the others are gone then.
pub fn remove(names: &[String]) -> Result<()> {
    let there = names.iter().filter(|ns| path(ns).exists());
    let lines: Vec<_> = there.map(|ns| format!("netns del {ns}")).collect();
    if lines.is_empty() {
        return Ok(());
    }
    tool::ip_batch_all(&lines).context("cannot remove the network namespaces")
}

/// Moves the calling thread into namespace `name`.
///
/// # Errors
/// When there is none of this name.
pub fn enter(name: &str) -> Result<()> {
    let file = File::open(path(name)).with_context(|| format!("no network namespace {name}"))?;
    setns(file, CloneFlags::CLONE_NEWNET).with_context(|| format!("cannot enter network namespace {name}"))
}

/// Runs `work` inside namespace `name`, on a thread of its own: what it opens, writes to
/// `/proc/sys/net` and spawns belongs to that namespace, and the caller stays where it is.
///
/// # Errors
/// When there is no such namespace, or the work's own error.
pub fn within<T: Send>(name: &str, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let run = || {
        enter(name)?;
        work()
    };
    thread::scope(|scope| scope.spawn(run).join().unwrap_or_else(|panic| resume_unwind(panic)))
}

/// Gives the calling process a `/sys` that shows the namespace it is in, as `ip netns exec` does.
///
/// # Errors
/// Without the right to mount.
pub fn own_sysfs() -> Result<()> {
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS).context("cannot unshare mounts")?;
    let slave = MsFlags::MS_SLAVE | MsFlags::MS_REC;
    mount(none, "/", none, slave, none).context("cannot make / a slave mount")?;
    umount2("/sys", MntFlags::MNT_DETACH).context("cannot unmount /sys")?;
    mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), none).context("cannot mount /sys")
}

/// Processes that live in one of `names`. The namespace of the machine itself is never looked at.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn inhabitants(names: &[String]) -> Result<Vec<i32>> {
    let mut wanted: BTreeSet<_> = names.iter().filter_map(|ns| identity(&path(ns))).collect();
    for own in ["/proc/self/ns/net", "/proc/1/ns/net"] {
        if let Some(id) = identity(Path::new(own)) {
            wanted.remove(&id);
        }
    }
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else {
            continue;
        };
        if identity(&entry.path().join("ns/net")).is_some_and(|id| wanted.contains(&id)) {
            pids.push(pid);
        }
    }
    Ok(pids)
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}
