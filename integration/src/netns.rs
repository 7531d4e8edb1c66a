//! Network namespaces, named as `ip netns` names them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};

const DIR: &str = "/run/netns";
const ETC: &str = "/etc/netns";
const NONE: Option<&str> = None;

/// Where the namespace `name` is found.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

/// Makes all of `names`. Nothing of it outlives the caller: no other process is at work here, so that nothing goes on
/// being made while [`remove`] follows a caller that was killed.
///
/// # Errors
/// When one of them exists already, or without the right to make it.
pub fn add(names: &[String]) -> Result<()> {
    let _lock = prepare_dir().with_context(|| format!("cannot prepare {DIR}"))?;
    for name in names {
        add_one(&path(name)).with_context(|| format!("cannot make network namespace {name}"))?;
    }
    Ok(())
}

fn add_one(path: &Path) -> Result<()> {
    File::create_new(path)?;
    let make = || {
        unshare(CloneFlags::CLONE_NEWNET)?;
        mount(Some("/proc/thread-self/ns/net"), path, NONE, MsFlags::MS_BIND, NONE)
    };
    let made = thread::scope(|scope| scope.spawn(make).join().unwrap_or_else(|panic| resume_unwind(panic)));
    made.or_else(|error| fs::remove_file(path).map_err(anyhow::Error::from).and(Err(error.into())))
}

/// The directory as `ip netns` wants it: a shared mount, so that a namespace removed here is removed everywhere. The
/// lock is the one that `ip netns` takes.
fn prepare_dir() -> Result<File> {
    fs::create_dir_all(DIR)?;
    let lock = File::open(DIR)?;
    lock.lock()?;
    let share = || mount(NONE, DIR, NONE, MsFlags::MS_SHARED | MsFlags::MS_REC, NONE);
    if share() == Err(Errno::EINVAL) {
        mount(Some(DIR), DIR, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE)?;
        share()?;
    }
    Ok(lock)
}

/// Removes those of `names` that exist.
///
/// # Errors
/// All that cannot be removed; the others are gone then.
pub fn remove(names: &[String]) -> Result<()> {
    let failures: Vec<_> =
        names.iter().filter_map(|name| remove_one(&path(name)).err().map(|error| format!("{name}: {error}"))).collect();
    ensure!(failures.is_empty(), "cannot remove network namespaces: {}", failures.join(", "));
    Ok(())
}

fn remove_one(path: &Path) -> io::Result<()> {
    // An agent that was killed has left what it wrote for the namespace.
    if let Some(name) = path.file_name() {
        let dir = Path::new(ETC).join(name);
        let _ = fs::remove_file(dir.join("resolv.conf"));
        let _ = fs::remove_dir(dir);
    }
    // EINVAL: a file that no namespace is mounted on, left by a reboot or by a crash.
    match umount2(path, MntFlags::MNT_DETACH) {
        Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => {}
        Err(error) => return Err(error.into()),
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
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
    unshare(CloneFlags::CLONE_NEWNS).context("cannot unshare mounts")?;
    let slave = MsFlags::MS_SLAVE | MsFlags::MS_REC;
    mount(NONE, "/", NONE, slave, NONE).context("cannot make / a slave mount")?;
    umount2("/sys", MntFlags::MNT_DETACH).context("cannot unmount /sys")?;
    mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), NONE).context("cannot mount /sys")
}

/// Shows the calling process the files of `/etc/netns/NAME` in the place of those in `/etc`, as `ip netns exec` does. It
/// must have mounts of its own: see [`own_sysfs`].
///
/// # Errors
/// Without the right to mount.
pub fn own_etc(name: &str) -> Result<()> {
    for entry in fs::read_dir(Path::new(ETC).join(name)).into_iter().flatten() {
        let file = entry?.path();
        let Some(name) = file.file_name() else { continue };
        let over = Path::new("/etc").join(name);
        mount(Some(&file), &over, NONE, MsFlags::MS_BIND, NONE)
            .with_context(|| format!("cannot show {} as {}", file.display(), over.display()))?;
    }
    Ok(())
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
