//! What the benchmarks share: the exporter as it is shipped, processes and what /proc says of them, a client that costs nothing, and
//! the arithmetic of many measurements.
//!
//! Not here: what is measured.
#![allow(dead_code, reason = "each benchmark uses its own part of it")]

pub mod exporter;
pub mod http;
pub mod process;
pub mod statistics;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
