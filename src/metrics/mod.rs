//! Metrics: what there is (`catalog`), how it is written (`exposition`), and the exporter's own
//! (`exporter`).
//!
//! Not here: state. A metric is a view of the fleet, drawn anew at each scrape.

mod account;
pub mod catalog;
mod declaration;
mod delivery;
mod delivery_count;
pub mod exporter;
pub mod exposition;
pub mod format;
mod plan;
mod polls;
mod process;
pub mod reference;
mod sample;
mod standing;
mod template;
mod terms;

use crate::target::Shard;

/// What may be switched off: its metrics are then absent, so that a zero never stands for "nobody
/// looked".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Features {
    /// Webhooks are received.
    pub webhooks: bool,
    /// The application's requests pass through the gateway.
    pub gateway: bool,
    /// What is known is kept in a file.
    pub state_file: bool,
    /// Several processes share the targets, and this is one of them.
    pub shard: Option<Shard>,
}
