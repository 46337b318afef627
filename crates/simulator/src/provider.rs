//! What a simulated provider is to the rest of the simulator. Not any provider.

use std::sync::Arc;
use std::time::SystemTime;

use crate::delivery::WebhookDelivery;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::request_log::CredentialSource;

/// One upstream API with its targets, keyed by secret.
pub(crate) trait Provider {
    /// Whether this path is part of its API.
    fn serves(&self, path: &str) -> bool;

    /// Routes a request.
    fn respond<'a>(&mut self, request: &'a Request, now: SystemTime) -> Routed<'a>;

    /// The name of the target or app with this secret.
    fn name_of(&self, secret: &str) -> Option<Arc<str>>;

    /// Forgets the target with this secret.
    fn remove(&mut self, secret: &str);

    /// Takes the webhooks that are due, and says when there are more; a provider without webhooks
    /// has none.
    fn due(&mut self, _now: SystemTime) -> (Vec<WebhookDelivery>, Option<SystemTime>) {
        (Vec::new(), None)
    }
}

/// What a provider makes of a request.
pub(crate) struct Routed<'a> {
    pub(crate) response: Response,
    /// The secret of the target it is about, if any.
    pub(crate) target: Option<&'a str>,
    /// The secret it came with, if any.
    pub(crate) credential: Option<&'a str>,
    pub(crate) credential_source: CredentialSource,
    /// Whether it launches a sleeping channel.
    pub(crate) wakes: bool,
    /// Whether webhooks may be due now.
    pub(crate) may_emit: bool,
}
