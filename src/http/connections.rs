//! The connections of a listener: how many there may be, whose time is up, and who makes room for
//! another.
//!
//! Not here: reading and writing them; see `connection.rs`.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::limits::Limits;
use super::open_connections::{OpenConnection, OpenConnections, Phase, SlotSignals};
use super::refusal::ConnectionRefusal;

use crate::clock;
use crate::lock::lock;

/// How often a connection that waits for a place looks for one.
const RETRY: Duration = Duration::from_millis(250);

/// All open connections.
pub(super) struct Connections {
    limits: Limits,
    open: Mutex<OpenConnections>,
    /// One was closed.
    closed: Notify,
}

/// One connection's place among the open ones, given back when dropped.
pub(super) struct Slot {
    number: u64,
    signals: Arc<SlotSignals>,
    all: Arc<Connections>,
}

/// A part of a request under way: its body, or its answer. Once the last is dropped, the connection
/// is idle.
pub(super) struct Answering(Arc<Slot>);

impl Connections {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, open: Mutex::default(), closed: Notify::new() })
    }

    fn open_ones(&self) -> MutexGuard<'_, OpenConnections> {
        lock(&self.open)
    }

    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open_ones().count() == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.open_ones().count() >= self.limits.connections
    }

    /// Takes a place for a new connection, if need be that of one that is of no use to anybody.
    pub(super) fn open(
        self: &Arc<Self>,
        tcp: Option<Arc<TcpStream>>,
    ) -> Result<Slot, ConnectionRefusal> {
        let now = clock::instant();
        let mut open = self.open_ones();
        if open.count() >= self.limits.connections && !self.make_room(&mut open, now) {
            return Err(ConnectionRefusal::Full);
        }
        let (number, signals) = open.add(tcp, now);
        Ok(Slot { number, signals, all: Arc::clone(self) })
    }

    fn close(&self, open: &mut OpenConnections, number: u64) {
        if let Some(entry) = self.remove(open, number) {
            entry.signals.close.notify_one();
        }
    }

    fn remove(&self, open: &mut OpenConnections, number: u64) -> Option<OpenConnection> {
        let removed = open.take(number);
        if removed.as_ref().is_some_and(|entry| entry.served) {
            open.next_turn();
        }
        removed
    }

    /// Closes a connection without a request that has had its chance: one that sends a head slowly,
    /// one that has never sent anything, or the longest idle one. Whether there was one.
    fn make_room(&self, open: &mut OpenConnections, now: Instant) -> bool {
        let before = now.checked_sub(self.limits.patience);
        let phases = [Phase::Head, Phase::Asking, Phase::New, Phase::Idle];
        let silent = phases.into_iter().find_map(|phase| open.silent(phase, before));
        silent.inspect(|number| self.close(open, *number)).is_some()
    }

    /// Closes one that has had its chance, since the process has no descriptors left.
    pub(super) fn give_way(&self) {
        self.make_room(&mut self.open_ones(), clock::instant());
    }

    /// Closes the reader that has been behind for longest, if it had some time: others wait for
    /// what it holds.
    pub(super) fn drop_stalled_reader(&self) {
        self.close_stalled(&mut self.open_ones(), clock::instant());
    }

    fn close_stalled(&self, open: &mut OpenConnections, now: Instant) -> bool {
        if self.limits.stall.is_none() {
            return false;
        }
        let before = now.checked_sub(self.limits.patience);
        let stalled = open.stalled(before);
        stalled.inspect(|number| self.close(open, *number)).is_some()
    }

    /// Frees one of the places of connections that have asked for something: one that sends a head
    /// slowly, or the longest idle one. Whether there is one.
    fn free_place(&self, open: &mut OpenConnections, now: Instant) -> bool {
        let before = now.checked_sub(self.limits.patience);
        let phases = [Phase::Asking, Phase::Idle];
        match phases.into_iter().find_map(|phase| open.silent(phase, before)) {
            Some(silent) => {
                self.close(open, silent);
                true
            }
            None => self.close_stalled(open, now),
        }
    }

    /// Closes every connection whose time is up.
    pub(super) fn sweep(&self) {
        let now = clock::instant();
        let mut open = self.open_ones();
        let Limits { idle, head, answer, stall, .. } = self.limits;
        let mut late: Vec<u64> = [Phase::New, Phase::Idle]
            .into_iter()
            .flat_map(|phase| open.silent_over(phase, idle, now))
            .collect();
        let limits =
            [(Phase::Head, Some(head)), (Phase::Asking, Some(head)), (Phase::Busy, answer)];
        late.extend(limits.into_iter().flat_map(|(phase, limit)| open.over(phase, limit, now)));
        late.extend(open.stalled_over(stall, now));
        late.into_iter().for_each(|number| self.close(&mut open, number));
    }

    /// Tells all to leave.
    pub(super) fn leave(&self) {
        for entry in self.open_ones().all() {
            entry.signals.leave.notify_one();
        }
    }

    /// Waits until none is open.
    pub(super) async fn all_closed(&self) {
        loop {
            let mut closed = std::pin::pin!(self.closed.notified());
            closed.as_mut().enable();
            if self.is_empty() {
                return;
            }
            closed.await;
        }
    }
}

impl Slot {
    fn set(&self, phase: Phase) {
        let since = clock::instant();
        self.all.open_ones().change(self.number, |entry| {
            (entry.phase, entry.since) = (phase, since);
        });
    }

    /// Records the first byte of a connection.
    pub(super) fn begun(&self) {
        self.set(Phase::Head);
    }

    /// Records that a connection waits for a request.
    pub(super) fn idle(&self) {
        self.set(Phase::Idle);
    }

    /// Records bytes that came, which are the beginning of a head if the connection was idle.
    pub(super) fn received(&self, size: usize) {
        if size > 0 && self.signals.is_idle() {
            let since = clock::instant();
            self.all.open_ones().change(self.number, |entry| {
                let phase = if entry.served { Phase::Asking } else { Phase::Head };
                (entry.phase, entry.since) = (phase, since);
            });
        }
    }

    /// Takes one of the places of connections that have asked for something; waits for one as long
    /// as a head may take. Returns how many others have one.
    pub(super) async fn serve(&self) -> Result<usize, ConnectionRefusal> {
        self.set(Phase::Ready);
        let placed = async {
            loop {
                if let Some(others) = self.try_serve() {
                    return others;
                }
                // Those that are idle or stalled give way only after a while.
                let _ = tokio::time::timeout(RETRY, self.signals.turn.notified()).await;
            }
        };
        let placed = tokio::time::timeout(self.all.limits.head, placed).await;
        placed.map_err(|_| ConnectionRefusal::Full)
    }

    fn try_serve(&self) -> Option<usize> {
        let all = &self.all;
        let mut open = all.open_ones();
        if open.next_ready() != Some(self.number) {
            return None;
        }
        if open.served() >= all.limits.served && !all.free_place(&mut open, clock::instant()) {
            return None;
        }
        let others = open.served();
        // Time that it had to wait is not its own.
        let since = clock::instant();
        open.change(self.number, |entry| {
            (entry.served, entry.phase, entry.since) = (true, Phase::Asking, since);
        });
        open.next_turn();
        Some(others)
    }

    /// Records a request.
    pub(super) fn answering(self: &Arc<Self>) -> Result<Answering, ConnectionRefusal> {
        let now = clock::instant();
        let mut open = self.all.open_ones();
        if open.busy() >= self.all.limits.requests {
            return Err(ConnectionRefusal::Requests);
        }
        open.change(self.number, |entry| {
            (entry.phase, entry.since) = (Phase::Busy, now);
            entry.parts += 1;
        });
        Ok(Answering(Arc::clone(self)))
    }

    /// Records that the reader is behind.
    pub(super) fn stalled(&self) {
        let since = clock::instant();
        self.all.open_ones().change(self.number, |entry| entry.stalled = Some(since));
    }

    /// Records that the reader has caught up. An idle connection is idle from now on.
    pub(super) fn flowing(&self) {
        let now = clock::instant();
        self.all.open_ones().change(self.number, |entry| {
            entry.stalled = None;
            if entry.phase == Phase::Idle {
                entry.since = now;
            }
        });
    }

    /// Ends when the connection is to go at once.
    pub(super) async fn closed(&self) {
        self.signals.close.notified().await;
    }

    /// Has the connection go after the request that it has begun to send.
    pub(super) fn leave_later(&self) {
        self.signals.leave.notify_one();
    }

    /// Ends when the connection is to go as soon as it has no request.
    pub(super) async fn leaving(&self) {
        self.signals.leave.notified().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.all.remove(&mut self.all.open_ones(), self.number);
        self.all.closed.notify_waiters();
    }
}

impl Answering {
    /// One more part of the same request.
    pub(super) fn another(&self) -> Self {
        self.0.all.open_ones().begin_part(self.0.number);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let since = clock::instant();
        self.0.all.open_ones().end_part(self.0.number, since);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::limits::LIMITS_OF_TESTS as LIMITS;

    fn connections() -> Arc<Connections> {
        Connections::new(LIMITS)
    }

    fn open(all: &Arc<Connections>) -> Arc<Slot> {
        Arc::new(all.open(None).unwrap_or_else(|why| panic!("{why:?}")))
    }

    /// Whether a connection was told to close.
    async fn closed(slot: &Slot) -> bool {
        tokio::select! {
            biased;
            () = slot.closed() => true,
            () = std::future::ready(()) => false,
        }
    }

    async fn pass(seconds: f64) {
        tokio::time::advance(Duration::from_secs_f64(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_connection_makes_room() {
        let all = connections();
        let mut slots = Vec::new();
        for _ in 0..LIMITS.connections {
            let slot = open(&all);
            drop(slot.answering());
            slots.push(slot);
            pass(0.001).await;
        }
        assert!(all.open(None).is_err(), "none was idle for long");
        pass(1.0).await;
        let busy = slots[0].answering();
        slots[1].begun();
        let one_more = open(&all);
        // The first is busy and the second sends a head, so the third goes.
        assert!(closed(&slots[2]).await);
        for at in [0, 1, 3] {
            assert!(!closed(&slots[at]).await, "{at}");
        }
        drop((busy, one_more, slots));
        assert!(all.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_never_asked_make_room_before_those_that_did() {
        let all = connections();
        let slots: Vec<_> = (0..LIMITS.connections).map(|_| open(&all)).collect();
        drop(slots[0].answering());
        slots[2].begun();
        pass(1.0).await;
        let first = open(&all);
        assert!(closed(&slots[2]).await, "it is slow");
        let second = open(&all);
        assert!(closed(&slots[1]).await, "it never asked");
        assert!(!closed(&slots[0]).await);
        drop((first, second));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_never_closed_to_make_room() {
        let all = Connections::new(Limits { served: 100, requests: 100, ..LIMITS });
        let slots: Vec<_> = (0..LIMITS.connections).map(|_| open(&all)).collect();
        let busy: Vec<_> = slots.iter().map(|slot| slot.answering()).collect();
        pass(50.0).await;
        assert_eq!(all.open(None).err(), Some(ConnectionRefusal::Full));
        all.give_way();
        for slot in &slots {
            assert!(!closed(slot).await);
        }
        drop(busy);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_has_a_deadline() {
        let slot = open(&connections());
        let answering = slot.answering();
        pass(59.9).await;
        slot.all.sweep();
        assert!(!closed(&slot).await);
        pass(0.1).await;
        slot.all.sweep();
        assert!(closed(&slot).await);
        drop(answering);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_lasts_until_its_answer_and_its_body_are_over() {
        let all = Connections::new(Limits { answer: None, ..LIMITS });
        for body_first in [false, true] {
            let slot = open(&all);
            let answer = slot.answering().unwrap();
            let body = answer.another();
            let parts = if body_first { [body, answer] } else { [answer, body] };
            for part in parts {
                slot.received(1);
                pass(100.0).await;
                slot.all.sweep();
                assert!(!closed(&slot).await, "it has a request");
                drop(part);
            }
            pass(65.0).await;
            slot.all.sweep();
            assert!(closed(&slot).await, "it is idle");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_has_none() {
        let slot = open(&connections());
        drop(slot.answering());
        pass(64.0).await;
        slot.all.sweep();
        assert!(!closed(&slot).await);
        pass(1.0).await;
        slot.all.sweep();
        assert!(closed(&slot).await, "but it is not kept for ever");
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_head_has_a_deadline_from_its_first_byte() {
        let slot = open(&connections());
        drop(slot.answering());
        pass(50.0).await;
        for _ in 0..10 {
            slot.received(1);
            pass(0.9).await;
            slot.all.sweep();
            assert!(!closed(&slot).await);
        }
        pass(1.0).await;
        slot.all.sweep();
        assert!(closed(&slot).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalled_reader_has_a_deadline_and_goes_sooner_when_others_wait() {
        let all = connections();
        let (first, second) = (open(&all), open(&all));
        for slot in [&first, &second] {
            drop(slot.answering());
            slot.stalled();
            pass(0.7).await;
        }
        all.drop_stalled_reader();
        assert!(closed(&first).await);
        all.drop_stalled_reader();
        assert!(!closed(&second).await, "it has had no time");
        pass(9.0).await;
        all.sweep();
        assert!(!closed(&second).await);
        pass(0.5).await;
        all.sweep();
        assert!(closed(&second).await);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_taken_yet_is_not_idle() {
        let all = connections();
        let slots: Vec<_> = (0..LIMITS.connections).map(|_| open(&all)).collect();
        for slot in &slots {
            drop(slot.answering());
            slot.stalled();
        }
        pass(5.0).await;
        assert_eq!(all.open(None).err(), Some(ConnectionRefusal::Full));
        slots[0].flowing();
        assert_eq!(all.open(None).err(), Some(ConnectionRefusal::Full), "it may ask again at once");
        pass(1.0).await;
        assert!(all.open(None).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_are_served_and_only_so_many_requests_are_under_way() {
        let all = connections();
        let slots: Vec<_> = (0..LIMITS.served + 1).map(|_| open(&all)).collect();
        for (at, slot) in slots[..LIMITS.served].iter().enumerate() {
            assert_eq!(slot.serve().await, Ok(at));
        }
        let requests: Vec<_> = slots[..LIMITS.requests].iter().map(|s| s.answering()).collect();
        assert!(requests.iter().all(Result::is_ok));
        assert_eq!(slots[LIMITS.requests].answering().err(), Some(ConnectionRefusal::Requests));
        let last = &slots[LIMITS.served];
        last.set(Phase::Ready);
        assert!(last.try_serve().is_none(), "none is idle for long");
        let all_busy: Vec<_> = slots[..LIMITS.requests].iter().map(|s| s.answering()).collect();
        drop(all_busy);
        let waiting = tokio::spawn({
            let last = Arc::clone(last);
            async move { last.serve().await }
        });
        tokio::task::yield_now().await;
        slots[0].stalled();
        pass(0.5).await;
        slots[LIMITS.requests..LIMITS.served].iter().for_each(|slot| slot.set(Phase::Asking));
        pass(0.4).await;
        assert!(!waiting.is_finished());
        assert_eq!(waiting.await.unwrap(), Ok(LIMITS.served - 1));
        assert!(closed(&slots[0]).await);
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_send_a_head_slowly_make_room_before_those_that_are_idle() {
        let all = connections();
        let slots: Vec<_> = (0..LIMITS.served + 2).map(|_| open(&all)).collect();
        for slot in &slots[..LIMITS.served] {
            assert!(slot.serve().await.is_ok());
        }
        // One shakes hands, the others have had an answer; one of these begins another head.
        slots[1..LIMITS.served].iter().for_each(|slot| drop(slot.answering()));
        slots[2].received(1);
        pass(0.9).await;
        let [first, second] = &slots[LIMITS.served..] else { panic!("two more") };
        first.set(Phase::Ready);
        pass(0.01).await;
        second.set(Phase::Ready);
        assert!(first.try_serve().is_none());
        pass(0.09).await;
        assert!(second.try_serve().is_none(), "the other came first");
        assert!(first.try_serve().is_some() && second.try_serve().is_some());
        let closed_ones =
            [closed(&slots[0]).await, closed(&slots[1]).await, closed(&slots[2]).await];
        assert_eq!(closed_ones, [true, false, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_place_for_ever() {
        let all = Connections::new(Limits { served: 1, ..LIMITS });
        let (first, second) = (open(&all), open(&all));
        assert_eq!(first.serve().await, Ok(0));
        let request = first.answering();
        assert_eq!(second.serve().await, Err(ConnectionRefusal::Full));
        drop(request);
        pass(1.0).await;
        assert_eq!(second.serve().await, Ok(0));
        assert!(closed(&first).await);
    }

    #[tokio::test(start_paused = true)]
    async fn all_are_told_to_leave_and_are_waited_for() {
        let all = connections();
        let slot = open(&all);
        all.leave();
        slot.leaving().await;
        assert!(!closed(&slot).await);
        let waiting = tokio::spawn({
            let all = Arc::clone(&all);
            async move { all.all_closed().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(slot);
        waiting.await.unwrap();
    }
}
