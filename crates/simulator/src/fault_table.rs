//! Which fault is next, for each target and for all. Not what a fault does: see `fault.rs`.

use std::collections::{HashMap, VecDeque};

use crate::fault::Fault;

/// The faults that are set.
#[derive(Default)]
pub(crate) struct FaultTable {
    by_secret: HashMap<String, FaultQueue>,
    pub(crate) for_all: FaultQueue,
}

/// The faults of one target, or of all.
#[derive(Default)]
pub(crate) struct FaultQueue {
    pub(crate) standing: Option<Fault>,
    pub(crate) queued: VecDeque<Fault>,
}

impl FaultTable {
    pub(crate) fn of(&mut self, secret: &str) -> &mut FaultQueue {
        self.by_secret.entry(secret.to_owned()).or_default()
    }

    pub(crate) fn remove(&mut self, secret: &str) {
        self.by_secret.remove(secret);
    }

    /// Takes the fault of a request about these secrets: queued before standing, an earlier
    /// secret's before a later one's before the fault for all.
    pub(crate) fn next(&mut self, secrets: &[&str]) -> Option<Fault> {
        for secret in secrets {
            let queue = self.by_secret.get_mut(*secret);
            if let Some(fault) = queue.and_then(|queue| queue.queued.pop_front()) {
                return Some(fault);
            }
        }
        if let Some(fault) = self.for_all.queued.pop_front() {
            return Some(fault);
        }
        let standing = |secret: &&str| self.by_secret.get(*secret)?.standing.clone();
        secrets.iter().find_map(standing).or_else(|| self.for_all.standing.clone())
    }
}
