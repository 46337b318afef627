//! What people are told in the log when a target changes, whoever noticed.
//!
//! Not here: what a status means for them; that is `words.rs`.

use tracing::{info, warn};

use crate::domain::{Status, Transition};
use crate::settings::Name;
use crate::words;

/// A channel moved.
pub fn moved(name: &Name, transition: Transition) {
    let (from, word) = (transition.from.word(), transition.to.word());
    match words::status_todo(transition.to) {
        None => info!(channel = %name, from, to = word, "the channel is {word}"),
        // Every day for seconds; what lasts longer is for the alert to say.
        Some(todo) if matches!(transition.to, Status::Init | Status::Launch) => {
            info!(channel = %name, from, to = word, todo, "the channel is {word}");
        }
        Some(todo) => warn!(channel = %name, from, to = word, todo, "the channel is {word}"),
    }
}

/// A channel reports a word that is not in the list.
pub fn unknown_word(name: &Name, word: &str) {
    warn!(channel = %name, word, "the provider reports a status this version does not know; it is shown as UNKNOWN");
}

/// A token began or ceased to work.
pub fn validity(name: &Name, valid: bool) {
    if valid {
        info!(token = %name, "the token is valid");
    } else {
        warn!(token = %name, todo = words::DEAD_TOKEN_TODO, "the token is not valid");
    }
}
