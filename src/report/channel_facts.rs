//! What the page of one channel tells beside its status: timings, counts and names, in words.
//!
//! Not here: how it is and what to do; that is `status_report.rs`.

use super::humanize;
use crate::domain::{Now, Status, Timestamp, WebhookState};
use crate::fleet::Watched;

/// A fact: what it is of, and the fact in words.
pub type ChannelFact = (&'static str, String);

/// The facts of a channel, as far as they are known; none of another target.
pub fn channel_facts(watched: &Watched, now: Now) -> Vec<ChannelFact> {
    let Some(state) = watched.channel() else { return Vec::new() };
    let (target, polls) = (&watched.target, state.polls());
    let at = |at: Timestamp| {
        format!("{} ({})", humanize::distance(at.millis(), now), humanize::rfc3339(at))
    };
    let interval = humanize::length(watched.policy().interval_millis());
    let polled = match target.options.endpoint {
        Some(_) => format!("every {interval}"),
        None => format!("with its source's list, every {interval}"),
    };
    let times = |count: u32| if count == 1 { "once".to_owned() } else { format!("{count} times") };
    let failing = polls.last_failure().zip(polls.failing_since());
    let moves = Status::ALL[..Status::REPORTED].iter().filter(|to| state.transitions(**to) > 0);
    let moves = moves.map(|to| format!("{} {}", to.as_str(), times(state.transitions(*to))));
    let moves: Vec<String> = moves.collect();
    let facts = [
        ("source", target.source.as_ref().map(ToString::to_string)),
        ("id at the provider", watched.id().map(str::to_owned)),
        ("polled", Some(polled)),
        ("last answer", polls.last_success().map(at)),
        (
            "polls fail",
            failing.map(|(reason, since)| format!("{}, since {}", reason.as_str(), at(since.unix))),
        ),
        ("last able to send", state.last_authorized().map(at)),
        ("started", state.started().map(at)),
        ("moved to", Some(moves.join(", ")).filter(|moves| !moves.is_empty())),
        ("restarts seen", Some(state.restarts()).filter(|count| *count > 0).map(times)),
        ("last webhook", state.webhooks().and_then(WebhookState::last_event).map(at)),
    ];
    facts.into_iter().filter_map(|(what, fact)| Some((what, fact?))).collect()
}
