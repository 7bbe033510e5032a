//! Buckets by key, for keys that anybody may invent: their number is bounded, and so is their
//! memory, which is taken at the beginning.
//!
//! A key is kept as a keyed hash of 64 bits; it has its place in one of several sets of eight. One
//! that has no place yet takes a free one, else that of the bucket which is the fullest, or would
//! be the soonest: a full one says nothing, and so is nothing lost with it. Whoever is in debt
//! stays, unless eight who are deeper in it share his set.

use std::hash::Hash;
use std::time::Duration;

use ahash::RandomState;
use parking_lot::Mutex;

use super::{Bucket, Rate};

/// Buckets by key.
pub struct Table {
    shards: Box<[Mutex<Box<[Set]>>]>,
    hasher: RandomState,
}

/// The buckets that compete for a place.
#[derive(Clone, Copy, Default)]
struct Set {
    /// 0: free.
    keys: [u64; WAYS],
    buckets: [Bucket; WAYS],
}

const WAYS: usize = 8;
const SHARDS: usize = 64;

impl Table {
    /// A table for so many keys, all of whose buckets are full. It takes 16 bytes for each.
    pub fn new(keys: usize) -> Table {
        let sets = keys.div_ceil(SHARDS * WAYS).max(1);
        let shard = || Mutex::new(vec![Set::default(); sets].into_boxed_slice());
        Table {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Takes one out of the bucket of this key.
    ///
    /// # Errors
    /// When it is empty, with how long it will be; nothing is taken then.
    pub fn take(&self, key: &impl Hash, rate: &Rate, now: u64) -> Result<(), Duration> {
        self.with(key, |set, hash| {
            let place = set.find(hash).unwrap_or_else(|| set.make_room(hash));
            set.buckets[place].take(rate, now)
        })
    }

    /// Whether one could be taken; the key gets no place for it.
    ///
    /// # Errors
    /// When the bucket is empty, with how long it will be.
    pub fn peek(&self, key: &impl Hash, rate: &Rate, now: u64) -> Result<(), Duration> {
        self.with(key, |set, hash| match set.find(hash) {
            Some(place) => set.buckets[place].peek(rate, now),
            None => Ok(()),
        })
    }

    fn with<T>(&self, key: &impl Hash, act: impl FnOnce(&mut Set, u64) -> T) -> T {
        let hash = self.hasher.hash_one(key).max(1);
        let (shard, rest) = (hash as usize % SHARDS, hash as usize / SHARDS);
        let mut sets = self.shards[shard].lock();
        let number = rest % sets.len();
        act(&mut sets[number], hash)
    }

    /// How many keys have a place.
    #[cfg(test)]
    pub(crate) fn keys(&self) -> usize {
        let of_shard = |shard: &Mutex<Box<[Set]>>| {
            let sets = shard.lock();
            let keys = sets.iter().flat_map(|set| set.keys);
            keys.filter(|key| *key != 0).count()
        };
        self.shards.iter().map(of_shard).sum()
    }
}

impl Set {
    fn find(&self, hash: u64) -> Option<usize> {
        self.keys.iter().position(|key| *key == hash)
    }

    fn make_room(&mut self, hash: u64) -> usize {
        // A free place has the bucket that was full the longest.
        let by_age = self.buckets.iter().enumerate();
        let place = by_age
            .min_by_key(|(_, bucket)| bucket.full_at)
            .map_or(0, |(place, _)| place);
        self.keys[place] = hash;
        self.buckets[place] = Bucket::default();
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: usize = 65_536;

    #[test]
    fn each_key_has_a_bucket_of_its_own() {
        let (table, rate) = (Table::new(KEYS), Rate::per_second(1, 3));
        for key in ["alice", "bob"] {
            let given = (0..10).filter(|_| table.take(&key, &rate, 0).is_ok());
            assert_eq!(given.count(), 3);
        }
        assert!(table.peek(&"alice", &rate, 0).is_err());
        assert!(table.peek(&"carol", &rate, 0).is_ok());
        assert_eq!(table.keys(), 2, "a question takes no place");
    }

    // LIMIT-1: a million addresses take no more room than the table has, and nobody who is over
    // the limit is forgotten for them.
    #[test]
    fn limit_1_a_million_keys_take_a_bounded_room() {
        let (table, rate) = (Table::new(KEYS), Rate::per_second(2, 20));
        let debtors = 0..100_u32;
        for debtor in debtors.clone() {
            while table.take(&debtor, &rate, 0).is_ok() {}
        }
        let bytes: usize = table
            .shards
            .iter()
            .map(|shard| size_of_val(&**shard.lock()))
            .sum();
        assert_eq!(bytes, KEYS * 16);
        for key in 0..1_000_000_u32 {
            assert!(table.take(&(key + 1000), &rate, 1).is_ok());
        }
        assert!(table.keys() <= KEYS);
        assert!(table.keys() > KEYS * 9 / 10, "{}", table.keys());
        for debtor in debtors {
            assert!(table.take(&debtor, &rate, 1).is_err(), "{debtor}");
        }
    }
}
