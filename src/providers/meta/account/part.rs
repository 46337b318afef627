//! The parts of an account's poll.
//!
//! Not here: how each is asked and read.

/// What an account is asked, each for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Part {
    /// `/phone_numbers`.
    Numbers,
    /// The account itself.
    Node,
    /// `/subscribed_apps`.
    Subscribers,
    /// `/message_templates`.
    Templates,
    /// The account's `analytics`.
    Analytics,
}
