//! Looks at successful answers to sends as they pass: their first 64 KiB, for the id of the message
//! that was accepted and nothing else.
//!
//! Not here: what an answer means; that is `providers/`. The id is kept as a hash.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use hyper::Response;

use super::coding::BodyBeginning;
use super::context::Gateway;
use crate::client::UpstreamBody;
use crate::clock;
use crate::fleet::TargetRef;
use crate::provider::{GatewayApi, SendingLine};
use crate::upstream::ProviderId;

/// A send under way, as its request tells of it.
#[derive(Debug, Clone)]
pub(super) struct SendOperation {
    pub(super) provider: ProviderId,
    pub(super) line: SendingLine,
}

/// Looks at one answer, and tells what it said when it is dropped.
pub(super) struct SendInspector {
    gateway: Arc<Gateway>,
    api: &'static dyn GatewayApi,
    send: SendOperation,
    owner: Option<TargetRef>,
    seen: BodyBeginning,
}

impl SendInspector {
    /// An inspector of this answer, if it is a success.
    pub(super) fn of(
        gateway: &Arc<Gateway>,
        api: &'static dyn GatewayApi,
        send: &SendOperation,
        owner: Option<TargetRef>,
        answer: &Response<UpstreamBody>,
    ) -> Option<Self> {
        answer.status().is_success().then(|| Self {
            gateway: Arc::clone(gateway),
            api,
            send: send.clone(),
            owner,
            seen: BodyBeginning::of(answer),
        })
    }

    /// Sees a piece of the body.
    pub(super) fn see(&mut self, data: &Bytes) {
        self.seen.see(data);
    }
}

impl Drop for SendInspector {
    fn drop(&mut self) {
        let fleet = &self.gateway.fleet;
        let line = match &self.send.line {
            SendingLine::Credential => self.owner,
            SendingLine::Channel(id) => fleet.channel_with_id(self.send.provider, id),
        };
        let Some(line) = line else { return };
        let text = self.seen.text();
        if let Some(id) = self.api.accepted(&text) {
            fleet.accepted_message(line, clock::now(), id);
        }
        // An answer repeats what was sent: it does not stay in freed memory.
        if let Cow::Owned(mut text) = text {
            text.fill(0);
            std::hint::black_box(&text);
        }
        self.seen.wipe();
    }
}
