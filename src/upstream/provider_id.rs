//! Which provider something belongs to.
//!
//! Not here: what a provider does; only the table in `providers/` makes these.

use std::fmt;
use std::hash::{Hash, Hasher};

/// A provider, by its row in the table.
#[derive(Clone, Copy)]
pub struct ProviderId {
    index: u8,
    label: &'static str,
}

impl ProviderId {
    /// The provider in this row of the table.
    pub(crate) const fn new(index: u8, label: &'static str) -> Self {
        Self { index, label }
    }

    /// The row in the table.
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// The value of the label `provider`.
    pub const fn label(self) -> &'static str {
        self.label
    }
}

impl PartialEq for ProviderId {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

impl Eq for ProviderId {}

impl Hash for ProviderId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.index.hash(state);
    }
}

impl fmt::Debug for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label)
    }
}
