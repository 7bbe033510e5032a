//! How many connections a node holds (LIMIT-3). Above the ceiling a newcomer is told so, and comes
//! again somewhere else; a tenth above it nobody is told any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::identity::Refusal;
use crate::limits::CONNECTION_BYTES;

/// The most connections of a node, and those that are not upgraded.
#[derive(Debug)]
pub struct Ceiling {
    most: usize,
    /// Connections in their handshake, or speaking HTTP. Those that are upgraded are the session's
    /// to count.
    plain: Arc<AtomicUsize>,
}

/// A connection that is not upgraded.
pub(super) struct Plain(Arc<AtomicUsize>);

/// File descriptors for all else: listeners, the admin listener's connections, fetches, files.
const RESERVE: usize = 128;

/// How many connections half of this memory has room for. The other half is for what they say:
/// outboxes, history, what is under way.
fn room_in(memory: u64) -> usize {
    usize::try_from(memory / 2 / CONNECTION_BYTES).unwrap_or(usize::MAX)
}

impl Ceiling {
    /// `wanted` connections, or else as many as this memory has room for; in either case not more
    /// than so many file descriptors have room for.
    pub fn of(wanted: Option<usize>, files: usize, memory: Option<u64>) -> Ceiling {
        // So that those who are told so have descriptors too.
        let room = files.saturating_sub(RESERVE).max(1) * 10 / 11;
        let memory_room = memory.map_or(usize::MAX, room_in);
        if let Some(wanted) = wanted.filter(|wanted| *wanted > room) {
            tracing::warn!(
                max_connections = wanted,
                room,
                files,
                "there are not enough file descriptors for max_connections: raise the limit (LimitNOFILE)"
            );
        }
        if let Some(wanted) = wanted.filter(|wanted| *wanted > memory_room) {
            tracing::warn!(
                max_connections = wanted,
                room = memory_room,
                memory,
                "half of the memory has no room for max_connections: that many may end the process"
            );
        }
        Ceiling {
            most: wanted.unwrap_or(memory_room).min(room).max(1),
            plain: Arc::default(),
        }
    }

    /// The most connections.
    pub fn most(&self) -> usize {
        self.most
    }

    /// One more connection, beside so many that are upgraded; `None` where it is to be closed.
    pub(super) fn enter(&self, upgraded: usize) -> Option<Plain> {
        let plain = Plain(self.plain.clone());
        let others = self.plain.fetch_add(1, Ordering::Relaxed);
        let beyond = self.most + self.most.div_ceil(10);
        (others + upgraded < beyond).then_some(plain)
    }

    /// Refuses while there are more than the most; the waits differ, so that not all come back at
    /// once.
    pub(super) fn check(&self, upgraded: usize) -> Result<(), Refusal> {
        if self.plain.load(Ordering::Relaxed) + upgraded > self.most {
            let seconds = rand::random_range(1..=10);
            return Err(Refusal::NodeFull {
                retry_after: Duration::from_secs(seconds),
            });
        }
        Ok(())
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_3_the_ceiling_comes_from_the_file_limit() {
        for (wanted, files, most) in [
            (None, 256, 116),
            (None, 1_048_576, 953_134),
            (None, 64, 1),
            (Some(100), 256, 100),
            (Some(1000), 256, 116),
        ] {
            let ceiling = Ceiling::of(wanted, files, None);
            assert_eq!(ceiling.most(), most, "{wanted:?} of {files}");
            // Those who are told so, and all else, have descriptors.
            assert!(files <= RESERVE || most + most.div_ceil(10) + RESERVE <= files + 1);
        }
    }

    #[test]
    fn limit_3_the_ceiling_comes_from_the_memory_unless_somebody_knows_better() {
        let (files, memory) = (1 << 20, Some(512 << 20));
        assert_eq!(Ceiling::of(None, files, memory).most(), 21_845);
        assert_eq!(Ceiling::of(Some(30_000), files, memory).most(), 30_000);
        assert_eq!(Ceiling::of(None, 256, memory).most(), 116);
        assert_eq!(Ceiling::of(None, files, Some(0)).most(), 1);
    }

    #[test]
    fn limit_3_above_it_503_and_a_tenth_above_nothing() {
        let ceiling = Ceiling::of(Some(20), 10_000, None);
        let mut plain: Vec<Plain> = (0..12).filter_map(|_| ceiling.enter(8)).collect();
        assert_eq!(plain.len(), 12);
        assert!(ceiling.check(8).is_ok());
        plain.extend((0..10).filter_map(|_| ceiling.enter(8)));
        assert_eq!(plain.len(), 14, "two more are told");
        let refused = ceiling.check(8).unwrap_err();
        assert_eq!(refused.code(), "node_full");
        let seconds = refused.retry_after().unwrap().as_secs();
        assert!((1..=10).contains(&seconds));
        plain.truncate(12);
        assert!(ceiling.check(8).is_ok());
        assert!(ceiling.enter(8).is_some());
    }
}
