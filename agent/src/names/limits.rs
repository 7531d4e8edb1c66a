//! How much work clients may cause at a time, each and together.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// Counts what is under way.
#[derive(Debug)]
pub struct Limits {
    all: usize,
    each: usize,
    under_way: Mutex<BTreeMap<IpAddr, usize>>,
}

/// A piece of work that is under way until this is dropped.
#[derive(Debug)]
pub struct Permit {
    limits: Arc<Limits>,
    client: IpAddr,
}

impl Limits {
    /// Room for so many together, and for so many of each client.
    pub fn new(all: usize, each: usize) -> Arc<Self> {
        Arc::new(Self { all, each, under_way: Mutex::default() })
    }

    /// Lets a client begin something, if there is room.
    pub fn begin(self: &Arc<Self>, client: IpAddr) -> Option<Permit> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let of_client = under_way.get(&client).copied().unwrap_or_default();
        if of_client >= self.each || under_way.values().sum::<usize>() >= self.all {
            return None;
        }
        under_way.insert(client, of_client + 1);
        Some(Permit { limits: self.clone(), client })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut under_way = self.limits.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        match under_way.get_mut(&self.client) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(under_way.remove(&self.client)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_the_room_of_others() {
        let limits = Limits::new(3, 2);
        let (a, b): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let held: Vec<Permit> = [a, a, b].into_iter().filter_map(|client| limits.begin(client)).collect();
        assert_eq!(held.len(), 3);
        assert!(limits.begin(a).is_none() && limits.begin(b).is_none());
        drop(held);
        assert!(limits.begin(a).is_some() && limits.under_way.lock().unwrap().is_empty());
    }
}
