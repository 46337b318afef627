//! Requests of the application that the gateway passed with credentials of other shards' targets.
//!
//! Not here: those targets, whose states are known to their shards alone. There is nothing of one
//! before its first request: a zero for each target of a large fleet, at each shard, would be more
//! than all the rest.

use std::collections::HashMap;

use crate::domain::{AnswerClass, RequestCounts, TargetKind, Timestamp};
use crate::target::Name;
use crate::upstream::ProviderId;

/// The requests with one target's credential.
#[derive(Debug, Clone)]
pub struct PassedRequests {
    /// What the target is.
    pub kind: TargetKind,
    /// Its provider.
    pub provider: ProviderId,
    /// Its name.
    pub name: Name,
    /// The requests.
    pub requests: RequestCounts,
    /// Since when they are counted.
    pub created: Timestamp,
}

/// All such requests, in the order of the targets' first ones.
#[derive(Debug, Default)]
pub(super) struct Passed {
    rows: Vec<PassedRequests>,
    index: HashMap<(TargetKind, ProviderId, Name), usize>,
}

impl Passed {
    pub(super) fn count(
        &mut self,
        kind: TargetKind,
        provider: ProviderId,
        name: &Name,
        created: Timestamp,
        class: AnswerClass,
    ) {
        let known = self.index.get(&(kind, provider, name.clone())).copied();
        let at = known.unwrap_or_else(|| {
            let (name, requests) = (name.clone(), RequestCounts::default());
            self.put(PassedRequests { kind, provider, name, requests, created });
            self.rows.len() - 1
        });
        self.rows[at].requests.count(class);
    }

    /// Adds those of a target that has none.
    pub(super) fn put(&mut self, row: PassedRequests) {
        self.index.insert((row.kind, row.provider, row.name.clone()), self.rows.len());
        self.rows.push(row);
    }

    /// Keeps those of targets that other shards still watch.
    pub(super) fn retain(&mut self, stays: impl Fn(TargetKind, &str) -> bool) {
        self.rows.retain(|row| stays(row.kind, row.name.as_str()));
        let keys = self.rows.iter().enumerate();
        self.index =
            keys.map(|(at, row)| ((row.kind, row.provider, row.name.clone()), at)).collect();
    }

    pub(super) fn rows(&self) -> &[PassedRequests] {
        &self.rows
    }
}
