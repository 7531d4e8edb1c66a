//! Equal schemas of many sessions, held once.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::DatabaseSchema;

/// The schemas that sessions hold who were given this same pool: those that are equal, only once. A schema of Open
/// vSwitch takes 60 kB, and a thousand hosts have the same.
#[derive(Clone, Debug, Default)]
pub struct SchemaPool(Arc<Mutex<Vec<Weak<DatabaseSchema>>>>);

impl SchemaPool {
    pub(crate) fn share(&self, schema: DatabaseSchema) -> Arc<DatabaseSchema> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|held| held.strong_count() > 0);
        if let Some(equal) = held.iter().filter_map(Weak::upgrade).find(|held| **held == schema) {
            return equal;
        }
        let schema = Arc::new(schema);
        held.push(Arc::downgrade(&schema));
        schema
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn schema(version: &str) -> DatabaseSchema {
        DatabaseSchema { name: "a".into(), version: version.into(), cksum: None, tables: BTreeMap::new() }
    }

    #[test]
    fn equal_ones_are_held_once_and_only_as_long_as_they_are_used() {
        let pool = SchemaPool::default();
        let (first, other) = (pool.share(schema("1.0.0")), pool.share(schema("2.0.0")));
        assert!(Arc::ptr_eq(&first, &pool.share(schema("1.0.0"))));
        assert!(!Arc::ptr_eq(&first, &other));
        drop(first);
        drop(pool.share(schema("3.0.0")));
        drop(pool.share(schema("4.0.0")));
        assert_eq!(pool.0.lock().unwrap().len(), 2);
        assert_eq!(*other, schema("2.0.0"));
    }
}
