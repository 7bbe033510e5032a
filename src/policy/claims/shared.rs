//! Claims that many identities have in common: most users have one of a few roles and teams, and
//! of their claims no more is kept than rules read.

use std::fmt;

use hashlink::LruCache;
use parking_lot::Mutex;

use super::Claims;

/// The claims of those who came last, by their text.
pub(super) struct SharedClaims(Mutex<LruCache<String, Claims>>);

/// Each takes as much as its text and its claims, some 0.5 KiB.
const REMEMBERED: usize = 256;

impl SharedClaims {
    /// The claims with this text, made if nobody who came lately has the same.
    pub(super) fn get(&self, text: String, make: impl FnOnce() -> Claims) -> Claims {
        if let Some(known) = self.0.lock().get(&text) {
            return known.clone();
        }
        let claims = make();
        self.0.lock().insert(text, claims.clone());
        claims
    }
}

impl Default for SharedClaims {
    fn default() -> SharedClaims {
        SharedClaims(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

/// Claims are personal: nothing of them is shown.
impl fmt::Debug for SharedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedClaims")
    }
}
