//! What moves on one line: how many messages, how far they came, and which wait for WhatsApp's
//! acknowledgement.
//!
//! Not here: whether the line claims to be well; that is `channel.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::message_memory::{MessageMemory, MessageRecord};
use super::time::{MAX_LEAD_MILLIS, as_millis};
use super::{
    Direction, MessageEvent, MessageFailure, MessageId, MessageStatus, Now, Origin, Timestamp,
    WebhookOutcome,
};

/// Messages of one line that may wait at a time.
const MOST_WAITING: usize = 10_000;
/// A message that waits for longer is stuck: an acknowledgement takes a second. The alert rules
/// hold the same.
const STUCK: Duration = Duration::from_secs(10 * 60);
/// One that waits for so long is lost, and waits no more: it would hide others behind it.
const LOST: Duration = Duration::from_secs(24 * 60 * 60);
/// WhatsApp unlinks all devices of a phone that was not opened for so long.
const PHONE_PERIOD: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// All that is known of a line's messages. There is none before the first of them.
#[derive(Debug, Clone, Default)]
pub struct MessageState {
    pub(super) messages: [[u32; Origin::COUNT]; Direction::COUNT],
    pub(super) statuses: [u32; MessageStatus::COUNT],
    pub(super) failures: [u32; MessageFailure::COUNT],
    pub(super) line_failures: u32,
    pub(super) forgotten: u32,
    pub(super) last: [Option<Timestamp>; Direction::COUNT],
    pub(super) phone_active: Option<Timestamp>,
    /// When a message was last acknowledged, by WhatsApp or by its recipient.
    pub(super) acknowledged: Option<Timestamp>,
    /// Whether a webhook told of one since the start.
    pub(super) is_told_by_webhooks: bool,
    waiting: Waiting,
}

/// Messages that were accepted and not acknowledged.
#[derive(Debug, Clone, Default)]
struct Waiting {
    since: BTreeMap<MessageId, Timestamp>,
    oldest: BTreeSet<(Timestamp, MessageId)>,
}

impl Waiting {
    fn insert(&mut self, id: MessageId, at: Timestamp) {
        // Of two times that are told the earlier holds.
        let known = self.since.get(&id).copied();
        if known.is_none_or(|known| at < known) {
            self.remove(id);
            self.since.insert(id, at);
            self.oldest.insert((at, id));
        }
    }

    fn remove(&mut self, id: MessageId) {
        if let Some(at) = self.since.remove(&id) {
            self.oldest.remove(&(at, id));
        }
    }

    fn pop_oldest(&mut self) -> Option<(Timestamp, MessageId)> {
        let (at, id) = self.oldest.pop_first()?;
        self.since.remove(&id);
        Some((at, id))
    }
}

impl MessageState {
    /// Takes what is told of a message.
    pub(super) fn apply(
        &mut self,
        now: Now,
        memory: &mut MessageMemory,
        event: &MessageEvent,
    ) -> WebhookOutcome {
        // The clock may have been set back.
        let past = |at: &mut Option<Timestamp>| *at = at.map(|at| at.min(now.unix));
        self.last.iter_mut().chain([&mut self.phone_active, &mut self.acknowledged]).for_each(past);
        let latest = now.unix.plus_millis(MAX_LEAD_MILLIS);
        let own = event.at.filter(|at| *at <= latest).map(|at| at.min(now.unix));
        let at = own.unwrap_or(now.unix);
        let waits = self.waiting.since.contains_key(&event.id);
        let known = memory.get(event.id).or_else(|| waits.then_some(MessageRecord::COUNTED));
        if event.is_message && event.origin == Some(Origin::Phone) {
            self.phone_active = self.phone_active.max(Some(at));
        }
        let told_promptly = event.is_message || event.status.is_none_or(MessageStatus::is_prompt);
        if told_promptly
            && (event.is_message || known.is_none_or(|told| !told.has(MessageRecord::INBOUND)))
        {
            let last = &mut self.last[event.direction.index()];
            *last = (*last).max(Some(at));
        }
        let before = match known {
            Some(told) => told,
            None if memory.may_have_known(at) => return WebhookOutcome::Late,
            None => MessageRecord::default(),
        };
        if before.has(MessageRecord::INBOUND) && event.direction == Direction::Outbound {
            // The line's own reading of what it received.
            return WebhookOutcome::Ignored;
        }
        let mut told = before;
        // What is not told promptly may be of a message that was counted and forgotten.
        if !told.has(MessageRecord::COUNTED) && (told_promptly || memory.is_complete()) {
            told.add(MessageRecord::COUNTED);
            let origin = event.origin.unwrap_or(Origin::Other);
            count(&mut self.messages[event.direction.index()][origin.index()]);
        }
        if event.direction == Direction::Inbound {
            told.add(MessageRecord::INBOUND);
        }
        if let Some(status) = event.status.filter(|_| event.direction == Direction::Outbound)
            && !told.has(MessageRecord::status(status))
        {
            told.add(MessageRecord::status(status));
            count(&mut self.statuses[status.index()]);
            if status == MessageStatus::Failed {
                let failure = event.failure.unwrap_or(MessageFailure::Other);
                count(&mut self.failures[failure.index()]);
                if !failure.is_of_recipient() {
                    count(&mut self.line_failures);
                }
            }
            if !matches!(status, MessageStatus::Failed | MessageStatus::Deleted) {
                self.acknowledged = self.acknowledged.max(Some(at));
            }
        }
        let mut is_news = told != before;
        if told.has(MessageRecord::ANY_STATUS) {
            self.waiting.remove(event.id);
        } else if event.direction == Direction::Outbound
            && event.origin == Some(Origin::Api)
            && !told.has(MessageRecord::GAVE_WAY)
        {
            self.waiting.insert(event.id, at);
            is_news |= !waits;
        }
        if is_news {
            memory.set(event.id, at, told);
        }
        let lost = now.unix.plus_millis(-as_millis(LOST));
        while self.waiting.since.len() > MOST_WAITING
            || self.oldest_unacknowledged().is_some_and(|at| at < lost)
        {
            self.forget_oldest(memory);
        }
        match is_news {
            true => WebhookOutcome::Applied,
            false => WebhookOutcome::Duplicate,
        }
    }

    /// Takes that the API accepted a message which nobody will acknowledge.
    pub(super) fn accepted(&mut self, now: Now, memory: &mut MessageMemory, id: MessageId) {
        if memory.get(id).is_none() {
            memory.set(id, now.unix, MessageRecord::COUNTED);
            count(&mut self.messages[Direction::Outbound.index()][Origin::Api.index()]);
            let last = &mut self.last[Direction::Outbound.index()];
            *last = (*last).max(Some(now.unix));
        }
    }

    /// Whether a webhook ever told of one, as far as is known. No status and nothing inbound comes
    /// from the gateway.
    pub(super) fn was_told_by_webhooks(&self) -> bool {
        let by_webhooks = self.statuses.iter().chain(&self.messages[Direction::Inbound.index()]);
        self.is_told_by_webhooks || by_webhooks.into_iter().any(|count| *count > 0)
    }

    /// Has the message that waits longest give way to others.
    pub(super) fn forget_oldest(&mut self, memory: &mut MessageMemory) {
        if let Some((at, id)) = self.waiting.pop_oldest() {
            count(&mut self.forgotten);
            let mut told = memory.get(id).unwrap_or(MessageRecord::COUNTED);
            told.add(MessageRecord::GAVE_WAY);
            memory.set(id, at, told);
        }
    }

    /// How many messages there were, by direction and origin, the origin running fastest.
    pub const fn message_counts(&self) -> &[u32] {
        self.messages.as_flattened()
    }

    /// How many messages got each status.
    pub const fn status_counts(&self) -> &[u32] {
        &self.statuses
    }

    /// How many messages failed, by reason.
    pub const fn failure_counts(&self) -> &[u32] {
        &self.failures
    }

    /// How many messages failed for faults of the line.
    pub const fn line_failures(&self) -> u32 {
        self.line_failures
    }

    /// How many messages that waited gave way to others, or waited for a day.
    pub const fn forgotten(&self) -> u32 {
        self.forgotten
    }

    /// How many messages were accepted from the API and not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.waiting.since.len()
    }

    /// Since when the oldest of them waits.
    pub fn oldest_unacknowledged(&self) -> Option<Timestamp> {
        self.waiting.oldest.first().map(|(at, _)| *at)
    }

    /// When a message was last acknowledged.
    pub const fn last_acknowledged(&self) -> Option<Timestamp> {
        self.acknowledged
    }

    /// Since when messages are stuck, if they are: one waits for ten minutes, and in the last ten
    /// none was acknowledged. A single message that cannot be sent, among others that are, is not a
    /// line that is stuck.
    pub fn stuck_since(&self, now: Now) -> Option<Timestamp> {
        let age = |at: Timestamp| now.unix.millis_since(at);
        let stuck = as_millis(STUCK)..as_millis(LOST);
        if self.acknowledged.is_some_and(|at| age(at) < as_millis(STUCK)) {
            return None;
        }
        self.oldest_unacknowledged().filter(|at| stuck.contains(&age(*at)))
    }

    /// When the last message of a direction was sent.
    pub const fn last_message(&self, direction: Direction) -> Option<Timestamp> {
        self.last[direction.index()]
    }

    /// When the phone itself was last seen to send. It may have been opened since.
    pub const fn phone_active(&self) -> Option<Timestamp> {
        self.phone_active
    }

    /// The milliseconds that are left at least until WhatsApp unlinks the phone's devices; negative
    /// once it may have.
    pub fn phone_inactive_in_millis(&self, now: Now) -> Option<i64> {
        let end = self.phone_active?.plus_millis(as_millis(PHONE_PERIOD));
        Some(end.millis_since(now.unix))
    }
}

fn count(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::at;

    fn id(number: u64) -> MessageId {
        MessageId::from_hash(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn time(secs: i64) -> Option<Timestamp> {
        Some(Timestamp::from_secs(secs))
    }

    #[derive(Default)]
    struct Line {
        state: MessageState,
        memory: MessageMemory,
    }

    impl Line {
        fn tell(&mut self, secs: i64, event: MessageEvent) -> WebhookOutcome {
            self.state.apply(at(secs), &mut self.memory, &event)
        }

        fn counted(&self) -> u32 {
            self.state.message_counts().iter().sum()
        }
    }

    fn sent_by_api(number: u64, secs: i64) -> MessageEvent {
        MessageEvent::outbound(id(number), time(secs), Origin::Api, None)
    }

    fn status(number: u64, secs: i64, status: MessageStatus) -> MessageEvent {
        MessageEvent::status(id(number), time(secs), Some(status), None)
    }

    #[test]
    fn a_message_waits_until_any_status_comes_before_or_after_it() {
        for word in MessageStatus::ALL {
            let mut line = Line::default();
            assert_eq!(line.tell(10, sent_by_api(1, 10)), WebhookOutcome::Applied);
            assert_eq!(line.state.oldest_unacknowledged(), time(10));
            assert_eq!(line.state.unacknowledged(), 1);
            assert_eq!(line.tell(11, sent_by_api(1, 10)), WebhookOutcome::Duplicate);
            assert_eq!(line.tell(12, status(1, 12, *word)), WebhookOutcome::Applied, "{word:?}");
            assert_eq!((line.state.unacknowledged(), line.counted()), (0, 1), "{word:?}");
            let mut line = Line::default();
            line.tell(12, status(1, 12, *word));
            line.tell(13, sent_by_api(1, 10));
            assert_eq!((line.state.unacknowledged(), line.counted()), (0, 1), "{word:?}");
            assert_eq!(line.tell(14, status(1, 12, *word)), WebhookOutcome::Duplicate);
            assert_eq!(line.state.status_counts()[word.index()], 1);
        }
    }

    #[test]
    fn only_what_the_api_sent_waits() {
        let mut line = Line::default();
        line.tell(1, MessageEvent::outbound(id(1), time(1), Origin::Phone, None));
        line.tell(1, MessageEvent::outbound(id(2), time(1), Origin::Other, None));
        line.tell(1, MessageEvent::status(id(3), time(1), None, None));
        line.tell(1, MessageEvent::inbound(id(4), time(1)));
        assert_eq!((line.state.unacknowledged(), line.counted()), (0, 4));
        assert_eq!(line.state.phone_active(), time(1));
        line.tell(2, sent_by_api(3, 1));
        assert_eq!((line.state.unacknowledged(), line.counted()), (1, 4), "told by whom later");
    }

    #[test]
    fn the_oldest_gives_way_once_and_is_counted() {
        let mut line = Line::default();
        let most = MOST_WAITING as u64;
        for number in 0..most + 5 {
            line.tell(number as i64, sent_by_api(number, number as i64));
        }
        assert_eq!(line.state.unacknowledged(), MOST_WAITING);
        assert_eq!((line.state.forgotten(), line.state.oldest_unacknowledged()), (5, time(5)));
        assert_eq!(line.tell(20_000, sent_by_api(0, 0)), WebhookOutcome::Duplicate);
        assert_eq!((line.state.forgotten(), line.counted()), (5, MOST_WAITING as u32 + 5));
    }

    #[test]
    fn a_line_is_stuck_while_one_waits_and_none_is_acknowledged() {
        let mut line = Line::default();
        line.tell(0, sent_by_api(1, 0));
        assert_eq!(line.state.stuck_since(at(599)), None);
        assert_eq!(line.state.stuck_since(at(600)), time(0));
        line.tell(700, sent_by_api(2, 700));
        line.tell(701, status(2, 701, MessageStatus::Failed));
        assert_eq!(line.state.stuck_since(at(702)), time(0), "a failure moves nothing");
        line.tell(703, sent_by_api(3, 702));
        line.tell(703, status(3, 703, MessageStatus::Sent));
        assert_eq!(line.state.stuck_since(at(704)), None, "that one alone is lost");
        assert_eq!(line.state.stuck_since(at(1400)), time(0));
        let day = 86_400;
        assert_eq!(line.state.stuck_since(at(day)), None);
        line.tell(day + 1, sent_by_api(4, day + 1));
        assert_eq!(line.state.oldest_unacknowledged(), time(day + 1), "it hides no other");
        assert_eq!((line.state.forgotten(), line.state.line_failures()), (1, 1));
    }

    #[test]
    fn what_was_forgotten_is_not_counted_again() {
        let mut line = Line::default();
        line.memory.forget_until(time(100));
        let late = MessageEvent::inbound(id(1), time(100));
        assert_eq!(line.tell(200, late), WebhookOutcome::Late);
        // Its message may have been counted, so it is the status alone that is new.
        assert_eq!(line.tell(200, status(2, 150, MessageStatus::Read)), WebhookOutcome::Applied);
        assert_eq!(line.counted(), 0);
        line.tell(200, status(3, 150, MessageStatus::Sent));
        line.tell(200, status(2, 150, MessageStatus::Sent));
        assert_eq!((line.counted(), line.state.status_counts()[0]), (2, 2));
    }

    #[test]
    fn a_time_in_the_future_is_none() {
        let mut line = Line::default();
        line.tell(10, sent_by_api(1, 71));
        assert_eq!(line.state.oldest_unacknowledged(), time(10));
        line.tell(10, sent_by_api(2, 69));
        assert_eq!(line.state.last_message(Direction::Outbound), time(10));
    }

    #[test]
    fn the_phones_countdown_begins_with_what_it_sent_last() {
        let mut line = Line::default();
        assert_eq!(line.state.phone_inactive_in_millis(at(0)), None);
        let phone = |number, secs| {
            let sent = Some(MessageStatus::Sent);
            MessageEvent::outbound(id(number), time(secs), Origin::Phone, sent)
        };
        line.tell(500, phone(1, 500));
        line.tell(600, phone(2, 100));
        assert_eq!(line.state.phone_active(), time(500));
        let day = 86_400;
        let left = |secs| line.state.phone_inactive_in_millis(at(secs));
        assert_eq!(left(500 + 12 * day), Some(2 * day * 1000));
        assert_eq!(left(500 + 15 * day), Some(-day * 1000));
    }

    #[test]
    fn what_a_line_reads_of_others_is_no_status_of_its_own() {
        let mut line = Line::default();
        line.tell(1, MessageEvent::inbound(id(1), time(1)));
        assert_eq!(line.tell(2, status(1, 2, MessageStatus::Read)), WebhookOutcome::Ignored);
        assert_eq!(line.state.status_counts().iter().sum::<u32>(), 0);
    }

    #[test]
    fn after_the_clock_was_set_back_an_acknowledgement_of_before_hides_no_stuck_message() {
        let mut line = Line::default();
        line.tell(90_000, status(1, 90_000, MessageStatus::Sent));
        line.tell(1_000, sent_by_api(2, 1_000));
        assert_eq!(line.state.last_acknowledged(), time(1_000));
        assert_eq!(line.state.last_message(Direction::Outbound), time(1_000));
        assert_eq!(line.state.stuck_since(at(1_700)), time(1_000));
    }
}
