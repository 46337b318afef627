//! The bodies of webhooks while they are read: how much memory they take together, and how slow
//! their senders may be when others need the room.
//!
//! Not here: what a body says (`providers/`), and how many requests there may be (`http/`).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use crate::clock;

/// What every body may take without asking, so that none can keep it waiting; events on a status
/// are smaller. The 512 requests that the listener takes at a time make 8 MiB of it.
const FREE: usize = 16 * 1024;
/// What the bodies larger than that may take together beyond it: another 8 MiB.
const SHARED: usize = 8 * 1024 * 1024;
/// The least that a body is given memory for.
const MIN_CAPACITY: usize = 1024;
/// How long a body may take. Upstreams want an answer within some seconds.
const WHOLE: Duration = Duration::from_secs(10);
/// How long one may wait for room.
const ROOM: Duration = Duration::from_secs(4);
/// How long a sender may take for the next [`STEP`] bytes while others need room.
const STALL: Duration = Duration::from_secs(2);
/// Fewer bytes are no progress: somebody who sends one a second is no better than one who stalls.
const STEP: usize = 16 * 1024;
/// Bodies on their way, at a time. Each keeps a connection that a scrape may need.
const MAX_BODIES: usize = 256;
/// How often a sender that has stalled is looked at again.
const RETRY: Duration = Duration::from_millis(250);

/// The room that all bodies share.
pub(super) struct BodyRoom {
    /// Bodies on their way, at a time. From half of it on, slow ones give way.
    most: usize,
    shared: Semaphore,
    reading: AtomicUsize,
    waiting: AtomicUsize,
}

/// A whole body, and its share of the room.
#[derive(Debug)]
pub(super) struct WebhookBody<'a> {
    pub(super) bytes: Vec<u8>,
    _room: Option<SemaphorePermit<'a>>,
}

/// What people write to each other does not stay in freed memory.
impl Drop for WebhookBody<'_> {
    fn drop(&mut self) {
        self.bytes.fill(0);
        std::hint::black_box(&self.bytes);
    }
}

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    TooLarge,
    TooSlow,
    /// It did not come whole.
    Broken,
    /// Others took the room for too long.
    NoRoom,
}

/// One more for as long as it lives.
struct BodyCount<'a>(&'a AtomicUsize);

impl<'a> BodyCount<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for BodyCount<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body of which some has come.
#[derive(Default)]
struct Partial<'a> {
    bytes: Vec<u8>,
    room: Option<SemaphorePermit<'a>>,
    /// How long it has waited for room.
    waited: Duration,
}

impl BodyRoom {
    /// The room at a listener with so many connections, of which half stay for others.
    pub(super) fn new(connections: usize) -> Self {
        let most = (connections / 2).clamp(1, MAX_BODIES);
        let (reading, waiting) = Default::default();
        Self { most, shared: Semaphore::new(SHARED), reading, waiting }
    }

    /// Reads a body of at most so many bytes.
    pub(super) async fn read<B: Body<Data = Bytes> + Unpin>(
        &self,
        body: B,
        limit: usize,
    ) -> Result<WebhookBody<'_>, BodyError> {
        timeout(WHOLE, self.read_whole(body, limit)).await.unwrap_or(Err(BodyError::TooSlow))
    }

    async fn read_whole<B: Body<Data = Bytes> + Unpin>(
        &self,
        mut body: B,
        limit: usize,
    ) -> Result<WebhookBody<'_>, BodyError> {
        if body.size_hint().lower() > limit as u64 {
            return Err(BodyError::TooLarge);
        }
        let announced = body.size_hint().upper().and_then(|size| usize::try_from(size).ok());
        let largest = announced.unwrap_or(limit).min(limit);
        if self.reading.load(Ordering::Relaxed) >= self.most {
            return Err(BodyError::NoRoom);
        }
        let _reading = BodyCount::new(&self.reading);
        let mut partial = Partial::default();
        let (mut mark, mut since) = (0, clock::instant());
        while let Some(frame) = self.next(&mut body, since).await? {
            let Ok(data) = frame.into_data() else { continue };
            let size = partial.bytes.len() + data.len();
            if size > limit {
                return Err(BodyError::TooLarge);
            }
            let had_room = size <= partial.bytes.capacity();
            if !had_room {
                self.grow(&mut partial, size, largest).await?;
            }
            partial.bytes.extend_from_slice(&data);
            // Time that it had to wait is not its sender's.
            if size >= mark + STEP || !had_room {
                (mark, since) = (size, clock::instant());
            }
        }
        Ok(WebhookBody { bytes: partial.bytes, _room: partial.room })
    }

    /// What comes next; an error when its sender has been slow for too long.
    async fn next<B: Body<Data = Bytes> + Unpin>(
        &self,
        body: &mut B,
        since: Instant,
    ) -> Result<Option<Frame<Bytes>>, BodyError> {
        loop {
            let (now, stalled) = (clock::instant(), since + STALL);
            if now >= stalled && self.is_crowded() {
                return Err(BodyError::TooSlow);
            }
            match timeout_at(stalled.max(now + RETRY), body.frame()).await {
                Ok(None) => return Ok(None),
                Ok(Some(frame)) => return frame.map(Some).map_err(|_| BodyError::Broken),
                Err(_) => {}
            }
        }
    }

    /// Whether others would have the room of a sender that is slow.
    fn is_crowded(&self) -> bool {
        let reading = self.reading.load(Ordering::Relaxed);
        self.waiting.load(Ordering::Relaxed) > 0 || reading > self.most / 2
    }

    /// Makes room for so many bytes in all, and for some more that may come. Room is taken as bytes
    /// come, so that announcing them keeps nobody out.
    async fn grow<'a>(
        &'a self,
        partial: &mut Partial<'a>,
        size: usize,
        largest: usize,
    ) -> Result<(), BodyError> {
        let capacity =
            size.next_power_of_two().clamp(MIN_CAPACITY, largest.max(size).max(MIN_CAPACITY));
        let held = partial.bytes.capacity().max(FREE);
        if let Ok(more @ 1..) = u32::try_from(capacity.saturating_sub(held)) {
            let (_waiting, began) = (BodyCount::new(&self.waiting), clock::instant());
            let acquired = self.shared.acquire_many(more);
            let permit = timeout(ROOM.saturating_sub(partial.waited), acquired).await;
            let permit = permit.ok().and_then(Result::ok).ok_or(BodyError::NoRoom)?;
            partial.waited += began.elapsed();
            match &mut partial.room {
                Some(room) => room.merge(permit),
                None => partial.room = Some(permit),
            }
        }
        partial.bytes.reserve_exact(capacity - partial.bytes.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll};

    use tokio::sync::mpsc;
    use tokio::task::JoinHandle;

    use super::*;

    const LIMIT: usize = 1024 * 1024;

    /// A body whose bytes come when the test says so.
    struct Dripping(mpsc::UnboundedReceiver<Bytes>);

    impl Body for Dripping {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.0.poll_recv(cx).map(|came| came.map(|bytes| Ok(Frame::data(bytes))))
        }
    }

    fn room() -> Arc<BodyRoom> {
        Arc::new(BodyRoom::new(10 * MAX_BODIES))
    }

    type Outcome = Result<usize, BodyError>;

    struct Sender {
        tap: mpsc::UnboundedSender<Bytes>,
        outcome: JoinHandle<Outcome>,
    }

    impl Sender {
        fn start(room: &Arc<BodyRoom>, first: usize) -> Self {
            let (tap, drops) = mpsc::unbounded_channel();
            let room = Arc::clone(room);
            let outcome = tokio::spawn(async move {
                room.read(Dripping(drops), LIMIT).await.map(|body| body.bytes.len())
            });
            let sender = Self { tap, outcome };
            sender.send(first);
            sender
        }

        fn send(&self, size: usize) {
            // Split as hyper would do it.
            for part in vec![b' '; size].chunks(FREE) {
                let _ = self.tap.send(Bytes::copy_from_slice(part));
            }
        }

        async fn end(self) -> Outcome {
            drop(self.tap);
            self.outcome.await.unwrap()
        }
    }

    /// Some time, in which everybody has a turn.
    async fn pass(seconds: f64) {
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    }

    /// Senders that fill all shared room and stall.
    async fn hoarders(room: &Arc<BodyRoom>) -> Vec<Sender> {
        let hoarders = (0..20).map(|_| Sender::start(room, LIMIT - 1)).collect();
        pass(0.001).await;
        hoarders
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_nobody_waits_for_has_ten_seconds() {
        let room = room();
        let (slow, stalled) = (Sender::start(&room, 100), Sender::start(&room, 100));
        for _ in 0..9 {
            pass(1.0).await;
            slow.send(1);
        }
        assert_eq!(slow.end().await, Ok(109));
        assert!(!stalled.outcome.is_finished());
        pass(1.1).await;
        assert!(stalled.outcome.is_finished());
        assert_eq!(stalled.end().await, Err(BodyError::TooSlow));
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_body_never_waits() {
        let room = room();
        let hoarders = hoarders(&room).await;
        let good = Sender::start(&room, FREE);
        pass(0.001).await;
        assert_eq!(good.end().await, Ok(FREE));
        drop(hoarders);
    }

    #[tokio::test(start_paused = true)]
    async fn who_stalls_or_trickles_gives_way_to_who_waits() {
        for trickles in [false, true] {
            let room = room();
            let slow: Vec<_> = (0..8).map(|_| Sender::start(&room, LIMIT - 999)).collect();
            pass(1.5).await;
            let good = Sender::start(&room, LIMIT / 2);
            pass(0.4).await;
            assert!(slow.iter().all(|one| !one.outcome.is_finished()));
            for _ in 0..20 {
                pass(0.01).await;
                slow.iter().filter(|_| trickles).for_each(|one| one.send(1));
            }
            assert_eq!(good.end().await, Ok(LIMIT / 2));
            for one in slow.into_iter().filter(|one| one.outcome.is_finished()) {
                assert_eq!(one.end().await, Err(BodyError::TooSlow));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_room_for_longer_than_four_seconds() {
        let room = room();
        let all = room.shared.acquire_many(SHARED as u32).await.unwrap();
        let began = clock::instant();
        let good = Sender::start(&room, LIMIT / 2);
        assert_eq!(good.end().await, Err(BodyError::NoRoom));
        assert_eq!(began.elapsed(), ROOM);
        drop(all);
        assert_eq!(Sender::start(&room, LIMIT / 2).end().await, Ok(LIMIT / 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_of_slow_senders_leaves_after_two_seconds() {
        let room = room();
        let crowd: Vec<_> = (0..=MAX_BODIES / 2).map(|_| Sender::start(&room, 10)).collect();
        pass(1.9).await;
        assert!(crowd.iter().all(|one| !one.outcome.is_finished()));
        pass(0.2).await;
        assert!(crowd.iter().any(|one| one.outcome.is_finished()));
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_the_connections_stay_for_others() {
        let room = Arc::new(BodyRoom::new(100));
        let slow: Vec<_> = (0..50).map(|_| Sender::start(&room, 10)).collect();
        pass(0.001).await;
        assert_eq!(Sender::start(&room, 10).end().await, Err(BodyError::NoRoom));
        pass(2.1).await;
        assert_eq!(Sender::start(&room, 10).end().await, Ok(10));
        drop(slow);
    }

    #[tokio::test(start_paused = true)]
    async fn all_room_is_given_back() {
        let room = room();
        for hoarder in hoarders(&room).await {
            hoarder.end().await.ok();
        }
        assert_eq!(room.shared.available_permits(), SHARED);
        assert_eq!(room.reading.load(Ordering::Relaxed), 0);
        assert_eq!(room.waiting.load(Ordering::Relaxed), 0);
    }
}
