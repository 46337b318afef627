//! Metrics: what there is (`catalog`), how it is written (`exposition`), and the exporter's own (`exporter`).
//!
//! Not here: state. A metric is a view of the fleet, drawn anew at each scrape.

pub mod catalog;
pub mod exporter;
pub mod exposition;
mod plan;
mod process;
pub mod reference;
