//! What a channel's settings say of its webhooks, and what the channel has to tell by them. Not how they travel: see `courier.rs`.
//!
//! Source: Whapi's help page on webhooks and its OpenAPI (`Settings`, `WebhookPayload`).

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

/// How the address and the HTTP method of a delivery are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// POST to the address.
    Body,
    /// POST to the address and `/<type>/<method>`.
    Path,
    /// The event's method, to the address and `/<type>`.
    Method,
}

impl Mode {
    const WORDS: [(Mode, &'static str); 3] =
        [(Mode::Body, "body"), (Mode::Path, "path"), (Mode::Method, "method")];
}

/// An event that a webhook wants: its type and its method.
pub type Wanted = (String, String);

/// A webhook as the channel's settings have it.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Where it is delivered.
    pub url: String,
    /// How.
    pub mode: Mode,
    /// What else each delivery carries; Whapi has room for five.
    pub headers: Vec<(String, String)>,
    /// What it wants to be told.
    pub events: Vec<Wanted>,
}

impl Webhook {
    /// A webhook for all that tells of the channel itself.
    pub fn new(url: impl Into<String>, mode: Mode) -> Webhook {
        let events =
            [("channel", "post"), ("channel", "patch"), ("users", "post"), ("users", "delete")];
        let events = events.iter().map(|(kind, method)| ((*kind).to_owned(), (*method).to_owned()));
        Webhook { url: url.into(), mode, headers: Vec::new(), events: events.collect() }
    }

    /// The same, with one more header.
    pub fn header(mut self, name: &str, value: &str) -> Webhook {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn wants(&self, event: &Event) -> bool {
        self.events.iter().any(|(kind, method)| kind == event.kind && method == event.method)
    }

    /// Reads one of the list that `PATCH /settings` brings.
    pub(super) fn read(value: &Value) -> Option<Webhook> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let mode = value["mode"].as_str().unwrap_or("body");
        let (mode, _) = Mode::WORDS.into_iter().find(|(_, word)| *word == mode)?;
        let headers = value["headers"].as_object().into_iter().flatten();
        let headers = headers.map(|(name, value)| Some((name.clone(), text(value)?)));
        let events = value["events"].as_array()?.iter();
        let events = events.map(|event| Some((text(&event["type"])?, text(&event["method"])?)));
        Some(Webhook {
            url: text(&value["url"])?,
            mode,
            headers: headers.collect::<Option<_>>()?,
            events: events.collect::<Option<_>>()?,
        })
    }

    /// As `GET /settings` shows it.
    pub(super) fn shown(&self) -> Value {
        let mode =
            Mode::WORDS.into_iter().find(|(mode, _)| *mode == self.mode).map(|(_, word)| word);
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

/// How a channel's webhooks are delivered, well or badly.
#[derive(Debug, Clone)]
pub struct Delivering {
    /// `callback_backoff_delay_ms`: what is not answered 200 comes again after this time, then after twice of it, and so on.
    pub backoff: Duration,
    /// `max_callback_backoff_delay_ms`: never after more than this.
    pub longest_backoff: Duration,
    /// A fault: so often again although it was answered 200.
    pub repeats: u32,
    /// A fault: each waits for up to so long before it goes, so that they overtake each other.
    pub scatter: Duration,
}

impl Default for Delivering {
    fn default() -> Delivering {
        Delivering {
            backoff: Duration::from_secs(3),
            longest_backoff: Duration::from_secs(900),
            repeats: 0,
            scatter: Duration::ZERO,
        }
    }
}

/// Something that happens to a channel, at its own time.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) at: SystemTime,
    pub(super) kind: &'static str,
    pub(super) method: &'static str,
    /// The payload, but for the event and the channel's id.
    pub(super) content: Value,
}

/// What a channel has to tell: what happened, and what is going to unless something else comes before.
#[derive(Debug, Clone, Default)]
pub(super) struct Outbox(VecDeque<Event>);

impl Outbox {
    /// Puts an event into its place; events of one moment keep their order.
    pub(super) fn add(&mut self, event: Event) {
        let place = self.0.partition_point(|other| other.at <= event.at);
        self.0.insert(place, event);
    }

    /// What was going to happen after this moment will not.
    pub(super) fn call_off(&mut self, now: SystemTime) {
        self.0.retain(|event| event.at <= now);
    }

    /// Takes the next event if it has happened.
    pub(super) fn take(&mut self, now: SystemTime) -> Option<Event> {
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
