//! `check --json`: one object on standard output. Its shape is documented in `docs/check.md` and
//! changes only with `version`.
//!
//! Not here: what was found out.

use std::collections::BTreeMap;

use serde::Serialize;

use super::finding::{Finding, Summary};
use super::webhooks::WebhookProblem;

/// The shape.
const VERSION: u32 = 1;

/// The object.
#[derive(Debug, Default, Serialize)]
pub(super) struct CheckDocument<'a> {
    pub(super) version: u32,
    /// Whether the command ends with 0.
    pub(super) well: bool,
    pub(super) offline: bool,
    /// Mistakes in the settings; nothing else is looked at then.
    pub(super) problems: &'a [String],
    /// What may be a mistake.
    pub(super) warnings: &'a [String],
    /// How many targets of each kind are configured.
    pub(super) configured: BTreeMap<&'static str, usize>,
    /// How many targets are how.
    pub(super) summary: Summary,
    pub(super) targets: &'a [Finding],
    pub(super) webhooks: Vec<&'a WebhookProblem>,
}

impl CheckDocument<'_> {
    /// As text.
    pub(super) fn text(mut self) -> String {
        self.version = VERSION;
        // Neither a key nor a value can fail.
        serde_json::to_string_pretty(&self).unwrap_or_default() + "\n"
    }
}
