//! What is told of a message: that there is one, which way it went, who sent it, and how far it
//! came.
//!
//! Not here: its text, its people, its id. Of the id there is a hash with a key of this process, so
//! that nothing can be read from it and nothing compared with it elsewhere.

use super::Timestamp;
use super::label_enum::label_enum;

/// A message's id, hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(u64);

impl MessageId {
    /// The id with this hash, which must have been made with a secret key.
    pub const fn from_hash(hash: u64) -> Self {
        Self(hash)
    }

    /// The same id on one of many lines: a message between two lines that are both watched has one
    /// id and is two messages.
    #[must_use]
    pub const fn on_line(self, line: u32) -> Self {
        // Any odd number spreads; this is 2^64 divided by the golden ratio.
        Self(self.0 ^ (line as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

label_enum! {
    /// Which way a message goes.
    Direction {
        /// To the line.
        Inbound = "inbound",
        /// From the line.
        Outbound = "outbound",
    }
}

label_enum! {
    /// Who sent a message from the line.
    Origin {
        /// The application, through the provider's API.
        Api = "api",
        /// A person, on the phone itself.
        Phone = "phone",
        /// Another linked device, the provider, or it was not told. All that is inbound.
        Other = "other",
    }
}

label_enum! {
    /// How far a message came. Before the first of them it is accepted, and waits.
    MessageStatus {
        /// WhatsApp's server has it.
        Sent = "sent",
        /// The recipient's device has it.
        Delivered = "delivered",
        /// It was read.
        Read = "read",
        /// It was listened to or watched.
        Played = "played",
        /// It will not arrive.
        Failed = "failed",
        /// It was deleted.
        Deleted = "deleted",
    }
}

impl MessageStatus {
    /// Whether it is told within seconds of the message, so that an id which is not known is new
    /// rather than forgotten.
    pub(super) const fn is_prompt(self) -> bool {
        matches!(self, Self::Sent | Self::Failed)
    }
}

label_enum! {
    /// Why a message failed, in the classes of the business API.
    MessageFailure {
        /// More than 24 hours after the recipient's last message only templates may be sent.
        Reengagement = "reengagement",
        /// The recipient cannot be reached.
        Undeliverable = "undeliverable",
        /// WhatsApp holds it back for the sake of its users.
        Ecosystem = "ecosystem",
        /// The recipient is part of an experiment.
        Experiment = "experiment",
        /// The recipient wants no such messages.
        UserOptedOut = "user_opted_out",
        /// The line is blocked for breaking a rule.
        PolicyBlock = "policy_block",
        /// The account is locked.
        AccountLocked = "account_locked",
        /// Too many were sent.
        RateLimited = "rate_limited",
        /// The account cannot pay.
        Payment = "payment",
        /// The template is paused.
        TemplatePaused = "template_paused",
        /// The template is disabled.
        TemplateDisabled = "template_disabled",
        /// Something else is wrong with the template.
        TemplateOther = "template_other",
        /// The phone number is not registered.
        NotRegistered = "not_registered",
        /// The account is being worked on.
        Maintenance = "maintenance",
        /// The display name is not approved.
        DisplayName = "display_name",
        /// The credential was refused.
        Auth = "auth",
        /// The credential lacks a permission.
        Permission = "permission",
        /// Another reason, or none was told.
        Other = "other",
    }
}

impl MessageFailure {
    /// Whether the reason is the recipient's, and nothing is wrong with the line.
    pub const fn is_of_recipient(self) -> bool {
        matches!(
            self,
            Self::Reengagement
                | Self::Undeliverable
                | Self::Ecosystem
                | Self::Experiment
                | Self::UserOptedOut
        )
    }
}

/// One thing that is told of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageEvent {
    /// Which message.
    pub id: MessageId,
    /// When that happened, by the upstream's clock; `None` when it does not say.
    pub at: Option<Timestamp>,
    /// Which way it goes.
    pub direction: Direction,
    /// Who sent it; `None` when this event does not say.
    pub origin: Option<Origin>,
    /// Whether this is the message itself, and not only its status.
    pub is_message: bool,
    /// How far it came; `None` when it was accepted and no more.
    pub status: Option<MessageStatus>,
    /// Why it failed, if it did and that is told.
    pub failure: Option<MessageFailure>,
}

impl MessageEvent {
    /// A message to the line.
    pub const fn inbound(id: MessageId, at: Option<Timestamp>) -> Self {
        Self {
            id,
            at,
            direction: Direction::Inbound,
            origin: Some(Origin::Other),
            is_message: true,
            status: None,
            failure: None,
        }
    }

    /// A message from the line.
    pub const fn outbound(
        id: MessageId,
        at: Option<Timestamp>,
        origin: Origin,
        status: Option<MessageStatus>,
    ) -> Self {
        Self {
            id,
            at,
            direction: Direction::Outbound,
            origin: Some(origin),
            is_message: true,
            status,
            failure: None,
        }
    }

    /// The same, known to be sent by somebody.
    #[must_use]
    pub const fn by(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }

    /// How far a message from the line came, where nobody says why it failed.
    pub fn status_alone(
        id: MessageId,
        at: Option<Timestamp>,
        status: Option<MessageStatus>,
    ) -> Self {
        let failure = (status == Some(MessageStatus::Failed)).then_some(MessageFailure::Other);
        Self::status(id, at, status, failure)
    }

    /// How far a message from the line came.
    pub const fn status(
        id: MessageId,
        at: Option<Timestamp>,
        status: Option<MessageStatus>,
        failure: Option<MessageFailure>,
    ) -> Self {
        Self {
            id,
            at,
            direction: Direction::Outbound,
            origin: None,
            is_message: false,
            status,
            failure,
        }
    }
}
