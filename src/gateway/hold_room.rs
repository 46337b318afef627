//! How many requests are held at a time, and for how long.
//!
//! Not here: a request that is held.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

/// So many requests are held at a time.
const MAX_HELD: usize = 100;

/// What is held at a time.
pub(super) struct HoldRoom {
    /// How long a request is held, in all.
    pub(super) patience: Duration,
    pub(super) room: Arc<Semaphore>,
}

impl HoldRoom {
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, room: Arc::new(Semaphore::new(MAX_HELD)) }
    }
}
