//! The routes of Whapi.Cloud's gate: a request in, its answer out. Not the channel's own life: see `channel.rs`.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::answer::{Answer, Class};
use super::channel::{Channel, seconds};
use super::ledger::Authorised;
use super::request::Request;
use super::webhook::Webhook;
use super::world::{Routed, State};

/// Answers a request to the gate.
pub(super) fn route<'a>(state: &mut State, request: &'a Request, now: SystemTime) -> Routed<'a> {
    // Whapi: the vendor's own skill says that the query form of the token is not supported, so only the header counts.
    let secret = request.bearer.as_deref();
    let wakes = request.path == "/health" && request.parameter("wakeup") != Some("false");
    let answer = match secret {
        None => error(401, "Unauthorized: no channel token"),
        Some(secret) => match state.channels.get_mut(secret).filter(|channel| !channel.deleted) {
            None => channel_not_found(),
            Some(channel) => answer(channel, request, wakes, now),
        },
    };
    let authorised = if secret.is_some() { Authorised::Header } else { Authorised::No };
    let may_move = wakes || request.path == "/settings";
    Routed { answer, target: secret, credential: secret, authorised, wakes, may_move }
}

fn answer(channel: &mut Channel, request: &Request, wakes: bool, now: SystemTime) -> Answer {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET" | "HEAD", "/health") => {
            if wakes {
                channel.wake_at(now);
            }
            Answer::json(200, &channel.health_at(now))
        }
        ("GET", "/settings") => Answer::json(200, &settings(channel)),
        ("PATCH", "/settings") => change_settings(channel, &request.body),
        ("GET", "/limits") if channel.trial => {
            let chats = ["61371989950@s.whatsapp.net"];
            Answer::json(
                200,
                &json!({ "messages": 150, "chats": chats, "checks": 100, "requests": 1000 }),
            )
        }
        // Whapi: 204 means that a paid channel has no limits.
        ("GET", "/limits") => Answer::no_content(),
        ("POST", "/messages/text") => send(channel, &request.body, now),
        (_, "/health" | "/settings" | "/limits" | "/messages/text") => {
            error(405, "Method Not Allowed")
        }
        _ => error(404, "Not Found"),
    }
}

fn send(channel: &Channel, body: &[u8], now: SystemTime) -> Answer {
    if !channel.may_send_at(now) {
        return session_unauthorized();
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let (Some(to), Some(text)) = (body["to"].as_str(), body["body"].as_str()) else {
        return error(400, "Wrong request parameters");
    };
    let message = json!({
        "id": "PsimulatedMessage-wAMBAQ", "from_me": true, "type": "text", "chat_id": format!("{to}@s.whatsapp.net"),
        "timestamp": seconds(now), "source": "api", "status": "pending", "text": { "body": text }, "from": channel.phone,
    });
    Answer::json(200, &json!({ "sent": true, "message": message }))
}

fn settings(channel: &Channel) -> Value {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let webhooks: Vec<_> = channel.webhooks.iter().map(Webhook::shown).collect();
    json!({
        "callback_backoff_delay_ms": millis(channel.delivering.backoff),
        "max_callback_backoff_delay_ms": millis(channel.delivering.longest_backoff),
        "callback_persist": true, "offline_mode": false, "full_history": false,
        // A credential, which nobody who asks for webhooks has a use for.
        "proxy": "socks5://proxyUser:proxyPasswordNotARealOne@203.0.113.9:1080",
        "webhooks": webhooks,
    })
}

/// What is in the body replaces what there was: the whole list of webhooks, if there is one.
fn change_settings(channel: &mut Channel, body: &[u8]) -> Answer {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return error(400, "Wrong request parameters");
    };
    if let Some(list) = body["webhooks"].as_array() {
        match list.iter().map(Webhook::read).collect() {
            Some(webhooks) => channel.webhooks = webhooks,
            None => return error(400, "Wrong request parameters"),
        }
    }
    Answer::json(200, &settings(channel))
}

/// Whapi's error body.
pub(super) fn error(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "error": { "code": status, "message": message } }))
}

/// The answer to session-bound calls without a session; the live body is in lower case.
pub(super) fn session_unauthorized() -> Answer {
    error(401, "need channel authorization for send message").classed(Class::SessionUnauthorized)
}

/// The answer to a wrong bearer token.
pub(super) fn channel_not_found() -> Answer {
    let error = json!({
        "code": 404, "message": "Channel not found", "details": "Check the token of the channel",
        "href": "https://example.invalid/docs", "support": "https://example.invalid/support",
    });
    Answer::json(404, &json!({ "error": error })).classed(Class::ChannelNotFound)
}
