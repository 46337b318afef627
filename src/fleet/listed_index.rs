//! Where in the order the channels of each list are.
//!
//! Not here: what is done with them.

use std::collections::HashMap;

use crate::domain::TargetKind;
use crate::target::{Name, Target};

/// The positions of channels by their list: four bytes a channel, so that those of one list are
/// found in a large fleet without a look at the others.
#[derive(Debug, Default)]
pub(super) struct ListedIndex(HashMap<Lists, Vec<u32>>);

/// The source and the account that list a channel, as its options name them.
type Lists = (Option<Name>, Option<Name>);

impl ListedIndex {
    /// Records the channel at a position, if it is known by a list.
    pub(super) fn push(&mut self, position: u32, channel: &Target) {
        let options = &channel.options;
        if options.endpoint.is_none() && channel.kind == TargetKind::Channel {
            let lists = (options.source.clone(), options.account.clone());
            self.0.entry(lists).or_default().push(position);
        }
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.0.values_mut().for_each(Vec::shrink_to_fit);
    }

    /// The positions of what a source or an account lists.
    pub(super) fn of(&self, lister: &Target) -> &[u32] {
        let lists = match lister.kind {
            TargetKind::Account => (lister.source().cloned(), Some(lister.name.clone())),
            _ => (Some(lister.name.clone()), None),
        };
        self.0.get(&lists).map_or(&[], Vec::as_slice)
    }
}
