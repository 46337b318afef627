//! What one answer says, in our words.
//!
//! Not here: how answers are read (`providers/`) or what becomes of them (`channel.rs`,
//! `token.rs`).

use super::{
    Expiry, Failure, NewChatQuota, Restrictions, Standing, Status, Timestamp, TokenErrorReason,
};

/// A channel's status as an answer gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reported {
    /// A word of the closed list.
    Known(Status),
    /// A word we do not know, shortened and made printable, for the log alone.
    Word(String),
}

/// What a channel's health answer says. Every field but the status is optional upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelObservation {
    /// The status.
    pub status: Reported,
    /// When it was so, by the upstream's clock, if the upstream says that.
    pub at: Option<Timestamp>,
    /// When the channel's instance started.
    pub started: Option<Timestamp>,
    /// How long the instance has been up, in milliseconds.
    pub uptime_millis: Option<i64>,
    /// The upstream's id of the channel.
    pub channel_id: Option<Box<str>>,
    /// The version of the upstream's software.
    pub version: Option<Box<str>>,
    /// What the line may not do; `None` when the answer says nothing of that.
    pub restrictions: Option<Restrictions>,
    /// How many new chats it may begin.
    pub quota: Option<NewChatQuota>,
    /// How WhatsApp rates it.
    pub standing: Option<Box<Standing>>,
}

impl ChannelObservation {
    /// An answer that says nothing but the status.
    pub const fn new(status: Reported) -> Self {
        Self {
            status,
            at: None,
            started: None,
            uptime_millis: None,
            channel_id: None,
            version: None,
            restrictions: None,
            quota: None,
            standing: None,
        }
    }
}

/// Whose token it is, in the upstream's words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenInfo {
    /// The app's id.
    pub app_id: Box<str>,
    /// `USER`, `PAGE`, `SYSTEM_USER`; not a closed list upstream.
    pub kind: Box<str>,
    /// The app's name.
    pub application: Box<str>,
}

/// What an inspection of a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenObservation {
    /// Whether the token works.
    pub valid: bool,
    /// When it expires.
    pub expiry: Option<Expiry>,
    /// When access to user data ends: the second clock.
    pub data_access_expiry: Option<Expiry>,
    /// When it was issued.
    pub issued: Option<Timestamp>,
    /// The scopes it was granted; `None` when the answer does not list any.
    pub scopes: Option<Vec<String>>,
    /// Whose it is.
    pub info: Option<TokenInfo>,
}

impl TokenObservation {
    /// A token known to be dead, of which nothing else was said.
    pub const fn dead() -> Self {
        Self {
            valid: false,
            expiry: None,
            data_access_expiry: None,
            issued: None,
            scopes: None,
            info: None,
        }
    }
}

/// What one poll of a token brought: facts about errors are counted whether or not the poll
/// succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenReading {
    /// The observation, or why there is none.
    pub outcome: Result<TokenObservation, Failure>,
    /// The class of the upstream's error answer, if it gave one.
    pub error: Option<TokenErrorReason>,
    /// Whether the HTTP status was 401.
    pub unauthorized: bool,
}

impl TokenReading {
    /// A poll that brought no answer at all.
    pub const fn failed(failure: Failure) -> Self {
        Self { outcome: Err(failure), error: None, unauthorized: false }
    }
}
