//! What people are told in the log when a target changes, whoever noticed.
//!
//! Not here: what a status means for them; that is `advice.rs`.

use std::sync::Arc;

use tracing::{info, warn};

use super::advice;
use crate::domain::{Failure, Listed, Status, Transition};
use crate::fleet::{Change, Replaced};
use crate::provider::TokenProblem;
use crate::secret::looks_like_a_secret;
use crate::target::{Name, Target};
use crate::upstream::ProviderId;

/// What to do about a status that is not in the provider's table.
const UNKNOWN_WORD: &str = "Check the channel in the provider's console, and report the word to \
    the exporter's project.";

/// Logs changes of this provider's targets.
pub fn log_changes(provider: ProviderId, changes: &[Change]) {
    let mut unknown_word = None;
    for change in changes {
        match change {
            // The polls are well.
            Change::Moved(name, Transition { from, to: Status::Unknown })
                if unknown_word == Some(name) =>
            {
                let (from, todo) = (from.as_str(), UNKNOWN_WORD);
                warn!(channel = %name, from, to = "UNKNOWN", todo, "the channel is UNKNOWN");
            }
            Change::Moved(name, transition) => moved(provider, name, *transition),
            Change::Validity(name, valid) => validity(provider, name, *valid),
            Change::UnknownWord(name, word) => {
                unknown_word = Some(name);
                let word = if looks_like_a_secret(word) { "[REDACTED]" } else { word };
                warn!(channel = %name, word, todo = UNKNOWN_WORD, "the provider reports a status \
                    this version does not know; it is shown as UNKNOWN");
            }
        }
    }
}

/// Logs why a list does not tell of one of its channels.
pub fn log_listed_failure(provider: ProviderId, channel: &Name, failure: &Failure) {
    warn!(
        channel = %channel,
        reason = failure.reason.as_str(),
        detail = failure.detail,
        todo = advice::failure(provider, failure.reason),
        "the list does not include the channel's status"
    );
}

/// Logs that a source's list has channels that are not watched, once for each number of them.
pub fn log_list(source: &Name, before: Option<Listed>, listed: Listed) {
    let Listed { ignored, unnamed, .. } = listed;
    if ignored > 0 && before.is_none_or(|before| before.ignored != ignored) {
        let todo = advice::channels_ignored(listed);
        warn!(source = %source, ignored, unnamed, todo, "listed channels are not watched");
    }
}

/// Logs that a source's list has channels, of which its filters leave none.
pub fn log_none_chosen(source: &Name, told: usize, listed: Listed) {
    if told > 0 && (listed.watched, listed.ignored) == (0, 0) {
        let todo = "Compare `only` and `except` with the names on the list; case counts.";
        warn!(source = %source, listed = told, todo, "the filters of a list leave no channel");
    }
}

/// Logs which targets are new and which are gone, and the names of the first.
pub fn log_replaced(replaced: &Replaced) {
    let Replaced { added, added_examples, removed, removed_examples, .. } = replaced;
    let Replaced { removed_unauthorized, removed_unauthorized_examples, .. } = replaced;
    if !added.is_empty() {
        let targets = names(added.len(), added_examples);
        info!(count = added.len(), targets, "watching new targets");
    }
    if *removed > 0 {
        let targets = names(*removed, removed_examples);
        info!(
            count = removed,
            targets,
            "targets are no longer watched: neither the settings nor \
            a source's list has them any more"
        );
    }
    if *removed_unauthorized > 0 {
        let named = removed_unauthorized_examples.iter();
        let named = named.map(|(one, status)| format!("{} ({})", name(one), status.as_str()));
        let targets = listed(*removed_unauthorized, named);
        let todo = advice::CHANNELS_GONE;
        warn!(
            count = removed_unauthorized,
            targets,
            todo,
            "channels that could not send are no longer watched, so their alerts end"
        );
    }
}

fn names(count: usize, examples: &[Arc<Target>]) -> String {
    listed(count, examples.iter().map(|one| name(one)))
}

fn name(one: &Target) -> String {
    let of = one.source().map(|source| format!(" of source {source}")).unwrap_or_default();
    format!("{} {}{of}", one.kind.as_str(), one.name)
}

/// So many, of which these are the first.
fn listed(count: usize, examples: impl ExactSizeIterator<Item = String>) -> String {
    let more = count.saturating_sub(examples.len());
    let more = (more > 0).then(|| format!("{more} more"));
    examples.chain(more).collect::<Vec<_>>().join(", ")
}

fn moved(provider: ProviderId, name: &Name, transition: Transition) {
    let (from, to) = (transition.from.as_str(), transition.to.as_str());
    match advice::status(provider, transition.to) {
        None => info!(channel = %name, from, to, "the channel is {to}"),
        // Every day for seconds; what lasts longer is for the alert to say.
        Some(todo) if matches!(transition.to, Status::Init | Status::Launch) => {
            info!(channel = %name, from, to, todo, "the channel is {to}");
        }
        Some(todo) => warn!(channel = %name, from, to, todo, "the channel is {to}"),
    }
}

fn validity(provider: ProviderId, name: &Name, valid: bool) {
    if valid {
        info!(token = %name, "the token is valid");
    } else {
        let todo = advice::token(provider, TokenProblem::Invalid);
        warn!(token = %name, todo, "the token is not valid");
    }
}
