//! Whapi's webhooks: what one delivery says.
//!
//! Not here: receiving them, and what is read of a message (`messages.rs`).
//! Source: Whapi's help page on webhooks (delivery modes) and its OpenAPI
//! (`WebhookPayload`).

use hyper::Method;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::health::{self, HealthBody};
use super::messages;
use super::webhook_check::{self, WhapiWebhookCheck};
use crate::domain::ChannelEvent;
use crate::provider::{HeadVerdict, Needed, Webhook, WebhookApi, WebhookCheck, WebhookHead};
use crate::upstream::lenient::{Lenient, is_whole_object};

/// The parts of the address and the HTTP method, which name the event in the delivery modes `path`
/// and `method`.
#[derive(Debug, Clone, Copy, Default)]
struct Addressed<'a> {
    /// The first part behind the receiver's own path.
    kind: Option<&'a str>,
    /// The second part.
    method: Option<&'a str>,
    /// The HTTP method.
    http: &'a str,
}

/// Whapi's webhooks.
pub(super) struct WhapiWebhooks;

impl WebhookApi for WhapiWebhooks {
    /// The delivery mode `method` uses all of them.
    fn methods(&self) -> &'static [Method] {
        const METHODS: &[Method] = &[Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        METHODS
    }

    /// The delivery mode `path` appends the event's type and method.
    fn has_path(&self, rest: &str) -> bool {
        rest.split('/').count() <= 2
    }

    fn authorize(&self, head: WebhookHead<'_>, secret: &SecretString) -> HeadVerdict {
        HeadVerdict::by_head(head.has_secret(secret))
    }

    /// The header is not named: a careless hand may have put the secret there.
    fn refusal(&self) -> &'static str {
        "the header that WEBHOOK_SECRET_HEADER names must hold the secret"
    }

    fn events(&self, head: WebhookHead<'_>, body: &[u8]) -> Option<Vec<Webhook>> {
        let mut parts = head.rest.split('/').filter(|part| !part.is_empty());
        let addressed =
            Addressed { kind: parts.next(), method: parts.next(), http: head.method.as_str() };
        interpret(body, addressed)
    }

    fn check(&self) -> Option<&'static dyn WebhookCheck> {
        Some(&WhapiWebhookCheck)
    }

    fn instructions(&self, needed: &Needed<'_>) -> String {
        webhook_check::instructions(needed)
    }
}

#[derive(Deserialize, Default)]
struct WhapiEnvelope {
    /// Read as it comes: one of another shape does not hide whose delivery it is.
    #[serde(default)]
    event: Value,
    #[serde(default)]
    channel_id: Lenient,
    #[serde(default)]
    health: Option<IgnoredAny>,
    /// A login secret: never read.
    #[serde(default)]
    qr: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct WithHealth {
    health: HealthBody,
}

/// Reads a delivery: what the body says first, then what the address says. `None` when the body is
/// no JSON object.
fn interpret(body: &[u8], addressed: Addressed<'_>) -> Option<Vec<Webhook>> {
    if !is_whole_object(body) {
        return None;
    }
    // JSON whose fields are of other kinds says nothing that we could read.
    let WhapiEnvelope { event, channel_id, health, qr } =
        serde_json::from_slice(body).unwrap_or_default();
    let kind = event["type"].as_str().or(addressed.kind).map(str::to_ascii_lowercase);
    // The help pages say `event`, the OpenAPI says `method`.
    let method = event["event"].as_str().or(event["method"].as_str()).or(addressed.method);
    let method = method.unwrap_or(addressed.http).to_ascii_lowercase();
    // New ones, and those that came while the channel was away.
    let of_messages = match (kind.as_deref(), &*method) {
        (Some("message" | "messages"), "post" | "put") => Some(messages::messages(body)),
        (Some("status" | "statuses"), "post" | "put") => Some(messages::statuses(body)),
        _ => None,
    };
    if let Some(messages) = of_messages {
        let channel_id = channel_id.label();
        return Some(Webhook::of_messages(None, channel_id.as_deref(), messages));
    }
    // Prose sometimes has the plural of `channel`, and old samples the singular of others.
    let what = match (kind.as_deref(), &*method) {
        (Some("channel" | "channels"), "post") => status(body),
        (Some("channel" | "channels"), "patch") => ChannelEvent::Qr,
        (Some("user" | "users"), "post") => ChannelEvent::Login,
        (Some("user" | "users"), "delete") => ChannelEvent::Logout,
        (None, _) if health.is_some() => status(body),
        (None, _) if qr.is_some() => ChannelEvent::Qr,
        _ => ChannelEvent::Other,
    };
    // Newer versions repeat the id in the health.
    let within = match &what {
        ChannelEvent::Status(observation) => observation.channel_id.clone(),
        _ => None,
    };
    Some(vec![Webhook { source: None, channel_id: channel_id.label().or(within), event: what }])
}

fn status(body: &[u8]) -> ChannelEvent {
    serde_json::from_slice::<WithHealth>(body)
        .ok()
        .and_then(|with| health::observation(with.health))
        .map_or(ChannelEvent::NoStatus, ChannelEvent::Status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Reported, Status, Timestamp, WebhookEvent};

    const STATUS: &str = r#"{"health":{"start_at":1713774883,"uptime":78,"status":{"code":3,
        "text":"QR"},"version":"1.8.3-74-gf7df472"},
        "event":{"type":"channel","event":"post"},"channel_id":"MANTIS-M72HC"}"#;

    fn read(body: &str, kind: Option<&str>, method: Option<&str>, http: &str) -> Option<Webhook> {
        let webhooks = interpret(body.as_bytes(), Addressed { kind, method, http })?;
        let [webhook] = <[Webhook; 1]>::try_from(webhooks).unwrap();
        Some(webhook)
    }

    fn event(body: &str, kind: Option<&str>, method: Option<&str>, http: &str) -> WebhookEvent {
        read(body, kind, method, http).unwrap().event.kind()
    }

    #[test]
    fn a_status_comes_with_its_own_time() {
        let webhook = read(STATUS, None, None, "POST").unwrap();
        assert_eq!(webhook.channel_id.as_deref(), Some("MANTIS-M72HC"));
        let ChannelEvent::Status(observation) = webhook.event else { panic!("{webhook:?}") };
        assert_eq!(observation.status, Reported::Known(Status::Qr));
        assert_eq!(observation.started, Some(Timestamp::from_secs(1_713_774_883)));
        assert_eq!(observation.uptime_millis, Some(78_000));
    }

    #[test]
    fn the_three_delivery_modes_say_the_same() {
        let bare = r#"{"user":{"id":"61371989950","name":"Jonathan"},"channel_id":"MANTIS-M72HC"}"#;
        for (kind, method, http) in [
            (Some("users"), Some("delete"), "POST"),
            (Some("users"), None, "DELETE"),
            (Some("user"), Some("DELETE"), "POST"),
        ] {
            assert_eq!(event(bare, kind, method, http), WebhookEvent::UsersDelete);
        }
        let said = r#"{"event":{"type":"users","event":"delete"},"channel_id":"X"}"#;
        assert_eq!(event(said, None, None, "POST"), WebhookEvent::UsersDelete);
        // The body first, the address second.
        assert_eq!(event(said, Some("channel"), Some("post"), "PUT"), WebhookEvent::UsersDelete);
        let by_method = r#"{"event":{"type":"users","method":"post"}}"#;
        assert_eq!(event(by_method, None, None, "POST"), WebhookEvent::UsersPost);
        let health = r#"{"health":{"start_at":1,"uptime":1,"status":{"text":"AUTH"}}}"#;
        assert_eq!(event(health, Some("channels"), None, "POST"), WebhookEvent::ChannelPost);
        assert_eq!(event(health, None, None, "POST"), WebhookEvent::ChannelPost);
        assert_eq!(
            event(r#"{"qr":{"base64":"x"}}"#, None, None, "POST"),
            WebhookEvent::ChannelPatch
        );
    }

    #[test]
    fn whose_it_is_stands_above_or_in_the_health() {
        for body in [
            r#"{"event":"channel.post","channel_id":"MANTIS-M72HC"}"#,
            r#"{"event":["x"],"channel_id":"MANTIS-M72HC"}"#,
            r#"{"event":null,"channel_id":"MANTIS-M72HC"}"#,
            r#"{"health":{"status":{"text":"QR"},"channel_id":"MANTIS-M72HC"}}"#,
        ] {
            let webhook = read(body, None, None, "POST").unwrap();
            assert_eq!(webhook.channel_id.as_deref(), Some("MANTIS-M72HC"), "{body}");
        }
    }

    #[test]
    fn everything_else_is_other() {
        for body in [
            r#"{"messages":[{"id":"x"}],"event":{"type":"messages","event":"post"},
                "channel_id":"X"}"#,
            r#"{"chats":[{"id":"x"}],"event":{"type":"chats","event":"post"},"channel_id":"X"}"#,
            r#"{"event":{"type":"channel","event":"put"}}"#,
            r#"{"event":"channel"}"#,
            r#"{"event":{"type":7}}"#,
            "{}",
        ] {
            assert_eq!(event(body, None, None, "POST"), WebhookEvent::Other, "{body}");
        }
    }

    #[test]
    fn each_message_and_each_status_of_a_message_is_an_event() {
        let messages = r#"{"messages":[{"id":"a","from_me":false},{"id":"b","from_me":true}],
            "event":{"type":"messages","event":"post"},"channel_id":"X"}"#;
        let statuses = r#"{"statuses":[{"id":"a","status":"sent"},{"id":"b","status":"read"}]}"#;
        for (body, kind, method) in
            [(messages, None, None), (statuses, Some("statuses"), Some("put"))]
        {
            let told = interpret(body.as_bytes(), Addressed { kind, method, http: "POST" });
            let told = told.unwrap();
            assert_eq!(told.len(), 2);
            assert!(told.iter().all(|one| matches!(one.event, ChannelEvent::Message(_))));
        }
        let deleted = interpret(
            statuses.as_bytes(),
            Addressed { kind: Some("messages"), method: Some("delete"), http: "POST" },
        );
        assert_eq!(deleted.unwrap()[0].event, ChannelEvent::Other);
    }

    #[test]
    fn a_status_event_without_a_status_is_malformed_and_no_json_object_is_nothing() {
        for body in [
            r#"{"event":{"type":"channel","event":"post"},"channel_id":"X"}"#,
            r#"{"event":{"type":"channel","event":"post"},"health":"AUTH"}"#,
            r#"{"event":{"type":"channel","event":"post"},"health":{"status":{}}}"#,
        ] {
            assert_eq!(read(body, None, None, "POST").unwrap().event, ChannelEvent::NoStatus);
        }
        for body in ["", "null", "[]", "7", "{", "\"x\"", "{\"a\":1} x", "<html>"] {
            assert_eq!(read(body, None, None, "POST"), None, "{body}");
        }
    }
}
