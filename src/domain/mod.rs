//! What is known of channels and tokens, as pure functions of (state, time, observation).
//!
//! Not here: I/O, clocks, serde, metrics. This module knows the standard library alone.

mod channel;
pub(crate) mod closed_list;
mod event;
mod history;
mod memory;
mod observation;
mod polls;
mod reason;
pub mod schedule;
mod status;
mod time;
mod token;
mod traffic;
mod witness;

pub use channel::{Basis, ChannelState, Known, Transition};
pub use event::{Happening, WebhookEvent, WebhookOutcome, WebhookRefusal};
pub use memory::{ChannelMemory, Counter, Remembered, SeeCounter};
pub use observation::{
    ChannelObservation, Expiry, Failure, Reported, TokenInfo, TokenObservation, TokenReading,
};
pub use polls::{Limits, PollRecord};
pub use reason::{FailureReason, Provider, Source, TokenErrorReason, UnauthorizedReason};
pub use status::Status;
pub use time::{Moment, Timestamp};
pub use token::TokenState;
pub use traffic::{AnswerClass, HeldOutcome, Traffic};
pub use witness::Witness;
