//! The targets of a file, until they are watched again.
//!
//! Not here: what is kept of each (`saved.rs`).

use std::collections::HashMap;

use super::saved::SavedTarget;
use crate::domain::TargetKind;
use crate::fleet::Watched;

/// Which target is meant: its kind and provider, then its source and its id there, or its name.
pub(super) type TargetKey = (TargetKind, String, Option<String>, String);

/// Saved targets, to be taken up one by one.
#[derive(Default)]
pub(super) struct SavedTargets {
    by_key: HashMap<TargetKey, SavedTarget>,
    /// Those that a source listed, by kind, provider and name.
    listed: HashMap<(TargetKind, String, String), TargetKey>,
}

impl SavedTargets {
    /// Adds one of this kind.
    pub(super) fn insert(&mut self, kind: TargetKind, saved: SavedTarget) {
        let provider = saved.provider.clone();
        let key = match &saved.source {
            Some(source) => {
                let id = saved.id.as_ref().unwrap_or(&saved.name);
                let key = (kind, provider.clone(), Some(source.clone()), id.clone());
                self.listed.insert((kind, provider, saved.name.clone()), key.clone());
                key
            }
            None => (kind, provider, None, saved.name.clone()),
        };
        self.by_key.insert(key, saved);
    }

    /// Takes out what was saved of a target. What a source lists is one by its id, whatever it was
    /// called; what is configured is one by its name, also if a source listed it before.
    pub(super) fn take(&mut self, watched: &Watched) -> Option<SavedTarget> {
        let target = &watched.target;
        let (provider, name) = (target.provider().label(), target.name.as_str());
        let line = target.source().zip(target.id.as_deref());
        let id = line.and_then(|(source, id)| {
            let source = Some(source.to_string());
            self.by_key.remove(&(target.kind, provider.to_owned(), source, id.to_owned()))
        });
        let named = id.or_else(|| {
            self.by_key.remove(&(target.kind, provider.to_owned(), None, name.to_owned()))
        });
        if named.is_some() || line.is_some() {
            return named;
        }
        let key = self.listed.remove(&(target.kind, provider.to_owned(), name.to_owned()))?;
        self.by_key.remove(&key)
    }

    /// Forgets all but those of these kinds.
    pub(super) fn retain(&mut self, is_kept: impl Fn(TargetKind) -> bool) {
        self.by_key.retain(|(kind, ..), _| is_kept(*kind));
        self.listed.retain(|(kind, ..), _| is_kept(*kind));
    }

    /// All of them.
    pub(super) fn values(&self) -> impl Iterator<Item = &SavedTarget> {
        self.by_key.values()
    }

    /// What finds those of a kind.
    pub(super) fn keys(&self, of: TargetKind) -> Vec<TargetKey> {
        self.by_key.keys().filter(|(kind, ..)| *kind == of).cloned().collect()
    }

    /// The one that this finds, if it was not taken.
    pub(super) fn get(&self, key: &TargetKey) -> Option<&SavedTarget> {
        self.by_key.get(key)
    }
}
