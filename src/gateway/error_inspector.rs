//! Looks at error answers as they pass: their first 64 KiB, for the class of the error and nothing
//! else.
//!
//! Not here: what a text means; that is `providers/`. Nothing of an answer is kept once it has been
//! told.

use std::sync::Arc;

use bytes::Bytes;
use hyper::Response;

use super::coding::BodyBeginning;
use super::context::Gateway;
use crate::client::UpstreamBody;
use crate::clock;
use crate::domain::UnauthorizedReason;
use crate::fleet::TargetRef;
use crate::provider::{ErrorMeaning, GatewayApi};

/// Looks at one answer, and tells what it said, at the latest when it is dropped.
pub(super) struct ErrorInspector {
    gateway: Arc<Gateway>,
    api: &'static dyn GatewayApi,
    /// `None` once it was told.
    owner: Option<TargetRef>,
    status: u16,
    seen: BodyBeginning,
}

impl ErrorInspector {
    /// Inspects this answer if it is an error that is counted.
    pub(super) fn of(
        gateway: &Arc<Gateway>,
        api: &'static dyn GatewayApi,
        owner: Option<TargetRef>,
        answer: &Response<UpstreamBody>,
    ) -> Option<Self> {
        let status = answer.status().as_u16();
        Some(Self {
            owner: Some(owner.filter(|_| api.inspects(status))?),
            gateway: Arc::clone(gateway),
            api,
            status,
            seen: BodyBeginning::of(answer),
        })
    }

    /// Sees a piece of the body.
    pub(super) fn see(&mut self, data: &Bytes) {
        self.seen.see(data);
    }

    /// Tells what was seen, now and not once more. Why a channel refused the request, if it did.
    pub(super) fn report(&mut self) -> Option<UnauthorizedReason> {
        let owner = self.owner.take()?;
        let text = self.seen.text();
        let fleet = &self.gateway.fleet;
        match self.api.error(self.status, &text) {
            ErrorMeaning::Channel(reason) => {
                fleet.count_unauthorized(owner, clock::now(), reason);
                if reason == UnauthorizedReason::Session {
                    self.gateway.poll_now.poll(owner);
                }
                Some(reason)
            }
            ErrorMeaning::Token { error, unauthorized } => {
                fleet.count_token_error(owner, error, unauthorized);
                None
            }
        }
    }
}

impl Drop for ErrorInspector {
    fn drop(&mut self) {
        self.report();
    }
}
