//! Whether claims that were kept under one configuration are those that another would keep.

use super::{DeclaredClaims, ReadClaims};

impl DeclaredClaims {
    /// Whether the claims of a token that were kept under `earlier` are what would be kept of it
    /// here. Of a claim that no rule read nothing is known, and one that has its default may have
    /// been left out or not: then this is false, since the token alone could tell.
    pub fn covers(&self, earlier: &DeclaredClaims) -> bool {
        let reads_no_more = match (&*self.read, &*earlier.read) {
            (_, ReadClaims::All) => true,
            (ReadClaims::All, ReadClaims::Named(_)) => false,
            (ReadClaims::Named(now), ReadClaims::Named(then)) => now.is_subset(then),
        };
        let declares_no_other = self
            .iter()
            .all(|(name, default)| earlier.get(name) == Some(default));
        let misses_no_default = earlier
            .iter()
            .all(|(name, _)| self.get(name).is_some() || !self.read.reads(name));
        reads_no_more && declares_no_other && misses_no_default
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;

    fn claims(declared: &[(&str, Value)], read: &[&str]) -> DeclaredClaims {
        let declared = declared.iter().cloned();
        let declared = declared.map(|(name, default)| (name.to_owned(), default));
        let read: BTreeSet<String> = read.iter().map(|name| (*name).to_owned()).collect();
        let claims = DeclaredClaims::new(declared.collect()).unwrap();
        claims.read_by_rules(ReadClaims::Named(read))
    }

    #[test]
    fn what_was_kept_is_known_and_nothing_else() {
        let before = claims(
            &[("teams", json!([])), ("muted", json!(false))],
            &["teams", "role"],
        );
        let teams = || ("teams", json!([]));
        let muted = || ("muted", json!(false));
        for (known, declared, read) in [
            (true, vec![teams(), muted()], vec!["teams", "role"]),
            (true, vec![teams()], vec!["teams"]),
            (true, vec![], vec!["role"]),
            // Nobody kept it.
            (false, vec![teams(), muted()], vec!["teams", "muted"]),
            (false, vec![teams(), muted()], vec!["level"]),
            // It may be there by its default alone.
            (false, vec![muted()], vec!["teams"]),
            (false, vec![("teams", json!(["all"]))], vec!["teams"]),
            // A token may have it with another type.
            (false, vec![teams(), ("level", json!(0))], vec!["teams"]),
            (false, vec![("role", json!(""))], vec!["role"]),
        ] {
            let after = claims(&declared, &read);
            assert_eq!(after.covers(&before), known, "{declared:?} {read:?}");
        }
        let all = claims(&[teams(), muted()], &[]).read_as_a_whole();
        assert!(!all.covers(&before));
        assert!(before.covers(&all) && all.covers(&all));
    }
}
