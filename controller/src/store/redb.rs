//! The embedded store: one file, crash-safe.

use std::{path::Path, sync::Arc};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::{Backend, StoreError};
use crate::intent::{Txn, Value};

const OBJECTS: TableDefinition<&str, &[u8]> = TableDefinition::new("objects");

/// Transactions in one redb file.
pub struct RedbBackend {
    database: Database,
    path: String,
}

/// Bytes of the file that are kept in memory: all there is to read is in the intent.
const CACHE: usize = 4 << 20;

impl RedbBackend {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// When it cannot be opened, another process has it open, or it is not such a file.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let shown = path.display().to_string();
        let error = |reason: String| StoreError { path: shown.clone(), reason };
        let damaged = |what: String| error(format!("{what}; move the file away, start afresh and restore a backup"));
        let mut database = Database::builder().set_cache_size(CACHE).create(path).map_err(|opening| match opening {
            redb::DatabaseError::DatabaseAlreadyOpen => {
                error("another controller has it open; give each its own --data-dir".into())
            }
            other => damaged(other.to_string()),
        })?;
        // What a crash left half-written was put right by now: anything else that is wrong with it was done to it.
        match database.check_integrity() {
            Ok(true) => Ok(Self { database, path: shown }),
            Ok(false) => Err(damaged("the file was damaged and lost its last changes".into())),
            Err(reason) => Err(damaged(reason.to_string())),
        }
    }

    fn error(&self, reason: impl Into<redb::Error>) -> StoreError {
        StoreError { path: self.path.clone(), reason: reason.into().to_string() }
    }

    fn read_all(&self) -> Result<Vec<Value>, redb::Error> {
        let txn = self.database.begin_read()?;
        let table = match txn.open_table(OBJECTS) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut values = Vec::new();
        for entry in table.iter()? {
            let (key, bytes) = entry?;
            let value = Value::decode(key.value(), bytes.value());
            values.push(value.map_err(|unreadable| redb::Error::Corrupted(unreadable.to_string()))?);
        }
        Ok(values)
    }

    fn write_all(&self, txns: &[Arc<Txn>]) -> Result<(), redb::Error> {
        let commit = self.database.begin_write()?;
        {
            let mut table = commit.open_table(OBJECTS)?;
            for write in txns.iter().flat_map(|txn| &txn.writes) {
                let key = write.key.encode();
                match &write.value {
                    Some(value) => drop(table.insert(key.as_str(), value.encode().as_slice())?),
                    None => drop(table.remove(key.as_str())?),
                }
            }
        }
        commit.commit()?;
        Ok(())
    }
}

impl Backend for RedbBackend {
    fn load(&mut self) -> Result<Vec<Value>, StoreError> {
        self.read_all().map_err(|error| self.error(error))
    }

    fn commit(&mut self, txns: &[Arc<Txn>]) -> Result<(), StoreError> {
        self.write_all(txns).map_err(|error| self.error(error))
    }
}
