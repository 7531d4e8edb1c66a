//! What was changed, so that it can be changed back.

use std::path::{Path, PathBuf};

use anyhow::Context;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::settings::{self, Keys};

/// A takeover that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The addresses that containers have.
    pub range: IpNet,
    /// The address that Docker's bridge had, with the prefix of its subnet.
    pub bridge: String,
    /// Docker's settings.
    pub daemon_json: PathBuf,
    /// The whole file as it was; none if there was none.
    pub before: Option<String>,
    /// The whole file as it was left.
    pub after: String,
    /// The keys that were changed, as they were.
    pub keys: Keys,
}

impl Record {
    /// The takeover of this host; none if there is none.
    ///
    /// # Errors
    /// When there is one that cannot be read.
    pub fn read(state_dir: &Path) -> anyhow::Result<Option<Self>> {
        let text = settings::read(&file(state_dir))?;
        text.map(|text| serde_json::from_str(&text).context("the record of the takeover is damaged")).transpose()
    }

    /// Keeps it, before anything is changed.
    ///
    /// # Errors
    /// What the system said.
    pub fn write(&self, state_dir: &Path) -> anyhow::Result<()> {
        settings::write(&file(state_dir), &serde_json::to_string(self)?)
    }

    /// Forgets the takeover of this host.
    ///
    /// # Errors
    /// What the system said.
    pub fn remove(state_dir: &Path) -> anyhow::Result<()> {
        std::fs::remove_file(file(state_dir)).context("cannot forget the takeover")
    }

    /// What the settings, which are `now` so, are to be again: as they were to the letter, unless somebody has edited
    /// them since.
    ///
    /// # Errors
    /// When they are no JSON object.
    pub fn restore(&self, now: Option<&str>) -> anyhow::Result<Option<String>> {
        if now == self.before.as_deref() || now == Some(&self.after) {
            return Ok(self.before.clone());
        }
        Ok(Some(settings::change(now, &self.keys)?.0))
    }
}

fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("takeover.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_restored_to_the_letter_unless_somebody_edited_them() {
        let keys = [("bip".to_owned(), Some(serde_json::json!("10.244.1.129/25")))].into();
        let before = "{ \"debug\":   true }".to_owned();
        let (after, keys) = settings::change(Some(&before), &keys).unwrap();
        let record = Record {
            range: "10.244.1.128/25".parse().unwrap(),
            bridge: "172.17.0.1/16".to_owned(),
            daemon_json: "/etc/docker/daemon.json".into(),
            before: Some(before.clone()),
            after: after.clone(),
            keys,
        };
        assert_eq!(record.restore(Some(&after)).unwrap(), Some(before.clone()));
        assert_eq!(record.restore(Some(&before)).unwrap(), Some(before));
        let edited = record.restore(Some(&after.replace("true", "false"))).unwrap().unwrap();
        assert_eq!(edited, "{\n  \"debug\": false\n}\n");
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Record::read(dir.path()).unwrap(), None);
        record.write(dir.path()).unwrap();
        assert_eq!(Record::read(dir.path()).unwrap(), Some(record));
        Record::remove(dir.path()).unwrap();
        assert_eq!(Record::read(dir.path()).unwrap(), None);
    }
}
