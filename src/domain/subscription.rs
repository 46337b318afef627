//! Until when a line is paid for, and whether that goes on by itself.
//!
//! Not here: whether it still works then; that is its status.

use super::Expiry;
use super::label_enum::label_enum;

label_enum! {
    /// What kind of subscription it is.
    SubscriptionMode {
        /// It is paid for, and for production.
        Live = "live",
        /// It is free for a few days.
        Trial = "trial",
        /// It is free, and limited, for as long as it is used.
        Sandbox = "sandbox",
        /// Another one, or not known.
        Other = "other",
    }
}

label_enum! {
    /// What happens when the subscription ends.
    Renewal {
        /// The provider renews it.
        Automatic = "automatic",
        /// Somebody has to.
        Manual = "manual",
        /// Not known.
        Unknown = "unknown",
    }
}

/// A line's subscription, as its provider's list tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscription {
    /// When it ends; `None` when that was not told.
    pub expiry: Option<Expiry>,
    /// Its kind.
    pub mode: SubscriptionMode,
    /// What happens then.
    pub renewal: Renewal,
}
