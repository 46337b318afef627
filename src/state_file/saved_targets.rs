//! What was saved of targets and nobody has taken up yet.
//!
//! Not here: the file that it is from.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::saved::SavedTarget;
use crate::domain::TargetKind;
use crate::target::{Name, Target};

/// Saved targets, found by what identifies them.
#[derive(Default)]
pub(super) struct SavedTargets {
    /// Those that were taken leave a gap.
    targets: Vec<Option<(TargetKind, SavedTarget)>>,
    /// Their positions: a map would hold every name once more.
    by_id: HashTable<u32>,
    by_name: HashTable<u32>,
    hasher: RandomState,
}

impl SavedTargets {
    pub(super) fn new(targets: Vec<(TargetKind, SavedTarget)>) -> Self {
        let hasher = RandomState::new();
        let index = |word: fn(&SavedTarget) -> &str| {
            let hash = |at: &u32| {
                let (kind, saved) = &targets[*at as usize];
                hash_of(&hasher, *kind, &saved.provider, word(saved))
            };
            let mut index = HashTable::with_capacity(targets.len());
            for at in (0..).take(targets.len()) {
                index.insert_unique(hash(&at), at, hash);
            }
            index
        };
        let (by_id, by_name) = (index(SavedTarget::id), index(|saved| &saved.name));
        Self { by_id, by_name, hasher, targets: targets.into_iter().map(Some).collect() }
    }

    /// Those that are left and wanted, without the memory of the others.
    pub(super) fn left(self, wanted: impl Fn(TargetKind) -> bool) -> Self {
        let left = self.targets.into_iter().flatten();
        Self::new(left.filter(|one| wanted(one.0)).collect())
    }

    /// Those that are left.
    pub(super) fn iter(&self) -> impl Iterator<Item = &SavedTarget> {
        self.targets.iter().flatten().map(|one| &one.1)
    }

    /// Those of a kind that are left.
    pub(super) fn of(&self, kind: TargetKind) -> impl Iterator<Item = &SavedTarget> {
        let left = self.targets.iter().flatten();
        left.filter(move |one| one.0 == kind).map(|one| &one.1)
    }

    /// How many there were; each is at a position below.
    pub(super) fn len(&self) -> usize {
        self.targets.len()
    }

    /// What is at a position, if it is of this kind and was not taken.
    pub(super) fn get(&self, kind: TargetKind, at: usize) -> Option<&SavedTarget> {
        let one = self.targets.get(at)?.as_ref()?;
        (one.0 == kind).then_some(&one.1)
    }

    /// Takes what was saved of a target, as a reload without a restart would have it take up what
    /// is known (`fleet/replacement.rs`): what a source lists is the same line by whatever name;
    /// else the name tells, unless both are lines of a list.
    pub(super) fn take(&mut self, target: &Target) -> Option<SavedTarget> {
        let (scope, name) = (target.id_scope().map(Name::as_str), target.name.as_str());
        let is_listed = target.source().is_some();
        let by_line = target.id.as_deref().filter(|_| is_listed).and_then(|id| {
            self.find(&self.by_id, target, id, |saved| {
                let source = saved.source.as_deref();
                saved.id() == id && source.is_some() && (scope.is_none() || source == scope)
            })
        });
        let found = by_line.or_else(|| {
            self.find(&self.by_name, target, name, |saved| {
                saved.name == name && !(is_listed && saved.source.is_some())
            })
        });
        self.targets[found?].take().map(|one| one.1)
    }

    fn find(
        &self,
        index: &HashTable<u32>,
        target: &Target,
        word: &str,
        is_it: impl Fn(&SavedTarget) -> bool,
    ) -> Option<usize> {
        let provider = target.provider().label();
        let hash = hash_of(&self.hasher, target.kind, provider, word);
        let is_it = |at: &u32| {
            let saved = self.get(target.kind, *at as usize);
            saved.is_some_and(|one| one.provider == provider && is_it(one))
        };
        index.find(hash, is_it).map(|at| *at as usize)
    }
}

fn hash_of(hasher: &RandomState, kind: TargetKind, provider: &str, word: &str) -> u64 {
    hasher.hash_one((kind, provider, word))
}
