//! The open connections in their orders: by what each is doing, and since when.
//!
//! Not here: whose time is up, and who makes room for another.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use fnv::FnvHashMap;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::socket::has_unread;

/// So many connections are looked at for one that makes room.
const CANDIDATES: usize = 16;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It was accepted, and has not sent a byte.
    New,
    /// It has begun to send a head, or to shake hands.
    Head,
    /// It has sent a whole head, and waits for a place.
    Ready,
    /// It has a place, and shakes hands or has begun to send a head.
    Asking,
    /// It has a request, of which the answer is not all written.
    Busy,
    /// It has had an answer, and waits for a next request.
    Idle,
}

const PHASES: usize = 6;

/// When something began, and whose it is: the oldest comes first.
type Since = (Instant, u64);

/// All open connections, each in every order that it belongs to.
#[derive(Default)]
pub(super) struct OpenConnections {
    /// By numbers of our own, so that a simple hash does.
    all: FnvHashMap<u64, OpenConnection>,
    phases: [BTreeSet<Since>; PHASES],
    /// Readers that are behind.
    stalled: BTreeSet<Since>,
    /// How many have asked for something.
    served: usize,
    /// Numbers are given in order and never twice.
    next: u64,
}

/// One of them.
pub(super) struct OpenConnection {
    pub(super) phase: Phase,
    pub(super) since: Instant,
    pub(super) stalled: Option<Instant>,
    pub(super) served: bool,
    /// What there is of its requests: bodies of requests, and answers.
    pub(super) parts: usize,
    pub(super) signals: Arc<SlotSignals>,
}

/// Where a connection stands in the orders.
#[derive(Clone, Copy)]
struct Places {
    phase: Option<(Phase, Instant)>,
    stalled: Option<Instant>,
    served: bool,
}

/// What a connection is told, and what it may know without a lock.
pub(super) struct SlotSignals {
    /// `None` in tests.
    tcp: Option<Arc<TcpStream>>,
    phase: AtomicU8,
    /// It waits for a place, and its turn has come.
    pub(super) turn: Notify,
    /// It is to go at once.
    pub(super) close: Notify,
    /// It is to go when it has no request.
    pub(super) leave: Notify,
}

impl SlotSignals {
    /// Whether the connection waits for a next request.
    pub(super) fn is_idle(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == Phase::Idle as u8
    }
}

impl OpenConnections {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// How many have asked for something.
    pub(super) const fn served(&self) -> usize {
        self.served
    }

    /// How many have a request.
    pub(super) fn busy(&self) -> usize {
        self.phases[Phase::Busy as usize].len()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &OpenConnection> {
        self.all.values()
    }

    fn phase(&mut self, phase: Phase) -> &mut BTreeSet<Since> {
        &mut self.phases[phase as usize]
    }

    /// Changes an entry, and its place in every order.
    pub(super) fn change(&mut self, number: u64, change: impl FnOnce(&mut OpenConnection)) {
        let Some(entry) = self.all.get_mut(&number) else { return };
        let before = Some(entry.places());
        change(entry);
        entry.signals.phase.store(entry.phase as u8, Ordering::Relaxed);
        let after = Some(entry.places());
        self.moved(number, before, after);
    }

    /// One part of a request more.
    pub(super) fn begin_part(&mut self, number: u64) {
        if let Some(entry) = self.all.get_mut(&number) {
            entry.parts += 1;
        }
    }

    /// One part of a request less; after the last the connection is idle.
    pub(super) fn end_part(&mut self, number: u64, now: Instant) {
        let Some(entry) = self.all.get_mut(&number) else { return };
        entry.parts = entry.parts.saturating_sub(1);
        if entry.parts == 0 {
            self.change(number, |entry| (entry.phase, entry.since) = (Phase::Idle, now));
        }
    }

    /// Adds a connection that was accepted just now. Returns its number and its signals.
    pub(super) fn add(
        &mut self,
        tcp: Option<Arc<TcpStream>>,
        now: Instant,
    ) -> (u64, Arc<SlotSignals>) {
        let signals = Arc::new(SlotSignals {
            tcp,
            phase: AtomicU8::new(Phase::New as u8),
            turn: Notify::new(),
            close: Notify::new(),
            leave: Notify::new(),
        });
        let number = self.next;
        self.next += 1;
        let entry = OpenConnection {
            phase: Phase::New,
            since: now,
            stalled: None,
            served: false,
            parts: 0,
            signals: Arc::clone(&signals),
        };
        self.moved(number, None, Some(entry.places()));
        self.all.insert(number, entry);
        (number, signals)
    }

    pub(super) fn take(&mut self, number: u64) -> Option<OpenConnection> {
        let entry = self.all.remove(&number)?;
        self.moved(number, Some(entry.places()), None);
        Some(entry)
    }

    /// Puts a connection's places right in every order.
    fn moved(&mut self, number: u64, before: Option<Places>, after: Option<Places>) {
        let phase = |places: Option<Places>| places.and_then(|places| places.phase);
        let (old, new) = (phase(before), phase(after));
        if old != new {
            old.inspect(|(phase, since)| _ = self.phase(*phase).remove(&(*since, number)));
            new.inspect(|(phase, since)| _ = self.phase(*phase).insert((*since, number)));
        }
        let stalled = |places: Option<Places>| places.and_then(|places| places.stalled);
        let (old, new) = (stalled(before), stalled(after));
        if old != new {
            old.inspect(|since| _ = self.stalled.remove(&(*since, number)));
            new.inspect(|since| _ = self.stalled.insert((*since, number)));
        }
        let served = |places: Option<Places>| usize::from(places.is_some_and(|one| one.served));
        self.served = self.served + served(after) - served(before);
    }

    /// The connection that has waited for a place for longest.
    pub(super) fn next_ready(&self) -> Option<u64> {
        self.phases[Phase::Ready as usize].first().map(|(_, number)| *number)
    }

    /// Has that connection look for a place.
    pub(super) fn next_turn(&self) {
        if let Some(next) = self.next_ready() {
            self.all[&next].signals.turn.notify_one();
        }
    }

    /// The longest silent connection of a phase that has been so until `before`.
    pub(super) fn silent(&self, phase: Phase, before: Option<Instant>) -> Option<u64> {
        let sends_head = matches!(phase, Phase::Head | Phase::Asking);
        let oldest = self.phases[phase as usize].iter();
        oldest
            .take_while(|(since, _)| Some(*since) <= before)
            .take(CANDIDATES)
            .map(|(_, number)| *number)
            .find(|number| sends_head || self.all[number].is_silent())
    }

    /// The connections of a phase that have been in it for so long.
    pub(super) fn over(&self, phase: Phase, limit: Option<Duration>, now: Instant) -> Vec<u64> {
        over(&self.phases[phase as usize], limit, now)
    }

    /// The same of those that are silent.
    pub(super) fn silent_over(&self, phase: Phase, limit: Duration, now: Instant) -> Vec<u64> {
        let mut over = self.over(phase, Some(limit), now);
        over.retain(|number| self.all[number].is_silent());
        over
    }

    /// The connections whose readers have been behind for so long, the longest first.
    pub(super) fn stalled_over(&self, limit: Option<Duration>, now: Instant) -> Vec<u64> {
        over(&self.stalled, limit, now)
    }

    /// The connection whose reader has been behind for longest, if it has been so until `before`.
    pub(super) fn stalled(&self, before: Option<Instant>) -> Option<u64> {
        let oldest = self.stalled.first().filter(|(since, _)| Some(*since) <= before);
        oldest.map(|(_, number)| *number)
    }
}

impl OpenConnection {
    fn places(&self) -> Places {
        // What was answered and is not all taken yet is not idle.
        let counts = self.phase != Phase::Idle || self.stalled.is_none();
        let phase = counts.then_some((self.phase, self.since));
        Places { phase, stalled: self.stalled, served: self.served }
    }

    /// Whether nothing came that is not read yet.
    pub(super) fn is_silent(&self) -> bool {
        !self.signals.tcp.as_deref().is_some_and(has_unread)
    }
}

/// Those that began so long ago.
fn over(since: &BTreeSet<Since>, limit: Option<Duration>, now: Instant) -> Vec<u64> {
    let before = limit.and_then(|limit| now.checked_sub(limit));
    let over = since.iter().take_while(|(since, _)| Some(*since) <= before);
    over.map(|(_, number)| *number).collect()
}
