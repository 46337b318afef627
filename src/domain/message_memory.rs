//! Which messages were told of lately, so that each is counted once however often it is told.
//!
//! One memory serves all lines. It has two generations: new ids go to the younger, and when that is
//! full the older is dropped as a whole, which takes no queue and no time per id. At its fullest it
//! takes 5 MB; before the first message nothing.
//!
//! Not here: which messages wait (`message_state.rs`).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::{MessageId, MessageStatus, Timestamp};

/// The ids of a generation: as many as a table of 2^17 places takes, seven eighths.
const GENERATION: usize = 114_688;

/// What was told of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MessageRecord(u16);

impl MessageRecord {
    /// It was counted as a message.
    pub(super) const COUNTED: Self = Self(1 << 8);
    /// It goes to the line.
    pub(super) const INBOUND: Self = Self(1 << 9);
    /// It waited for an acknowledgement and gave way to others.
    pub(super) const GAVE_WAY: Self = Self(1 << 10);
    /// Any status.
    pub(super) const ANY_STATUS: Self = Self((1 << MessageStatus::COUNT) - 1);

    pub(super) const fn status(status: MessageStatus) -> Self {
        Self(1 << status.index())
    }

    pub(super) const fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }

    pub(super) const fn add(&mut self, more: Self) {
        self.0 |= more.0;
    }
}

/// The hash of what is a hash already.
#[derive(Debug, Default)]
struct IsHash(u64);

impl Hasher for IsHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Not met: an id is one number.
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

type Ids = HashMap<MessageId, MessageRecord, BuildHasherDefault<IsHash>>;

/// Ids that came in the same period.
#[derive(Debug, Default)]
struct Generation {
    ids: Ids,
    /// The newest time that any of them was told with.
    newest: Option<Timestamp>,
}

/// The messages that were told of lately.
#[derive(Debug, Default)]
pub struct MessageMemory {
    younger: Generation,
    older: Generation,
    /// What happened until then may have been told and forgotten.
    forgotten_until: Option<Timestamp>,
}

impl MessageMemory {
    /// What was told of a message; `None` if nothing was, as far as is remembered.
    pub(super) fn get(&self, id: MessageId) -> Option<MessageRecord> {
        self.younger.ids.get(&id).or_else(|| self.older.ids.get(&id)).copied()
    }

    /// Remembers what was told, by an event that happened then.
    pub(super) fn set(&mut self, id: MessageId, at: Timestamp, told: MessageRecord) {
        if let Some(known) = self.older.ids.get_mut(&id) {
            *known = told;
            return;
        }
        if self.younger.ids.len() >= GENERATION && !self.younger.ids.contains_key(&id) {
            let dropped = std::mem::replace(&mut self.older, std::mem::take(&mut self.younger));
            self.forget_until(dropped.newest);
        }
        self.younger.ids.insert(id, told);
        self.younger.newest = self.younger.newest.max(Some(at));
    }

    /// Takes it that what happened until then may have been told to somebody else, as to this
    /// exporter before a restart.
    pub fn forget_until(&mut self, at: Option<Timestamp>) {
        self.forgotten_until = self.forgotten_until.max(at);
    }

    /// Whether a message that is not known may have been counted and forgotten, when what is told
    /// of it happened then.
    pub(super) fn may_have_known(&self, at: Timestamp) -> bool {
        self.forgotten_until.is_some_and(|until| at <= until)
    }

    /// Whether nothing was ever forgotten.
    pub(super) const fn is_complete(&self) -> bool {
        self.forgotten_until.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> MessageId {
        // As spread as a hash.
        MessageId::from_hash((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    #[test]
    fn the_last_hundred_thousand_ids_are_known_and_memory_is_bounded() {
        let mut memory = MessageMemory::default();
        let all = 3 * GENERATION;
        for number in 0..all {
            memory.set(id(number), Timestamp::from_secs(number as i64), MessageRecord::COUNTED);
        }
        assert!((all - GENERATION..all).all(|number| memory.get(id(number)).is_some()));
        assert_eq!(memory.get(id(0)), None);
        assert!(memory.younger.ids.len() + memory.older.ids.len() <= 2 * GENERATION);
        assert!(memory.younger.ids.capacity() <= GENERATION);
        assert!(memory.may_have_known(Timestamp::from_secs(0)));
        assert!(!memory.may_have_known(Timestamp::from_secs(all as i64 - 1)));
    }

    #[test]
    fn before_the_first_message_nothing_is_taken() {
        let memory = MessageMemory::default();
        assert_eq!(memory.younger.ids.capacity() + memory.older.ids.capacity(), 0);
        assert!(memory.is_complete());
    }
}
