//! Counts a request: exactly once, whatever becomes of it.
//!
//! Not here: what an error answer said.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::debug;

use super::Gateway;
use crate::domain::{AnswerClass, Provider};
use crate::fleet::Handle;
use crate::settings::UNKNOWN_CREDENTIAL;

/// A request under way. If it is dropped before there is an answer, the request has failed.
pub(super) struct Tally {
    gateway: Arc<Gateway>,
    provider: Provider,
    owner: Option<Handle>,
    began: Instant,
    counted: bool,
}

impl Tally {
    pub(super) fn begin(gateway: &Arc<Gateway>, provider: Provider) -> Self {
        let (gateway, began) = (Arc::clone(gateway), Instant::now());
        Self { gateway, provider, owner: None, began, counted: false }
    }

    /// Takes note of whose request it is.
    pub(super) fn of(&mut self, owner: Option<&Handle>) {
        self.owner = owner.cloned();
    }

    /// Counts a request whose answer has begun.
    pub(super) fn answered(mut self, status: u16) {
        self.gateway.metrics.gateway_answered(self.provider, self.began.elapsed());
        self.count(AnswerClass::of(status));
    }

    fn count(&mut self, class: AnswerClass) {
        self.counted = true;
        self.gateway.fleet.answered(self.provider, self.owner.as_ref(), class);
        debug!(
            provider = self.provider.word(),
            channel = self.owner.as_ref().map_or(UNKNOWN_CREDENTIAL, |owner| owner.name().as_str()),
            code = class.word(),
            millis = self.began.elapsed().as_millis(),
            "a request of the application"
        );
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        if !self.counted {
            self.count(AnswerClass::Failed);
        }
    }
}
