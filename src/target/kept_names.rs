//! The names that listed channels had before the start: until a source has listed its channels, no
//! other line gets one of theirs.
//!
//! Not here: where names are kept (`state_file/`), and who chooses new ones.

use std::collections::HashMap;

use super::Name;

/// Names of channels, each with its source and the channel's id there.
#[derive(Debug, Default)]
pub struct KeptNames(HashMap<Name, (Name, Box<str>)>);

impl KeptNames {
    /// Takes the source, the id and the name of each channel.
    pub fn new(all: impl IntoIterator<Item = (Name, Box<str>, Name)>) -> Self {
        Self(all.into_iter().map(|(source, id, name)| (name, (source, id))).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this was the name of a source's channel.
    pub(super) fn was(&self, name: &Name, source: &Name, id: &str) -> bool {
        self.0.get(name).is_some_and(|kept| kept.0 == *source && &*kept.1 == id)
    }

    /// Whether another channel than this one had this name, and may still come back.
    pub(super) fn is_of_another(&self, name: &Name, source: &Name, id: &str) -> bool {
        self.0.contains_key(name) && !self.was(name, source, id)
    }

    /// Forgets the names of sources that have listed their channels or are gone.
    pub(super) fn retain_sources(&mut self, stays: impl Fn(&Name) -> bool) {
        self.0.retain(|_, (source, _)| stays(source));
    }
}
