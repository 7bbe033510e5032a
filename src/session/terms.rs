//! The terms that everybody is here under: policy, door and settings. A reload replaces them all at
//! once, and whatever was decided under older ones is decided again before it has an effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arc_swap::{ArcSwap, Guard};

use super::SessionSettings;
use crate::identity::Door;
use crate::policy::Policy;

/// What a reload replaces.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Who may do what.
    pub policy: Arc<Policy>,
    /// Judges a token that comes in a command, as it judged the first.
    pub door: Arc<Door>,
    /// Limits and intervals.
    pub settings: SessionSettings,
}

/// Terms with the number of their generation. A decision keeps the number that it was made under.
pub struct Numbered {
    terms: Terms,
    pub(super) generation: u32,
}

impl std::ops::Deref for Numbered {
    type Target = Terms;

    fn deref(&self) -> &Terms {
        &self.terms
    }
}

/// The number of the terms in force; shared by all who compare it. Cheap to clone.
#[derive(Clone)]
pub(super) struct Generation(Arc<AtomicU32>);

/// No generation has this number: what was decided under it is to be decided again.
pub(super) const STALE: u32 = 0;

impl Generation {
    /// Whether what was decided under this number is still good.
    pub(super) fn is_current(&self, decided: u32) -> bool {
        // Greater while a reload is under way: the terms are there before their number is.
        decided >= self.0.load(Ordering::Acquire)
    }
}

/// The terms in force.
pub struct InForce {
    terms: ArcSwap<Numbered>,
    pub(super) generation: Generation,
}

impl InForce {
    /// The first terms of a node.
    pub fn new(terms: Terms) -> InForce {
        let generation = STALE + 1;
        InForce {
            terms: ArcSwap::from_pointee(Numbered { terms, generation }),
            generation: Generation(Arc::new(AtomicU32::new(generation))),
        }
    }

    /// Others are in force from now on. What was decided before is decided again before it has an
    /// effect.
    pub fn replace(&self, terms: Terms) {
        let generation = self.terms.load().generation + 1;
        self.terms.store(Arc::new(Numbered { terms, generation }));
        // Behind the terms: who sees the number finds them.
        self.generation.0.store(generation, Ordering::Release);
    }

    /// The present terms, to be asked once for each decision.
    pub fn load(&self) -> Guard<Arc<Numbered>> {
        self.terms.load()
    }
}
