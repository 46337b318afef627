//! A Prometheus exporter for WhatsApp channels and Meta access tokens.

pub mod simulator;
