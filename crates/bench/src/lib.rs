//! What the programs that measure the exporter share: the exporter as it is shipped, processes and
//! what /proc says of them, a client that costs nothing, and the arithmetic of many measurements.
//!
//! Not here: what is measured.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "benchmarks may block")]

pub mod exporter;
pub mod http;
pub mod process;
pub mod statistics;

/// What is measured, or why it cannot be.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
