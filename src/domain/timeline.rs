//! The statuses a channel had, in the order in which it had them, whatever the order in which we
//! heard of them.
//!
//! Not here: what the newest one means for people.

use super::{Status, Timestamp};

/// So many points are remembered: with a poll every 30 s half an hour, and longer while the status
/// stays.
const CAPACITY: usize = 64;

/// Upstreams tell start times in whole seconds; a smaller shift is rounding, not a restart.
pub(super) const MIN_RESTART_SHIFT_MILLIS: i64 = 1000;

/// A point's time may be ahead of the upstream's by so much and still be believed: webhooks and
/// polls may be answered by different machines.
const MAX_LEAD_MILLIS: i64 = 60_000;

/// Who told of a point; between two of the same time the later in this list is the newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum StatusSource {
    /// A poll.
    Poll,
    /// A webhook: it may tell what came after the answer to a poll in the same second.
    Webhook,
}

/// A status at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StatusPoint {
    /// When, by the upstream's clock: `start_at + uptime`.
    pub(super) at: Timestamp,
    pub(super) source: StatusSource,
    /// `UNKNOWN` for a word we do not know, and for a session 401.
    pub(super) status: Status,
    /// When the instance started.
    pub(super) started: Option<Timestamp>,
    /// When, by our own clock, as people are told.
    pub(super) observed_at: Timestamp,
}

impl StatusPoint {
    /// Statuses of one second follow each other as a channel goes through them, which is the order
    /// of the list; see also [`Timeline::insert`].
    const fn key(&self) -> (Timestamp, StatusSource, usize) {
        (self.at, self.source, self.status.index())
    }

    fn restarted_since(&self, before: &Self) -> bool {
        match (before.started, self.started) {
            (Some(before), Some(after)) => {
                after.millis_since(before).saturating_abs() >= MIN_RESTART_SHIFT_MILLIS
            }
            _ => false,
        }
    }
}

/// How often a channel moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moves {
    pub(super) transitions: [u32; Status::REPORTED],
    pub(super) restarts: u32,
}

impl Moves {
    pub(super) const fn new() -> Self {
        Self { transitions: [0; Status::REPORTED], restarts: 0 }
    }

    /// Counts the move from one point to the next.
    pub(super) fn count(&mut self, from: &StatusPoint, to: &StatusPoint) {
        if from.status != to.status
            && let Some(count) = self.transitions.get_mut(to.status.index())
        {
            *count = count.saturating_add(1);
        }
        if to.restarted_since(from) {
            self.restarts = self.restarts.saturating_add(1);
        }
    }

    /// The moves from each of the points to the next.
    fn along(points: &[StatusPoint]) -> Self {
        let mut moves = Self::new();
        points.windows(2).for_each(|two| moves.count(&two[0], &two[1]));
        moves
    }

    /// What there is more of here than there.
    fn beyond(mut self, there: &Self) -> Self {
        let counts = self.transitions.iter_mut().zip(there.transitions);
        counts.for_each(|(here, there)| *here = here.saturating_sub(there));
        self.restarts = self.restarts.saturating_sub(there.restarts);
        self
    }

    fn add(&mut self, more: Self) {
        let counts = self.transitions.iter_mut().zip(more.transitions);
        counts.for_each(|(count, more)| *count = count.saturating_add(more));
        self.restarts = self.restarts.saturating_add(more.restarts);
    }

    /// Takes back a move that turned out to have led over another point. A way with one more stop
    /// has at least the moves of the way without, so a counter never goes down by it.
    fn take_back(&mut self, from: &StatusPoint, to: &StatusPoint) {
        if from.status != to.status
            && let Some(count) = self.transitions.get_mut(to.status.index())
        {
            *count = count.saturating_sub(1);
        }
        if to.restarted_since(from) {
            self.restarts = self.restarts.saturating_sub(1);
        }
    }
}

/// Where a point went in the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Insertion {
    /// It is the newest.
    Newest,
    /// Newer ones were known already.
    InPast,
    /// It was there already.
    Duplicate,
    /// It is older than what is kept.
    TooOld,
}

/// The last statuses of a channel, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Timeline {
    points: Vec<StatusPoint>,
    /// Whether older points were dropped.
    truncated: bool,
}

impl Timeline {
    /// The newest point.
    pub(super) fn newest(&self) -> Option<&StatusPoint> {
        self.points.last()
    }

    /// The points, the oldest first.
    pub(super) fn points(&self) -> &[StatusPoint] {
        &self.points
    }

    /// The first point of the newest status.
    pub(super) fn beginning(&self) -> Option<&StatusPoint> {
        let newest = self.newest()?;
        self.points.iter().rev().take_while(|point| point.status == newest.status).last()
    }

    /// Takes up the points that were known before the exporter was away; whether there were older
    /// ones is not known.
    pub(super) fn restore(&mut self, mut points: Vec<StatusPoint>) {
        points.sort_by_key(StatusPoint::key);
        let surplus = points.len().saturating_sub(CAPACITY);
        points.drain(..surplus);
        self.truncated = !points.is_empty();
        self.points = points;
    }

    /// Puts a point into its place and counts the moves that it reveals.
    ///
    /// Where webhooks tell milliseconds, two of the same one were in the order in which they came,
    /// so the later is put behind the earlier.
    pub(super) fn insert(&mut self, mut point: StatusPoint, moves: &mut Moves) -> Insertion {
        while point.source == StatusSource::Webhook
            && point.at.millis() % 1000 != 0
            && self.has_other_of_the_same_time(&point)
        {
            point.at = point.at.plus_millis(1);
        }
        let place = self.points.partition_point(|other| other.key() < point.key());
        let same = |other: &StatusPoint| other.key() == point.key();
        if point.source == StatusSource::Webhook && self.points.get(place).is_some_and(same) {
            return Insertion::Duplicate;
        }
        if place == 0 && self.truncated {
            return Insertion::TooOld;
        }
        let before = place.checked_sub(1).and_then(|before| self.points.get(before)).copied();
        let after = self.points.get(place).copied();
        if let Some(before) = &before {
            // What is not said is as it was.
            point.started = point.started.or(before.started);
            if let Some(after) = &after {
                moves.take_back(before, after);
            }
            moves.count(before, &point);
        }
        if let Some(after) = &after {
            moves.count(&point, after);
        }
        self.points.insert(place, point);
        self.forget();
        if after.is_none() { Insertion::Newest } else { Insertion::InPast }
    }

    fn has_other_of_the_same_time(&self, point: &StatusPoint) -> bool {
        let same =
            self.points.iter().filter(|other| (other.at, other.source) == (point.at, point.source));
        same.map(|other| other.status).any(|status| status != point.status)
    }

    /// Moves points that lie in the future of a new answer back to when they were observed: the
    /// clock that dated them was wrong. `ahead_millis` is how far the new answer's clock is ahead
    /// of ours. Moves that this reveals are counted, and none is taken back. Returns the new time
    /// of the newest point up to `known`.
    pub(super) fn correct(
        &mut self,
        now: Timestamp,
        ahead_millis: i64,
        known: Option<Timestamp>,
        moves: &mut Moves,
    ) -> Option<Timestamp> {
        // An instance that reports no uptime yet seems to speak from the past; that makes no other
        // time wrong.
        let latest = now.plus_millis(ahead_millis.max(0) + MAX_LEAD_MILLIS);
        if self.newest().is_none_or(|newest| newest.at <= latest) {
            return known;
        }
        let counted = Moves::along(&self.points);
        let mut known_now = None;
        for point in &mut self.points {
            let was_known = known.is_some_and(|known| point.at <= known);
            if point.at > latest {
                // Our own clock may have been set back since.
                point.observed_at = point.observed_at.min(now);
                point.at = point.observed_at.plus_millis(ahead_millis);
            }
            if was_known {
                known_now = known_now.max(Some(point.at));
            }
        }
        self.points.sort_by_key(StatusPoint::key);
        moves.add(Moves::along(&self.points).beyond(&counted));
        known_now
    }

    /// Drops a point when there are too many: one between two like it if there is any, since no
    /// move hangs on that, else the oldest.
    fn forget(&mut self) {
        if self.points.len() <= CAPACITY {
            return;
        }
        let alike = |[a, b, c]: [&StatusPoint; 3]| {
            a.status == b.status
                && b.status == c.status
                && !b.restarted_since(a)
                && !c.restarted_since(b)
        };
        let middle =
            self.points.windows(3).position(|three| alike([&three[0], &three[1], &three[2]]));
        match middle {
            Some(at) => {
                self.points.remove(at + 1);
            }
            None => {
                self.points.remove(0);
                self.truncated = true;
            }
        }
    }
}
