//! A Prometheus exporter for WhatsApp channels and Meta access tokens.

pub mod client;
pub mod clock;
pub mod domain;
pub mod fleet;
pub mod metrics;
pub mod providers;
pub mod settings;
pub mod simulator;
