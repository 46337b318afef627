//! What requests are answered from.
//!
//! Not here: the routes.

use std::sync::Arc;

use super::body::AnswerMemory;
use super::receiver::Receiver;
use crate::config::Webhooks;
use crate::fleet::Fleet;
use crate::http::Auth;
use crate::metrics::exporter::ExporterMetrics;
use crate::poller::PollNow;
use crate::reload::Reloader;

/// What requests are answered from.
pub struct State {
    /// The targets.
    pub fleet: Arc<Fleet>,
    /// The exporter's own metrics.
    pub metrics: ExporterMetrics,
    pub(super) memory: AnswerMemory,
    pub(super) auth: Arc<Auth>,
    pub(super) reloader: Option<Arc<Reloader>>,
    pub(super) lifecycle_from_anywhere: bool,
    pub(super) webhooks: Option<Receiver>,
    pub(super) poll_now: Option<PollNow>,
}

impl State {
    /// What requests are answered from.
    pub fn new(fleet: Arc<Fleet>, metrics: ExporterMetrics, auth: Auth) -> Self {
        Self {
            fleet,
            metrics,
            memory: AnswerMemory::default(),
            auth: Arc::new(auth),
            reloader: None,
            lifecycle_from_anywhere: false,
            webhooks: None,
            poll_now: None,
        }
    }

    /// The same, receiving webhooks if there are settings for them, at a listener with so many
    /// connections.
    pub fn receiving(self, webhooks: Option<Webhooks>, connections: usize) -> Self {
        Self { webhooks: webhooks.map(|settings| Receiver::new(settings, connections)), ..self }
    }

    /// The same, having targets polled at once that webhooks told of.
    pub fn polling(self, poll_now: PollNow) -> Self {
        Self { poll_now: Some(poll_now), ..self }
    }

    /// The same, with what `POST /-/reload` does, and whether others than loopback may ask for it.
    pub fn reloading(self, reloader: Option<Arc<Reloader>>, from_anywhere: bool) -> Self {
        Self { reloader, lifecycle_from_anywhere: from_anywhere, ..self }
    }
}
