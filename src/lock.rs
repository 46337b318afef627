//! Locks that stay usable after a panic.
//!
//! Not here: what they guard. A panic while one was held cannot leave something half written that
//! matters: each write stands by itself, or a drop puts right what goes with it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Waits for a lock, whether or not somebody panicked who held it.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
