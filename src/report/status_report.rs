//! What a person should know of each target: how it is, since when, and what to do.
//!
//! Not here: how it is shown; the page, `/api/status` and `check` all show this one view.

use serde::Serialize;

use super::account_report;
use super::advice::{self, Advice};
use super::delivery::{self, DeliveryCountView, DeliveryView};
use super::humanize;
use super::outage_summary::{self, Move};
use super::standing::{self, StandingView};
use super::target_view::level_of;
pub use super::target_view::{Level, PollView, TargetSummary};
use super::terms::{self, QuotaView, RestrictionView, SubscriptionView};
use crate::domain::{Expiry, FailureReason, Listed, Now, Status, WebhookState};
use crate::fleet::Watched;
use crate::provider::TokenProblem;

/// What a person should know of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelView {
    /// With its status.
    #[serde(flatten)]
    pub summary: TargetSummary,
    /// The account that it belongs to, if the source lists by account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Whether messages can be sent; null when that is not known.
    pub authorized: Option<bool>,
    /// Since when the status is what it is, in milliseconds since the epoch.
    #[serde(skip)]
    pub since_millis: i64,
    /// Since when the status is what it is.
    pub since: String,
    /// The restrictions in force, when the provider tells of any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restrictions: Option<Vec<RestrictionView>>,
    /// How many new chats it may begin, when the provider tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_chat_quota: Option<QuotaView>,
    /// Its subscription, when the provider tells of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription: Option<SubscriptionView>,
    /// What moves on it, when anything tells of messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryView>,
    /// What the provider itself counts of its messages, when it is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_count: Option<DeliveryCountView>,
    /// How WhatsApp rates it, when the provider tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standing: Option<StandingView>,
    /// Its last moves, the oldest first; only while webhooks are received.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Move>,
    /// How long it was away before it became what it is, in words.
    #[serde(skip)]
    pub returned: Option<String>,
}

impl ChannelView {
    /// The view of a target at `now`; `None` if it is no channel.
    pub fn new(watched: &Watched, now: Now) -> Option<Self> {
        let state = watched.channel()?;
        let policy = watched.policy();
        let status = state.status(now, policy);
        let since = state.since(now, policy);
        let (level, advice) = channel_level(watched, now)?;
        let moves = state.webhooks().map(WebhookState::recent_moves).unwrap_or_default();
        let returned = (status == Status::Auth)
            .then(|| outage_summary::return_to_auth(&moves, now.unix))
            .flatten();
        Some(Self {
            summary: TargetSummary::new(watched, (level, status.as_str(), advice)),
            account: watched.target.options.account.as_ref().map(ToString::to_string),
            authorized: state.authorized(now, policy),
            since_millis: since.millis(),
            since: humanize::rfc3339(since),
            restrictions: terms::restrictions(watched, now),
            new_chat_quota: terms::new_chat_quota(watched, now),
            subscription: terms::subscription(watched, now),
            delivery: delivery::view(watched, now),
            delivery_count: delivery::count(watched, now),
            standing: standing::view(watched, now),
            moves: outage_summary::recent(&moves),
            returned,
        })
    }

    /// What is worth a word beside its status, the most pressing first.
    pub fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = self.returned.iter().cloned().collect();
        notes.extend(self.delivery.iter().flat_map(|delivery| delivery.notes.iter().cloned()));
        notes.extend(self.delivery_count.iter().map(|count| count.words.clone()));
        notes.extend(self.restrictions.iter().flatten().map(|one| one.words.clone()));
        notes.extend(self.new_chat_quota.iter().map(|quota| quota.words.clone()));
        notes.extend(self.subscription.iter().map(|subscription| subscription.words.clone()));
        notes.extend(self.standing.iter().flat_map(StandingView::notes));
        notes
    }
}

/// How a channel is, and what to do.
fn channel_level(watched: &Watched, now: Now) -> Option<(Level, Option<Advice>)> {
    let state = watched.channel()?;
    let (provider, policy) = (watched.provider(), watched.policy());
    let status = state.status(now, policy);
    let polls = state.polls();
    let of_status = |alert| advice::status(provider, status).map(|todo| Advice::new(todo, alert));
    let of_failure =
        |reason| Some(Advice::new(advice::failure(provider, reason), channel_alert(reason)));
    let (level, advice) = match status {
        Status::Auth => (Level::Ok, None),
        Status::Init | Status::Launch => {
            (Level::Warning, of_status("WhatsAppChannelStuckStarting"))
        }
        Status::SyncError => (Level::Warning, of_status("WhatsAppChannelSyncError")),
        Status::Blocked => (Level::Bad, of_status("WhatsAppChannelBlocked")),
        Status::Unknown if state.authorized(now, policy) == Some(false) => {
            let todo = advice::session_unauthorized(provider);
            (Level::Bad, Some(Advice::new(todo, "WhatsAppChannelNotAuthorized")))
        }
        Status::Unknown if polls.polls() == 0 => (Level::Unknown, None),
        Status::Unknown => match polls.last_failure() {
            Some(reason) => (level_of(reason), of_failure(reason)),
            None => {
                let todo = advice::unknown_word(provider);
                (Level::Unknown, Some(Advice::new(todo, "WhatsAppChannelStatusUnknown")))
            }
        },
        _ => (Level::Bad, of_status("WhatsAppChannelNotAuthorized")),
    };
    if status == Status::Auth
        && let Some(stuck) = delivery::stuck_advice(watched, now)
    {
        return Some((Level::Bad, Some(stuck)));
    }
    // A status that still counts although polls fail is worth a word.
    Some(match (level, polls.last_failure()) {
        (Level::Ok, Some(reason)) => (Level::Warning, of_failure(reason)),
        (Level::Ok, None) => {
            let phone = || delivery::phone_advice(watched, now);
            let terms = terms::advice(watched, now).or_else(|| standing::advice(watched, now));
            match terms.or_else(phone) {
                Some(advice) => (Level::Warning, Some(advice)),
                None => (level, advice),
            }
        }
        (level, _) => (level, advice),
    })
}

const fn channel_alert(reason: FailureReason) -> &'static str {
    match reason {
        FailureReason::CredentialUnauthorized
        | FailureReason::ChannelNotFound
        | FailureReason::PaymentRequired => "WhatsAppChannelCredentialRejected",
        _ => "WhatsAppChannelStatusUnknown",
    }
}

/// What a person should know of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenView {
    /// With its condition: `valid`, `expiring`, `expired`, `invalid`, `scope missing` or `unknown`.
    #[serde(flatten)]
    pub summary: TargetSummary,
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
}

/// The user's thresholds: the alert rules hold the same.
const WEEK_MILLIS: i64 = 7 * 86_400_000;
const TWO_DAYS_MILLIS: i64 = 2 * 86_400_000;

impl TokenView {
    /// The view of a target at `now`; `None` if it is no token.
    pub fn new(watched: &Watched, now: Now) -> Option<Self> {
        let state = watched.token()?;
        let valid = state.valid(now, watched.policy());
        let expiry = state.expiry();
        let summary = TargetSummary::new(watched, token_level(watched, now)?);
        let missing = if valid == Some(true) { missing_scopes(watched) } else { Vec::new() };
        let at = |expiry: Option<Expiry>| match expiry {
            Some(Expiry::At(at)) => Some(at),
            _ => None,
        };
        Some(Self {
            summary,
            valid,
            never_expires: expiry == Some(Expiry::Never),
            expires_millis: at(expiry).map(|at| at.millis()),
            expires: at(expiry).map(humanize::rfc3339),
            data_access_millis: at(state.data_access_expiry()).map(|at| at.millis()),
            data_access_expires: at(state.data_access_expiry()).map(humanize::rfc3339),
            missing_scopes: missing,
        })
    }

    /// The time left, in words.
    pub fn countdown(&self, now: Now) -> String {
        match self.expires_millis {
            Some(at) => humanize::distance(at, now),
            None if self.never_expires => "never".to_owned(),
            None => "not known".to_owned(),
        }
    }
}

/// What a person should know of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceView {
    /// With how its lists come: `listed`, `failing` or `unknown`.
    #[serde(flatten)]
    pub summary: TargetSummary,
    /// Channels that are watched; null until it listed any.
    pub channels: Option<u32>,
    /// Channels that are not watched, beyond `max_channels` or without a valid name; null until it
    /// listed any.
    pub ignored: Option<u32>,
}

impl SourceView {
    /// The view of a target; `None` if it is no source.
    pub fn new(watched: &Watched) -> Option<Self> {
        let state = watched.source()?;
        Some(Self {
            summary: TargetSummary::new(watched, source_level(watched)?),
            channels: state.listed().map(|listed| listed.watched),
            ignored: state.listed().map(|listed| listed.ignored),
        })
    }
}

/// How a source is, in a word, and what to do.
fn source_level(watched: &Watched) -> Option<(Level, &'static str, Option<Advice>)> {
    let state = watched.source()?;
    Some(match (state.polls().last_failure(), state.listed()) {
        (Some(reason), _) => {
            let todo = advice::failure(watched.provider(), reason);
            let alert = match reason {
                FailureReason::CredentialUnauthorized | FailureReason::PaymentRequired => {
                    "WhatsAppSourceCredentialRejected"
                }
                _ => "WhatsAppSourceUnreachable",
            };
            (level_of(reason), "failing", Some(Advice::new(todo, alert)))
        }
        (None, Some(listed)) if listed.ignored > 0 => {
            let todo = advice::channels_ignored(listed);
            (Level::Warning, "listed", Some(Advice::new(todo, "WhatsAppSourceUnreachable")))
        }
        (None, Some(Listed { watched: 0, .. })) => {
            // Where nothing needs to be listed it is no fault: nobody may have wanted it to.
            let (level, todo) = match advice::nothing_listed(watched.provider()) {
                Some(todo) => (Level::Ok, todo),
                None => (Level::Warning, advice::NO_CHANNEL_LISTED),
            };
            (level, "listed", Some(Advice::new(todo, "WhatsAppSourceEmpty")))
        }
        (None, Some(_)) => (Level::Ok, "listed", None),
        (None, None) => (Level::Unknown, "unknown", None),
    })
}

/// The required scopes that a token was not granted.
fn missing_scopes(watched: &Watched) -> Vec<String> {
    let Some(state) = watched.token() else { return Vec::new() };
    let required = watched.target.options.required_scopes.iter().enumerate();
    required.filter(|(at, _)| !state.granted(*at)).map(|(_, scope)| scope.to_string()).collect()
}

/// How a token is, in a word, and what to do.
fn token_level(watched: &Watched, now: Now) -> Option<(Level, &'static str, Option<Advice>)> {
    use TokenProblem::{
        DataAccessEnds, Expired, ExpiresSoon, ExpiresVerySoon, Invalid, ScopeMissing,
    };
    let state = watched.token()?;
    let provider = watched.provider();
    let left = |expiry: Option<Expiry>| expiry.and_then(|expiry| expiry.millis_left(now.unix));
    let (expires_in, access_ends_in) = (left(state.expiry()), left(state.data_access_expiry()));
    let within = |left: Option<i64>, limit: i64| left.is_some_and(|left| left <= limit);
    let problem = |level, status, problem, alert| {
        (level, status, Some(Advice::new(advice::token(provider, problem), alert)))
    };
    let of_failure = || {
        let todo = advice::failure(provider, state.polls().last_failure()?);
        Some(Advice::new(todo, "WhatsAppTokenStatusUnknown"))
    };
    Some(match state.valid(now, watched.policy()) {
        _ if within(expires_in, 0) => {
            problem(Level::Bad, "expired", Expired, "WhatsAppTokenExpired")
        }
        Some(false) if state.has_expired() => {
            problem(Level::Bad, "expired", Expired, "WhatsAppTokenExpired")
        }
        Some(false) => problem(Level::Bad, "invalid", Invalid, "WhatsAppTokenInvalid"),
        None => (Level::Unknown, "unknown", of_failure()),
        Some(true) if !missing_scopes(watched).is_empty() => {
            problem(Level::Bad, "scope missing", ScopeMissing, "WhatsAppTokenScopeMissing")
        }
        Some(true) if within(expires_in, TWO_DAYS_MILLIS) => {
            problem(Level::Bad, "expiring", ExpiresVerySoon, "WhatsAppTokenExpiringVerySoon")
        }
        Some(true) if within(expires_in, WEEK_MILLIS) => {
            problem(Level::Warning, "expiring", ExpiresSoon, "WhatsAppTokenExpiringSoon")
        }
        Some(true) if within(access_ends_in, WEEK_MILLIS) => problem(
            Level::Warning,
            "data access expiring",
            DataAccessEnds,
            "WhatsAppTokenDataAccessExpiring",
        ),
        Some(true) => match of_failure() {
            Some(advice) => (Level::Warning, "valid", Some(advice)),
            None => (Level::Ok, "valid", None),
        },
    })
}

/// How much a target asks for a person, without anything else of its view.
pub fn level(watched: &Watched, now: Now) -> Level {
    let of_channel = || channel_level(watched, now).map(|(level, _)| level);
    let of_token = || token_level(watched, now).map(|(level, ..)| level);
    let of_source = || source_level(watched).map(|(level, ..)| level);
    let of_account = || account_report::account_level(watched, now).map(|(level, ..)| level);
    let of_others = || of_source().or_else(of_account);
    of_channel().or_else(of_token).or_else(of_others).unwrap_or(Level::Unknown)
}
