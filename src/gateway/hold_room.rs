//! What is held at a time, and which channels refused last.
//!
//! Not here: a request that is held.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::domain::Refusal;
use crate::fleet::TargetRef;

/// So many requests are held at a time.
const MOST: usize = 100;

/// What is held at a time.
pub(super) struct HoldRoom {
    /// How long a request is held, in all.
    pub(super) patience: Duration,
    pub(super) room: Arc<Semaphore>,
    /// The channels with which the application last met a session 401.
    pub(super) refused: Mutex<HashMap<TargetRef, Refusal>>,
}

impl HoldRoom {
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, room: Arc::new(Semaphore::new(MOST)), refused: Mutex::default() }
    }
}
