//! Regular expressions of tokens: bounded in what each may cost, and shared by the tokens that
//! have the same.
//!
//! The engine takes time linear in the name, whatever the pattern. Names are printable ASCII, so
//! patterns are read as ASCII as well, which keeps them small.

use std::fmt;
use std::sync::Arc;

use hashlink::LruCache;
use parking_lot::Mutex;
use regex::bytes::{Regex, RegexBuilder};

/// A pattern may not be longer, in bytes.
const MAX_TEXT_BYTES: usize = 256;
/// A compiled pattern may not be larger, nor what it keeps between two searches.
const MAX_COMPILED_BYTES: usize = 16 * 1024;
/// How deep a pattern may nest.
const MAX_NESTING: u32 = 16;
/// Patterns that are kept for the next token that has them.
const REMEMBERED: usize = 256;

/// The patterns of those who came last, by their text.
pub struct Patterns(Mutex<LruCache<Box<str>, Arc<Regex>>>);

impl Patterns {
    /// The pattern with this text, or `None` where it cannot be used: it is no regular expression,
    /// or too large.
    pub(super) fn get(&self, text: &str) -> Option<Arc<Regex>> {
        if text.len() > MAX_TEXT_BYTES {
            return None;
        }
        if let Some(known) = self.0.lock().get(text) {
            return Some(known.clone());
        }
        let pattern = RegexBuilder::new(text)
            .unicode(false)
            .size_limit(MAX_COMPILED_BYTES)
            .dfa_size_limit(MAX_COMPILED_BYTES)
            .nest_limit(MAX_NESTING)
            .build();
        let pattern = Arc::new(pattern.ok()?);
        self.0.lock().insert(text.into(), pattern.clone());
        Some(pattern)
    }
}

impl Default for Patterns {
    fn default() -> Patterns {
        Patterns(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

/// What tokens grant is nobody's business: nothing of it is shown.
impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Patterns")
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn who_has_the_same_pattern_shares_it_and_the_oldest_go() {
        let patterns = Patterns::default();
        let first = patterns.get("^room:[0-9]+$").unwrap();
        assert!(Arc::ptr_eq(&first, &patterns.get("^room:[0-9]+$").unwrap()));
        for number in 0..REMEMBERED {
            patterns.get(&format!("^room:{number}$")).unwrap();
        }
        assert_eq!(patterns.0.lock().len(), REMEMBERED);
        assert!(!Arc::ptr_eq(
            &first,
            &patterns.get("^room:[0-9]+$").unwrap()
        ));
    }

    #[test]
    fn what_is_no_pattern_or_too_large_is_refused() {
        let long = "a".repeat(MAX_TEXT_BYTES + 1);
        let deep = "(".repeat(40) + &")".repeat(40);
        for bad in [
            "(",
            "[",
            "a{2,1}",
            "(?=a)",
            r"(a)\1",
            r"\p{Greek}",
            "a{1000}{1000}",
            "[a-z]{10000}",
            &long,
            &deep,
        ] {
            assert!(Patterns::default().get(bad).is_none(), "{bad}");
        }
        for good in ["^room:[0-9]+$", "^chat:(a|b|c)$", ".", "", r"^\w+:\d{1,4}$"] {
            assert!(Patterns::default().get(good).is_some(), "{good}");
        }
    }

    #[test]
    fn cel_3_no_pattern_takes_long_on_any_name() {
        let patterns = Patterns::default();
        let name = "a".repeat(255);
        let began = Instant::now();
        for evil in [
            "^(a+)+$",
            "(a*)*b",
            "^(a|a)*b$",
            "(.*)(.*)(.*)(.*)x",
            "(a?){40}a{40}",
        ] {
            let pattern = patterns.get(evil).unwrap();
            for _ in 0..100 {
                std::hint::black_box(pattern.is_match(name.as_bytes()));
            }
        }
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}
