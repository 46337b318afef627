//! The long tasks of the exporter: each has a name, and none ends unnoticed.
//!
//! Not here: what the tasks do, and polls and connections, which may end.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;

use tokio::task::{Id, JoinError, JoinSet};
use tracing::error;

use crate::metrics::exporter::ExporterMetrics;

/// Tasks that run until they are stopped. Those still running are aborted when this is dropped.
pub struct Tasks {
    running: JoinSet<()>,
    names: HashMap<Id, &'static str>,
    metrics: ExporterMetrics,
}

/// A task ended although nobody stopped it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskEnded {
    /// The name of the task.
    pub name: &'static str,
    /// Whether it panicked; otherwise it returned.
    pub panicked: bool,
}

impl fmt::Display for TaskEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.panicked { "panicked" } else { "ended" };
        write!(f, "the {} {how}, which is a bug in the exporter", self.name)
    }
}

impl std::error::Error for TaskEnded {}

impl Tasks {
    /// No tasks yet.
    pub fn new(metrics: ExporterMetrics) -> Self {
        Self { running: JoinSet::new(), names: HashMap::new(), metrics }
    }

    /// Starts a task.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.running.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Waits until a task ends, logs that and counts a panic. Waits forever when there is none.
    pub async fn ended(&mut self) -> TaskEnded {
        let Some(ended) = self.running.join_next_with_id().await else {
            return std::future::pending().await;
        };
        let ended = self.identify(ended);
        error!(task = ended.name, panicked = ended.panicked, "a task ended unexpectedly; stopping");
        ended
    }

    /// Waits until every task, each of them told to stop, has returned.
    pub async fn finish(mut self) {
        while let Some(ended) = self.running.join_next_with_id().await {
            let ended = self.identify(ended);
            if ended.panicked {
                error!(task = ended.name, "a task panicked while it was stopping");
            }
        }
    }

    fn identify(&mut self, ended: Result<(Id, ()), JoinError>) -> TaskEnded {
        let (id, panicked) = match &ended {
            Ok((id, ())) => (*id, false),
            Err(error) => (error.id(), error.is_panic()),
        };
        if panicked {
            self.metrics.panicked();
        }
        TaskEnded { name: self.names.remove(&id).unwrap_or("task"), panicked }
    }
}
