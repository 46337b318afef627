//! What a webhook tells of a channel, and the closed lists that it is counted by.
//!
//! Not here: how webhooks are received and read.

use super::label_enum::label_enum;
use super::{ChannelObservation, MessageEvent};

label_enum! {
    /// A webhook about a channel, as it is counted.
    WebhookEvent {
        /// The channel's status.
        ChannelPost = "channel.post",
        /// A new QR code to be scanned.
        ChannelPatch = "channel.patch",
        /// Somebody logged in.
        UsersPost = "users.post",
        /// Somebody logged out, or was logged out.
        UsersDelete = "users.delete",
        /// Any other: messages and the like.
        Other = "other",
    }
}

label_enum! {
    /// What became of a webhook.
    WebhookOutcome {
        /// It told something new.
        Applied = "applied",
        /// It was delivered before.
        Duplicate = "duplicate",
        /// It is older than what is known: it took its place in the past and moved nothing that is
        /// newer.
        Late = "late",
        /// There is nothing in it for a status or of a message.
        Ignored = "ignored",
        /// It does not hold what its event should.
        Malformed = "malformed",
    }
}

label_enum! {
    /// Why a webhook was not taken as any channel's.
    WebhookRefusal {
        /// The secret is missing or wrong: 401.
        Secret = "secret",
        /// It is larger than is read: 413.
        TooLarge = "too_large",
        /// Others took the room to read it for too long: 503.
        NoRoom = "no_room",
        /// It is not a JSON object: 400.
        NotJson = "not_json",
        /// It names no channel that is configured, or none at all.
        UnknownChannel = "unknown_channel",
    }
}

/// What happened to a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelEvent {
    /// It has this status.
    Status(ChannelObservation),
    /// It should tell a status, and does not.
    NoStatus,
    /// A QR code waits to be scanned.
    Qr,
    /// Somebody logged in.
    Login,
    /// Somebody logged out, or was logged out.
    Logout,
    /// A message, or how far one came.
    Message(MessageEvent),
    /// Something that says nothing of its status.
    Other,
}

impl ChannelEvent {
    /// The event it is counted as.
    pub const fn kind(&self) -> WebhookEvent {
        match self {
            Self::Status(_) | Self::NoStatus => WebhookEvent::ChannelPost,
            Self::Qr => WebhookEvent::ChannelPatch,
            Self::Login => WebhookEvent::UsersPost,
            Self::Logout => WebhookEvent::UsersDelete,
            Self::Message(_) | Self::Other => WebhookEvent::Other,
        }
    }
}
