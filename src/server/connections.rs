//! The open connections: how many there may be, which one goes when there are too many, and deadlines of answers.
//!
//! Not here: reading and writing them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock;

/// More connections than this close the one that has been idle longest.
const MOST: usize = 512;
/// An answer is written within this, however slowly its reader takes it.
const DEADLINE: Duration = Duration::from_secs(60);

/// All open connections.
#[derive(Default)]
pub(super) struct Connections {
    open: Mutex<BTreeMap<u64, Arc<Shared>>>,
    /// Numbers are given in order and never twice.
    next: AtomicU64,
}

struct Shared {
    activity: Mutex<Busy>,
    close: Notify,
    changed: Notify,
}

#[derive(Clone, Copy)]
struct Busy {
    /// When the answer under way began; `None` while the connection is idle.
    since: Option<Instant>,
    /// When it was last busy.
    last: Instant,
}

/// One connection's place among the open ones, given back when dropped.
pub(super) struct Slot {
    number: u64,
    shared: Arc<Shared>,
    all: Arc<Connections>,
}

/// Tells whether a connection is busy with an answer.
#[derive(Clone)]
pub(super) struct Activity(Arc<Shared>);

/// An answer under way; it ends when this is dropped.
pub(super) struct Answering(Arc<Shared>);

impl Connections {
    /// Takes a place, closing the longest idle connection if there are too many.
    pub(super) fn open(self: &Arc<Self>) -> Slot {
        let shared = Arc::new(Shared {
            activity: Mutex::new(Busy { since: None, last: clock::instant() }),
            close: Notify::new(),
            changed: Notify::new(),
        });
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= MOST {
            let idle = open.iter().filter(|(_, other)| other.busy().since.is_none());
            // With none idle the oldest goes: it has had most of its time.
            let oldest =
                idle.min_by_key(|(_, other)| other.busy().last).or_else(|| open.first_key_value());
            if let Some(number) = oldest.map(|(number, _)| *number)
                && let Some(other) = open.remove(&number)
            {
                other.close.notify_one();
            }
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        open.insert(number, Arc::clone(&shared));
        drop(open);
        Slot { number, shared, all: Arc::clone(self) }
    }
}

impl Shared {
    fn busy(&self) -> Busy {
        *self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, since: Option<Instant>) {
        let busy = Busy { since, last: clock::instant() };
        *self.activity.lock().unwrap_or_else(PoisonError::into_inner) = busy;
        self.changed.notify_one();
    }
}

impl Slot {
    pub(super) fn activity(&self) -> Activity {
        Activity(Arc::clone(&self.shared))
    }

    /// Ends when the connection must go: to make room, or because its answer took too long.
    pub(super) async fn closed(&self) {
        loop {
            let deadline = self.shared.busy().since.map(|since| since + DEADLINE);
            tokio::select! {
                () = self.shared.close.notified() => return,
                () = self.shared.changed.notified() => {}
                () = tokio::time::sleep_until(deadline.unwrap_or_else(clock::instant)), if deadline.is_some() => return,
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.all.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}

impl Activity {
    pub(super) fn answering(&self) -> Answering {
        self.0.set(Some(clock::instant()));
        Answering(Arc::clone(&self.0))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_connection_makes_room() {
        let all = Arc::new(Connections::default());
        let mut slots = Vec::new();
        for _ in 0..MOST {
            slots.push(all.open());
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        let busy = slots[0].activity().answering();
        let one_more = all.open();
        // The first is busy, so the second goes.
        slots[1].closed().await;
        assert_eq!(all.open.lock().unwrap().len(), MOST);
        drop((busy, one_more, slots));
        assert!(all.open.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_has_a_deadline() {
        let slot = Arc::new(Connections::default()).open();
        let answering = slot.activity().answering();
        let began = Instant::now();
        slot.closed().await;
        assert_eq!(began.elapsed().as_secs(), DEADLINE.as_secs());
        drop(answering);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_has_none() {
        let slot = Arc::new(Connections::default()).open();
        drop(slot.activity().answering());
        let waited = tokio::time::timeout(DEADLINE * 10, slot.closed()).await;
        assert!(waited.is_err());
    }
}
