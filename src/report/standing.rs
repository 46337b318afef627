//! What a person should know of how WhatsApp rates a channel, and of what it says against it.
//!
//! Not here: whether it works; that is `status_report.rs`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::advice::{self, Advice};
use super::target_view::{self, NoticeView};
use crate::domain::{CanSend, HealthEntity, Now, QualityRating, QuotaLimit};
use crate::fleet::Watched;

/// How WhatsApp rates a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StandingView {
    /// `GREEN`, `YELLOW`, `RED` or `UNKNOWN`; null when it is not told.
    pub quality: Option<&'static str>,
    /// How many conversations the business may begin in 24 hours; null when any number may or that
    /// is not told.
    pub messaging_limit: Option<u32>,
    /// Whether any number may be begun.
    pub unlimited: bool,
    /// `AVAILABLE`, `LIMITED` or `BLOCKED`, by entity.
    pub health: BTreeMap<&'static str, &'static str>,
    /// What the provider itself makes of them; it may count more than messages.
    pub overall: Option<&'static str>,
    /// What it says against the channel.
    pub notices: Vec<NoticeView>,
}

/// A channel's standing; `None` when nothing is told of it.
pub(super) fn view(watched: &Watched, now: Now) -> Option<StandingView> {
    let standing = watched.channel()?.standing(now, watched.policy())?;
    let entities = HealthEntity::ALL.iter().zip(&standing.health);
    let told = entities.filter_map(|(entity, told)| Some((entity.as_str(), (*told)?.as_str())));
    let (messaging_limit, unlimited) = match standing.messaging_limit {
        Some(QuotaLimit::Chats(chats)) => (Some(chats), false),
        Some(QuotaLimit::Unlimited) => (None, true),
        None => (None, false),
    };
    Some(StandingView {
        quality: standing.quality.map(QualityRating::as_str),
        messaging_limit,
        unlimited,
        health: told.collect(),
        overall: standing.overall.map(CanSend::as_str),
        notices: target_view::notices(&standing.notices),
    })
}

impl StandingView {
    /// The same in words, but for what is well.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let well = [QualityRating::Green.as_str(), QualityRating::Unknown.as_str()];
        notes.extend(
            self.quality
                .filter(|quality| !well.contains(quality))
                .map(|it| format!("quality {it}")),
        );
        notes.extend(
            self.messaging_limit.map(|limit| format!("may begin {limit} conversations in 24 h")),
        );
        let available = CanSend::Available.as_str();
        let health = self.health.iter().filter(|(_, can_send)| **can_send != available);
        notes.extend(health.map(|(entity, can_send)| {
            format!("{} {}", entity.replace('_', " "), can_send.to_ascii_lowercase())
        }));
        notes.extend(self.notices.iter().map(|notice| notice.words.clone()));
        notes
    }
}

/// What to do about a standing that asks for a person, if it does.
pub(super) fn advice(watched: &Watched, now: Now) -> Option<Advice> {
    let quality = watched.channel()?.standing(now, watched.policy())?.quality?;
    let todo = || advice::low_quality(watched.provider());
    (quality == QualityRating::Red).then(|| Advice::new(todo(), "WhatsAppChannelQualityLow"))
}
