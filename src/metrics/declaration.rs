//! How a metric is declared: its name, its labels, and where its rows come from.
//!
//! Not here: which metrics there are; that is `catalog.rs`.

use crate::domain::{Expiry, Now, Timestamp};
use crate::fleet::Watched;

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A value that only grows.
    Counter,
    /// Counts of observations in buckets.
    Histogram,
}

impl Kind {
    /// The word of a `# TYPE` line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// Where a label's values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// One of these words.
    Closed(&'static [&'static str]),
    /// The operator's settings.
    Operator,
    /// What the upstream reports, bounded in length and in how often it changes; only on `…_info`
    /// metrics.
    Upstream,
    /// The build.
    Build,
}

/// A label.
#[derive(Debug, Clone, Copy)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// What it can be.
    pub values: Values,
}

/// A metric: its declaration is its documentation.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// The name, with `_total` where it is a counter.
    pub name: &'static str,
    /// The kind.
    pub kind: Kind,
    /// The labels, beside those of the target it belongs to.
    pub labels: &'static [Label],
    /// The text of the `# HELP` line.
    pub help: &'static str,
    /// More, for the reference.
    pub notes: &'static str,
    /// A query worth knowing.
    pub query: &'static str,
}

/// A sample's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// Milliseconds, shown as seconds.
    Millis(i64),
    /// `+Inf`.
    Infinity,
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Int(i64::from(flag))
    }
}

impl From<u32> for Value {
    fn from(count: u32) -> Self {
        Self::Int(i64::from(count))
    }
}

impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Self::Millis(at.millis())
    }
}

impl From<Expiry> for Value {
    fn from(expiry: Expiry) -> Self {
        match expiry {
            Expiry::Never => Self::Infinity,
            Expiry::At(at) => at.into(),
        }
    }
}

/// How a target's rows of a metric come about.
pub enum Rows {
    /// One row, or none while it is not known.
    One(fn(&Watched, Now) -> Option<Value>),
    /// A row for each value of the one label: 1 for the value at the position that is given, 0 for
    /// every other.
    OneOf(fn(&Watched, Now) -> Option<usize>),
    /// A row for each combination of the closed labels, always; all are 0 when there is nothing.
    Counts(fn(&Watched) -> Option<&[u32]>),
    /// The same for counts that may grow large.
    LargeCounts(fn(&Watched) -> Option<&[u64]>),
    /// A row for each combination of the closed labels, or none while there is nothing.
    CountsIfAny(fn(&Watched) -> Option<&[u32]>),
    /// A row for each combination of the closed labels, by its position, or none while that is not
    /// known.
    Each(fn(&Watched, Now, usize) -> Option<Value>),
    /// A row for one combination of the closed labels, by its position, or none while there is
    /// nothing.
    SingleOf(fn(&Watched, Now) -> Option<(usize, Value)>),
    /// A row for each required scope, always.
    Scopes(fn(&Watched, usize) -> Option<(&str, Value)>),
    /// One row of value 1 whose labels say what the target is, or none while that is not known.
    Info(fn(&Watched) -> Option<[&[u8]; 3]>),
}

/// A metric of each target of a kind.
pub struct Family {
    /// The declaration.
    pub metric: Metric,
    /// The rows.
    pub rows: Rows,
}

/// A label whose values the operator gives.
pub(super) const fn operator(name: &'static str) -> Label {
    Label { name, values: Values::Operator }
}

/// A label with these values.
pub(super) const fn closed(name: &'static str, words: &'static [&'static str]) -> Label {
    Label { name, values: Values::Closed(words) }
}

macro_rules! metric {
    ($kind:ident $name:expr, [$($label:expr),*] $help:expr, $notes:expr, $query:expr) => {
        Metric {
            name: $name,
            kind: Kind::$kind,
            labels: &[$($label),*],
            help: $help,
            notes: $notes,
            query: $query,
        }
    };
}

pub(super) use metric;
