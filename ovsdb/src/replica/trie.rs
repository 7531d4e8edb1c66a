//! A persistent ordered map from 128-bit keys: copies are free, and a change copies only the few
//! nodes on the way to it, so that a snapshot and the copy it came from share the rest.

use std::cmp::Ordering;
use std::sync::Arc;

type Key = [u8; 16];

/// Entries a leaf holds before it becomes a branch.
const LEAF: usize = 16;
/// Half bytes in a key: the greatest depth.
const DEPTH: usize = 32;

#[derive(Debug, Clone)]
enum Node<V> {
    Leaf(Vec<(Key, V)>),
    Branch([Option<Arc<Node<V>>>; 16]),
}

/// The map; see the module.
#[derive(Debug, Clone)]
pub(crate) struct Trie<V> {
    root: Option<Arc<Node<V>>>,
    len: usize,
}

impl<V> Default for Trie<V> {
    fn default() -> Trie<V> {
        Trie { root: None, len: 0 }
    }
}

/// The half byte of a key at a depth.
fn digit(key: &Key, depth: usize) -> usize {
    let byte = key.get(depth / 2).copied().unwrap_or_default();
    usize::from(if depth.is_multiple_of(2) { byte >> 4 } else { byte & 15 })
}

impl<V: Clone> Trie<V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&V> {
        let mut node = self.root.as_deref()?;
        for depth in 0.. {
            match node {
                Node::Leaf(entries) => {
                    let at = entries.binary_search_by(|e| e.0.cmp(key)).ok()?;
                    return entries.get(at).map(|e| &e.1);
                }
                Node::Branch(children) => {
                    node = children.get(digit(key, depth))?.as_deref()?;
                }
            }
        }
        None
    }

    /// Puts a value under a key; the one that was there comes back.
    pub(crate) fn insert(&mut self, key: Key, value: V) -> Option<V> {
        let old = insert(&mut self.root, 0, key, value);
        self.len += usize::from(old.is_none());
        old
    }

    /// Takes out what is under a key.
    pub(crate) fn remove(&mut self, key: &Key) -> Option<V> {
        self.get(key)?;
        let old = remove(&mut self.root, 0, key);
        self.len -= usize::from(old.is_some());
        old
    }

    /// All entries, ascending by key.
    pub(crate) fn iter(&self) -> Iter<'_, V> {
        Iter { open: self.root.as_deref().into_iter().map(|node| (node, 0)).collect() }
    }

    /// Calls `each` for every key under which `self` and `new` hold different things, ascending;
    /// what both share is not even looked at.
    pub(crate) fn diff<'a>(
        &'a self,
        new: &'a Trie<V>,
        same: &dyn Fn(&V, &V) -> bool,
        each: &mut dyn FnMut(&'a Key, Option<&'a V>, Option<&'a V>),
    ) {
        diff(self.root.as_ref(), new.root.as_ref(), same, each);
    }
}

fn insert<V: Clone>(slot: &mut Option<Arc<Node<V>>>, depth: usize, key: Key, value: V) -> Option<V> {
    let node = Arc::make_mut(slot.get_or_insert_with(|| Arc::new(Node::Leaf(Vec::new()))));
    if let Node::Leaf(entries) = node {
        match entries.binary_search_by(|e| e.0.cmp(&key)) {
            Ok(at) => return entries.get_mut(at).map(|e| std::mem::replace(&mut e.1, value)),
            Err(at) if entries.len() < LEAF || depth >= DEPTH => {
                entries.insert(at, (key, value));
                return None;
            }
            Err(_) => *node = split(std::mem::take(entries), depth),
        }
    }
    match node {
        Node::Branch(children) => {
            let child = children.get_mut(digit(&key, depth))?;
            insert(child, depth + 1, key, value)
        }
        Node::Leaf(_) => None,
    }
}

fn split<V>(entries: Vec<(Key, V)>, depth: usize) -> Node<V> {
    let mut parts: [Vec<(Key, V)>; 16] = Default::default();
    for entry in entries {
        if let Some(part) = parts.get_mut(digit(&entry.0, depth)) {
            part.push(entry);
        }
    }
    Node::Branch(parts.map(|part| (!part.is_empty()).then(|| Arc::new(Node::Leaf(part)))))
}

fn remove<V: Clone>(slot: &mut Option<Arc<Node<V>>>, depth: usize, key: &Key) -> Option<V> {
    let node = Arc::make_mut(slot.as_mut()?);
    let (old, empty) = match node {
        Node::Leaf(entries) => {
            let at = entries.binary_search_by(|e| e.0.cmp(key)).ok()?;
            let old = entries.remove(at).1;
            (Some(old), entries.is_empty())
        }
        Node::Branch(children) => {
            let old = remove(children.get_mut(digit(key, depth))?, depth + 1, key);
            (old, children.iter().all(Option::is_none))
        }
    };
    if empty {
        *slot = None;
    }
    old
}

fn diff<'a, V: Clone>(
    old: Option<&'a Arc<Node<V>>>,
    new: Option<&'a Arc<Node<V>>>,
    same: &dyn Fn(&V, &V) -> bool,
    each: &mut dyn FnMut(&'a Key, Option<&'a V>, Option<&'a V>),
) {
    match (old, new) {
        (Some(a), Some(b)) if Arc::ptr_eq(a, b) => {}
        (Some(a), Some(b)) => match (&**a, &**b) {
            (Node::Branch(a), Node::Branch(b)) => {
                for (a, b) in a.iter().zip(b) {
                    diff(a.as_ref(), b.as_ref(), same, each);
                }
            }
            (a, b) => merge(Iter { open: vec![(a, 0)] }, Iter { open: vec![(b, 0)] }, same, each),
        },
        (a, b) => {
            let iter =
                |node: Option<&'a Arc<Node<V>>>| Iter { open: node.map(|node| (&**node, 0)).into_iter().collect() };
            merge(iter(a), iter(b), same, each);
        }
    }
}

fn merge<'a, V: Clone>(
    old: Iter<'a, V>,
    new: Iter<'a, V>,
    same: &dyn Fn(&V, &V) -> bool,
    each: &mut dyn FnMut(&'a Key, Option<&'a V>, Option<&'a V>),
) {
    let (mut old, mut new) = (old.peekable(), new.peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.0.cmp(b.0),
        };
        let a = if order.is_le() { old.next() } else { None };
        let b = if order.is_ge() { new.next() } else { None };
        match (a, b) {
            (Some((_, a)), Some((_, b))) if same(a, b) => {}
            (Some((key, a)), b) => each(key, Some(a), b.map(|b| b.1)),
            (None, Some((key, b))) => each(key, None, Some(b)),
            (None, None) => return,
        }
    }
}

/// Walks a trie in the order of its keys.
pub(crate) struct Iter<'a, V> {
    open: Vec<(&'a Node<V>, usize)>,
}

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = (&'a Key, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (node, at) = self.open.last_mut()?;
            let here = *at;
            *at += 1;
            match node {
                Node::Leaf(entries) => {
                    if let Some((key, value)) = entries.get(here) {
                        return Some((key, value));
                    }
                    self.open.pop();
                }
                Node::Branch(children) => match children.get(here) {
                    Some(Some(child)) => self.open.push((child, 0)),
                    Some(None) => {}
                    None => {
                        self.open.pop();
                    }
                },
            }
        }
    }
}

#[cfg(test)]
mod tests;
