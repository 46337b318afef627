//! How WhatsApp rates a line, how much it lets it send, and what it says against it.
//!
//! Not here: whether the line works at all; that is its status. Nor what it may not do; those are
//! its restrictions.

use super::QuotaLimit;
use super::label_enum::label_enum;

label_enum! {
    /// How WhatsApp rates the messages of a line by what their receivers do.
    QualityRating {
        /// Good.
        Green = "GREEN",
        /// Medium.
        Yellow = "YELLOW",
        /// Low.
        Red = "RED",
        /// Not rated, or in a word we do not know.
        Unknown = "UNKNOWN",
    }
}

label_enum! {
    /// What a message needs on its way.
    HealthEntity {
        /// The line itself.
        PhoneNumber = "phone_number",
        /// The account that it belongs to.
        Account = "account",
        /// The business that owns the account.
        Business = "business",
        /// The app that sends.
        App = "app",
    }
}

label_enum! {
    /// Whether messages can be sent, the best first.
    CanSend {
        /// They can.
        Available = "AVAILABLE",
        /// Some can.
        Limited = "LIMITED",
        /// None can.
        Blocked = "BLOCKED",
    }
}

/// Something that the upstream says against a line or an account, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The upstream's number for it, if it has one.
    pub code: Option<i64>,
    /// What is wrong or what to do: printable, short, and of nobody's data.
    pub text: Box<str>,
}

/// So many notices are kept.
pub const MAX_NOTICES: usize = 5;

/// What one answer says of a line's standing. Each part is optional upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The rating.
    pub quality: Option<QualityRating>,
    /// How many conversations the line may begin in 24 hours.
    pub messaging_limit: Option<QuotaLimit>,
    /// Whether each entity lets messages through.
    pub health: [Option<CanSend>; HealthEntity::COUNT],
    /// What the upstream itself makes of all entities, which may count more than messages.
    pub overall: Option<CanSend>,
    /// What it says against the line.
    pub notices: Vec<Notice>,
}

impl Standing {
    /// The worst of the entities; `None` when none is told.
    pub fn can_send(&self) -> Option<CanSend> {
        self.health.iter().flatten().copied().max()
    }
}
