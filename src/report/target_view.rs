//! What every target's view has: what it is, how much it asks for a person, its polls, and what to
//! do.
//!
//! Not here: what is said of a kind of target.

use serde::Serialize;

use super::advice::Advice;
use super::humanize;
use crate::domain::{FailureReason, Notice, PollStats};
use crate::fleet::Watched;

/// What every target's view has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetSummary {
    /// The provider.
    pub provider: &'static str,
    /// The operator's name for it, or the provider's.
    pub name: String,
    /// The provider's id of it, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The source that lists it, if it was not configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// How it is.
    pub level: Level,
    /// Its status or condition, in a word.
    pub status: &'static str,
    /// Its polls.
    pub poll: PollView,
    /// What to do; null when it is well.
    pub advice: Option<Advice>,
}

impl TargetSummary {
    pub(super) fn new(
        watched: &Watched,
        (level, status, advice): (Level, &'static str, Option<Advice>),
    ) -> Self {
        Self {
            provider: watched.provider().label(),
            name: watched.target.name.to_string(),
            id: watched.id().map(ToString::to_string),
            source: watched.target.source().map(ToString::to_string),
            level,
            status,
            poll: PollView::new(watched.polls()),
            advice,
        }
    }
}

/// How much a target asks for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It does not work.
    Bad,
    /// It works in part, or not for long.
    Warning,
    /// It is not known.
    Unknown,
    /// It is well.
    Ok,
}

impl Level {
    /// The level in a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Ok => "ok",
        }
    }
}

/// The polls of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PollView {
    /// When a poll last succeeded, in milliseconds since the epoch.
    #[serde(skip)]
    pub last_success_millis: Option<i64>,
    /// When a poll last succeeded.
    pub last_success: Option<String>,
    /// Why the last poll failed.
    pub failure: Option<&'static str>,
    /// Since when polls fail.
    pub failing_since: Option<String>,
}

impl PollView {
    fn new(polls: &PollStats) -> Self {
        Self {
            last_success_millis: polls.last_success().map(|at| at.millis()),
            last_success: polls.last_success().map(humanize::rfc3339),
            failure: polls.last_failure().map(FailureReason::as_str),
            failing_since: polls.failing_since().map(|moment| humanize::rfc3339(moment.unix)),
        }
    }
}

/// A refused credential is known to be bad; other failures only say that nothing is known.
pub(super) const fn level_of(reason: FailureReason) -> Level {
    match reason {
        FailureReason::CredentialUnauthorized
        | FailureReason::ChannelNotFound
        | FailureReason::PaymentRequired => Level::Bad,
        _ => Level::Unknown,
    }
}

/// Something that the upstream says against a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeView {
    /// The upstream's number for it.
    pub code: Option<i64>,
    /// What is wrong or what to do.
    pub text: String,
    /// Code and text in one sentence.
    #[serde(skip)]
    pub words: String,
}

/// What the upstream says against a target, in order.
pub(super) fn notices(of: &[Notice]) -> Vec<NoticeView> {
    let view = |Notice { code, text }: &Notice| NoticeView {
        code: *code,
        text: text.to_string(),
        words: code.map_or_else(|| text.to_string(), |code| format!("{code}: {text}")),
    };
    of.iter().map(view).collect()
}
