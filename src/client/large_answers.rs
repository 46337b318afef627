//! Room for answers that are larger than usual, so that many of them at a time cannot take the
//! memory of all: one that has none waits before it is read on, with the time of its poll running.
//!
//! Not here: how large an answer may be.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::upstream::MAX_ANSWER_BYTES;

/// So many large answers are read, or kept until they are understood, at a time.
const MOST: usize = 2;

/// The room for large answers.
#[derive(Clone)]
pub(super) struct LargeAnswers(Arc<Semaphore>);

impl Default for LargeAnswers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST)))
    }
}

impl LargeAnswers {
    /// Waits for room if an answer that has come to this size needs any.
    pub(super) async fn room_for(&self, size: usize) -> Option<OwnedSemaphorePermit> {
        match size > MAX_ANSWER_BYTES {
            true => Arc::clone(&self.0).acquire_owned().await.ok(),
            false => None,
        }
    }
}

/// The answer, which keeps its room until it is dropped.
pub(super) fn holding(body: Bytes, room: Option<OwnedSemaphorePermit>) -> Bytes {
    struct Large {
        body: Bytes,
        _room: OwnedSemaphorePermit,
    }
    impl AsRef<[u8]> for Large {
        fn as_ref(&self) -> &[u8] {
            &self.body
        }
    }
    match room {
        Some(room) => Bytes::from_owner(Large { body, _room: room }),
        None => body,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_third_large_answer_waits_until_one_was_dropped() {
        let large = LargeAnswers::default();
        let size = MAX_ANSWER_BYTES + 1;
        assert!(large.room_for(MAX_ANSWER_BYTES).await.is_none());
        let first = holding(Bytes::from_static(b"one"), large.room_for(size).await);
        let second = holding(Bytes::from_static(b"two"), large.room_for(size).await);
        let soon = Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, large.room_for(size)).await.is_err());
        assert_eq!(&first[..], b"one");
        drop(first);
        assert!(tokio::time::timeout(soon, large.room_for(size)).await.is_ok_and(|r| r.is_some()));
        drop(second);
    }
}
