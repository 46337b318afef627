//! Which provider something belongs to.
//!
//! Not here: what a provider does; only the table in `providers/` makes these.

use std::fmt;
use std::hash::{Hash, Hasher};

/// A provider, by its row in the table.
#[derive(Clone, Copy)]
pub struct ProviderId(&'static ProviderRow);

/// A row of the table of providers: its number, and the value of the label `provider`.
pub type ProviderRow = (u8, &'static str);

impl ProviderId {
    /// The provider in this row of the table.
    pub(crate) const fn new(row: &'static ProviderRow) -> Self {
        Self(row)
    }

    /// The row in the table.
    pub const fn index(self) -> usize {
        self.0.0 as usize
    }

    /// The value of the label `provider`.
    pub const fn label(self) -> &'static str {
        self.0.1
    }
}

impl PartialEq for ProviderId {
    fn eq(&self, other: &Self) -> bool {
        self.index() == other.index()
    }
}

impl Eq for ProviderId {}

impl Hash for ProviderId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.index().hash(state);
    }
}

impl fmt::Debug for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
