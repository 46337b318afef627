//! Counts a request: exactly once, whatever becomes of it.
//!
//! Not here: what an error answer said.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::debug;

use super::context::Gateway;
use super::credential_index::CredentialOwner;
use crate::clock;
use crate::domain::AnswerClass;
use crate::target::UNKNOWN_CREDENTIAL;
use crate::upstream::ProviderId;

/// A request under way. If it is dropped before there is an answer, the request has failed.
pub(super) struct RequestMetricsGuard {
    gateway: Arc<Gateway>,
    provider: ProviderId,
    owner: Option<CredentialOwner>,
    began: Instant,
    counted: bool,
}

impl RequestMetricsGuard {
    pub(super) fn begin(gateway: &Arc<Gateway>, provider: ProviderId) -> Self {
        let (gateway, began) = (Arc::clone(gateway), clock::instant());
        Self { gateway, provider, owner: None, began, counted: false }
    }

    /// Says whose request it is.
    pub(super) fn set_owner(&mut self, owner: Option<CredentialOwner>) {
        self.owner = owner;
    }

    /// Counts a request whose answer has begun.
    pub(super) fn answered(mut self, status: u16) {
        self.gateway.metrics.gateway_answered(self.provider, self.began.elapsed());
        self.count(AnswerClass::of(status));
    }

    fn count(&mut self, class: AnswerClass) {
        self.counted = true;
        let fleet = &self.gateway.fleet;
        let name = match &self.owner {
            Some(CredentialOwner::OtherShards(target)) => {
                fleet.count_elsewhere(target, class);
                Some(target.name.to_string())
            }
            owner => {
                let owner = owner.as_ref().and_then(CredentialOwner::watched);
                fleet.count_request(self.provider, owner, class);
                owner.and_then(|owner| fleet.look(owner, |one| one.target.name.to_string()))
            }
        };
        debug!(
            provider = self.provider.label(),
            target = name.as_deref().unwrap_or(UNKNOWN_CREDENTIAL),
            code = class.as_str(),
            millis = self.began.elapsed().as_millis(),
            "gateway request"
        );
    }
}

impl Drop for RequestMetricsGuard {
    fn drop(&mut self) {
        if !self.counted {
            self.count(AnswerClass::Failed);
        }
    }
}
