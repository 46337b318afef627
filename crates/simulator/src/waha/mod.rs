//! The simulated WAHA: servers with their sessions. Not the start or the pairing of a session,
//! which an exporter must never ask for: such requests change nothing and are answered 404.
//!
//! The shapes are those of WAHA's source at 6aa4282; a session's `config` carries secrets in clear,
//! as the real one's does.

pub(crate) mod account;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Value, json};

use self::account::WahaLimits;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::provider::{Provider, Routed};
use crate::request_log::CredentialSource;

/// A server: its name in the log, and its sessions.
#[derive(Debug, Clone, Default)]
pub struct WahaServer {
    /// The name in the log.
    pub name: String,
    /// The word of each session's status, by the session's name.
    pub sessions: BTreeMap<String, String>,
    /// What the account of a session may do, by the session's name.
    pub limits: BTreeMap<String, WahaLimits>,
}

const HMAC_KEY: &str = "WahaHmacKeyNotARealOne";
const CUSTOM_HEADER: &str = "WahaCustomHeaderNotARealOne";
const PROXY_PASSWORD: &str = "WahaProxyPasswordNotARealOne";
const PUSH_NAME: &str = "WahaPushNameOfAPerson";

impl WahaServer {
    /// What its answers carry beside the sessions' statuses, and nobody may see.
    pub const SECRETS: [&'static str; 4] = [HMAC_KEY, CUSTOM_HEADER, PROXY_PASSWORD, PUSH_NAME];

    /// A server without sessions.
    pub fn new(name: &str) -> WahaServer {
        WahaServer { name: name.to_owned(), ..WahaServer::default() }
    }

    /// The same with this session; replaces one of this name.
    #[must_use]
    pub fn with_session(mut self, name: &str, status: &str) -> WahaServer {
        self.sessions.insert(name.to_owned(), status.to_owned());
        self
    }

    fn session(&self, name: &str, status: &str) -> Value {
        let limits = self.limits.get(name).cloned().unwrap_or_default();
        let me = (status == "WORKING").then(|| {
            json!({
                "id": "11111111111@c.us",
                "pushName": PUSH_NAME,
                "reachoutTimelock": limits.timelock(),
                "messageCapping": limits.capping(),
            })
        });
        session(name, status, me)
    }
}

/// The servers, by API key. All are at the simulator's one address.
#[derive(Default)]
pub(crate) struct Waha {
    pub(crate) servers: HashMap<String, WahaServer>,
}

impl Provider for Waha {
    fn serves(&self, path: &str) -> bool {
        path == "/api/sessions" || path.starts_with("/api/sessions/")
    }

    fn respond<'a>(&mut self, request: &'a Request, _now: SystemTime) -> Routed<'a> {
        let key = request.header("x-api-key");
        let server = key.and_then(|key| self.servers.get(key));
        let response = match (server, request.method.as_str(), request.path.as_str()) {
            (None, ..) => error(401, "Unauthorized"),
            (Some(server), "GET", "/api/sessions") => {
                // Without `all=true` stopped sessions are left out.
                let all = request.parameter("all") == Some("true");
                let sessions = server.sessions.iter();
                let shown = sessions.filter(|(_, status)| all || *status != "STOPPED");
                let list: Vec<Value> =
                    shown.map(|(name, status)| server.session(name, status)).collect();
                Response::json(200, &Value::from(list))
            }
            (Some(server), "GET", path) => {
                let name = path.trim_start_matches("/api/sessions/");
                match server.sessions.get(name) {
                    Some(status) => Response::json(200, &server.session(name, status)),
                    None => error(404, "Session not found"),
                }
            }
            _ => error(404, "Session not found"),
        };
        let credential_source =
            if key.is_some() { CredentialSource::Header } else { CredentialSource::None };
        Routed {
            response,
            target: key,
            credential: key,
            credential_source,
            wakes: false,
            may_emit: false,
        }
    }

    fn name_of(&self, secret: &str) -> Option<Arc<str>> {
        self.servers.get(secret).map(|server| server.name.as_str().into())
    }

    fn remove(&mut self, secret: &str) {
        self.servers.remove(secret);
    }
}

fn session(name: &str, status: &str, me: Option<Value>) -> Value {
    json!({
        "name": name,
        "status": status,
        "presence": "ONLINE",
        "timestamps": { "activity": 1_795_000_000_000_u64 },
        "assignedWorker": "w1",
        "me": me,
        "config": {
            "webhooks": [{
                "url": "http://127.0.0.1:9/waha",
                "events": ["session.status"],
                "hmac": { "key": HMAC_KEY },
                "customHeaders": [{ "name": "X-Key", "value": CUSTOM_HEADER }],
            }],
            "proxy": { "server": "127.0.0.1:9", "password": PROXY_PASSWORD },
        },
    })
}

fn error(status: u16, message: &str) -> Response {
    Response::json(status, &json!({ "statusCode": status, "message": message }))
}
