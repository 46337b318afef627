//! The page for people: every target, how it is, since when, and what to do.
//!
//! Not here: what is said of a target (`view.rs`) and how it looks (`templates/page.html`).

use askama::Template;

use crate::domain::Moment;
use crate::fleet::Members;
use crate::view::{self, Advice, ChannelView, Level, PollView, TokenView, distance};
use crate::words;

/// As many channels are on one page; the worst come first.
const PER_PAGE: usize = 200;

#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    version: &'static str,
    time: String,
    headline: String,
    level: Level,
    channels: Vec<Row>,
    tokens: Vec<Row>,
    count: usize,
    number: usize,
    pages: usize,
}

struct Row {
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
pub(super) fn render(members: &Members, number: usize) -> Result<String, askama::Error> {
    let now = members.now;
    let (mut channels, mut tokens) = view::all(members);
    channels.sort_by_key(|view| view.level);
    tokens.sort_by_key(|view| (view.level, view.expires_millis.unwrap_or(i64::MAX)));
    let levels: Vec<Level> = channels
        .iter()
        .map(|view| view.level)
        .chain(tokens.iter().map(|view| view.level))
        .collect();
    let (headline, level) = headline(&levels);

    let pages = channels.len().div_ceil(PER_PAGE).max(1);
    let number = number.clamp(1, pages);
    let count = channels.len();
    let shown = channels.into_iter().skip((number - 1) * PER_PAGE).take(PER_PAGE);
    Page {
        version: env!("CARGO_PKG_VERSION"),
        time: words::rfc3339(now.unix),
        headline,
        level,
        channels: shown.map(|view| channel_row(view, now)).collect(),
        tokens: tokens.into_iter().map(|view| token_row(view, now)).collect(),
        count,
        number,
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

fn age(poll: &PollView, now: Moment) -> String {
    match poll.last_success_millis {
        Some(at) => format!("{} ago", words::length((now.unix.millis() - at).max(0))),
        None => "none yet".to_owned(),
    }
}

fn channel_row(view: ChannelView, now: Moment) -> Row {
    Row {
        since: words::length((now.unix.millis() - view.since_millis).max(0)),
        since_exact: view.since,
        age: age(&view.poll, now),
        trouble: view.poll.failure,
        name: view.name,
        level: view.level,
        status: view.status,
        notes: Vec::from_iter(view.returned),
        advice: view.advice,
    }
}

fn token_row(view: TokenView, now: Moment) -> Row {
    let mut notes = Vec::new();
    if !view.missing_scopes.is_empty() {
        notes.push(format!("missing: {}", view.missing_scopes.join(", ")));
    }
    if let Some(at) = view.data_access_millis {
        notes.push(format!("data access ends {}", distance(at, now)));
    }
    Row {
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
