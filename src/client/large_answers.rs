//! Room for answers that are longer than usual, so that many of them at a time do not take the
//! memory of all.
//!
//! Not here: how long an answer may be.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::upstream::{LONG_ANSWER_BYTES, MAX_ANSWER_BYTES};

/// So many large answers are read, or kept until they are understood, at a time. Another waits
/// before it is read on, with the time of its poll running.
const LARGE: usize = 2;
/// The same for long ones, which wait [`PATIENCE`] at most: an upstream that sends one slowly must
/// not fail the polls of others.
const LONG: usize = 1;
/// A few dozen lists are read in this time.
const PATIENCE: Duration = Duration::from_millis(200);

/// The room for long answers, and for large ones.
#[derive(Clone)]
pub(super) struct LargeAnswers {
    long: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

/// The room that one answer has.
#[derive(Default)]
pub(super) struct Room {
    long: Option<OwnedSemaphorePermit>,
    large: Option<OwnedSemaphorePermit>,
    was_long: bool,
}

impl Default for LargeAnswers {
    fn default() -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self { long: places(LONG), large: places(LARGE) }
    }
}

impl LargeAnswers {
    /// Waits for the room that an answer needs which has come to this size.
    pub(super) async fn grow(&self, room: &mut Room, size: usize) {
        if size > LONG_ANSWER_BYTES && !room.was_long {
            room.was_long = true;
            let place = timeout(PATIENCE, Arc::clone(&self.long).acquire_owned()).await;
            room.long = place.ok().and_then(Result::ok);
        }
        if size > MAX_ANSWER_BYTES && room.large.is_none() {
            room.large = Arc::clone(&self.large).acquire_owned().await.ok();
        }
    }
}

/// The answer, which keeps its room until it is dropped.
pub(super) fn holding(body: Bytes, room: Room) -> Bytes {
    struct Large {
        body: Bytes,
        _room: Room,
    }
    impl AsRef<[u8]> for Large {
        fn as_ref(&self) -> &[u8] {
            &self.body
        }
    }
    match room {
        Room { long: None, large: None, .. } => body,
        room => Bytes::from_owner(Large { body, _room: room }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// An answer that has come to this size; `None` while it waits.
    async fn answer(large: &LargeAnswers, size: usize) -> Option<Bytes> {
        let mut room = Room::default();
        timeout(SOON, large.grow(&mut room, size)).await.ok()?;
        Some(holding(Bytes::from_static(b"text"), room))
    }

    #[tokio::test(start_paused = true)]
    async fn a_third_large_answer_waits_until_one_was_dropped() {
        let large = LargeAnswers::default();
        let size = MAX_ANSWER_BYTES + 1;
        let first = answer(&large, size).await.unwrap();
        let _second = answer(&large, size).await.unwrap();
        assert!(answer(&large, size).await.is_none());
        assert!(answer(&large, MAX_ANSWER_BYTES).await.is_some());
        assert_eq!(&first[..], b"text");
        drop(first);
        assert!(answer(&large, size).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_long_answer_waits_for_a_while() {
        let large = LargeAnswers::default();
        let began = tokio::time::Instant::now();
        let size = LONG_ANSWER_BYTES + 1;
        let first = answer(&large, size).await;
        assert!(answer(&large, LONG_ANSWER_BYTES).await.is_some());
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert!(answer(&large, size).await.is_some());
        assert!(began.elapsed() >= PATIENCE);
        drop(first);
        let began = tokio::time::Instant::now();
        assert!(answer(&large, size).await.is_some());
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
