//! A Prometheus exporter for WhatsApp lines and the access tokens behind them.
//!
//! A poll walks down: `poller` → `client`, `providers` → `fleet` → `domain`. A scrape walks
//! up: `server` → `metrics` → `fleet`. They meet in the fleet. `ARCHITECTURE.md` has the map.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make files and threads"))]

pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod domain;
pub mod exporter;
pub mod file_version;
pub mod fleet;
pub mod gateway;
pub mod http;
pub mod input;
pub mod lock;
pub mod metrics;
pub mod poller;
pub mod provider;
pub mod providers;
pub mod regular_file;
pub mod reload;
pub mod report;
pub mod secret;
pub mod server;
pub mod shared_socket;
pub mod state_file;
pub mod target;
pub mod tasks;
pub mod upstream;
pub mod write_queue;
