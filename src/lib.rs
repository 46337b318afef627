//! A Prometheus exporter for WhatsApp channels and Meta access tokens.

pub mod domain;
pub mod settings;
pub mod simulator;
