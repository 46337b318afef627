//! What was last found where an id that nothing is known of was looked for, so that not each
//! webhook with such an id has the whole fleet looked at.
//!
//! Not here: the look itself (`table.rs`), and what becomes of the webhook.

use std::collections::HashMap;

use super::target_ref::TargetRef;
use crate::domain::Now;
use crate::upstream::ProviderId;

/// For so long nothing is looked for again where nothing was found.
const FRESH_MILLIS: i64 = 1000;

/// The last look for a target that has yet to tell its id, or to list those of its channels; of
/// each provider.
#[derive(Debug, Default)]
pub(super) struct UnknownIds(HashMap<ProviderId, LastLook>);

/// What a look found.
#[derive(Debug, Clone, Copy)]
pub(super) enum LastLook {
    /// This target waits.
    Waits(TargetRef),
    /// None does; at this time of the steady clock.
    None(i64),
}

impl UnknownIds {
    /// What the last look found, while that is worth anything.
    pub(super) fn last(&self, provider: ProviderId, now: Now) -> Option<LastLook> {
        let last = self.0.get(&provider).copied();
        last.filter(|last| match last {
            LastLook::Waits(_) => true,
            LastLook::None(at) => now.steady - at < FRESH_MILLIS,
        })
    }

    /// Remembers what was found.
    pub(super) fn looked(&mut self, provider: ProviderId, now: Now, found: Option<TargetRef>) {
        self.0.insert(provider, found.map_or(LastLook::None(now.steady), LastLook::Waits));
    }

    /// Has the next look be at everything, as there are other targets now.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}
