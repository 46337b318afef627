//! What a person should know of the terms on which a channel works: what it may not do, how many
//! new chats it may begin, and until when it is paid for.
//!
//! Not here: whether it works; that is `status_report.rs`.

use serde::Serialize;

use super::advice::{self, Advice};
use super::humanize;
use crate::domain::{
    Expiry, Now, QuotaLimit, Renewal, RestrictionReason, Subscription, SubscriptionMode, Timestamp,
};
use crate::fleet::Watched;

/// A restriction in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestrictionView {
    /// Its reason: `new_chats`, `quota`, `rate` or `policy`.
    pub reason: &'static str,
    /// When it ends; null when that is not known.
    pub ends: Option<String>,
    /// The same in words.
    #[serde(skip)]
    pub words: String,
}

/// A quota of new chats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuotaView {
    /// How many may be begun; null when that is not known or any number may.
    pub limit: Option<u32>,
    /// Whether any number may be begun.
    pub unlimited: bool,
    /// How many were begun in this period.
    pub used: Option<u32>,
    /// When the next period begins.
    pub resets: Option<String>,
    /// The same in words.
    #[serde(skip)]
    pub words: String,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubscriptionView {
    /// Its kind: `live`, `trial`, `sandbox` or `other`.
    pub mode: &'static str,
    /// What happens when it ends: `automatic`, `manual` or `unknown`.
    pub renewal: &'static str,
    /// Whether it never ends.
    pub never_expires: bool,
    /// When it ends; null when it never does or that is not known.
    pub expires: Option<String>,
    /// How far that is from now, in words.
    #[serde(skip)]
    pub countdown: String,
    /// The same in words.
    #[serde(skip)]
    pub words: String,
}

/// The restrictions in force; `None` when nothing is told of them.
pub fn restrictions(watched: &Watched, now: Now) -> Option<Vec<RestrictionView>> {
    let told = watched.channel()?.restrictions(now, watched.policy())?;
    let active = RestrictionReason::ALL.iter().filter(|reason| told.is_active(**reason, now));
    Some(active.map(|reason| RestrictionView::new(*reason, told.end(*reason, now), now)).collect())
}

impl RestrictionView {
    fn new(reason: RestrictionReason, end: Option<Expiry>, now: Now) -> Self {
        let what = match reason {
            RestrictionReason::NewChats => "may not begin new chats",
            RestrictionReason::Quota => "has used up its quota of new chats",
            RestrictionReason::Rate => "is slowed down",
            RestrictionReason::Policy => "is restricted for breaking a rule",
        };
        let words = match end {
            Some(Expiry::At(at)) => format!("{what}; ends {}", distance(at, now)),
            Some(Expiry::Never) => format!("{what}, for ever"),
            None => what.to_owned(),
        };
        let ends = at(end).map(humanize::rfc3339);
        Self { reason: reason.as_str(), ends, words }
    }
}

/// The quota of new chats, if anything is known of it.
pub fn new_chat_quota(watched: &Watched, now: Now) -> Option<QuotaView> {
    let quota = watched.channel()?.new_chat_quota(now, watched.policy())?;
    let (limit, unlimited) = match quota.limit {
        Some(QuotaLimit::Chats(chats)) => (Some(chats), false),
        Some(QuotaLimit::Unlimited) => (None, true),
        None => (None, false),
    };
    let used = quota.used.map_or_else(|| "not known".to_owned(), |used| used.to_string());
    let mut words = match limit {
        _ if unlimited => "new chats: no limit".to_owned(),
        Some(limit) => format!("new chats: {used} of {limit}"),
        None => format!("new chats: {used}"),
    };
    if let Some(resets) = quota.resets.filter(|_| !unlimited) {
        words += &format!("; counted anew {}", distance(resets, now));
    }
    let resets = quota.resets.map(humanize::rfc3339);
    Some(QuotaView { limit, unlimited, used: quota.used, resets, words })
}

/// The subscription, if anything is known of it.
pub fn subscription(watched: &Watched, now: Now) -> Option<SubscriptionView> {
    let Subscription { expiry, mode, renewal } = watched.channel()?.subscription()?;
    let kind = match mode {
        SubscriptionMode::Live | SubscriptionMode::Other => "subscription",
        SubscriptionMode::Trial => "trial",
        SubscriptionMode::Sandbox => "sandbox",
    };
    let renewed = match renewal {
        Renewal::Automatic => ", renewed automatically",
        Renewal::Manual => ", not renewed by itself",
        Renewal::Unknown => "",
    };
    let (countdown, words) = match expiry {
        Some(Expiry::At(at)) => {
            let (countdown, past) = (distance(at, now), at <= now.unix);
            let ends = if past { "ended" } else { "ends" };
            let words = format!("{kind} {ends} {countdown}{renewed}");
            (countdown, words)
        }
        Some(Expiry::Never) => ("never".to_owned(), format!("{kind} never ends")),
        None => ("not known".to_owned(), format!("{kind}{renewed}")),
    };
    Some(SubscriptionView {
        mode: mode.as_str(),
        renewal: renewal.as_str(),
        never_expires: expiry == Some(Expiry::Never),
        expires: at(expiry).map(humanize::rfc3339),
        countdown,
        words,
    })
}

/// The alert rules hold the same.
const THREE_DAYS_MILLIS: i64 = 3 * 86_400_000;
/// Where the provider renews by itself. One that does so day by day never has more than a day left.
const DAY_MILLIS: i64 = 86_400_000;

/// What to do about terms that ask for a person, if they do.
pub(super) fn advice(watched: &Watched, now: Now) -> Option<Advice> {
    let (state, provider) = (watched.channel()?, watched.provider());
    if let Some(told) = state.restrictions(now, watched.policy()) {
        let active = RestrictionReason::ALL.iter().find(|reason| told.is_active(**reason, now));
        if let Some(reason) = active {
            let todo = advice::restriction(provider, *reason);
            return Some(Advice::new(todo, "WhatsAppChannelRestricted"));
        }
    }
    let Subscription { expiry, renewal, .. } = state.subscription()?;
    let extended = state.extended().map(|at| now.unix.millis_since(at));
    let notice = match renewal {
        Renewal::Automatic if extended.is_some_and(|ago| ago < DAY_MILLIS) => return None,
        Renewal::Automatic => DAY_MILLIS,
        Renewal::Manual | Renewal::Unknown => THREE_DAYS_MILLIS,
    };
    let ends_soon = expiry?.millis_left(now.unix).is_some_and(|left| left <= notice);
    let todo = || advice::subscription(provider);
    ends_soon.then(|| Advice::new(todo(), "WhatsAppChannelSubscriptionExpiring"))
}

const fn at(end: Option<Expiry>) -> Option<Timestamp> {
    match end {
        Some(Expiry::At(at)) => Some(at),
        _ => None,
    }
}

fn distance(at: Timestamp, now: Now) -> String {
    humanize::distance(at.millis(), now)
}
