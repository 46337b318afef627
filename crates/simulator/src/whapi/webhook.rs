//! A channel's webhooks as its settings have them, and the events that wait for them. Not how they
//! are sent: see `webhook_sender.rs`.
//!
//! Source: Whapi's help page on webhooks and its OpenAPI (`Settings`, `WebhookPayload`).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use crate::delivery::{DeliveryPolicy, WebhookDelivery};

/// How the address and the HTTP method of a delivery are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookMode {
    /// POST to the address.
    Body,
    /// POST to the address and `/<type>/<method>`.
    Path,
    /// The event's method, to the address and `/<type>`.
    Method,
}

impl WebhookMode {
    const WORDS: [(WebhookMode, &'static str); 3] =
        [(WebhookMode::Body, "body"), (WebhookMode::Path, "path"), (WebhookMode::Method, "method")];
}

/// An event that a webhook wants: its type and its method.
pub type WantedEvent = (String, String);

/// A webhook as the channel's settings have it.
#[derive(Debug, Clone)]
pub struct WhapiWebhook {
    /// Where it is delivered.
    pub url: String,
    /// How.
    pub mode: WebhookMode,
    /// Further headers of each delivery; Whapi allows five.
    pub headers: Vec<(String, String)>,
    /// The events it wants.
    pub events: Vec<WantedEvent>,
}

impl WhapiWebhook {
    /// A webhook for all events of the channel itself.
    pub fn new(url: impl Into<String>, mode: WebhookMode) -> WhapiWebhook {
        let events = [
            ("channel", "post"),
            ("channel", "patch"),
            ("users", "post"),
            ("users", "delete"),
            ("messages", "post"),
            ("statuses", "post"),
        ];
        let events = events.iter().map(|(kind, method)| ((*kind).to_owned(), (*method).to_owned()));
        WhapiWebhook { url: url.into(), mode, headers: Vec::new(), events: events.collect() }
    }

    /// The same, with one more header.
    pub fn header(mut self, name: &str, value: &str) -> WhapiWebhook {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn wants(&self, event: &WhapiEvent) -> bool {
        self.events.iter().any(|(kind, method)| kind == event.kind && method == event.method)
    }

    /// The delivery of an event to it.
    pub(super) fn delivery(&self, event: &WhapiEvent, channel: &Sender) -> WebhookDelivery {
        let (url, kind) = (self.url.trim_end_matches('/'), event.kind);
        let (method, url) = match self.mode {
            WebhookMode::Body => ("POST".to_owned(), url.to_owned()),
            WebhookMode::Path => ("POST".to_owned(), format!("{url}/{kind}/{}", event.method)),
            WebhookMode::Method => (event.method.to_ascii_uppercase(), format!("{url}/{kind}")),
        };
        let mut body = event.content.clone();
        body["event"] = json!({ "type": kind, "event": event.method });
        body["channel_id"] = json!(channel.id);
        WebhookDelivery {
            target: Arc::clone(&channel.name),
            event: format!("{kind}.{}", event.method),
            method,
            url,
            headers: self.headers.clone(),
            body: body.to_string(),
            policy: channel.policy.clone(),
        }
    }

    /// Reads one of the list that `PATCH /settings` brings.
    pub(super) fn read(value: &Value) -> Option<WhapiWebhook> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let mode = value["mode"].as_str().unwrap_or("body");
        let (mode, _) = WebhookMode::WORDS.into_iter().find(|(_, word)| *word == mode)?;
        let headers = value["headers"].as_object().into_iter().flatten();
        let headers = headers.map(|(name, value)| Some((name.clone(), text(value)?)));
        let events = value["events"].as_array()?.iter();
        let events = events.map(|event| Some((text(&event["type"])?, text(&event["method"])?)));
        Some(WhapiWebhook {
            url: text(&value["url"])?,
            mode,
            headers: headers.collect::<Option<_>>()?,
            events: events.collect::<Option<_>>()?,
        })
    }

    /// As `GET /settings` shows it.
    pub(super) fn to_json(&self) -> Value {
        let mode = WebhookMode::WORDS
            .into_iter()
            .find(|(mode, _)| *mode == self.mode)
            .map(|(_, word)| word);
        let headers: Map<_, _> =
            self.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let events: Vec<_> = self
            .events
            .iter()
            .map(|(kind, method)| json!({ "type": kind, "method": method }))
            .collect();
        json!({ "url": self.url, "mode": mode, "headers": headers, "events": events })
    }
}

/// Who sends an event.
pub(super) struct Sender {
    pub(super) name: Arc<str>,
    pub(super) id: String,
    pub(super) policy: DeliveryPolicy,
}

/// Something that happens to a channel, at its own time.
#[derive(Debug, Clone)]
pub(super) struct WhapiEvent {
    pub(super) at: SystemTime,
    pub(super) kind: &'static str,
    pub(super) method: &'static str,
    /// The payload, but for the event and the channel's id.
    pub(super) content: Value,
}

/// The events that wait to be sent: what happened, and what will unless something else comes
/// first.
#[derive(Debug, Clone, Default)]
pub(super) struct Outbox(VecDeque<WhapiEvent>);

impl Outbox {
    /// Inserts an event by its time; events of one moment keep their order.
    pub(super) fn add(&mut self, event: WhapiEvent) {
        let place = self.0.partition_point(|other| other.at <= event.at);
        self.0.insert(place, event);
    }

    /// Drops what was going to happen to the channel itself after this moment. What becomes of its
    /// messages is WhatsApp's.
    pub(super) fn cancel_after(&mut self, now: SystemTime) {
        let is_of_messages = |event: &WhapiEvent| matches!(event.kind, "messages" | "statuses");
        self.0.retain(|event| event.at <= now || is_of_messages(event));
    }

    /// Takes the next event if it has happened.
    pub(super) fn take(&mut self, now: SystemTime) -> Option<WhapiEvent> {
        if self.next()? > now {
            return None;
        }
        self.0.pop_front()
    }

    /// When the next one happens.
    pub(super) fn next(&self) -> Option<SystemTime> {
        self.0.front().map(|event| event.at)
    }
}
