//! What a webhook tells of an account, the closed lists that it is counted by, and what is kept of
//! it.
//!
//! Not here: what is known of the account otherwise (`account.rs`).

use std::collections::VecDeque;

use super::label_enum::label_enum;
use super::{Expiry, Now, ReviewStatus, Timestamp, WebhookOutcome};

label_enum! {
    /// A webhook about an account, as it is counted.
    AccountEventKind {
        /// Something about the account: a ban, a restriction, a partner.
        AccountUpdate = "account_update",
        /// A notice about the account or one of its lines.
        AccountAlerts = "account_alerts",
        /// The decision of a review.
        AccountReviewUpdate = "account_review_update",
        /// A line's limit or throughput.
        PhoneNumberQualityUpdate = "phone_number_quality_update",
        /// How much the business may do.
        BusinessCapabilityUpdate = "business_capability_update",
        /// A template's status.
        MessageTemplateStatusUpdate = "message_template_status_update",
        /// A line's PIN.
        Security = "security",
        /// Any other.
        Other = "other",
    }
}

label_enum! {
    /// What an account may not do.
    AccountRestriction {
        /// Begin conversations.
        BusinessInitiated = "business_initiated",
        /// Answer customers.
        CustomerInitiated = "customer_initiated",
        /// Add phone numbers.
        PhoneNumbers = "phone_numbers",
        /// Send templates of some category.
        Templates = "templates",
        /// Call.
        Calling = "calling",
        /// Anything, from a time on that was announced.
        BanScheduled = "ban_scheduled",
        /// Anything.
        Banned = "banned",
        /// Something else.
        Other = "other",
    }
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountFact {
    /// The review's decision.
    Review(ReviewStatus),
    /// These restrictions are in force from now on, until then, if that was told.
    Restricted(Vec<(AccountRestriction, Option<Expiry>)>),
    /// All restrictions are over.
    Reinstated,
    /// Something changed that the next poll will tell.
    Changed,
    /// Nothing that is kept.
    None,
    /// It does not hold what its kind should.
    Malformed,
}

/// Something that happened to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountEvent {
    /// What it is counted as.
    pub kind: AccountEventKind,
    /// When it happened, by the upstream's clock.
    pub at: Option<Timestamp>,
    /// What it says.
    pub fact: AccountFact,
    /// The same for the same event delivered again, and hardly for another.
    pub fingerprint: u64,
}

/// The restrictions that webhooks told of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct AccountRestrictions {
    ends: [Option<RestrictionEnd>; AccountRestriction::COUNT],
    /// When the newest of them was imposed, and when all were last lifted, by the upstream's clock.
    pub(super) imposed: Option<Timestamp>,
    pub(super) lifted: Option<Timestamp>,
}

/// When a restriction ends; `None` when that was not told.
type RestrictionEnd = Option<Expiry>;

impl AccountRestrictions {
    /// Takes restrictions that were imposed at this time.
    pub(super) fn impose(
        &mut self,
        told: &[(AccountRestriction, RestrictionEnd)],
        at: Option<Timestamp>,
    ) {
        for (reason, end) in told {
            self.ends[reason.index()] = Some(*end);
        }
        self.imposed = self.imposed.max(at);
    }

    /// Ends all of them, as was decided at this time.
    pub(super) fn lift(&mut self, at: Option<Timestamp>) {
        self.ends = [None; AccountRestriction::COUNT];
        self.lifted = self.lifted.max(at);
    }

    pub(super) const fn end(&mut self, reason: AccountRestriction) {
        self.ends[reason.index()] = None;
    }

    /// Every one, over or not.
    pub(super) fn all(&self) -> impl Iterator<Item = (AccountRestriction, RestrictionEnd)> {
        let all = AccountRestriction::ALL.iter().zip(self.ends);
        all.filter_map(|(reason, end)| Some((*reason, end?)))
    }

    pub(super) fn is_active(&self, reason: AccountRestriction, now: Now) -> bool {
        self.ends[reason.index()].is_some_and(|end| !end.is_some_and(|end| end.is_past(now.unix)))
    }

    pub(super) fn end_of(&self, reason: AccountRestriction, now: Now) -> Option<Expiry> {
        self.ends[reason.index()].filter(|_| self.is_active(reason, now)).flatten()
    }
}

/// So many events are remembered, to tell those that are delivered again: upstreams try for days.
const REMEMBERED: usize = 64;

/// What webhooks told of one account.
#[derive(Debug, Clone, Default)]
pub struct AccountWebhooks {
    pub(super) events: [[u32; WebhookOutcome::COUNT]; AccountEventKind::COUNT],
    last_event: Option<Timestamp>,
    seen: VecDeque<u64>,
}

impl AccountWebhooks {
    /// Whether an event was not delivered before. From now on it was.
    pub(super) fn is_new(&mut self, fingerprint: u64) -> bool {
        if self.seen.contains(&fingerprint) {
            return false;
        }
        if self.seen.len() == REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(fingerprint);
        true
    }

    /// Counts a delivery.
    pub(super) const fn delivered(
        &mut self,
        now: Timestamp,
        kind: AccountEventKind,
        outcome: WebhookOutcome,
    ) {
        let count = &mut self.events[kind.index()][outcome.index()];
        *count = count.saturating_add(1);
        self.last_event = Some(now);
    }

    /// How many there were, by kind and outcome, the outcome running fastest.
    pub const fn event_counts(&self) -> &[u32] {
        self.events.as_flattened()
    }

    /// When one last came.
    pub const fn last_event(&self) -> Option<Timestamp> {
        self.last_event
    }
}
