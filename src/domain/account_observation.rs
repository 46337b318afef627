//! What one poll says of an account beside its lines, and the closed lists that its labels come
//! from.
//!
//! Not here: how answers are read, and what becomes of them (`account.rs`).

use super::label_enum::label_enum;
use super::{CanSend, Notice};

label_enum! {
    /// What became of the review of an account.
    ReviewStatus {
        /// It passed.
        Approved = "APPROVED",
        /// It is under review.
        Pending = "PENDING",
        /// It did not pass.
        Rejected = "REJECTED",
        /// It passed, and may not do everything.
        Restricted = "RESTRICTED",
        /// The decision was put off.
        Deferred = "DEFERRED",
        /// Any other word.
        Other = "other",
    }
}

label_enum! {
    /// The status of a message template.
    TemplateStatus {
        /// It can be sent.
        Approved = "APPROVED",
        /// It is under review.
        Pending = "PENDING",
        /// It did not pass.
        Rejected = "REJECTED",
        /// It was stopped for some hours, since receivers did not like it.
        Paused = "PAUSED",
        /// It was stopped for good.
        Disabled = "DISABLED",
        /// An appeal is under way.
        InAppeal = "IN_APPEAL",
        /// It is about to be deleted.
        PendingDeletion = "PENDING_DELETION",
        /// It was deleted.
        Deleted = "DELETED",
        /// It is about to be disabled.
        Flagged = "FLAGGED",
        /// It is no longer flagged or disabled.
        Reinstated = "REINSTATED",
        /// There are more than there may be.
        LimitExceeded = "LIMIT_EXCEEDED",
        /// It was put away.
        Archived = "ARCHIVED",
        /// It was taken out again.
        Unarchived = "UNARCHIVED",
        /// It cannot be changed.
        Locked = "LOCKED",
        /// It can be changed again.
        Unlocked = "UNLOCKED",
        /// Any other word.
        Other = "other",
    }
}

label_enum! {
    /// What a message template is for.
    TemplateCategory {
        /// Offers and news.
        Marketing = "MARKETING",
        /// What a customer has asked for or bought.
        Utility = "UTILITY",
        /// One-time passwords.
        Authentication = "AUTHENTICATION",
        /// Any other word.
        Other = "other",
    }
}

/// How many templates there are, by status and category.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TemplateCounts([[u32; TemplateCategory::COUNT]; TemplateStatus::COUNT]);

impl TemplateCounts {
    /// Counts a template.
    pub const fn add(&mut self, status: TemplateStatus, category: TemplateCategory) {
        let count = &mut self.0[status.index()][category.index()];
        *count = count.saturating_add(1);
    }

    /// All counts, the category running fastest.
    pub const fn counts(&self) -> &[u32] {
        self.0.as_flattened()
    }

    /// How many have this status.
    pub fn of(&self, status: TemplateStatus) -> u32 {
        self.0[status.index()].iter().sum()
    }
}

/// Which apps get an account's webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscribers {
    /// Whether any does.
    pub any: bool,
    /// Whether the app does whose token is watched.
    pub own: bool,
}

/// A part of a poll that is not asked each time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Told<T> {
    /// It was not asked: what is known stays.
    #[default]
    NotAsked,
    /// It was asked in vain: nothing is known.
    Unknown,
    /// It was told.
    Known(T),
}

impl<T> Told<T> {
    pub(super) fn put(self, known: &mut Option<T>) {
        match self {
            Self::NotAsked => {}
            Self::Unknown => *known = None,
            Self::Known(value) => *known = Some(value),
        }
    }
}

/// What a poll of an account says beside its lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountObservation {
    /// What became of its review.
    pub review: Told<ReviewStatus>,
    /// Whether the account itself lets messages through.
    pub can_send: Told<CanSend>,
    /// Who gets its webhooks.
    pub subscribers: Told<Subscribers>,
    /// Its templates.
    pub templates: Told<TemplateCounts>,
    /// What the upstream says against it.
    pub notices: Vec<Notice>,
}
