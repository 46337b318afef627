//! Why polls failed, in the words that the log has too.
//!
//! Not here: the classes that are counted; those are in each target's state.

use std::collections::HashMap;

use crate::domain::{Failure, TargetKind};
use crate::target::{Name, Target};

/// Why the last poll of targets failed.
#[derive(Debug, Default)]
pub struct PollCauses(HashMap<(TargetKind, Name), String>);

impl PollCauses {
    pub(super) fn add(&mut self, target: &Target, failure: &Failure) {
        self.0.insert((target.kind, target.name.clone()), failure.detail.clone());
    }

    /// Why it failed: of a channel that is known by a list alone, why that failed.
    pub fn of(&self, target: &Target) -> Option<&str> {
        let own = self.0.get(&(target.kind, target.name.clone()));
        let of_source = || {
            let source = target.source().filter(|_| target.options.endpoint.is_none())?;
            self.0.get(&(TargetKind::Source, source.clone()))
        };
        own.or_else(of_source).map(String::as_str)
    }
}
