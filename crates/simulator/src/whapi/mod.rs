//! The simulated Whapi.Cloud: its channels, the routes of its gate, and its partner accounts. Not a
//! channel's own life: see `channel.rs`.

pub(crate) mod channel;
mod errors;
mod faults;
pub(crate) mod message_fate;
mod messages;
pub(crate) mod partner;
pub(crate) mod status;
pub(crate) mod webhook;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::delivery::WebhookDelivery;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::provider::{Provider, Routed};
use crate::request_log::CredentialSource;
use crate::unix_time::unix_seconds;
use channel::WhapiChannel;
use partner::WhapiPartner;
use webhook::{Sender, WhapiWebhook};

/// The channels and the partner accounts, by bearer token.
#[derive(Default)]
pub(crate) struct Whapi {
    pub(crate) channels: HashMap<String, WhapiChannel>,
    pub(crate) partners: HashMap<String, WhapiPartner>,
}

impl Provider for Whapi {
    fn serves(&self, path: &str) -> bool {
        matches!(path, "/health" | "/settings" | "/limits" | "/messages/text" | "/channels/list")
    }

    fn respond<'a>(&mut self, request: &'a Request, now: SystemTime) -> Routed<'a> {
        // Whapi: the vendor's own skill says that the query form of the token is not supported, so
        // only the header counts.
        let secret = request.bearer();
        let wakes = request.path == "/health" && request.parameter("wakeup") != Some("false");
        let response = match secret {
            None => errors::error(401, "Unauthorized: no channel token"),
            Some(secret) if request.path == "/channels/list" => self.list(secret, request),
            Some(secret) => match self.channels.get_mut(secret) {
                Some(channel) if !channel.deleted => respond(channel, request, wakes, now),
                _ => errors::channel_not_found(),
            },
        };
        Routed {
            response,
            target: secret,
            credential: secret,
            credential_source: match secret {
                Some(_) => CredentialSource::Header,
                None => CredentialSource::None,
            },
            wakes,
            may_emit: wakes || matches!(&*request.path, "/settings" | "/messages/text"),
        }
    }

    fn name_of(&self, secret: &str) -> Option<Arc<str>> {
        let channel = self.channels.get(secret).map(|channel| channel.name.as_str().into());
        channel.or_else(|| self.partners.get(secret).map(|partner| partner.name.as_str().into()))
    }

    fn remove(&mut self, secret: &str) {
        self.channels.remove(secret);
        self.partners.remove(secret);
    }

    fn due(&mut self, now: SystemTime) -> (Vec<WebhookDelivery>, Option<SystemTime>) {
        let (mut due, mut next) = (Vec::new(), None::<SystemTime>);
        for channel in self.channels.values_mut().filter(|channel| !channel.webhooks.is_empty()) {
            let sender = Sender {
                name: channel.name.as_str().into(),
                id: channel.channel_id.clone(),
                policy: channel.delivery.clone(),
            };
            while let Some(event) = channel.outbox.take(now) {
                let wanting = channel.webhooks.iter().filter(|webhook| webhook.wants(&event));
                due.extend(wanting.map(|webhook| webhook.delivery(&event, &sender)));
            }
            next = next.into_iter().chain(channel.outbox.next()).min();
        }
        (due, next)
    }
}

impl Whapi {
    /// What the real one answers to a wrong partner token is not documented.
    fn list(&self, secret: &str, request: &Request) -> Response {
        match self.partners.get(secret) {
            Some(partner) if request.method == "GET" => {
                partner.list(request, |token| self.channels.get(token))
            }
            Some(_) => errors::error(405, "Method Not Allowed"),
            None => errors::error(403, "Forbidden"),
        }
    }
}

fn respond(
    channel: &mut WhapiChannel,
    request: &Request,
    wakes: bool,
    now: SystemTime,
) -> Response {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET" | "HEAD", "/health") => {
            if wakes {
                channel.wake_at(now);
            }
            Response::json(200, &channel.health_at(now))
        }
        ("GET", "/settings") => Response::json(200, &settings(channel)),
        ("PATCH", "/settings") => change_settings(channel, &request.body),
        ("GET", "/limits") if channel.trial => {
            let chats = ["61371989950@s.whatsapp.net"];
            Response::json(
                200,
                &json!({ "messages": 150, "chats": chats, "checks": 100, "requests": 1000 }),
            )
        }
        // Whapi: 204 means that a paid channel has no limits.
        ("GET", "/limits") => Response::no_content(),
        ("POST", "/messages/text") => send(channel, &request.body, now),
        (_, "/health" | "/settings" | "/limits" | "/messages/text") => {
            errors::error(405, "Method Not Allowed")
        }
        _ => errors::error(404, "Not Found"),
    }
}

fn send(channel: &mut WhapiChannel, body: &[u8], now: SystemTime) -> Response {
    if !channel.may_send_at(now) {
        return errors::session_unauthorized();
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let (Some(to), Some(text)) = (body["to"].as_str(), body["body"].as_str()) else {
        return errors::error(400, "Wrong request parameters");
    };
    let id = match channel.fate_of_sends {
        Some(fate) => channel.send_message_at(now, fate),
        None => "PsimulatedMessage-wAMBAQ".to_owned(),
    };
    let message = json!({
        "id": id, "from_me": true, "type": "text",
        "chat_id": format!("{to}@s.whatsapp.net"), "timestamp": unix_seconds(now), "source": "api",
        "status": "pending", "text": { "body": text }, "from": channel.phone,
    });
    Response::json(200, &json!({ "sent": true, "message": message }))
}

fn settings(channel: &WhapiChannel) -> Value {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let webhooks: Vec<_> = channel.webhooks.iter().map(WhapiWebhook::to_json).collect();
    json!({
        "callback_backoff_delay_ms": millis(channel.delivery.backoff),
        "max_callback_backoff_delay_ms": millis(channel.delivery.longest_backoff),
        "callback_persist": true, "offline_mode": false, "full_history": false,
        // A credential that no reader of the webhooks needs.
        "proxy": "socks5://proxyUser:proxyPasswordNotARealOne@203.0.113.9:1080",
        "webhooks": webhooks,
    })
}

/// What is in the body replaces the old: the whole list of webhooks, if there is one.
fn change_settings(channel: &mut WhapiChannel, body: &[u8]) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return errors::error(400, "Wrong request parameters");
    };
    if let Some(list) = body["webhooks"].as_array() {
        match list.iter().map(WhapiWebhook::read).collect() {
            Some(webhooks) => channel.webhooks = webhooks,
            None => return errors::error(400, "Wrong request parameters"),
        }
    }
    Response::json(200, &settings(channel))
}
