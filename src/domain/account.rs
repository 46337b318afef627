//! An account's state: what is known of one business account, and what each poll and webhook makes
//! of it.
//!
//! Not here: its lines; each is a channel with a state of its own.

use super::account_event::{AccountEvent, AccountFact, AccountRestrictions, AccountWebhooks};
use super::time::MAX_LEAD_MILLIS;
use super::{
    AccountObservation, AccountRestriction, ApiUsage, CanSend, Expiry, Failure, Notice, Now,
    PollPolicy, PollStats, ReviewStatus, Subscribers, TemplateCounts, Timestamp, WebhookOutcome,
};

const NOBODY: Subscribers = Subscribers { any: false, own: false };

/// All that is known of one account.
#[derive(Debug, Clone, Default)]
pub struct AccountState {
    pub(super) polls: PollStats,
    review: Option<ReviewStatus>,
    can_send: Option<CanSend>,
    subscribers: Option<Subscribers>,
    /// Who was ever seen to get its webhooks.
    subscribers_before: Option<Subscribers>,
    templates: Option<TemplateCounts>,
    notices: Vec<Notice>,
    usage: Option<ApiUsage>,
    pub(super) restrictions: AccountRestrictions,
    /// `None` while none are received.
    pub(super) webhooks: Option<Box<AccountWebhooks>>,
    /// When an event last had the account polled out of turn.
    polled_for_event: Option<Now>,
}

/// Events have an account polled at most so often: 30 times an hour.
const EVENT_POLL_MILLIS: i64 = 120_000;

impl AccountState {
    /// An account that was never asked, of which webhooks may tell as well.
    pub fn with_webhooks() -> Self {
        Self { webhooks: Some(Box::default()), ..Self::default() }
    }

    /// Applies the outcome of a poll.
    pub fn apply(&mut self, now: Now, outcome: Result<AccountObservation, Failure>) {
        match outcome {
            Ok(observation) => {
                self.polls.succeeded(now);
                let AccountObservation { review, can_send, subscribers, templates, notices } =
                    observation;
                review.put(&mut self.review);
                can_send.put(&mut self.can_send);
                subscribers.put(&mut self.subscribers);
                templates.put(&mut self.templates);
                self.notices = notices;
                if let Some(Subscribers { any, own }) = self.subscribers {
                    let before = self.subscribers_before.get_or_insert(NOBODY);
                    *before = Subscribers { any: before.any || any, own: before.own || own };
                }
                if self.can_send == Some(CanSend::Available) {
                    // Lost or late is the webhook that should say so.
                    self.restrictions.end(AccountRestriction::Banned);
                }
            }
            Err(failure) => self.polls.failed(now, failure.reason),
        }
    }

    /// Takes that it is asked with another source's credential from now on, which may be of another
    /// app: that one has lost no webhooks.
    pub const fn asked_by_another(&mut self) {
        self.subscribers_before = None;
    }

    /// Takes how much of the upstream's limit is used.
    pub const fn used(&mut self, usage: ApiUsage) {
        self.usage = Some(usage);
    }

    /// Takes for how many seconds beyond its interval it is not polled. Whether that changes how
    /// long anything counts.
    pub const fn space_out(&mut self, seconds: u16) -> bool {
        let matters = self.polls.spaced != seconds || seconds > 0;
        self.polls.spaced = seconds;
        matters
    }

    /// Applies a webhook's event.
    pub fn apply_event(&mut self, now: Now, mut event: AccountEvent) -> WebhookOutcome {
        // Nothing later would ever be newer.
        event.at = event.at.filter(|at| at.millis_since(now.unix) <= MAX_LEAD_MILLIS);
        let webhooks = self.webhooks.get_or_insert_default();
        let is_new = webhooks.is_new(event.fingerprint);
        // A review that a poll has told since is newer. Events tell their time in whole seconds.
        let since = event.at.zip(self.polls.last_success());
        let is_late = since.is_some_and(|(event, poll)| poll.millis_since(event) >= 1000);
        // Upstreams try for days, so what is delivered now may have been decided before.
        let is_before = |newer: Option<Timestamp>| event.at.zip(newer).is_some_and(|(a, b)| a < b);
        let outcome = match (&event.fact, is_new) {
            (_, false) => WebhookOutcome::Duplicate,
            (AccountFact::None, true) => WebhookOutcome::Ignored,
            (AccountFact::Malformed, true) => WebhookOutcome::Malformed,
            (AccountFact::Review(_), true) if is_late => WebhookOutcome::Late,
            (AccountFact::Restricted(_), true) if is_before(self.restrictions.lifted) => {
                WebhookOutcome::Late
            }
            (AccountFact::Reinstated, true) if is_before(self.restrictions.imposed) => {
                WebhookOutcome::Late
            }
            _ => WebhookOutcome::Applied,
        };
        webhooks.delivered(now.unix, event.kind, outcome);
        if outcome == WebhookOutcome::Applied {
            match event.fact {
                AccountFact::Review(review) => self.review = Some(review),
                AccountFact::Restricted(told) => self.restrictions.impose(&told, event.at),
                AccountFact::Reinstated => self.restrictions.lift(event.at),
                AccountFact::Changed | AccountFact::None | AccountFact::Malformed => {}
            }
        }
        outcome
    }

    /// Whether the account may be polled out of turn now, since an event told of a change. Events
    /// may come in hundreds, and polls take of a limit that is the application's too. If it may, it
    /// is taken to be.
    pub fn may_poll_for_event(&mut self, now: Now) -> bool {
        let lately =
            self.polled_for_event.is_some_and(|last| now.millis_since(last) < EVENT_POLL_MILLIS);
        let is_scarce = self.usage.is_some_and(|usage| usage.percent >= 50);
        let may = !lately && !is_scarce;
        if may {
            self.polled_for_event = Some(now);
        }
        may
    }

    fn is_stale(&self, now: Now, policy: PollPolicy) -> bool {
        self.polls.stale_since(now, policy).is_some()
    }

    /// What became of its review; `None` when that is not known, and once it is stale.
    pub fn review(&self, now: Now, policy: PollPolicy) -> Option<ReviewStatus> {
        self.review.filter(|_| !self.is_stale(now, policy))
    }

    /// Whether the account lets messages through; `None` likewise.
    pub fn can_send(&self, now: Now, policy: PollPolicy) -> Option<CanSend> {
        self.can_send.filter(|_| !self.is_stale(now, policy))
    }

    /// Whether somebody gets the account's webhooks: the app whose token is watched if it ever was
    /// seen to, else any; `None` likewise.
    pub fn webhook_subscribed(&self, now: Now, policy: PollPolicy) -> Option<bool> {
        let apps = self.subscribers.filter(|_| !self.is_stale(now, policy))?;
        let own_was = self.subscribers_before.is_some_and(|before| before.own);
        Some(if own_was { apps.own } else { apps.any })
    }

    /// Whether somebody was seen to get the account's webhooks and no longer does. One that never
    /// had any may need none.
    pub fn webhook_lost(&self, now: Now, policy: PollPolicy) -> bool {
        let had = self.subscribers_before.is_some_and(|before| before.any || before.own);
        had && self.webhook_subscribed(now, policy) == Some(false)
    }

    /// Its templates; `None` likewise.
    pub fn templates(&self, now: Now, policy: PollPolicy) -> Option<&TemplateCounts> {
        self.templates.as_ref().filter(|_| !self.is_stale(now, policy))
    }

    /// What the upstream says against it.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// How much of the upstream's limit of requests is used, as last told.
    pub const fn usage(&self) -> Option<ApiUsage> {
        self.usage
    }

    /// Whether a restriction that a webhook told is in force.
    pub fn is_restricted(&self, reason: AccountRestriction, now: Now) -> bool {
        self.restrictions.is_active(reason, now)
    }

    /// When a restriction in force ends; `None` when that is not known.
    pub fn restriction_end(&self, reason: AccountRestriction, now: Now) -> Option<Expiry> {
        self.restrictions.end_of(reason, now)
    }

    /// What webhooks told; `None` while none are received.
    pub fn webhooks(&self) -> Option<&AccountWebhooks> {
        self.webhooks.as_deref()
    }

    /// The bookkeeping of the polls.
    pub const fn polls(&self) -> &PollStats {
        &self.polls
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::time::at;
    use crate::domain::{AccountEventKind, FailureReason, Timestamp, Told};

    const POLICY: PollPolicy =
        PollPolicy { interval: Duration::from_secs(300), stale_after: Duration::from_secs(1500) };

    fn event(secs: i64, fact: AccountFact) -> AccountEvent {
        let at = Some(Timestamp::from_secs(secs));
        AccountEvent { kind: AccountEventKind::AccountUpdate, at, fact, fingerprint: secs as u64 }
    }

    #[test]
    fn what_is_not_asked_each_time_stays_and_what_is_stale_is_not_known() {
        let mut account = AccountState::default();
        let apps = Subscribers { any: true, own: false };
        let whole = AccountObservation {
            review: Told::Known(ReviewStatus::Approved),
            subscribers: Told::Known(apps),
            templates: Told::Known(TemplateCounts::default()),
            ..AccountObservation::default()
        };
        account.apply(at(0), Ok(whole));
        account.apply(at(300), Ok(AccountObservation::default()));
        assert_eq!(account.review(at(300), POLICY), Some(ReviewStatus::Approved));
        assert_eq!(account.webhook_subscribed(at(300), POLICY), Some(true));
        assert!(account.templates(at(300), POLICY).is_some());
        let asked =
            AccountObservation { templates: Told::Unknown, ..AccountObservation::default() };
        account.apply(at(600), Ok(asked));
        assert!(account.templates(at(600), POLICY).is_none());
        account.apply(at(900), Err(Failure::new(FailureReason::Timeout, "x")));
        assert_eq!(account.review(at(2399), POLICY), Some(ReviewStatus::Approved));
        assert_eq!(account.review(at(2400), POLICY), None);
        assert_eq!(account.webhook_subscribed(at(2400), POLICY), None);
    }

    #[test]
    fn another_apps_subscription_does_not_stand_for_one_that_was_lost() {
        let mut account = AccountState::default();
        let mut told = |any, own| {
            let apps = Told::Known(Subscribers { any, own });
            account
                .apply(at(0), Ok(AccountObservation { subscribers: apps, ..Default::default() }));
            account.webhook_subscribed(at(0), POLICY)
        };
        assert_eq!(told(false, false), Some(false));
        assert_eq!(told(true, false), Some(true), "the watched token may be another app's");
        assert_eq!(told(true, true), Some(true));
        assert_eq!(told(true, false), Some(false), "it was subscribed, and is no longer");
        assert!(account.webhook_lost(at(0), POLICY));
        let mut never = AccountState::default();
        let apps = Told::Known(Subscribers { any: false, own: false });
        never.apply(at(0), Ok(AccountObservation { subscribers: apps, ..Default::default() }));
        assert!(!never.webhook_lost(at(0), POLICY), "it may only send");
    }

    #[test]
    fn a_restriction_ends_by_its_time_by_a_webhook_or_by_better_word() {
        let mut account = AccountState::with_webhooks();
        let end = Some(Expiry::At(Timestamp::from_secs(100)));
        let told = vec![(AccountRestriction::BusinessInitiated, end)];
        let applied = account.apply_event(at(10), event(10, AccountFact::Restricted(told)));
        assert_eq!(applied, WebhookOutcome::Applied);
        let restricted = |account: &AccountState, secs| {
            account.is_restricted(AccountRestriction::BusinessInitiated, at(secs))
        };
        assert!(restricted(&account, 99) && !restricted(&account, 100));
        let banned = || AccountFact::Restricted(vec![(AccountRestriction::Banned, None)]);
        account.apply_event(at(20), event(20, banned()));
        assert!(account.is_restricted(AccountRestriction::Banned, at(1_000_000)));
        account.apply_event(at(30), event(30, AccountFact::Reinstated));
        assert!(!account.is_restricted(AccountRestriction::Banned, at(31)));
        // What was decided before and is delivered late moves nothing.
        let late = |account: &mut AccountState, secs, fact| {
            assert_eq!(account.apply_event(at(35), event(secs, fact)), WebhookOutcome::Late);
        };
        late(&mut account, 25, banned());
        assert!(!account.is_restricted(AccountRestriction::Banned, at(35)));
        account.apply_event(at(40), event(40, banned()));
        late(&mut account, 35, AccountFact::Reinstated);
        assert!(account.is_restricted(AccountRestriction::Banned, at(45)));
        let mut restarted = AccountState::with_webhooks();
        restarted.restore_restrictions(at(46), account.kept_restrictions());
        late(&mut restarted, 36, AccountFact::Reinstated);
        late(&mut restarted, 26, banned());
        assert!(restarted.is_restricted(AccountRestriction::Banned, at(46)));
        let well = Told::Known(crate::domain::CanSend::Available);
        account.apply(at(50), Ok(AccountObservation { can_send: well, ..Default::default() }));
        assert!(!account.is_restricted(AccountRestriction::Banned, at(50)));
    }

    #[test]
    fn events_have_an_account_polled_seldom_enough_and_never_near_the_limit() {
        let mut account = AccountState::with_webhooks();
        assert!(account.may_poll_for_event(at(0)));
        assert!(!account.may_poll_for_event(at(119)));
        assert!(account.may_poll_for_event(at(120)));
        account.used(ApiUsage { percent: 60, refused_for: None });
        assert!(!account.may_poll_for_event(at(500)));
    }

    #[test]
    fn an_event_counts_once_and_an_old_review_moves_nothing() {
        let mut account = AccountState::with_webhooks();
        let review = |secs, to| event(secs, AccountFact::Review(to));
        let rejected = review(10, ReviewStatus::Rejected);
        assert_eq!(account.apply_event(at(10), rejected.clone()), WebhookOutcome::Applied);
        assert_eq!(account.apply_event(at(11), rejected), WebhookOutcome::Duplicate);
        let approved = Told::Known(ReviewStatus::Approved);
        account.apply(at(20), Ok(AccountObservation { review: approved, ..Default::default() }));
        let late = account.apply_event(at(30), review(15, ReviewStatus::Pending));
        assert_eq!(late, WebhookOutcome::Late);
        assert_eq!(account.review(at(30), POLICY), Some(ReviewStatus::Approved));
    }

    #[test]
    fn an_event_from_the_far_future_makes_no_later_one_late() {
        let banned = || AccountFact::Restricted(vec![(AccountRestriction::Banned, None)]);
        let is_banned =
            |account: &AccountState| account.is_restricted(AccountRestriction::Banned, at(20));
        let mut account = AccountState::with_webhooks();
        account.apply_event(at(10), event(8_000_000_000, AccountFact::Reinstated));
        account.apply_event(at(20), event(20, banned()));
        assert!(is_banned(&account));
        let mut account = AccountState::with_webhooks();
        account.apply_event(at(10), event(8_000_000_000, banned()));
        account.apply_event(at(20), event(20, AccountFact::Reinstated));
        assert!(!is_banned(&account));
    }
}
