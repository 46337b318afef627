//! A Prometheus exporter for WhatsApp channels (Whapi.Cloud) and Meta access tokens.
//!
//! A poll walks down: `poller` → `client`, `providers` → `fleet` → `domain`. A scrape walks up: `server` → `metrics` → `fleet`.
//! They meet in the fleet. `ARCHITECTURE.md` has the map.

pub mod client;
pub mod clock;
pub mod command;
pub mod course;
pub mod domain;
pub mod fleet;
pub mod gateway;
pub mod http;
pub mod log;
pub mod metrics;
pub mod news;
pub mod poller;
pub mod providers;
pub mod reload;
pub mod run;
pub mod server;
pub mod settings;
pub mod simulator;
pub mod state_file;
pub mod view;
pub mod words;
