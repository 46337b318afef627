//! The front page: every target, how it is, since when, and what to do.
//!
//! Not here: what is said of a target (`report/`) and how it looks (`templates/front.html`).

use askama::Template;

use super::pieces::{self, Piece};
use super::query::PageQuery;
use crate::domain::{Now, TargetKind};
use crate::fleet::{FleetView, Watched};
use crate::report::account_report::AccountView;
use crate::report::advice::Advice;
use crate::report::humanize;
use crate::report::status_report::{
    self, ChannelView, Level, PollView, SourceView, TargetSummary, TokenView,
};

/// As many channels are on one page; the worst come first.
const PER_PAGE: usize = 200;

#[derive(Template)]
#[template(path = "front.html")]
struct Front<'a> {
    version: &'static str,
    time: String,
    refresh: Option<u32>,
    title: String,
    level: Level,
    tables: Vec<PageTable>,
    query: &'a PageQuery,
    /// Targets that have what is looked for, of all.
    found: usize,
    all: usize,
    number: usize,
    pages: usize,
}

/// The targets of one kind.
struct PageTable {
    /// Its anchor.
    id: &'static str,
    /// Its heading.
    title: &'static str,
    /// What a row is.
    one: &'static str,
    /// What the third column says.
    third: &'static str,
    /// How many targets have what is looked for.
    found: usize,
    rows: Vec<PageRow>,
}

struct PageRow {
    name: String,
    /// The target's own page.
    link: Option<String>,
    provider: &'static str,
    level: Level,
    status: &'static str,
    since: String,
    since_exact: String,
    age: String,
    trouble: Option<&'static str>,
    notes: Vec<String>,
    todo: Vec<Piece>,
    advice: Option<Advice>,
}

/// The page, of which channels are shown by the hundreds.
///
/// Only what is shown is drawn; of the rest it is counted how it is.
pub(super) fn render(view: &FleetView, query: &PageQuery) -> Result<String, askama::Error> {
    let now = view.now;
    let mut levels = Vec::new();
    let (channels, mut tokens, sources, accounts, found) = view.look(|targets| {
        let mut ranked = |kind| {
            let mut ranked: Vec<(Level, &Watched)> = Vec::new();
            for one in targets.of(kind) {
                let level = status_report::level(one, now);
                levels.push(level);
                if query.text.is_empty() || query.finds(texts(one, now)) {
                    ranked.push((level, one));
                }
            }
            ranked.sort_by_key(|(level, _)| *level);
            ranked
        };
        let (channels, tokens) = (ranked(TargetKind::Channel), ranked(TargetKind::Token));
        let (sources, accounts) = (ranked(TargetKind::Source), ranked(TargetKind::Account));
        let first = (query.number.clamp(1, pages(channels.len())) - 1) * PER_PAGE;
        let shown = channels.iter().skip(first).take(PER_PAGE);
        let shown: Vec<_> = shown.filter_map(|(_, one)| ChannelView::new(one, now)).collect();
        let tokens: Vec<_> =
            tokens.iter().filter_map(|(_, one)| TokenView::new(one, now)).collect();
        let sources: Vec<_> = sources.iter().filter_map(|(_, one)| SourceView::new(one)).collect();
        let accounts: Vec<_> =
            accounts.iter().filter_map(|(_, one)| AccountView::new(one, now)).collect();
        (shown, tokens, sources, accounts, channels.len())
    });
    tokens.sort_by_key(|token| (token.summary.level, token.expires_millis.unwrap_or(i64::MAX)));
    let (title, level) = headline(&levels);
    let pages = pages(found);
    let channels: Vec<_> = channels.into_iter().map(|view| channel_row(view, now)).collect();
    let tokens: Vec<_> = tokens.into_iter().map(|view| token_row(view, now)).collect();
    let sources: Vec<_> = sources.into_iter().map(|view| source_row(view, now)).collect();
    let accounts: Vec<_> = accounts.into_iter().map(|view| account_row(view, now)).collect();
    let table =
        |id, title, one, third, found, rows| PageTable { id, title, one, third, found, rows };
    let tables = [
        table("channels", "Channels", "channel", "for", found, channels),
        table("accounts", "Accounts", "account", "templates", accounts.len(), accounts),
        table("tokens", "Tokens", "token", "expires", tokens.len(), tokens),
        table("sources", "Sources", "source", "channels", sources.len(), sources),
    ];
    let tables: Vec<_> = tables.into_iter().filter(|table| !table.rows.is_empty()).collect();
    Front {
        version: env!("CARGO_PKG_VERSION"),
        time: humanize::rfc3339(now.unix),
        refresh: query.refresh,
        title,
        level,
        found: tables.iter().map(|table| table.found).sum(),
        all: levels.len(),
        tables,
        query,
        number: query.number.clamp(1, pages),
        pages,
    }
    .render()
}

fn pages(channels: usize) -> usize {
    channels.div_ceil(PER_PAGE).max(1)
}

/// What a target can be found by.
fn texts(one: &Watched, now: Now) -> [&str; 5] {
    let status = one.channel().map_or("", |state| state.status(now, one.policy()).as_str());
    let source = one.target.source().map_or("", |source| source.as_str());
    let id = one.id().map_or("", |id| id);
    [one.target.name.as_str(), one.provider().label(), id, status, source]
}

fn headline(levels: &[Level]) -> (String, Level) {
    let count = |level| levels.iter().filter(|other| **other == level).count();
    let counted = |level, what: &str| {
        let count = count(level);
        (count > 0).then(|| format!("{count} {what}"))
    };
    let parts: Vec<String> = [
        counted(Level::Bad, "failing"),
        counted(Level::Warning, "with a warning"),
        counted(Level::Unknown, "unknown"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let worst = levels.iter().copied().min().unwrap_or(Level::Unknown);
    match (levels.is_empty(), parts.is_empty()) {
        (true, _) => ("Nothing is watched".to_owned(), worst),
        (_, true) => ("All is well".to_owned(), worst),
        _ => (parts.join(", "), worst),
    }
}

pub(super) fn todo(advice: Option<Advice>) -> Vec<Piece> {
    advice.map(|advice| pieces::of(advice.todo)).unwrap_or_default()
}

pub(super) fn age(poll: &PollView, now: Now) -> String {
    match poll.last_success_millis {
        Some(at) => format!("{} ago", humanize::length((now.unix.millis() - at).max(0))),
        None => "none yet".to_owned(),
    }
}

impl PageRow {
    /// What every row has. Its third column and its notes are the kind's own.
    fn new(target: TargetSummary, now: Now) -> Self {
        Self {
            link: None,
            since: String::new(),
            since_exact: String::new(),
            age: age(&target.poll, now),
            trouble: target.poll.failure,
            notes: Vec::new(),
            todo: todo(target.advice),
            name: target.name,
            provider: target.provider,
            level: target.level,
            status: target.status,
            advice: target.advice,
        }
    }
}

fn channel_row(view: ChannelView, now: Now) -> PageRow {
    PageRow {
        notes: view.notes(),
        link: Some(format!("/channels/{}", view.summary.name)),
        since: humanize::length((now.unix.millis() - view.since_millis).max(0)),
        since_exact: view.since,
        ..PageRow::new(view.summary, now)
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
        notes,
        since: view.countdown(now),
        since_exact: view.expires.unwrap_or_default(),
        ..PageRow::new(view.summary, now)
    }
}

fn source_row(view: SourceView, now: Now) -> PageRow {
    let ignored = view.ignored.filter(|ignored| *ignored > 0);
    PageRow {
        notes: ignored
            .map(|ignored| format!("{ignored} more are not watched"))
            .into_iter()
            .collect(),
        since: known(view.channels),
        ..PageRow::new(view.summary, now)
    }
}

fn account_row(view: AccountView, now: Now) -> PageRow {
    PageRow {
        notes: view.notes(),
        since: known(view.approved_templates),
        ..PageRow::new(view.summary, now)
    }
}

fn known(count: Option<u32>) -> String {
    count.map_or_else(|| "not known".to_owned(), |count| count.to_string())
}
