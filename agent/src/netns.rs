//! Network namespaces: opening one, telling two apart, running inside one.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::{AsRawFd, RawFd},
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::Path,
    sync::Arc,
    thread,
};

use api::Invalid;
use nix::{
    fcntl::OFlag,
    sched::{CloneFlags, setns},
    sys::statfs::{NSFS_MAGIC, fstatfs},
};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

/// What tells one namespace from another while either exists: device and inode of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceId {
    device: u64,
    inode: u64,
}

impl NamespaceId {
    /// The namespace that is now at `path`; none when nothing is there.
    pub fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|m| Self { device: m.dev(), inode: m.ino() })
    }
}

/// An open network namespace; it exists at least as long as this does.
#[derive(Clone, Debug)]
pub struct Namespace {
    file: Arc<File>,
    id: NamespaceId,
}

impl Namespace {
    /// Opens the namespace at `path`.
    ///
    /// # Errors
    /// When there is none, or what is there is something else.
    pub fn open(path: &Path) -> Result<Self, Invalid> {
        let wrong = |reason: String| Invalid::new("netns", format!("{}: {reason}", path.display()));
        if !path.is_absolute() {
            return Err(wrong("give the whole path, beginning with '/'".into()));
        }
        let flags = (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|e| wrong(e.to_string()))?;
        let kind = fstatfs(&file).map_err(|e| wrong(e.to_string()))?.filesystem_type();
        if kind != NSFS_MAGIC {
            return Err(wrong("is not a network namespace".into()));
        }
        let meta = file.metadata().map_err(|e| wrong(e.to_string()))?;
        Ok(Self { file: Arc::new(file), id: NamespaceId { device: meta.dev(), inode: meta.ino() } })
    }

    /// What tells it from others.
    pub fn id(&self) -> NamespaceId {
        self.id
    }

    /// Its descriptor, for netlink requests that name a namespace.
    pub fn fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// Runs `job` inside the namespace, on a thread that ends with it.
    ///
    /// A thread of the runtime never changes its namespace: other tasks run
    /// on it. The job may use the runtime, to register sockets it opens.
    ///
    /// # Errors
    /// When the namespace cannot be entered, or what `job` answered.
    pub async fn run<T, F>(&self, job: F) -> io::Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> io::Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let runtime = tokio::runtime::Handle::current();
        let file = self.file.clone();
        thread::Builder::new().name("netns".into()).stack_size(256 * 1024).spawn(move || {
            let _in_runtime = runtime.enter();
            let result = setns(&*file, CloneFlags::CLONE_NEWNET).map_err(io::Error::from).and_then(|()| job());
            // The one who asked may have given up.
            let _ = answer.send(result);
        })?;
        answered.await.unwrap_or_else(|_| Err(io::Error::other("the helper thread ended early")))
    }
}
