//! Streams in memory: the publications that a channel keeps, their offsets and their epoch.
//!
//! Bounded three ways: each stream by the size and life of its room, all of them together by
//! bytes, and the positions that outlive their publications by number. What must go is that of
//! the stream which was published to longest ago.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ahash::RandomState;
use hashlink::LinkedHashMap;
use parking_lot::{Mutex, RwLock};
use rand::distr::{Alphabetic, SampleString};

use crate::clock::{Clock, UnixSeconds};
use crate::engine::{HistoryError, HistoryPage, HistoryQuery, Position};
use crate::limits::{HISTORY_ENTRY_BYTES, STREAM_META_TTL};
use crate::policy::{ChannelName, HistoryLimits};
use crate::protocol::Publication;

/// How much the streams of a node may hold.
#[derive(Clone, Copy, Debug)]
pub struct StreamSettings {
    /// Bytes of all histories together.
    pub history_bytes: usize,
    /// Streams whose position is remembered.
    pub streams: usize,
}

pub(super) struct Streams {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    clock: Clock,
    settings: StreamSettings,
    bytes: AtomicUsize,
    /// The epoch of all streams that were never published to, and so are not stored. Replaced
    /// when a stored one is forgotten: should that begin again, it must not look like itself.
    fresh_epoch: RwLock<Arc<str>>,
    next_sweep: AtomicUsize,
}

/// In the order of the last publication, oldest first.
type Shard = LinkedHashMap<ChannelName, Stream, RandomState>;

struct Stream {
    epoch: Arc<str>,
    top: u64,
    kept: VecDeque<Arc<Publication>>,
    bytes: usize,
    kept_until: UnixSeconds,
    published_at: UnixSeconds,
}

const SHARDS: usize = 64;

impl Streams {
    pub(super) fn new(settings: StreamSettings, clock: Clock) -> Streams {
        Streams {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            clock,
            settings,
            bytes: AtomicUsize::new(0),
            fresh_epoch: RwLock::new(new_epoch()),
            next_sweep: AtomicUsize::new(0),
        }
    }

    /// Gives the publication its offset, keeps it, and calls `enqueue` before the stream's next.
    pub(super) fn append<T>(
        &self,
        channel: &ChannelName,
        mut publication: Publication,
        limits: HistoryLimits,
        enqueue: impl FnOnce(Arc<Publication>) -> T,
    ) -> (Position, T) {
        let index = self.shard_of(channel);
        let appended = {
            let mut shard = self.shards[index].lock();
            self.make_room(&mut shard, channel);
            let now = self.clock.now();
            shard.to_back(channel);
            let stream = shard
                .entry(channel.clone())
                .or_insert_with(|| Stream::new(self.fresh_epoch.read().clone(), now));
            stream.forget_expired(now, &self.bytes);
            stream.top += 1;
            publication.offset = stream.top;
            let publication = Arc::new(publication);
            stream.keep(publication.clone(), limits, now, &self.bytes);
            let enqueued = enqueue(publication);
            (stream.position(), enqueued)
        };
        self.evict_down_to_limit(index);
        appended
    }

    pub(super) fn read(
        &self,
        channel: &ChannelName,
        query: &HistoryQuery,
    ) -> Result<HistoryPage, HistoryError> {
        let mut shard = self.shards[self.shard_of(channel)].lock();
        let Some(stream) = shard.get_mut(channel) else {
            let position = Position {
                offset: 0,
                epoch: self.fresh_epoch.read().clone(),
            };
            check_epoch(query, &position)?;
            return Ok(HistoryPage {
                publications: Vec::new(),
                position,
            });
        };
        stream.forget_expired(self.clock.now(), &self.bytes);
        let position = stream.position();
        check_epoch(query, &position)?;
        Ok(HistoryPage {
            publications: stream.page(query),
            position,
        })
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Frees what expired in the next shard.
    pub(super) fn sweep(&self) {
        let index = self.next_sweep.fetch_add(1, Ordering::Relaxed) % SHARDS;
        let now = self.clock.now();
        let mut shard = self.shards[index].lock();
        for (_, stream) in shard.iter_mut() {
            stream.forget_expired(now, &self.bytes);
        }
        while let Some((_, oldest)) = shard.front() {
            if oldest.published_at.until(now) < STREAM_META_TTL {
                break;
            }
            self.forget_oldest(&mut shard);
        }
    }

    /// A new stream takes the place of the oldest where the shard has its share of them.
    fn make_room(&self, shard: &mut Shard, channel: &ChannelName) {
        let share = (self.settings.streams / SHARDS).max(1);
        if shard.len() >= share && !shard.contains_key(channel) {
            self.forget_oldest(shard);
        }
    }

    fn forget_oldest(&self, shard: &mut Shard) {
        if let Some((_, stream)) = shard.pop_front() {
            self.bytes.fetch_sub(stream.bytes, Ordering::Relaxed);
            *self.fresh_epoch.write() = new_epoch();
        }
    }

    /// Drops whole histories, in each shard those of the oldest streams first, the one that just
    /// grew last; one lock at a time. Positions stay. It frees an eighth, so that the walk over
    /// streams that keep nothing is not made at each publication.
    fn evict_down_to_limit(&self, grown: usize) {
        let limit = self.settings.history_bytes;
        if self.bytes() <= limit {
            return;
        }
        for step in 1..=SHARDS {
            let mut shard = self.shards[(grown + step) % SHARDS].lock();
            for (_, stream) in shard.iter_mut() {
                if self.bytes() <= limit - limit / 8 {
                    return;
                }
                stream.drop_all(&self.bytes);
            }
        }
    }

    fn shard_of(&self, channel: &ChannelName) -> usize {
        self.hasher.hash_one(channel.as_str()) as usize % SHARDS
    }
}

impl Stream {
    fn new(epoch: Arc<str>, now: UnixSeconds) -> Stream {
        Stream {
            epoch,
            top: 0,
            kept: VecDeque::new(),
            bytes: 0,
            kept_until: now,
            published_at: now,
        }
    }

    fn position(&self) -> Position {
        Position {
            offset: self.top,
            epoch: self.epoch.clone(),
        }
    }

    fn keep(
        &mut self,
        publication: Arc<Publication>,
        limits: HistoryLimits,
        now: UnixSeconds,
        total: &AtomicUsize,
    ) {
        self.published_at = now;
        self.kept_until = UnixSeconds(now.0.saturating_add(limits.ttl.as_secs().max(1)));
        self.bytes += cost(&publication);
        total.fetch_add(cost(&publication), Ordering::Relaxed);
        self.kept.push_back(publication);
        while self.kept.len() > limits.size {
            self.drop_oldest(total);
        }
    }

    fn drop_oldest(&mut self, total: &AtomicUsize) {
        if let Some(publication) = self.kept.pop_front() {
            self.bytes -= cost(&publication);
            total.fetch_sub(cost(&publication), Ordering::Relaxed);
        }
    }

    fn drop_all(&mut self, total: &AtomicUsize) {
        total.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = 0;
        self.kept = VecDeque::new();
    }

    fn forget_expired(&mut self, now: UnixSeconds, total: &AtomicUsize) {
        if now >= self.kept_until && !self.kept.is_empty() {
            self.drop_all(total);
        }
    }

    fn page(&self, query: &HistoryQuery) -> Vec<Arc<Publication>> {
        if query.reverse {
            let before = query.since.unwrap_or(u64::MAX);
            // A position whose predecessor is not kept has no page before it.
            let gap = query.since.is_some_and(|since| since > self.top + 1);
            let wanted = self.kept.iter().rev().filter(|p| p.offset < before && !gap);
            take_page(wanted, query)
        } else {
            let after = query.since.unwrap_or(0);
            take_page(self.kept.iter().filter(|p| p.offset > after), query)
        }
    }
}

fn take_page<'a>(
    wanted: impl Iterator<Item = &'a Arc<Publication>>,
    query: &HistoryQuery,
) -> Vec<Arc<Publication>> {
    let mut bytes = 0;
    let mut page = Vec::new();
    for publication in wanted.take(query.limit) {
        bytes += cost(publication);
        if bytes > query.max_bytes && !page.is_empty() {
            break;
        }
        page.push(publication.clone());
    }
    page
}

fn check_epoch(query: &HistoryQuery, position: &Position) -> Result<(), HistoryError> {
    if query.since.is_none() || query.epoch.is_empty() || *query.epoch == *position.epoch {
        return Ok(());
    }
    Err(HistoryError::UnrecoverablePosition)
}

fn cost(publication: &Publication) -> usize {
    let info = publication.info.as_ref();
    publication.data.len() + info.map_or(0, |info| info.shown_bytes()) + HISTORY_ENTRY_BYTES
}

/// Eight letters, as the reference server's epochs are; never `_`, which SDKs use as a sentinel.
fn new_epoch() -> Arc<str> {
    Arc::from(Alphabetic.sample_string(&mut rand::rng(), 8))
}

#[cfg(test)]
mod tests;
