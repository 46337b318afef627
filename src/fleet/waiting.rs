//! Which channels have messages that wait for an acknowledgement, so that of all of them the oldest
//! can give way.
//!
//! Not here: the messages themselves; each channel keeps its own.

use std::collections::BTreeSet;

use crate::domain::Timestamp;

/// Messages that may wait at a time, of all channels together.
const MAX_WAITING: usize = 100_000;

/// Since when the oldest message of a channel waits, and how many do.
pub(super) type WaitingMessages = Option<(Timestamp, usize)>;

/// The channels whose messages wait, by the oldest.
#[derive(Debug, Default)]
pub(super) struct WaitingIndex {
    count: usize,
    rows: BTreeSet<(Timestamp, u32)>,
}

impl WaitingIndex {
    /// Records that the messages that wait in a row are others than before.
    pub(super) fn moved(&mut self, row: u32, before: WaitingMessages, after: WaitingMessages) {
        if before == after {
            return;
        }
        if let Some((oldest, count)) = before {
            self.rows.remove(&(oldest, row));
            self.count -= count;
        }
        if let Some((oldest, count)) = after {
            self.rows.insert((oldest, row));
            self.count += count;
        }
    }

    /// The row whose oldest message has to give way, if too many wait.
    pub(super) fn too_many(&self) -> Option<u32> {
        let (_, row) = self.rows.first().filter(|_| self.count > MAX_WAITING)?;
        Some(*row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_channels_the_oldest_gives_way() {
        let at = Timestamp::from_secs;
        let mut index = WaitingIndex::default();
        index.moved(1, None, Some((at(30), MAX_WAITING / 2)));
        index.moved(2, None, Some((at(10), MAX_WAITING / 2)));
        assert_eq!(index.too_many(), None);
        index.moved(3, None, Some((at(20), 1)));
        assert_eq!(index.too_many(), Some(2));
        index.moved(2, Some((at(10), MAX_WAITING / 2)), Some((at(40), MAX_WAITING / 2 - 1)));
        assert_eq!(index.too_many(), None);
        index.moved(1, Some((at(30), MAX_WAITING / 2)), Some((at(30), MAX_WAITING)));
        assert_eq!(index.too_many(), Some(3));
        for (row, gone) in [(1, (30, MAX_WAITING)), (2, (40, MAX_WAITING / 2 - 1)), (3, (20, 1))] {
            index.moved(row, Some((at(gone.0), gone.1)), None);
        }
        assert_eq!((index.count, index.rows.len()), (0, 0));
    }
}
