//! The targets that were chosen so far, of which each name is given once.
//!
//! Not here: who chooses them, and what they are called.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;

use super::{Name, Target};
use crate::domain::TargetKind;

/// Targets that can be found by their names.
pub(super) struct NamedTargets {
    targets: Vec<Arc<Target>>,
    /// Their positions: a set of the names would take five times the memory.
    positions: HashTable<u32>,
    hasher: RandomState,
}

impl NamedTargets {
    pub(super) fn with_capacity(count: usize) -> Self {
        Self {
            targets: Vec::with_capacity(count),
            positions: HashTable::with_capacity(count),
            hasher: RandomState::new(),
        }
    }

    pub(super) fn push(&mut self, target: Arc<Target>) {
        let Self { targets, positions, hasher } = self;
        let hash = |target: &Target| hasher.hash_one((target.kind, &target.name));
        let position = u32::try_from(targets.len()).unwrap_or(u32::MAX);
        let new = hash(&target);
        targets.push(target);
        positions.insert_unique(new, position, |at| hash(&targets[*at as usize]));
    }

    pub(super) fn has_name(&self, kind: TargetKind, name: &Name) -> bool {
        self.find(kind, name).is_some()
    }

    /// Whether this very target is one of them.
    pub(super) fn has(&self, target: &Arc<Target>) -> bool {
        self.find(target.kind, &target.name).is_some_and(|found| Arc::ptr_eq(found, target))
    }

    fn find(&self, kind: TargetKind, name: &Name) -> Option<&Arc<Target>> {
        let named = |at: &u32| {
            let target = &self.targets[*at as usize];
            target.kind == kind && target.name == *name
        };
        let position = self.positions.find(self.hasher.hash_one((kind, name)), named)?;
        self.targets.get(*position as usize)
    }

    pub(super) fn into_targets(self) -> Vec<Arc<Target>> {
        self.targets
    }
}
