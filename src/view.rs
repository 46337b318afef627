//! What a person should know of each target: how it is, since when, and what to do.
//!
//! Not here: how it is shown; the page, `/api/status` and `check` all show this one view.

use serde::Serialize;

use crate::course::{self, Move};
use crate::domain::{Expiry, FailureReason, Moment, PollRecord, Status, Witness};
use crate::fleet::{Channel, Members, Token};
use crate::words;

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
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Ok => "ok",
        }
    }
}

/// What to do, and where it is explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// The first step.
    pub todo: &'static str,
    /// The page that explains it.
    pub runbook: String,
}

impl Advice {
    fn new(todo: &'static str, alert: &str) -> Self {
        Self { todo, runbook: format!("{}/{alert}.md", words::RUNBOOKS) }
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
    fn new(polls: &PollRecord) -> Self {
        Self {
            last_success_millis: polls.last_success().map(|at| at.millis()),
            last_success: polls.last_success().map(words::rfc3339),
            failure: polls.last_failure().map(FailureReason::word),
            failing_since: polls.failing_since().map(|moment| words::rfc3339(moment.unix)),
        }
    }
}

/// What a person should know of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelView {
    /// The provider.
    pub provider: &'static str,
    /// The operator's name for it.
    pub name: String,
    /// How it is.
    pub level: Level,
    /// Its status.
    pub status: &'static str,
    /// Whether messages can be sent; null when that is not known.
    pub authorized: Option<bool>,
    /// Since when the status is what it is, in milliseconds since the epoch.
    #[serde(skip)]
    pub since_millis: i64,
    /// Since when the status is what it is.
    pub since: String,
    /// Its polls.
    pub poll: PollView,
    /// Its last moves, the oldest first; only while webhooks are received.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Move>,
    /// How long it was away before it became what it is, in words.
    #[serde(skip)]
    pub returned: Option<String>,
    /// What to do; null when it is well.
    pub advice: Option<Advice>,
}

impl ChannelView {
    /// The view of a channel at `now`.
    pub fn new(channel: &Channel, now: Moment) -> Self {
        let (state, limits) = (&channel.state, channel.limits());
        let status = state.status(now, limits);
        let authorized = state.authorized(now, limits);
        let since = state.since(now, limits);
        let polls = state.polls();
        let (level, advice) = match status {
            Status::Auth => (Level::Ok, None),
            Status::Init | Status::Launch => {
                (Level::Warning, status_advice(status, "WhatsAppChannelStuckStarting"))
            }
            Status::SyncError => {
                (Level::Warning, status_advice(status, "WhatsAppChannelSyncError"))
            }
            Status::Unknown if authorized == Some(false) => {
                (Level::Bad, Some(Advice::new(words::SESSION_TODO, "WhatsAppChannelNotAuthorized")))
            }
            Status::Unknown if polls.polls() == 0 => (Level::Unknown, None),
            Status::Unknown => match polls.last_failure() {
                Some(reason) => (
                    level_of(reason),
                    Some(Advice::new(words::failure_todo(reason), channel_alert(reason))),
                ),
                None => (
                    Level::Unknown,
                    Some(Advice::new(words::UNKNOWN_WORD_TODO, "WhatsAppChannelStatusUnknown")),
                ),
            },
            _ => (Level::Bad, status_advice(status, "WhatsAppChannelNotAuthorized")),
        };
        // A status that still counts although polls fail is worth a word.
        let (level, advice) = match (level, polls.last_failure()) {
            (Level::Ok, Some(reason)) => (
                Level::Warning,
                Some(Advice::new(words::failure_todo(reason), channel_alert(reason))),
            ),
            same => (same.0, advice),
        };
        let course = state.webhooks().map(Witness::course).unwrap_or_default();
        let returned =
            (status == Status::Auth).then(|| course::return_to_auth(&course, now.unix)).flatten();
        Self {
            provider: channel.target.options.provider.word(),
            name: channel.target.name.to_string(),
            level,
            status: status.word(),
            authorized,
            since_millis: since.millis(),
            since: words::rfc3339(since),
            poll: PollView::new(polls),
            moves: course::moves(&course),
            returned,
            advice,
        }
    }
}

fn status_advice(status: Status, alert: &str) -> Option<Advice> {
    words::status_todo(status).map(|todo| Advice::new(todo, alert))
}

/// A refused credential is known to be bad; other failures only say that nothing is known.
const fn level_of(reason: FailureReason) -> Level {
    match reason {
        FailureReason::CredentialUnauthorized
        | FailureReason::ChannelNotFound
        | FailureReason::PaymentRequired => Level::Bad,
        _ => Level::Unknown,
    }
}

const fn channel_alert(reason: FailureReason) -> &'static str {
    match reason {
        FailureReason::CredentialUnauthorized | FailureReason::ChannelNotFound => {
            "WhatsAppChannelCredentialRejected"
        }
        _ => "WhatsAppChannelStatusUnknown",
    }
}

/// What a person should know of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenView {
    /// The provider.
    pub provider: &'static str,
    /// The operator's name for it.
    pub name: String,
    /// How it is.
    pub level: Level,
    /// Its condition: `valid`, `expiring`, `expired`, `invalid`, `scope missing` or `unknown`.
    pub status: &'static str,
    /// Whether it works; null when that is not known.
    pub valid: Option<bool>,
    /// Whether it never expires.
    pub never_expires: bool,
    /// When it expires, in milliseconds since the epoch.
    #[serde(skip)]
    pub expires_millis: Option<i64>,
    /// When it expires; null when it never does or that is not known.
    pub expires: Option<String>,
    /// When its access to user data ends, in milliseconds since the epoch.
    #[serde(skip)]
    pub data_access_millis: Option<i64>,
    /// When its access to user data ends; null when it never does or that is not known.
    pub data_access_expires: Option<String>,
    /// The required scopes it was not granted.
    pub missing_scopes: Vec<String>,
    /// Its polls.
    pub poll: PollView,
    /// What to do; null when it is well.
    pub advice: Option<Advice>,
}

/// The user's thresholds: the alert rules hold the same.
const WEEK_MILLIS: i64 = 7 * 86_400_000;
const TWO_DAYS_MILLIS: i64 = 2 * 86_400_000;

impl TokenView {
    /// The view of a token at `now`.
    pub fn new(token: &Token, now: Moment) -> Self {
        let (state, polls) = (&token.state, token.state.polls());
        let valid = state.valid(now, token.limits());
        let expiry = state.expiry();
        let left = expiry.and_then(|expiry| expiry.millis_left(now.unix));
        let data_access_left =
            state.data_access_expiry().and_then(|expiry| expiry.millis_left(now.unix));
        let missing: Vec<String> = match valid {
            Some(true) => {
                let required = token.target.options.required_scopes.iter().enumerate();
                required
                    .filter(|(at, _)| !state.granted(*at))
                    .map(|(_, scope)| scope.to_string())
                    .collect()
            }
            _ => Vec::new(),
        };
        let past = left.is_some_and(|left| left <= 0);
        let (level, status, advice) = match valid {
            _ if past => (
                Level::Bad,
                "expired",
                Some(Advice::new(words::DEAD_TOKEN_TODO, "WhatsAppTokenExpired")),
            ),
            Some(false) => (
                Level::Bad,
                "invalid",
                Some(Advice::new(words::DEAD_TOKEN_TODO, "WhatsAppTokenInvalid")),
            ),
            None => {
                let advice = polls.last_failure().map(|reason| {
                    Advice::new(words::failure_todo(reason), "WhatsAppTokenStatusUnknown")
                });
                (Level::Unknown, "unknown", advice)
            }
            Some(true) if !missing.is_empty() => (
                Level::Bad,
                "scope missing",
                Some(Advice::new(
                    "Grant the missing permission to the token, in the app's dashboard or by App Review.",
                    "WhatsAppTokenScopeMissing",
                )),
            ),
            Some(true) => match (left, data_access_left) {
                (Some(left), _) if left <= TWO_DAYS_MILLIS => (
                    Level::Bad,
                    "expiring",
                    Some(Advice::new(
                        "Replace the token now: once it has expired it cannot be refreshed.",
                        "WhatsAppTokenExpiringVerySoon",
                    )),
                ),
                (Some(left), _) if left <= WEEK_MILLIS => (
                    Level::Warning,
                    "expiring",
                    Some(Advice::new(
                        "Refresh or replace the token: once it has expired it cannot be refreshed.",
                        "WhatsAppTokenExpiringSoon",
                    )),
                ),
                (_, Some(left)) if left <= WEEK_MILLIS => (
                    Level::Warning,
                    "data access expiring",
                    Some(Advice::new(
                        "Let the user log in to the app again, to renew its access to data.",
                        "WhatsAppTokenDataAccessExpiring",
                    )),
                ),
                _ => match polls.last_failure() {
                    Some(reason) => (
                        Level::Warning,
                        "valid",
                        Some(Advice::new(
                            words::failure_todo(reason),
                            "WhatsAppTokenStatusUnknown",
                        )),
                    ),
                    None => (Level::Ok, "valid", None),
                },
            },
        };
        let at = |expiry: Option<Expiry>| match expiry {
            Some(Expiry::At(at)) => Some(at),
            _ => None,
        };
        Self {
            provider: token.target.options.provider.word(),
            name: token.target.name.to_string(),
            level,
            status,
            valid,
            never_expires: expiry == Some(Expiry::Never),
            expires_millis: at(expiry).map(|at| at.millis()),
            expires: at(expiry).map(words::rfc3339),
            data_access_millis: at(state.data_access_expiry()).map(|at| at.millis()),
            data_access_expires: at(state.data_access_expiry()).map(words::rfc3339),
            missing_scopes: missing,
            poll: PollView::new(polls),
            advice,
        }
    }

    /// The time left, in words.
    pub fn countdown(&self, now: Moment) -> String {
        match self.expires_millis {
            Some(at) => distance(at, now),
            None if self.never_expires => "never".to_owned(),
            None => "not known".to_owned(),
        }
    }
}

/// The views of all targets, in the order configured.
pub fn all(members: &Members) -> (Vec<ChannelView>, Vec<TokenView>) {
    let now = members.now;
    members.look(|channels, tokens| {
        let channels = channels.iter().map(|channel| ChannelView::new(channel, now)).collect();
        let tokens = tokens.iter().map(|token| TokenView::new(token, now)).collect();
        (channels, tokens)
    })
}

/// How far a time is from now: `in 6 days 4 h`, `3 days ago`.
pub fn distance(at_millis: i64, now: Moment) -> String {
    match at_millis.saturating_sub(now.unix.millis()) {
        left if left > 0 => format!("in {}", words::length(left)),
        left => format!("{} ago", words::length(left)),
    }
}
