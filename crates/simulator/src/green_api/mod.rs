//! The simulated GREEN-API: instances with their states, and partners that list them. Not the
//! reboot or the pairing of an instance, which an exporter must never ask for: such requests change
//! nothing and are answered 404.
//!
//! The shapes are those of GREEN-API's documentation. Errors of the partner API come with HTTP 200,
//! and an error's body repeats the path, which holds the token.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::http::request::Request;
use crate::http::response::Response;
use crate::provider::{Provider, Routed};
use crate::request_log::CredentialSource;

/// An instance.
#[derive(Debug, Clone)]
pub struct GreenApiInstance {
    /// `idInstance`; also its name in the log.
    pub id: u64,
    /// `stateInstance`; `expired` and `deleted` are answered as errors, `creating` with null.
    pub state: String,
    /// `typeInstance`; none leaves it out.
    pub messenger: Option<String>,
    /// `expirationDate`.
    pub expiration_date: String,
    /// `isPartner`: whether it renews by itself.
    pub is_partner: bool,
    /// `isFree`.
    pub is_free: bool,
}

impl GreenApiInstance {
    /// An instance for WhatsApp in this state.
    pub fn new(id: u64, state: &str) -> GreenApiInstance {
        GreenApiInstance {
            id,
            state: state.to_owned(),
            messenger: Some("whatsapp".to_owned()),
            expiration_date: "2100-01-01T00:00:00".to_owned(),
            is_partner: true,
            is_free: false,
        }
    }

    /// The same for another messenger.
    #[must_use]
    pub fn of_messenger(mut self, messenger: Option<&str>) -> GreenApiInstance {
        self.messenger = messenger.map(str::to_owned);
        self
    }
}

/// A partner: its name in the log, and the tokens of its instances.
#[derive(Debug, Clone, Default)]
pub struct GreenApiPartner {
    /// The name in the log.
    pub name: String,
    /// The tokens of its instances, in the order of the list.
    pub instances: Vec<String>,
}

const NAME: &str = "GreenNameOfAPerson";

impl GreenApiPartner {
    /// What its list carries beside the instances' ids, states and tokens, and nobody may see.
    pub const SECRETS: [&'static str; 1] = [NAME];
}

/// The instances and the partners, by token.
#[derive(Default)]
pub(crate) struct GreenApi {
    pub(crate) instances: HashMap<String, GreenApiInstance>,
    pub(crate) partners: HashMap<String, GreenApiPartner>,
}

impl Provider for GreenApi {
    fn serves(&self, path: &str) -> bool {
        path.starts_with("/waInstance") || path.starts_with("/partner/")
    }

    fn respond<'a>(&mut self, request: &'a Request, _now: SystemTime) -> Routed<'a> {
        let mut parts = request.path.trim_start_matches('/').split('/');
        let (first, method, token) = (parts.next(), parts.next(), parts.next());
        let is_get = request.method == "GET" && parts.next().is_none();
        let response = match (first, method, token) {
            (Some("partner"), Some("getInstances"), Some(token)) if is_get => self.list(token),
            (Some(first), Some("getStateInstance"), Some(token)) if is_get => {
                self.state(first.trim_start_matches("waInstance"), token, &request.path)
            }
            _ => Response::json(404, &json!({ "message": "Not Found" })),
        };
        Routed {
            response,
            target: token,
            credential: token,
            credential_source: match token {
                Some(_) => CredentialSource::Path,
                None => CredentialSource::None,
            },
            wakes: false,
            may_emit: false,
        }
    }

    fn name_of(&self, secret: &str) -> Option<Arc<str>> {
        let instance = self.instances.get(secret).map(|instance| instance.id.to_string().into());
        instance.or_else(|| self.partners.get(secret).map(|partner| partner.name.as_str().into()))
    }

    fn remove(&mut self, secret: &str) {
        self.instances.remove(secret);
        self.partners.remove(secret);
    }
}

impl GreenApi {
    fn state(&self, id: &str, token: &str, path: &str) -> Response {
        let Some(instance) = self.instances.get(token) else {
            return Response::json(401, &json!({}));
        };
        if instance.id.to_string() != id {
            return Response::json(403, &json!({}));
        }
        let error = |message: &str| {
            Response::json(400, &json!({ "statusCode": 400, "path": path, "message": message }))
        };
        match instance.state.as_str() {
            "creating" => Response::json(200, &Value::Null),
            "expired" => {
                error("Instance account is expired. Renew your instance from personal area")
            }
            "deleted" => error("Instance is deleted"),
            state => Response::json(200, &json!({ "stateInstance": state })),
        }
    }

    fn list(&self, token: &str) -> Response {
        let Some(partner) = self.partners.get(token) else {
            return Response::json(200, &json!({ "code": 401, "description": "Unauthorized" }));
        };
        let known = partner.instances.iter();
        let rows: Vec<Value> =
            known.filter_map(|token| Some(row(token, self.instances.get(token)?))).collect();
        Response::json(200, &Value::from(rows))
    }
}

fn row(token: &str, instance: &GreenApiInstance) -> Value {
    let mut row = json!({
        "idInstance": instance.id,
        "name": NAME,
        "typeAccount": "",
        "partnerUserUiid": "",
        "timeCreated": "2022-06-03T18:39:44",
        "timeDeleted": "0001-01-01T00:00:00",
        "apiTokenInstance": token,
        "deleted": instance.state == "deleted",
        "tariff": "PARTNER",
        "isFree": instance.is_free,
        "isPartner": instance.is_partner,
        "expirationDate": instance.expiration_date,
        "isExpired": instance.state == "expired",
    });
    if let Some(messenger) = &instance.messenger {
        row["typeInstance"] = json!(messenger);
    }
    row
}
