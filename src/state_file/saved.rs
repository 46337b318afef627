//! What stands in the file, as JSON.
//!
//! Not here: reading and writing it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{
    AccountRestriction, AccountState, ChannelSnapshot, Expiry, KeptCounters, KnownCounter,
    MessageSnapshot, Now, RestrictionSnapshot, SavedStatus, StatusEvidence, TargetKind, Timestamp,
};
use crate::fleet::{TargetState, Watched};
use crate::target::Name;

#[derive(Deserialize)]
pub(super) struct Document {
    pub(super) version: u32,
    #[serde(default)]
    pub(super) channels: Vec<SavedTarget>,
    #[serde(default)]
    pub(super) tokens: Vec<SavedTarget>,
    #[serde(default)]
    pub(super) sources: Vec<SavedTarget>,
    #[serde(default)]
    pub(super) accounts: Vec<SavedTarget>,
    /// Requests through the gateway with unknown credentials.
    #[serde(default, alias = "strangers")]
    pub(super) unattributed: Vec<SavedTarget>,
    /// Requests through the gateway with credentials of other shards' targets.
    #[serde(default)]
    pub(super) elsewhere: Vec<SavedTarget>,
    /// When the file was written.
    #[serde(skip)]
    pub(super) saved: Timestamp,
}

impl Document {
    pub(super) fn targets(&mut self, kind: TargetKind) -> Vec<SavedTarget> {
        std::mem::take(match kind {
            TargetKind::Channel => &mut self.channels,
            TargetKind::Token => &mut self.tokens,
            TargetKind::Source => &mut self.sources,
            TargetKind::Account => &mut self.accounts,
        })
    }
}

/// How the names of the gateway's counters begin, and how they began in version 0.1.
pub(super) const REQUESTS: &str = "requests/";
pub(super) const REQUESTS_IN_0_1: &str = "traffic/";

/// Only counts other than zero are written, by the words that name them.
pub(super) type Counts = BTreeMap<String, u64>;

/// A target's counters, and what is kept of a channel. All times are milliseconds since the epoch.
#[derive(Serialize, Deserialize, Default)]
pub(super) struct SavedTarget {
    /// Only where the place in the file does not tell it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) kind: String,
    pub(super) provider: String,
    #[serde(default)]
    pub(super) name: String,
    /// The source that lists it, and its id there, unless that is its name. It is the same one by
    /// whatever name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) channel: Option<SavedChannel>,
    /// What an account may not do, as webhooks told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) restrictions: Vec<SavedRestriction>,
    /// When the newest of them was imposed, and when all were last lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) imposed: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lifted: Option<i64>,
    /// Since when the counters count.
    pub(super) created: Option<i64>,
    #[serde(default)]
    pub(super) counters: Counts,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SavedChannel {
    #[serde(alias = "basis")]
    pub(super) evidence: String,
    #[serde(default)]
    pub(super) statuses: Vec<SavedPoint>,
    pub(super) since: Option<i64>,
    #[serde(alias = "learnt")]
    pub(super) updated: Option<i64>,
    pub(super) last_authorized: Option<i64>,
    pub(super) failing_since: Option<i64>,
    pub(super) last_success: Option<i64>,
    pub(super) last_webhook: Option<i64>,
    pub(super) expects: Option<(bool, bool)>,
    pub(super) channel_id: Option<Box<str>>,
    pub(super) version: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) messages: Option<SavedMessages>,
}

/// When messages last moved.
#[derive(Serialize, Deserialize)]
pub(super) struct SavedMessages {
    pub(super) last_inbound: Option<i64>,
    pub(super) last_outbound: Option<i64>,
    pub(super) phone_active: Option<i64>,
    pub(super) acknowledged: Option<i64>,
}

/// A restriction in force.
#[derive(Serialize, Deserialize)]
pub(super) struct SavedRestriction {
    reason: String,
    /// When it ends; null when that was not told.
    end: Option<i64>,
    /// Whether it never ends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    never_ends: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SavedPoint {
    pub(super) status: String,
    pub(super) at: i64,
    #[serde(alias = "shown")]
    pub(super) observed_at: i64,
    pub(super) started: Option<i64>,
    pub(super) webhook: bool,
}

/// What the count of a counter was. Version 0.1 called requests through the gateway traffic.
pub(super) fn count_in(counts: &Counts) -> impl Fn(&[&str]) -> Option<u64> {
    |words| {
        let name = words.join("/");
        let formerly = || counts.get(&name.replace(REQUESTS, REQUESTS_IN_0_1));
        counts.get(&name).or_else(formerly).copied()
    }
}

pub(super) fn collect(kept: &[&dyn KeptCounters]) -> Counts {
    let mut counts = Counts::new();
    for kept in kept {
        kept.see_counters(&mut |words, count| {
            if count > 0 {
                counts.insert(words.join("/"), count);
            }
        });
    }
    counts
}

impl SavedTarget {
    pub(super) fn new(watched: &Watched) -> Self {
        let restrictions = watched.account().map(AccountState::kept_restrictions);
        let RestrictionSnapshot { in_force, imposed, lifted } = restrictions.unwrap_or_default();
        let channel = watched.channel().map(|state| SavedChannel::from(state.snapshot()));
        let state: &dyn KeptCounters = match &watched.state {
            TargetState::Channel(state) => state,
            TargetState::Token(state) => &**state,
            TargetState::Source(state) => &**state,
            TargetState::Account(state) => &**state,
        };
        let counters = collect(&[state, &watched.requests]);
        Self {
            kind: String::new(),
            provider: watched.provider().label().to_owned(),
            name: watched.target.name.to_string(),
            source: watched.target.source().map(Name::to_string),
            id: watched.target.source().and(watched.target.id.as_deref()).and_then(|id| {
                let is_name = id == watched.target.name.as_str();
                (!is_name).then(|| id.to_owned())
            }),
            channel,
            restrictions: in_force.into_iter().map(SavedRestriction::from).collect(),
            imposed: imposed.map(Timestamp::millis),
            lifted: lifted.map(Timestamp::millis),
            created: Some(watched.created.millis()),
            counters,
        }
    }

    /// Its id at the source that lists it.
    pub(super) fn id(&self) -> &str {
        self.id.as_ref().unwrap_or(&self.name)
    }

    /// Since when the counters count. A file of an earlier version does not say it; what it says of
    /// them was counted before it was written, so nothing is taken for an increase since.
    pub(super) fn created(&self, saved: Timestamp, now: Now) -> Timestamp {
        self.created.map_or(saved, Timestamp::from_millis).min(now.unix)
    }

    pub(super) fn restore(self, watched: &mut Watched, now: Now) {
        let policy = watched.policy();
        let counts = &self.counters;
        let known: KnownCounter<'_> = &count_in(counts);
        match &mut watched.state {
            TargetState::Channel(state) => {
                if let Some(channel) = self.channel {
                    state.restore(now, policy, channel.into_snapshot());
                }
                state.restore_counters(known);
            }
            TargetState::Token(state) => state.restore_counters(known),
            TargetState::Source(state) => state.restore_counters(known),
            TargetState::Account(state) => {
                let kept = RestrictionSnapshot {
                    in_force: self.restrictions.iter().filter_map(SavedRestriction::read).collect(),
                    imposed: self.imposed.map(Timestamp::from_millis),
                    lifted: self.lifted.map(Timestamp::from_millis),
                };
                state.restore_restrictions(now, kept);
                state.restore_counters(known);
            }
        }
        let requests =
            |words: &String| words.starts_with(REQUESTS) || words.starts_with(REQUESTS_IN_0_1);
        if counts.keys().any(requests) {
            watched.requests.get_or_insert_default().restore_counters(known);
        }
    }
}

impl From<ChannelSnapshot> for SavedChannel {
    fn from(snapshot: ChannelSnapshot) -> Self {
        let millis = |at: Option<Timestamp>| at.map(Timestamp::millis);
        Self {
            evidence: snapshot.evidence.as_str().to_owned(),
            statuses: snapshot.statuses.iter().map(SavedPoint::from).collect(),
            since: millis(snapshot.since),
            updated: millis(snapshot.updated),
            last_authorized: millis(snapshot.last_authorized),
            failing_since: millis(snapshot.failing_since),
            last_success: millis(snapshot.last_success),
            last_webhook: millis(snapshot.last_event),
            expects: snapshot.expects,
            channel_id: snapshot.channel_id,
            version: snapshot.version,
            messages: snapshot.messages.map(|messages| {
                let [last_inbound, last_outbound] = messages.last.map(millis);
                let phone_active = millis(messages.phone_active);
                let acknowledged = millis(messages.acknowledged);
                SavedMessages { last_inbound, last_outbound, phone_active, acknowledged }
            }),
        }
    }
}

impl SavedChannel {
    fn into_snapshot(self) -> ChannelSnapshot {
        let time = |millis: Option<i64>| millis.map(Timestamp::from_millis);
        ChannelSnapshot {
            evidence: self.evidence.parse().unwrap_or(StatusEvidence::Nothing),
            statuses: self.statuses.iter().filter_map(SavedPoint::read).collect(),
            since: time(self.since),
            updated: time(self.updated),
            last_authorized: time(self.last_authorized),
            failing_since: time(self.failing_since),
            last_success: time(self.last_success),
            last_event: time(self.last_webhook),
            expects: self.expects,
            channel_id: self.channel_id,
            version: self.version,
            messages: self.messages.map(|messages| MessageSnapshot {
                last: [messages.last_inbound, messages.last_outbound].map(time),
                phone_active: time(messages.phone_active),
                acknowledged: time(messages.acknowledged),
            }),
        }
    }
}

impl From<(AccountRestriction, Option<Expiry>)> for SavedRestriction {
    fn from((reason, end): (AccountRestriction, Option<Expiry>)) -> Self {
        let at = match end {
            Some(Expiry::At(at)) => Some(at.millis()),
            _ => None,
        };
        let never_ends = end == Some(Expiry::Never);
        Self { reason: reason.as_str().to_owned(), end: at, never_ends }
    }
}

impl SavedRestriction {
    /// `None` if the reason is one of a later version's.
    fn read(&self) -> Option<(AccountRestriction, Option<Expiry>)> {
        let at = self.end.map(|at| Expiry::At(Timestamp::from_millis(at)));
        Some((self.reason.parse().ok()?, at.or(self.never_ends.then_some(Expiry::Never))))
    }
}

impl From<&SavedStatus> for SavedPoint {
    fn from(saved: &SavedStatus) -> Self {
        Self {
            status: saved.status.as_str().to_owned(),
            at: saved.at.millis(),
            observed_at: saved.observed_at.millis(),
            started: saved.started.map(Timestamp::millis),
            webhook: saved.by_webhook,
        }
    }
}

impl SavedPoint {
    fn read(&self) -> Option<SavedStatus> {
        Some(SavedStatus {
            at: Timestamp::from_millis(self.at),
            by_webhook: self.webhook,
            status: self.status.parse().ok()?,
            started: self.started.map(Timestamp::from_millis),
            observed_at: Timestamp::from_millis(self.observed_at),
        })
    }
}
