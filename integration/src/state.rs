//! What a testbed remembers between commands: one directory of small JSON files.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::plan::{Config, HostId};

const ROOT: &str = "/run/sdn-testbed";

/// The directory of one testbed.
#[derive(Clone, Debug)]
pub struct StateDir(PathBuf);

impl StateDir {
    /// The directory that the testbed `name` has or would have.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self(Path::new(ROOT).join(name))
    }

    /// Makes the directory and writes `config` into it, before anything else of the testbed exists.
    ///
    /// # Errors
    /// When a testbed of this name is there.
    pub fn create(config: &Config) -> Result<Self> {
        let dir = Self::of(&config.name);
        fs::create_dir_all(ROOT).with_context(|| format!("cannot make {ROOT}"))?;
        match fs::create_dir(&dir.0) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                bail!("testbed {0} is there already: end it with sdn-testbed down --name {0}", config.name)
            }
            made => made.with_context(|| format!("cannot make {}", dir.0.display()))?,
        }
        write(&dir.config(), config)?;
        fs::create_dir(dir.pods())?;
        Ok(dir)
    }

    /// Whether there is a testbed, be it half-made.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.0.exists()
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// File with the [`Config`].
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.0.join("testbed.json")
    }

    /// Directory with one file per pod.
    #[must_use]
    pub fn pods(&self) -> PathBuf {
        self.0.join("pods")
    }

    /// Directory of one host: logs, records, sockets and database.
    #[must_use]
    pub fn host(&self, host: HostId) -> PathBuf {
        self.0.join(host.to_string())
    }

    /// Forgets the testbed.
    ///
    /// # Errors
    /// When the directory cannot be removed.
    pub fn remove(&self) -> Result<()> {
        fs::remove_dir_all(&self.0).with_context(|| format!("cannot remove {}", self.0.display()))
    }
}

/// Writes `value` to `path` whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, serde_json::to_vec(value)?)
        .and_then(|()| fs::rename(&new, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Reads what [`write`](fn@write) wrote.
///
/// # Errors
/// When the file is absent or damaged.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))
}
