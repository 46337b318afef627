//! The listener of both doors: connections, their limits, TLS and passwords.
//!
//! Not here: what is answered. The server and the gateway give their limits and a handler.

mod auth;
mod body;
mod connection;
mod connections;
mod descriptors;
mod files;
mod limits;
mod listener;
mod passwords;
mod refusal;
mod stream;
mod throttle;
mod web_config;

pub use auth::{Access, Auth};
pub use connection::Client;
pub(crate) use connection::Handler;
pub use descriptors::Descriptors;
pub(crate) use limits::Limits;
pub(crate) use listener::Listener;
pub use listener::bind;
pub use refusal::{ConnectionRefusal, ListenerKind};
pub use web_config::WebConfig;
