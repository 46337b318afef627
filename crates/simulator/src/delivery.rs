//! A webhook on its way to the exporter. Not how it is sent (`webhook_sender.rs`), nor what a
//! provider puts into it.

use std::sync::Arc;
use std::time::Duration;

/// How webhooks are delivered, well or badly.
#[derive(Debug, Clone)]
pub struct DeliveryPolicy {
    /// What is not answered 200 is sent again after this time, then after twice of it, and so on.
    pub backoff: Duration,
    /// Never after more than this.
    pub longest_backoff: Duration,
    /// A fault: how many times each is sent again although it was answered 200.
    pub repeats: u32,
    /// A fault: each waits for up to this time before it is sent, so that they overtake each other.
    pub scatter: Duration,
}

impl Default for DeliveryPolicy {
    fn default() -> DeliveryPolicy {
        DeliveryPolicy {
            backoff: Duration::from_secs(3),
            longest_backoff: Duration::from_secs(900),
            repeats: 0,
            scatter: Duration::ZERO,
        }
    }
}

/// A webhook to be delivered.
#[derive(Debug)]
pub(crate) struct WebhookDelivery {
    /// The name of the target it is about.
    pub(crate) target: Arc<str>,
    /// The event's name in the log.
    pub(crate) event: String,
    pub(crate) method: String,
    /// Plain HTTP, with a port: it never leaves this machine.
    pub(crate) url: String,
    /// Beside `Host`, `Content-Type`, `Content-Length` and `Connection`, which are written for it.
    pub(crate) headers: Vec<(String, String)>,
    /// JSON.
    pub(crate) body: String,
    pub(crate) policy: DeliveryPolicy,
}

/// One attempt to deliver a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// The name of the target it is about.
    pub target: Arc<str>,
    /// The event's name, such as `channel.post`.
    pub event: String,
    /// The HTTP status it was answered with; none when it was not answered.
    pub answer: Option<u16>,
}
