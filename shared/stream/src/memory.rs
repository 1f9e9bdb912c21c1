//! What has been found in this run, in bounded space: the oldest half is forgotten at a time.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// A map of bounded size.
#[derive(Clone, Debug)]
pub struct Memory<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Hash + Eq, V> Memory<K, V> {
    /// At most `most` entries.
    pub fn new(most: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: (most / 2).max(1) }
    }

    /// What is remembered of `key`.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// As [`Memory::get`], to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match self.young.get_mut(key) {
            Some(value) => Some(value),
            None => self.old.get_mut(key),
        }
    }

    /// Remembers; forgets the oldest where that is one too many.
    pub fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    /// Forgets.
    pub fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_half_is_always_there_and_never_more_than_all() {
        let mut memory = Memory::new(10);
        for n in 0..1000_u32 {
            memory.insert(n, n);
            assert!((n.saturating_sub(4)..=n).all(|n| memory.get(&n) == Some(&n)));
            assert!(memory.young.len() + memory.old.len() <= 10);
        }
        memory.remove(&999);
        assert_eq!(memory.get(&999), None);
    }
}
