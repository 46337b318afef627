//! What people are told of targets: on the page, in `/api/status`, by `check` and in the log.
//!
//! Not here: how it is shown.

pub mod account_report;
pub mod advice;
pub mod delivery;
pub mod humanize;
pub mod log_events;
pub mod outage_summary;
pub mod standing;
pub mod status_report;
pub mod target_view;
pub mod terms;
