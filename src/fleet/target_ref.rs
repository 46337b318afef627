//! What finds a target in the table.
//!
//! Not here: the table.

/// Names a row for as long as its target is watched, over reloads too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetRef {
    pub(super) row: u32,
    /// Grows when the row is used anew, so that an old reference never finds another target.
    pub(super) generation: u32,
}
