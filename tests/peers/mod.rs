//! What the tests share that hold the exporter together with its dashboards, its rules and real
//! Prometheus programs.
//!
//! | file | holds |
//! | --- | --- |
//! | `alertmanager.rs` | an Alertmanager |
//! | `application.rs` | an application that sends through the gateway |
//! | `contract.rs` | which metrics, labels and values an expression may use |
//! | `dashboards.rs` | `grafana/*.json`, and how Grafana fills in variables |
//! | `rules.rs` | `alerts/*.yaml`, and how a test hurries them |
//! | `program.rs` | starting programs on loopback, and ending them |
//! | `prometheus.rs` | a Prometheus and the questions put to it |
//! | `settings.rs` | settings files for the exporter |
//! | `webhook.rs` | what Alertmanager sends to |
#![allow(dead_code, reason = "each test uses a part")]

pub mod alertmanager;
pub mod application;
pub mod contract;
pub mod dashboards;
pub mod program;
pub mod prometheus;
pub mod rules;
pub mod settings;
pub mod webhook;

use std::path::{Path, PathBuf};

/// A file or directory of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The text of a file of the repository.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(repository(path))
        .unwrap_or_else(|error| panic!("{path} cannot be read: {error}"))
}

/// The names of a directory's files that end so, sorted.
pub fn files(directory: &str, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(repository(directory))
        .unwrap_or_else(|error| panic!("{directory} cannot be listed: {error}"));
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(ending))
        .collect();
    names.sort();
    names
}

/// Fails with all mistakes, if there are any.
#[track_caller]
pub fn assert_none(mistakes: &[String]) {
    assert!(mistakes.is_empty(), "{} mistakes:\n{}", mistakes.len(), mistakes.join("\n"));
}
