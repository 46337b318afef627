//! The page of one channel: how it is, what to do, and what came before.
//!
//! Not here: what is said of it (`report/`) and how it looks (`templates/channel.html`).

use askama::Template;

use super::front::{age, todo};
use super::pieces::Piece;
use super::query::PageQuery;
use crate::domain::{ErrorSource, Status, TargetKind, UnauthorizedReason};
use crate::fleet::FleetView;
use crate::report::advice::Advice;
use crate::report::humanize;
use crate::report::outage_summary::Move;
use crate::report::status_report::{ChannelView, Level};

#[derive(Template)]
#[template(path = "channel.html")]
struct ChannelPage {
    version: &'static str,
    time: String,
    refresh: Option<u32>,
    title: String,
    level: Level,
    name: String,
    status: &'static str,
    todo: Vec<Piece>,
    advice: Option<Advice>,
    /// What is known, each with its name.
    facts: Vec<(&'static str, String)>,
    notes: Vec<String>,
    /// The last moves, the newest first.
    moves: Vec<Move>,
    /// How often it was seen to move to each status.
    counts: Vec<(&'static str, u32)>,
}

/// The page; `None` if there is no such channel.
pub(super) fn render(
    view: &FleetView,
    name: &str,
    query: &PageQuery,
) -> Result<Option<String>, askama::Error> {
    let now = view.now;
    let page = view.look(|targets| {
        let watched = targets.find(TargetKind::Channel, name)?;
        let (state, shown) = (watched.channel()?, ChannelView::new(watched, now)?);
        let ago = |millis: i64| humanize::length((now.unix.millis() - millis).max(0));
        let mut facts = vec![
            ("provider", shown.summary.provider.to_owned()),
            ("for", format!("{}, since {}", ago(shown.since_millis), shown.since)),
            ("last answer", age(&shown.summary.poll, now)),
        ];
        let mut fact = |what, text: Option<String>| facts.extend(text.map(|text| (what, text)));
        fact("polls fail because", shown.summary.poll.failure.map(str::to_owned));
        fact("polls fail since", shown.summary.poll.failing_since.clone());
        let authorized = state.last_authorized().map(|at| at.millis());
        fact("last in AUTH", authorized.map(|at| format!("{} ago", ago(at))));
        fact("listed by", shown.summary.source.clone());
        fact("account", shown.account.clone());
        fact("id", shown.summary.id.clone());
        fact("version", state.version().map(ToString::to_string));
        fact("up for", state.uptime_millis().map(humanize::length));
        let webhook = state.webhooks().and_then(|webhooks| webhooks.last_event());
        fact("last webhook", webhook.map(|at| format!("{} ago", ago(at.millis()))));
        let refused: u32 = ErrorSource::ALL
            .iter()
            .flat_map(|source| UnauthorizedReason::ALL.iter().map(move |reason| (source, reason)))
            .map(|(source, reason)| state.unauthorized_errors(*source, *reason))
            .sum();
        fact("HTTP 401 answers", (refused > 0).then(|| refused.to_string()));
        fact("restarts", (state.restarts() > 0).then(|| state.restarts().to_string()));
        let counts = Status::ALL.iter().map(|to| (to.as_str(), state.transitions(*to)));
        Some(ChannelPage {
            version: env!("CARGO_PKG_VERSION"),
            time: humanize::rfc3339(now.unix),
            refresh: query.refresh,
            notes: shown.notes(),
            title: format!("{}: {}", shown.summary.name, shown.summary.status),
            level: shown.summary.level,
            name: shown.summary.name,
            status: shown.summary.status,
            todo: todo(shown.summary.advice),
            advice: shown.summary.advice,
            facts,
            moves: shown.moves.into_iter().rev().collect(),
            counts: counts.filter(|(_, count)| *count > 0).collect(),
        })
    });
    page.map(|page| page.render()).transpose()
}
