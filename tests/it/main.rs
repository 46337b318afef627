//! The integration tests, in one program so that the exporter is linked once. Not here: tests that
//! set or measure something of the process they run in, which are programs of their own.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests may block")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../peers/mod.rs"]
mod peers;

mod all_providers;
mod check;
mod command_line;
mod commands;
mod contract;
mod dashboards;
mod dashboards_colours;
mod dashboards_look;
mod described_answers;
mod documents;
mod end_to_end;
mod evolution;
mod files;
mod gateway;
mod gateway_faults;
mod gateway_hold;
mod green_api;
mod house;
mod manifests;
mod message_order;
mod messages;
mod meta;
mod network;
mod page;
mod polling;
mod prometheus;
mod reload;
mod secret_hunt;
mod secrets;
mod server;
mod shards;
mod shutdown;
mod sources;
mod state_file;
mod state_machine;
mod tasks;
mod tokens;
mod upstream;
mod waha;
mod web_config;
mod webhook_order;
mod webhooks;
mod whapi_partner;
