//! The page for people: every target, how it is, since when, and what to do.
//!
//! Not here: what is said of a target (`report/`) and how it looks (`templates/page.html`).

use askama::Template;

use crate::domain::{Now, TargetKind};
use crate::fleet::{FleetView, Watched};
use crate::report::account_report::AccountView;
use crate::report::advice::Advice;
use crate::report::humanize;
use crate::report::status_report::{self, ChannelView, Level, PollView, SourceView, TokenView};

/// As many channels are on one page; the worst come first.
const PER_PAGE: usize = 200;

#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    version: &'static str,
    time: String,
    headline: String,
    level: Level,
    channels: Vec<PageRow>,
    tokens: Vec<PageRow>,
    sources: Vec<PageRow>,
    accounts: Vec<PageRow>,
    count: usize,
    number: usize,
    pages: usize,
}

struct PageRow {
    name: String,
    level: Level,
    status: &'static str,
    since: String,
    since_exact: String,
    age: String,
    trouble: Option<&'static str>,
    notes: Vec<String>,
    advice: Option<Advice>,
}

/// The page, of which channels are shown by the hundreds; `number` counts from 1.
///
/// Only what is shown is drawn; of the rest it is counted how it is.
pub(super) fn render(view: &FleetView, number: usize) -> Result<String, askama::Error> {
    let now = view.now;
    let (channels, mut tokens, sources, accounts, levels) = view.look(|targets| {
        let ranked = |kind| {
            let all = targets.of(kind).map(|one| (status_report::level(one, now), one));
            let mut ranked: Vec<(Level, &Watched)> = all.collect();
            ranked.sort_by_key(|(level, _)| *level);
            ranked
        };
        let (channels, tokens) = (ranked(TargetKind::Channel), ranked(TargetKind::Token));
        let (sources, accounts) = (ranked(TargetKind::Source), ranked(TargetKind::Account));
        let all = channels.iter().chain(&tokens).chain(&sources).chain(&accounts);
        let levels: Vec<Level> = all.map(|(level, _)| *level).collect();
        let pages = channels.len().div_ceil(PER_PAGE).max(1);
        let first = (number.clamp(1, pages) - 1) * PER_PAGE;
        let shown = channels.iter().skip(first).take(PER_PAGE);
        let shown: Vec<_> = shown.filter_map(|(_, one)| ChannelView::new(one, now)).collect();
        let tokens: Vec<_> =
            tokens.iter().filter_map(|(_, one)| TokenView::new(one, now)).collect();
        let sources: Vec<_> = sources.iter().filter_map(|(_, one)| SourceView::new(one)).collect();
        let accounts: Vec<_> =
            accounts.iter().filter_map(|(_, one)| AccountView::new(one, now)).collect();
        (shown, tokens, sources, accounts, levels)
    });
    tokens.sort_by_key(|token| (token.level, token.expires_millis.unwrap_or(i64::MAX)));
    let (headline, level) = headline(&levels);
    let count = view.count(TargetKind::Channel);
    let pages = count.div_ceil(PER_PAGE).max(1);
    Page {
        version: env!("CARGO_PKG_VERSION"),
        time: humanize::rfc3339(now.unix),
        headline,
        level,
        channels: channels.into_iter().map(|view| channel_row(view, now)).collect(),
        tokens: tokens.into_iter().map(|view| token_row(view, now)).collect(),
        sources: sources.into_iter().map(|view| source_row(view, now)).collect(),
        accounts: accounts.into_iter().map(|view| account_row(view, now)).collect(),
        count,
        number: number.clamp(1, pages),
        pages,
    }
    .render()
}

fn headline(levels: &[Level]) -> (String, Level) {
    let count = |level| levels.iter().filter(|other| **other == level).count();
    let are = |count: usize, what: &str| match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        many => Some(format!("{many} {what}")),
    };
    let parts: Vec<String> = [
        are(count(Level::Bad), "out of order"),
        are(count(Level::Warning), "to look after"),
        are(count(Level::Unknown), "not known"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let worst = levels.iter().copied().min().unwrap_or(Level::Unknown);
    match parts.is_empty() {
        true => ("All is well".to_owned(), worst),
        false => (parts.join(", "), worst),
    }
}

fn age(poll: &PollView, now: Now) -> String {
    match poll.last_success_millis {
        Some(at) => format!("{} ago", humanize::length((now.unix.millis() - at).max(0))),
        None => "none yet".to_owned(),
    }
}

fn channel_row(view: ChannelView, now: Now) -> PageRow {
    let restrictions = view.restrictions.into_iter().flatten().map(|one| one.words);
    let quota = view.new_chat_quota.map(|quota| quota.words);
    let subscription = view.subscription.map(|subscription| subscription.words);
    let standing = view.standing.into_iter().flat_map(|standing| standing.notes());
    let notes = view.returned.into_iter().chain(restrictions).chain(quota).chain(subscription);
    PageRow {
        notes: notes.chain(standing).collect(),
        since: humanize::length((now.unix.millis() - view.since_millis).max(0)),
        since_exact: view.since,
        age: age(&view.poll, now),
        trouble: view.poll.failure,
        name: view.name,
        level: view.level,
        status: view.status,
        advice: view.advice,
    }
}

fn token_row(view: TokenView, now: Now) -> PageRow {
    let mut notes = Vec::new();
    if !view.missing_scopes.is_empty() {
        notes.push(format!("missing: {}", view.missing_scopes.join(", ")));
    }
    if let Some(at) = view.data_access_millis {
        notes.push(format!("data access ends {}", humanize::distance(at, now)));
    }
    PageRow {
        since: view.countdown(now),
        since_exact: view.expires.unwrap_or_default(),
        age: age(&view.poll, now),
        trouble: view.poll.failure,
        name: view.name,
        level: view.level,
        status: view.status,
        notes,
        advice: view.advice,
    }
}

fn source_row(view: SourceView, now: Now) -> PageRow {
    let mut notes = Vec::new();
    if let Some(ignored) = view.ignored.filter(|ignored| *ignored > 0) {
        notes.push(format!("{ignored} more are not watched"));
    }
    PageRow {
        since: view.channels.map_or_else(|| "not known".to_owned(), |count| count.to_string()),
        since_exact: String::new(),
        age: age(&view.poll, now),
        trouble: view.poll.failure,
        name: view.name,
        level: view.level,
        status: view.status,
        notes,
        advice: view.advice,
    }
}

fn account_row(view: AccountView, now: Now) -> PageRow {
    PageRow {
        notes: view.notes(),
        since: view.approved_templates.map_or_else(|| "not known".to_owned(), |n| n.to_string()),
        since_exact: String::new(),
        age: age(&view.poll, now),
        trouble: view.poll.failure,
        name: view.name,
        level: view.level,
        status: view.status,
        advice: view.advice,
    }
}
