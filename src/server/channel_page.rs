//! The page of one channel: its status, what to do, its last moves, and its timings.
//!
//! Not here: what is said of it (`report/`) and how it looks (`templates/channel.html`).

use askama::Template;

use crate::domain::Now;
use crate::fleet::Watched;
use crate::report::channel_facts::{ChannelFact, channel_facts};
use crate::report::humanize;
use crate::report::status_report::ChannelView;

#[derive(Template)]
#[template(path = "channel.html")]
struct ChannelPage {
    version: &'static str,
    time: String,
    since: String,
    notes: Vec<String>,
    facts: Vec<ChannelFact>,
    channel: ChannelView,
}

/// The page of a target; `None` if it is no channel.
pub(super) fn render(watched: &Watched, now: Now) -> Option<Result<String, askama::Error>> {
    let channel = ChannelView::new(watched, now)?;
    let restrictions = channel.restrictions.iter().flatten().map(|one| &one.words);
    let quota = channel.new_chat_quota.as_ref().map(|quota| &quota.words);
    let subscription = channel.subscription.as_ref().map(|subscription| &subscription.words);
    let notes = channel.returned.iter().chain(restrictions).chain(quota).chain(subscription);
    let page = ChannelPage {
        version: env!("CARGO_PKG_VERSION"),
        time: humanize::rfc3339(now.unix),
        since: humanize::length((now.unix.millis() - channel.since_millis).max(0)),
        notes: notes.cloned().collect(),
        facts: channel_facts(watched, now),
        channel,
    };
    Some(page.render())
}
