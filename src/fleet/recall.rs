//! What was known of a target before it is watched again, such as by a file.
//!
//! Not here: where that is kept.

use std::fmt;
use std::sync::OnceLock;

use super::watched::Watched;

/// Takes up what was known of a target that is new here and was never asked.
type Restore = Box<dyn Fn(&mut Watched) + Send + Sync>;

/// Who recalls what was known; nobody until it is said.
#[derive(Default)]
pub(super) struct Recall(OnceLock<Restore>);

impl Recall {
    /// Says who does, once.
    pub(super) fn set(&self, restore: Restore) {
        // A second one would be a second file.
        let _ = self.0.set(restore);
    }

    pub(super) fn restore(&self, watched: &mut Watched) {
        if let Some(restore) = self.0.get() {
            restore(watched);
        }
    }
}

impl fmt::Debug for Recall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recall")
    }
}
