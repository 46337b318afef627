//! How many new chats a line may begin in a period.
//!
//! Not here: what follows when they are used up; that is a restriction.

use super::Timestamp;

/// How many chats may be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaLimit {
    /// Any number.
    Unlimited,
    /// So many in a period.
    Chats(u32),
}

/// A line's quota of new chats. Each part is optional upstream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NewChatQuota {
    /// How many may be begun.
    pub limit: Option<QuotaLimit>,
    /// How many were begun in this period.
    pub used: Option<u32>,
    /// When the next period begins.
    pub resets: Option<Timestamp>,
}
