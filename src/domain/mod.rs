//! What is known of targets, as pure functions of (state, time, observation).
//!
//! Not here: I/O, clocks, serde, metrics, any provider's words. This module knows the standard
//! library alone.

mod account;
mod account_event;
mod account_observation;
mod api_usage;
mod availability;
pub mod backoff;
mod channel;
mod channel_delivery;
mod channel_messages;
mod channel_spacing;
mod channel_terms;
mod channel_webhook;
mod delivery_count;
mod event;
mod expiry;
mod failure;
mod info;
mod kept_counters;
mod label_enum;
mod message;
mod message_memory;
mod message_state;
mod new_chat_quota;
mod observation;
mod poll_stats;
mod refusal;
mod request_counts;
mod restriction;
mod short_text;
mod snapshot;
mod source;
mod standing;
mod status;
mod subscription;
mod target_kind;
mod terms;
mod time;
mod timeline;
mod token;
mod token_error;
mod unauthorized;
mod webhook_state;

pub use account::AccountState;
pub use account_event::{
    AccountEvent, AccountEventKind, AccountFact, AccountRestriction, AccountWebhooks,
};
pub use account_observation::{
    AccountObservation, ReviewStatus, Subscribers, TemplateCategory, TemplateCounts,
    TemplateStatus, Told,
};
pub use api_usage::ApiUsage;
pub use availability::Availability;
pub use channel::{ChannelState, SentAt, StatusEvidence, Transition};
pub use delivery_count::DeliveryCount;
pub use event::{ChannelEvent, WebhookEvent, WebhookOutcome, WebhookRefusal};
pub use expiry::Expiry;
pub use failure::{Failure, FailureReason};
pub use kept_counters::{KeptCounters, KnownCounter};
pub use label_enum::UnknownLabel;
pub(crate) use label_enum::label_enum;
pub use message::{Direction, MessageEvent, MessageFailure, MessageId, MessageStatus, Origin};
pub use message_memory::MessageMemory;
pub use message_state::MessageState;
pub use new_chat_quota::{NewChatQuota, QuotaLimit};
pub use observation::{ChannelObservation, Reported, TokenInfo, TokenObservation, TokenReading};
pub use poll_stats::{PollPolicy, PollStats};
pub use refusal::Refusal;
pub use request_counts::{AnswerClass, HeldOutcome, RequestCounts};
pub use restriction::{RestrictionReason, Restrictions};
pub use short_text::ShortText;
pub use snapshot::{ChannelSnapshot, MessageSnapshot, RestrictionSnapshot, SavedStatus};
pub use source::{Listed, SourceState};
pub use standing::{CanSend, HealthEntity, MAX_NOTICES, Notice, QualityRating, Standing};
pub use status::Status;
pub use subscription::{Renewal, Subscription, SubscriptionMode};
pub use target_kind::TargetKind;
pub use time::{Now, Timestamp};
pub use token::TokenState;
pub use token_error::TokenErrorReason;
pub use unauthorized::{ErrorSource, UnauthorizedReason};
pub use webhook_state::WebhookState;
