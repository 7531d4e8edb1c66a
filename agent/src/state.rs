//! What the agent keeps on disk: the last configuration, the names it knows, one record per endpoint, and the number of its life.
//!
//! Every file is replaced whole by rename, so that after a crash there is
//! either the old content or the new. All are for their owner only: the
//! configuration holds the cluster's gossip keys.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use api::{AgentConfig, Name};
use serde::{Serialize, de::DeserializeOwned};
use tracing::warn;

use crate::{endpoint::Record, names::book::Kept};

/// The largest file that is read back, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// The agent's state directory.
#[derive(Clone, Debug)]
pub struct State {
    dir: PathBuf,
}

impl State {
    /// Opens the directory and makes it where it is missing.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir.join("endpoints"))?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// The last configuration; none when there is none that can be read.
    pub fn config(&self) -> Option<AgentConfig> {
        read(&self.dir.join("config.json"))
    }

    /// Keeps a configuration.
    ///
    /// # Errors
    /// What the system said.
    pub async fn keep_config(&self, config: &AgentConfig) -> io::Result<()> {
        replace(self.dir.join("config.json"), config).await
    }

    /// What was last known of names; nothing when there is none that can be read.
    pub fn names(&self) -> Kept {
        read(&self.dir.join("names.json")).unwrap_or_default()
    }

    /// Keeps what is known of names.
    ///
    /// # Errors
    /// What the system said.
    pub async fn keep_names(&self, names: &Kept) -> io::Result<()> {
        replace(self.dir.join("names.json"), names).await
    }

    /// The number of the agent's last life, as gossip has it; 0 when there is none that can be read.
    pub fn life(&self) -> u32 {
        read(&self.dir.join("life.json")).unwrap_or(0)
    }

    /// Keeps the number of the agent's life.
    ///
    /// # Errors
    /// What the system said.
    pub fn keep_life(&self, number: u32) -> io::Result<()> {
        write(&self.dir.join("life.json"), &serde_json::to_vec(&number)?)
    }

    /// The records of all endpoints; unreadable ones are left out and logged.
    pub fn endpoints(&self) -> BTreeMap<Name, Record> {
        let Ok(entries) = fs::read_dir(self.dir.join("endpoints")) else { return BTreeMap::new() };
        let record = |path: PathBuf| Some((Name::new(path.file_stem()?.to_str()?).ok()?, read(&path)?));
        entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|e| e == "json"))
            .filter_map(record)
            .collect()
    }

    /// Keeps the record of an endpoint.
    ///
    /// # Errors
    /// What the system said.
    pub async fn keep_endpoint(&self, name: &Name, record: &Record) -> io::Result<()> {
        replace(self.endpoint(name), record).await
    }

    /// Drops the record of an endpoint; one that is gone already is no error.
    ///
    /// # Errors
    /// What the system said.
    pub fn drop_endpoint(&self, name: &Name) -> io::Result<()> {
        match fs::remove_file(self.endpoint(name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    fn endpoint(&self, name: &Name) -> PathBuf {
        self.dir.join("endpoints").join(format!("{name}.json"))
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let mut bytes = Vec::new();
    let content = File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes));
    match content.and_then(|_| Ok(serde_json::from_slice(&bytes)?)) {
        Ok(value) => Some(value),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => {
            warn!(path = %path.display(), reason = %e, "a file of the state directory is unreadable and left alone");
            None
        }
    }
}

async fn replace<T: Serialize>(path: PathBuf, value: &T) -> io::Result<()> {
    let bytes = serde_json::to_vec(value)?;
    tokio::task::spawn_blocking(move || write(&path, &bytes)).await.unwrap_or_else(|e| Err(io::Error::other(e)))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    // A file that was there keeps its mode when it is opened.
    match fs::remove_file(&new) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_life_is_kept_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        assert_eq!(state.life(), 0);
        for number in [7, 8] {
            state.keep_life(number).unwrap();
            assert_eq!(State::open(dir.path()).unwrap().life(), number);
        }
        let mode = fs::metadata(dir.path().join("life.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
