//! The simulated Evolution API: servers with their instances. Not what connects, restarts or logs
//! out an instance, which an exporter must never ask for: such requests change nothing, are
//! answered 404, and `/instance/connect` is recorded as one that wakes.
//!
//! The shapes are those of a running 2.3.7, its wrong answers included; rows carry secrets in
//! clear, as the real one's do.

mod errors;
pub(crate) mod webhook;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::delivery::WebhookDelivery;
use crate::http::request::{Request, decode};
use crate::http::response::Response;
use crate::provider::{Provider, Routed};
use crate::request_log::CredentialSource;
use webhook::{EvolutionEvent, EvolutionWebhook};

/// A server: its name in the log, and its instances.
#[derive(Debug, Clone, Default)]
pub struct EvolutionServer {
    /// The name in the log.
    pub name: String,
    /// The instances by their names.
    pub instances: BTreeMap<String, EvolutionInstance>,
    /// Whether its database is down: states still come from memory.
    pub database_down: bool,
    /// Where its webhooks go; without one none are sent.
    pub webhook: Option<EvolutionWebhook>,
    outbox: Vec<EvolutionEvent>,
}

/// An instance, in memory and as its row in the database.
#[derive(Debug, Clone)]
pub struct EvolutionInstance {
    /// The state in memory; `None` when it was not loaded.
    pub state: Option<String>,
    /// The row's `connectionStatus`.
    pub row_status: String,
    /// The row's `disconnectionReasonCode`.
    pub reason: Option<u16>,
    /// The row's `integration`.
    pub integration: String,
}

const CHATWOOT_TOKEN: &str = "EvolutionChatwootTokenNotARealOne";
const PROXY_PASSWORD: &str = "EvolutionProxyPasswordNotARealOne";
const WAVOIP_TOKEN: &str = "EvolutionWavoipTokenNotARealOne";
const PROFILE: &str = "EvolutionProfileOfAPerson";
const DISCONNECTION: &str = "EvolutionDisconnectionObject";

impl EvolutionServer {
    /// What its answers and webhooks carry beside its instances' states and keys, and nobody may
    /// see.
    pub const SECRETS: [&'static str; 7] = [
        CHATWOOT_TOKEN,
        PROXY_PASSWORD,
        WAVOIP_TOKEN,
        PROFILE,
        DISCONNECTION,
        webhook::QR_CODE,
        webhook::QR_IMAGE,
    ];

    /// A server without instances.
    pub fn new(name: &str) -> EvolutionServer {
        EvolutionServer { name: name.to_owned(), ..EvolutionServer::default() }
    }

    /// The same with this instance; replaces one of this name.
    #[must_use]
    pub fn with_instance(mut self, name: &str, instance: EvolutionInstance) -> EvolutionServer {
        self.instances.insert(name.to_owned(), instance);
        self
    }

    /// Changes an instance's state in memory, which leaves its row alone, and tells its webhook.
    pub fn connect(&mut self, name: &str, state: &str) {
        if let Some(instance) = self.instances.get_mut(name) {
            instance.state = Some(state.to_owned());
            if state == "open" {
                // Only that a phone is linked gets into the row.
                instance.row_status = state.to_owned();
            }
            self.tell(EvolutionEvent::connection(name, state, 200));
        }
    }

    /// Disconnects an instance for good, for this reason, and tells its webhook. After a logout it
    /// shows a QR code.
    pub fn disconnect(&mut self, name: &str, reason: u16) {
        if self.instances.contains_key(name) {
            self.instances.insert(name.to_owned(), EvolutionInstance::closed_by(reason));
            self.tell(EvolutionEvent::closed(name, reason));
            self.tell(EvolutionEvent::connection(name, "close", reason));
            if reason == 401 {
                self.tell(EvolutionEvent::qr_code(name));
            }
        }
    }

    fn tell(&mut self, event: EvolutionEvent) {
        if self.webhook.is_some() {
            self.outbox.push(event);
        }
    }
}

impl EvolutionInstance {
    /// An instance for a phone, in this state in memory and in its row.
    pub fn new(state: &str) -> EvolutionInstance {
        EvolutionInstance {
            state: Some(state.to_owned()),
            row_status: state.to_owned(),
            reason: None,
            integration: "WHATSAPP-BAILEYS".to_owned(),
        }
    }

    /// An instance that was disconnected for good.
    pub fn closed_by(reason: u16) -> EvolutionInstance {
        EvolutionInstance { reason: Some(reason), ..EvolutionInstance::new("close") }
    }

    /// An instance that was never loaded: its row has the database's default.
    pub fn not_in_memory() -> EvolutionInstance {
        EvolutionInstance { state: None, ..EvolutionInstance::new("open") }
    }

    /// An instance of the Cloud API, which always claims to be open.
    pub fn business() -> EvolutionInstance {
        EvolutionInstance {
            integration: "WHATSAPP-BUSINESS".to_owned(),
            ..EvolutionInstance::new("open")
        }
    }

    /// The key of an instance of this name.
    pub fn key(name: &str) -> String {
        format!("EvolutionInstanceKeyOf-{name}")
    }
}

/// The servers, by global key. All are at the simulator's one address.
#[derive(Default)]
pub(crate) struct Evolution {
    pub(crate) servers: HashMap<String, EvolutionServer>,
}

impl Provider for Evolution {
    fn serves(&self, path: &str) -> bool {
        path.starts_with("/instance/") || path.starts_with("/webhook/find/")
    }

    fn respond<'a>(&mut self, request: &'a Request, _now: SystemTime) -> Routed<'a> {
        let key = request.header("apikey").filter(|key| !key.is_empty());
        let state = request.path.strip_prefix("/instance/connectionState/");
        let webhook = request.path.strip_prefix("/webhook/find/");
        let response = match (request.method.as_str(), request.path.as_str(), state.or(webhook)) {
            ("GET", _, Some(name)) if webhook.is_some() => self.webhook(&decode(name), key),
            ("GET", "/instance/fetchInstances", _) => self.list(key),
            ("GET", _, Some(name)) => self.state(&decode(name), key),
            (method, path, _) => errors::no_route(method, path),
        };
        Routed {
            response,
            target: key,
            credential: key,
            credential_source: match key {
                Some(_) => CredentialSource::Header,
                None => CredentialSource::None,
            },
            wakes: request.path.starts_with("/instance/connect/"),
            may_emit: false,
        }
    }

    fn name_of(&self, secret: &str) -> Option<Arc<str>> {
        self.servers.get(secret).map(|server| server.name.as_str().into())
    }

    fn remove(&mut self, secret: &str) {
        self.servers.remove(secret);
    }

    fn due(&mut self, _now: SystemTime) -> (Vec<WebhookDelivery>, Option<SystemTime>) {
        let deliveries = self.servers.values_mut().flat_map(|server| {
            let webhook = server.webhook.clone();
            let events = std::mem::take(&mut server.outbox).into_iter();
            events.filter_map(move |event| {
                Some(event.delivery(webhook.as_ref()?, EvolutionInstance::key))
            })
        });
        (deliveries.collect(), None)
    }
}

impl Evolution {
    fn list(&self, key: Option<&str>) -> Response {
        // An instance's own key lists that instance.
        let listed = key.and_then(|key| match self.servers.get(key) {
            Some(server) => Some((server, None)),
            None => self.servers.values().find_map(|server| {
                let own = server.instances.keys().find(|name| EvolutionInstance::key(name) == key);
                own.map(|own| (server, Some(own)))
            }),
        });
        match listed {
            None => errors::unauthorized(),
            Some((server, _)) if server.database_down => errors::no_database_text(),
            Some((server, own)) => {
                let instances = server.instances.iter();
                let shown = instances.filter(|(name, _)| own.is_none_or(|own| own == *name));
                let rows: Vec<Value> = shown.map(|(name, instance)| row(name, instance)).collect();
                Response::json(200, &Value::from(rows))
            }
        }
    }

    /// A server's instances all have the same webhook here.
    fn webhook(&self, name: &str, key: Option<&str>) -> Response {
        match key.and_then(|key| self.servers.get(key)) {
            None => errors::unauthorized(),
            Some(server) if !server.instances.contains_key(name) => errors::no_instance(name),
            Some(server) => {
                let webhook = server.webhook.as_ref().map(EvolutionWebhook::to_json);
                Response::json(200, &Value::from(webhook))
            }
        }
    }

    /// Whether the instance exists is looked at before the key is.
    fn state(&self, name: &str, key: Option<&str>) -> Response {
        let mut servers = self.servers.iter();
        let found = servers.find_map(|(global, server)| {
            server.instances.get(name).map(|instance| (global, server, instance))
        });
        let Some((global, server, instance)) = found else {
            return match self.servers.values().any(|server| server.database_down) {
                true => errors::no_database_list(),
                false => errors::no_instance(name),
            };
        };
        // The instance's own key is looked up in the database.
        let own = key == Some(&EvolutionInstance::key(name)) && !server.database_down;
        if !own && key != Some(global) {
            return errors::unauthorized();
        }
        let mut told = json!({ "instanceName": name });
        if let Some(state) = &instance.state {
            told["state"] = json!(state);
        }
        Response::json(200, &json!({ "instance": told }))
    }
}

fn row(name: &str, instance: &EvolutionInstance) -> Value {
    let at = instance.reason.map(|_| "2026-11-21T15:14:28.513Z");
    let object = instance.reason.map(|code| {
        let output = json!({ "statusCode": code, "payload": DISCONNECTION });
        json!({ "error": { "output": output } }).to_string()
    });
    json!({
        "id": "00000000-0000-4000-8000-000000000001",
        "name": name,
        "connectionStatus": instance.row_status,
        "ownerJid": "11111111111@s.whatsapp.net",
        "profileName": PROFILE,
        "profilePicUrl": null,
        "integration": instance.integration,
        "number": null,
        "businessId": null,
        "token": EvolutionInstance::key(name),
        "clientName": "evolution",
        "disconnectionReasonCode": instance.reason,
        "disconnectionObject": object,
        "disconnectionAt": at,
        "createdAt": "2026-11-21T15:14:28.513Z",
        "updatedAt": "2026-11-21T15:14:28.513Z",
        "Chatwoot": { "enabled": true, "token": CHATWOOT_TOKEN },
        "Proxy": { "host": "127.0.0.1", "password": PROXY_PASSWORD },
        "Rabbitmq": null,
        "Nats": null,
        "Sqs": null,
        "Websocket": null,
        "Setting": { "rejectCall": false, "wavoipToken": WAVOIP_TOKEN },
        "_count": { "Message": 7, "Contact": 2, "Chat": 1 },
    })
}
