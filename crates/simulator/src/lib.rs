//! The upstream APIs on loopback, wrong answers included, for the exporter's demo, tests and
//! benchmarks. Not a mock of what the exporter expects: this crate knows the upstreams' contracts
//! alone and shares no code with the exporter, not even its HTTP library.
//!
//! One rule for names: what goes **in** is a secret (the bearer token of a channel, a Meta access
//! token), since that is all the real APIs see; what comes **out** is the name the target was
//! given, never the secret.
//!
//! Each file uses only those below it:
//!
//! | file | holds |
//! | --- | --- |
//! | `demo/` | a day of channel life in minutes: the script, and [`DemoPlan`], which plays it |
//! | `simulator/` | [`Simulator`], the handle, with a file for the controls of each provider |
//! | `connection.rs` | a connection: requests in, planned responses out |
//! | `webhook_sender.rs` | sends webhooks until they are answered |
//! | `state.rs` | all of it behind one lock, with the list of providers |
//! | `whapi/`, `meta/`, `waha/`, `evolution/`, `green_api/` | the providers: their contracts |
//! | `provider.rs` | what a provider is to the rest |
//! | `request_log.rs` | what was asked and answered: [`RecordedRequest`], [`ResponseCount`] |
//! | `delivery.rs` | a webhook to be sent, and [`DeliveryAttempt`] |
//! | `fault_table.rs`, `fault.rs` | which fault is next for whom; wrong responses: [`Fault`] |
//! | `http/`, `shape.rs`, `unix_time.rs` | requests, responses, the shape of JSON fields, seconds |
//!
//! A further provider is a folder, a file in `simulator/`, and a line in `state.rs`.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "upstreams have clocks")]

mod connection;
mod delivery;
mod demo;
mod evolution;
mod fault;
mod fault_table;
mod green_api;
mod http;
mod meta;
mod provider;
mod request_log;
mod shape;
mod simulator;
mod state;
mod unix_time;
mod waha;
mod webhook_sender;
mod whapi;

pub use delivery::{DeliveryAttempt, DeliveryPolicy};
pub use demo::DemoPlan;
pub use demo::script::{DemoApp, DemoChannel, DemoToken, Expiry};
pub use demo::sources::{DemoLine, DemoSource};
pub use evolution::webhook::EvolutionWebhook;
pub use evolution::{EvolutionInstance, EvolutionServer};
pub use fault::Fault;
pub use green_api::{GreenApiInstance, GreenApiPartner};
pub use http::response::{Response, ResponseClass};
pub use meta::account::{MetaAccount, MetaNumber, MetaPaging};
pub use meta::analytics::MetaHalfHour;
pub use meta::graph_error::GraphError;
pub use meta::token::{MetaToken, MetaTokenState};
pub use request_log::{CredentialSource, RecordedRequest, ResponseCount};
pub use shape::{Fields, Numbers, Shape};
pub use simulator::Simulator;
pub use waha::WahaServer;
pub use waha::account::{WahaCapping, WahaLimits, WahaTimelock};
pub use whapi::channel::WhapiChannel;
pub use whapi::message_fate::MessageFate;
pub use whapi::partner::{WhapiListShape, WhapiPartner};
pub use whapi::status::WhapiStatus;
pub use whapi::webhook::{WantedEvent, WebhookMode, WhapiWebhook};
