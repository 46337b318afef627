//! Which counters are kept while the exporter is away, and the words that name each. They are
//! listed once, for reading and for restoring them.
//!
//! Not here: what else is kept (`snapshot.rs`), and where.

use super::poll_stats::FailureCounts;
use super::{
    AccountEventKind, AccountState, AccountWebhooks, AnswerClass, ChannelState, Direction,
    ErrorSource, FailureReason, MessageFailure, MessageState, MessageStatus, Origin, PollStats,
    RequestCounts, SourceState, Status, TokenErrorReason, TokenState, UnauthorizedReason,
    WebhookEvent, WebhookOutcome, WebhookState,
};

/// Told of a counter: the words that name it, and its count.
pub type SeeCounter<'a> = &'a mut dyn FnMut(&[&str], u64);

/// Says what the count of a counter was, if that is known.
pub type KnownCounter<'a> = &'a dyn Fn(&[&str]) -> Option<u64>;

/// What has counters that are kept.
pub trait KeptCounters {
    /// Tells of every counter.
    fn see_counters(&self, see: SeeCounter<'_>);

    /// Sets every counter whose count is known, as far as it can grow.
    fn restore_counters(&mut self, known: KnownCounter<'_>);
}

/// What is not there has no counters.
impl<T: KeptCounters> KeptCounters for Option<Box<T>> {
    fn see_counters(&self, see: SeeCounter<'_>) {
        self.iter().for_each(|some| some.see_counters(see));
    }

    fn restore_counters(&mut self, known: KnownCounter<'_>) {
        self.iter_mut().for_each(|some| some.restore_counters(known));
    }
}

/// One counter, or an array of them. `labels` name what is in it, and `path` the array.
trait KeptField {
    fn see(&self, path: &mut Vec<&str>, labels: &[&[&'static str]], see: SeeCounter<'_>);
    fn restore(&mut self, path: &mut Vec<&str>, labels: &[&[&'static str]], known: KnownCounter);
}

impl KeptField for u64 {
    fn see(&self, path: &mut Vec<&str>, _: &[&[&'static str]], see: SeeCounter<'_>) {
        see(path, *self);
    }

    fn restore(&mut self, path: &mut Vec<&str>, _: &[&[&'static str]], known: KnownCounter) {
        *self = known(path).unwrap_or(*self);
    }
}

impl KeptField for u32 {
    fn see(&self, path: &mut Vec<&str>, _: &[&[&'static str]], see: SeeCounter<'_>) {
        see(path, u64::from(*self));
    }

    fn restore(&mut self, path: &mut Vec<&str>, _: &[&[&'static str]], known: KnownCounter) {
        let known = known(path).map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        *self = known.unwrap_or(*self);
    }
}

impl<T: KeptField, const N: usize> KeptField for [T; N] {
    fn see(&self, path: &mut Vec<&str>, labels: &[&[&'static str]], see: SeeCounter<'_>) {
        let Some((own, inner)) = labels.split_first() else { return };
        debug_assert_eq!(own.len(), N, "each has its label");
        for (label, counts) in own.iter().zip(self) {
            path.push(label);
            counts.see(path, inner, see);
            path.pop();
        }
    }

    fn restore(&mut self, path: &mut Vec<&str>, labels: &[&[&'static str]], known: KnownCounter) {
        let Some((own, inner)) = labels.split_first() else { return };
        debug_assert_eq!(own.len(), N, "each has its label");
        for (label, counts) in own.iter().zip(self) {
            path.push(label);
            counts.restore(path, inner, known);
            path.pop();
        }
    }
}

/// Those of failures take no memory before the first.
impl KeptField for Option<Box<FailureCounts>> {
    fn see(&self, path: &mut Vec<&str>, labels: &[&[&'static str]], see: SeeCounter<'_>) {
        self.iter().for_each(|counts| counts.see(path, labels, see));
    }

    fn restore(&mut self, path: &mut Vec<&str>, labels: &[&[&'static str]], known: KnownCounter) {
        let mut counts = self.as_deref().copied().unwrap_or_default();
        counts.restore(path, labels, known);
        if counts != FailureCounts::default() {
            *self = Some(Box::new(counts));
        }
    }
}

/// Lists the counters of types: first the parts that have counters themselves, then each field with
/// the word that names it and the lists that name what is in it.
macro_rules! kept_counters {
    ($($name:ident($($part:ident),*) {
        $($word:literal $([$($labels:expr),+])? = $($field:ident).+;)*
    })+) => {$(
        impl KeptCounters for $name {
            fn see_counters(&self, see: SeeCounter<'_>) {
                $(self.$part.see_counters(see);)*
                $(self.$($field).+.see(&mut vec![$word], &[$($($labels),+)?], see);)*
            }

            fn restore_counters(&mut self, known: KnownCounter<'_>) {
                $(self.$part.restore_counters(known);)*
                $(self.$($field).+.restore(&mut vec![$word], &[$($($labels),+)?], known);)*
            }
        }
    )+};
}

kept_counters! {
    ChannelState(polls, webhooks, messages) {
        "transitions" [Status::REPORTED_LABELS] = moves.transitions;
        "restarts" = moves.restarts;
        "unauthorized" [ErrorSource::LABELS, UnauthorizedReason::LABELS] = unauthorized;
    }
    WebhookState() {
        "logins" = logins;
        "logouts" = logouts;
        "events" [WebhookEvent::LABELS, WebhookOutcome::LABELS] = events;
    }
    MessageState() {
        "messages" [Direction::LABELS, Origin::LABELS] = messages;
        "message_statuses" [MessageStatus::LABELS] = statuses;
        "message_failures" [MessageFailure::LABELS] = failures;
        "message_line_failures" = line_failures;
        "messages_forgotten" = forgotten;
    }
    // Nothing else is kept of a token: it may be another one by the time we are back.
    TokenState(polls) {
        "errors" [ErrorSource::LABELS, TokenErrorReason::LABELS] = errors;
        "unauthorized" [ErrorSource::LABELS] = unauthorized;
    }
    SourceState(polls) {}
    AccountState(polls, webhooks) {}
    AccountWebhooks() {
        "events" [AccountEventKind::LABELS, WebhookOutcome::LABELS] = events;
    }
    PollStats() {
        "polls" = polls;
        "failures" [FailureReason::LABELS] = failures;
    }
    RequestCounts() {
        "requests" [AnswerClass::LABELS] = answers;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::{MessageEvent, MessageId, MessageMemory, Now, Timestamp};

    const NOW: Now = Now { unix: Timestamp::from_secs(1), steady: 1000 };

    fn counts(of: &dyn KeptCounters) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        of.see_counters(&mut |words, count| {
            let twice = counts.insert(words.join("/"), count);
            assert_eq!(twice, None, "{words:?} names two counters");
        });
        counts
    }

    fn channel() -> ChannelState {
        let mut state = ChannelState::new(NOW).with_webhooks();
        let event = MessageEvent::outbound(MessageId::from_hash(1), None, Origin::Phone, None);
        state.message_told(NOW, &mut MessageMemory::default(), &event);
        state
    }

    fn states() -> Vec<Box<dyn KeptCounters>> {
        vec![
            Box::new(channel()),
            Box::new(ChannelState::new(NOW)),
            Box::new(TokenState::new(0)),
            Box::new(SourceState::default()),
            Box::new(AccountState::with_webhooks()),
            Box::new(RequestCounts::default()),
        ]
    }

    #[test]
    fn every_counter_that_is_seen_is_restored_under_the_same_words() {
        for mut state in states() {
            // Counts of failures are only there once there is one.
            state.restore_counters(&|words| (words[0] == "failures").then_some(1));
            let names: Vec<String> = counts(&*state).into_keys().collect();
            let number = |words: &[&str]| {
                let at = names.iter().position(|name| *name == words.join("/"));
                at.map(|at| at as u64 + 100)
            };
            state.restore_counters(&number);
            let expected = names.iter().cloned().zip(100..);
            assert_eq!(counts(&*state), expected.collect());
        }
    }

    #[test]
    fn seeing_and_restoring_nothing_changes_nothing() {
        let (mut state, before) = (channel(), channel());
        counts(&state);
        state.restore_counters(&|_| None);
        assert_eq!(format!("{state:?}"), format!("{before:?}"));
    }

    #[test]
    fn a_count_that_is_too_large_for_its_counter_is_the_largest() {
        let mut state = ChannelState::new(NOW);
        state.restore_counters(&|_| Some(u64::MAX));
        assert_eq!(state.restarts(), u32::MAX);
        assert_eq!(state.polls().polls(), u64::MAX);
    }

    #[test]
    fn a_message_of_the_gateway_waits_also_where_webhooks_told_of_messages_before_a_restart() {
        for (words, told) in [("messages", false), ("message_statuses", true)] {
            let mut memory = MessageMemory::default();
            let mut state = ChannelState::new(NOW);
            let sends = |state: &mut ChannelState, memory: &mut _, id| {
                state.accepted_message(NOW, memory, MessageId::from_hash(id));
            };
            sends(&mut state, &mut memory, 1);
            state.restore_counters(&|path| (path[0] == words && path[1] != "inbound").then_some(1));
            sends(&mut state, &mut memory, 2);
            assert_eq!(state.waiting_messages().is_some(), told, "{words}");
        }
    }
}
