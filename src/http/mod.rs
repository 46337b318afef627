//! The listener of both doors: connections, their limits, TLS and passwords.
//!
//! Not here: what is answered. The server and the gateway give their limits and a handler.

mod auth;
mod body;
mod connection;
mod connections;
mod descriptors;
mod files;
mod handler;
mod limits;
mod listener;
mod open_connections;
mod passwords;
mod peer;
mod received_body;
mod refusal;
mod shared;
mod socket;
mod stream;
mod throttle;
mod web_config;

pub use auth::{Access, Auth};
pub use descriptors::Descriptors;
pub(crate) use handler::{AnswerFuture, AnyBody, Handler};
pub(crate) use limits::Limits;
pub(crate) use listener::Listener;
pub use listener::bind;
pub use peer::Peer;
pub(crate) use received_body::ReceivedBody;
pub use refusal::{ConnectionRefusal, ListenerKind};
pub use web_config::WebConfig;
