//! Looking at secret files between polls, so that a new secret is tried at once.
//!
//! Not here: reading them for polls.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::fleet::TargetRef;
use crate::secret::Fingerprint;
use crate::target::Target;

/// Up to so many targets have their secret files watched. In a larger fleet each is read anew at
/// the next poll, which is soon, and only those that wait for a new one are watched; tokens, polled
/// seldom, always are.
pub(super) const MAX_WATCHED: usize = 2000;

/// A target whose secrets are looked at, and the secrets it last used.
pub(super) struct Watch {
    pub(super) target: TargetRef,
    pub(super) settings: Arc<Target>,
    pub(super) used: Option<Fingerprint>,
    /// Whether they could not be read.
    pub(super) unreadable: bool,
}

/// The targets whose secrets are other ones now, or can be read again. Looks at files, so it runs
/// where nobody waits for it.
pub(super) fn changed(watches: Vec<Watch>) -> Vec<TargetRef> {
    let is_new = |watch: &Watch| {
        let Ok(credentials) = watch.settings.credentials() else { return false };
        let now = Fingerprint::of(&credentials.own, credentials.second.as_ref());
        Some(now) != watch.used || watch.unreadable
    };
    watches.into_iter().filter(is_new).map(|watch| watch.target).collect()
}

/// Waits for a look at the secret files to end, if one is under way.
pub(super) async fn finished(looking: &mut Option<JoinHandle<Vec<TargetRef>>>) -> Vec<TargetRef> {
    match looking {
        Some(task) => {
            let changed = task.await.unwrap_or_default();
            *looking = None;
            changed
        }
        None => std::future::pending().await,
    }
}
