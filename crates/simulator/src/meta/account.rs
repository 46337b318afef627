//! A simulated WhatsApp Business account: its numbers, its review, who gets its webhooks, and its
//! templates. Not who may see it: see `mod.rs`.
//!
//! The shapes are those of Meta's OpenAPI file (business-messaging-api v23.0). Answers carry what
//! nobody may see, as the real ones do when more is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::analytics::{self, MetaHalfHour};
use super::graph_error::GraphError;
use crate::http::request::Request;
use crate::http::response::Response;

/// A phone number of an account.
#[derive(Debug, Clone)]
pub struct MetaNumber {
    /// `status`; none where Meta leaves it out.
    pub status: Option<String>,
    /// `quality_rating`.
    pub quality: String,
    /// `whatsapp_business_manager_messaging_limit`.
    pub limit: String,
    /// `health_status.entities`: the type and `can_send_message` of each, with the number and the
    /// solution of its error, if it has one.
    pub health: Vec<MetaEntity>,
    /// `display_phone_number`.
    pub phone: String,
    /// What `analytics` tells, in this order.
    pub half_hours: Vec<MetaHalfHour>,
}

/// The type of an entity, its `can_send_message`, and the number and the solution of its error.
pub type MetaEntity = (String, String, Option<(i64, String)>);

impl Default for MetaNumber {
    fn default() -> MetaNumber {
        let well = |entity: &str| (entity.to_owned(), "AVAILABLE".to_owned(), None);
        MetaNumber {
            status: Some("CONNECTED".to_owned()),
            quality: "GREEN".to_owned(),
            limit: "TIER_2K".to_owned(),
            health: ["PHONE_NUMBER", "WABA", "BUSINESS", "APP"].map(well).to_vec(),
            phone: DISPLAY_NUMBER.to_owned(),
            half_hours: Vec::new(),
        }
    }
}

impl MetaNumber {
    /// A number of this status.
    pub fn new(status: &str) -> MetaNumber {
        MetaNumber { status: Some(status.to_owned()), ..MetaNumber::default() }
    }

    /// The same, one of whose entities lets no message through, with Meta's error.
    #[must_use]
    pub fn blocked(mut self, entity: &str, code: i64, solution: &str) -> MetaNumber {
        for (kind, can_send, error) in &mut self.health {
            if kind == entity {
                "BLOCKED".clone_into(can_send);
                *error = Some((code, solution.to_owned()));
            }
        }
        self
    }
}

/// How the pages of lists lead on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MetaPaging {
    /// From one to the next, to the last.
    #[default]
    Right,
    /// From the last to the first again.
    Loops,
    /// To ever new ones without anything on them.
    Endless,
}

/// An account.
#[derive(Debug, Clone)]
pub struct MetaAccount {
    /// Its id.
    pub id: String,
    /// Its numbers, by phone number id.
    pub numbers: BTreeMap<String, MetaNumber>,
    /// `account_review_status`.
    pub review: String,
    /// `health_status` of the account itself.
    pub can_send: String,
    /// The ids of the apps that get its webhooks.
    pub subscribed_apps: Vec<String>,
    /// The status and category of its templates.
    pub templates: Vec<(String, String)>,
    /// The most rows on a page, whatever is asked for.
    pub page: usize,
    /// How pages lead on.
    pub paging: MetaPaging,
    /// Fields that are refused with code 100.
    pub unknown_fields: BTreeSet<String>,
    /// Whether a field may be asked for several times, under names of their own.
    pub takes_names: bool,
    /// Answers instead of the usual ones, by call: `phone_numbers`, `subscribed_apps`,
    /// `message_templates`, `analytics`, or nothing for the account itself.
    pub errors: BTreeMap<String, GraphError>,
    /// The same with any body, answered 200.
    pub bodies: BTreeMap<String, Value>,
    /// The fields that were asked for, call by call; clones share it.
    pub asked: Arc<Mutex<Vec<String>>>,
    /// `X-Business-Use-Case-Usage`: the percentage of calls, and the minutes until they are
    /// answered again.
    pub usage: Option<(u32, u32)>,
}

const DISPLAY_NUMBER: &str = "+49 1555 0783881";
const DISPLAY_DIGITS: &str = "4915550783881";
const DISPLAY_NAME: &str = "MetaDisplayNameOfACompany";
const CERTIFICATE: &str = "MetaCertificateNotARealOneAAAA";
const TEMPLATE_NAME: &str = "meta_template_name_of_a_campaign";
const ACCOUNT_NAME: &str = "MetaAccountNameOfACompany";

impl MetaAccount {
    /// What its answers carry beside what may be shown.
    pub const SECRETS: [&'static str; 6] =
        [DISPLAY_NUMBER, DISPLAY_DIGITS, DISPLAY_NAME, CERTIFICATE, TEMPLATE_NAME, ACCOUNT_NAME];

    /// An account without numbers that is well.
    pub fn new(id: &str) -> MetaAccount {
        let template = |category: &str| ("APPROVED".to_owned(), category.to_owned());
        MetaAccount {
            id: id.to_owned(),
            numbers: BTreeMap::new(),
            review: "APPROVED".to_owned(),
            can_send: "AVAILABLE".to_owned(),
            subscribed_apps: vec![super::token::MetaToken::APP_ID.to_owned()],
            templates: ["MARKETING", "UTILITY", "AUTHENTICATION"].map(template).to_vec(),
            page: usize::MAX,
            paging: MetaPaging::Right,
            unknown_fields: BTreeSet::new(),
            takes_names: true,
            errors: BTreeMap::new(),
            bodies: BTreeMap::new(),
            asked: Arc::default(),
            usage: None,
        }
    }

    /// The same with this number; replaces one of this id.
    #[must_use]
    pub fn with_number(mut self, id: &str, number: MetaNumber) -> MetaAccount {
        self.numbers.insert(id.to_owned(), number);
        self
    }

    /// What is answered to a call, which a token may make.
    pub(super) fn respond(&self, call: &str, request: &Request) -> Response {
        let fields = request.parameter("fields").unwrap_or_default();
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(fields.to_owned());
        let is_analytics = request.parameter("fields").is_some_and(analytics::is_asked);
        let call = if call.is_empty() && is_analytics { "analytics" } else { call };
        let response = match (self.errors.get(call), self.bodies.get(call)) {
            (Some(error), _) => error.response(),
            (None, Some(body)) => Response::json(200, body),
            (None, None) => self.respond_well(call, request),
        };
        match self.usage {
            Some((percent, minutes)) => {
                let usage = json!({ &self.id: [{ "type": "whatsapp", "call_count": percent,
                    "total_cputime": 1, "total_time": 1,
                    "estimated_time_to_regain_access": minutes }] });
                response.header("X-Business-Use-Case-Usage", usage.to_string())
            }
            None => response,
        }
    }

    fn respond_well(&self, call: &str, request: &Request) -> Response {
        if call == "analytics" {
            let sent = self.numbers.values().map(|one| (&*one.phone, &*one.half_hours));
            let (sent, asked) = (sent.collect::<Vec<_>>(), request.parameter("fields"));
            return analytics::respond(
                &self.id,
                &sent,
                self.takes_names,
                asked.unwrap_or_default(),
            );
        }
        let fields: Vec<&str> = request
            .parameter("fields")
            .map(|fields| fields.split(',').collect())
            .unwrap_or_default();
        if fields.iter().any(|field| self.unknown_fields.contains(*field)) {
            let text = "Invalid field requested. Please check the fields parameter.";
            return GraphError::new(100, 0).message(text).response();
        }
        let rows: Vec<Value> = match call {
            "phone_numbers" => {
                self.numbers.iter().map(|(id, one)| number(id, one, &fields)).collect()
            }
            "subscribed_apps" => self.subscribed_apps.iter().map(|id| app(id)).collect(),
            "message_templates" => {
                self.templates.iter().enumerate().map(|(at, one)| template(at, one)).collect()
            }
            _ => return Response::json(200, &self.node(&fields)),
        };
        Response::json(200, &self.page_of(&rows, request))
    }

    fn page_of(&self, rows: &[Value], request: &Request) -> Value {
        let limit = request.parameter("limit").and_then(|limit| limit.parse().ok());
        let size = limit.unwrap_or(25_usize).min(self.page).max(1);
        let after = request.parameter("after");
        let start: usize =
            after.and_then(|after| after.strip_prefix("page=")?.parse().ok()).unwrap_or_default();
        let end = start + size;
        let page = rows.iter().skip(start).take(size).cloned().collect::<Vec<_>>();
        let next = match self.paging {
            MetaPaging::Right => (end < rows.len()).then_some(end),
            MetaPaging::Loops => Some(if end < rows.len() { end } else { 0 }),
            MetaPaging::Endless => Some(end),
        };
        let mut paging = Map::new();
        let cursor = format!("page={}", next.unwrap_or(end));
        paging.insert("cursors".to_owned(), json!({ "before": "page=0", "after": cursor }));
        if next.is_some() {
            let token = request.bearer().unwrap_or_default();
            let address = format!("https://graph.example/next?access_token={token}&after={cursor}");
            paging.insert("next".to_owned(), json!(address));
        }
        json!({ "data": page, "paging": paging })
    }

    fn node(&self, fields: &[&str]) -> Value {
        let mut node = Map::from_iter([("id".to_owned(), json!(self.id))]);
        if fields.is_empty() {
            node.insert("name".to_owned(), json!(ACCOUNT_NAME));
        }
        for field in fields {
            let value = match *field {
                "account_review_status" => json!(self.review),
                "health_status" => health(&[("WABA".to_owned(), self.can_send.clone(), None)]),
                _ => continue,
            };
            node.insert((*field).to_owned(), value);
        }
        Value::Object(node)
    }
}

fn number(id: &str, one: &MetaNumber, fields: &[&str]) -> Value {
    // Meta: these are given when no fields are asked for.
    let default = ["id", "display_phone_number", "verified_name", "quality_rating"];
    let fields = if fields.is_empty() { &default[..] } else { fields };
    let mut row = Map::from_iter([("id".to_owned(), json!(id))]);
    for field in fields {
        let value = match *field {
            "display_phone_number" => json!(one.phone),
            "verified_name" => json!(DISPLAY_NAME),
            "quality_rating" => json!(one.quality),
            "status" => match &one.status {
                Some(status) => json!(status),
                None => continue,
            },
            "whatsapp_business_manager_messaging_limit" => json!(one.limit),
            "health_status" => health(&one.health),
            "certificate" => json!(CERTIFICATE),
            _ => continue,
        };
        row.insert((*field).to_owned(), value);
    }
    Value::Object(row)
}

/// Calls over SIP are blocked, as they are for nearly everybody, and so is Meta's overall.
fn health(entities: &[MetaEntity]) -> Value {
    let entity = |(kind, can_send, error): &MetaEntity| {
        let mut entity = json!({
            "entity_type": kind,
            "id": "1234567890",
            "can_send_message": can_send,
            "can_receive_call_sip": "BLOCKED",
        });
        if let Some((code, solution)) = error {
            entity["errors"] = json!([{
                "error_code": code,
                "error_description": "Something is wrong.",
                "possible_solution": solution,
            }]);
        }
        entity
    };
    json!({ "can_send_message": "BLOCKED",
        "entities": entities.iter().map(entity).collect::<Vec<_>>() })
}

fn app(id: &str) -> Value {
    json!({ "whatsapp_business_api_data": {
        "id": id, "name": ACCOUNT_NAME, "link": "https://www.facebook.com/games/?app_id=1",
    } })
}

fn template(at: usize, (status, category): &(String, String)) -> Value {
    json!({
        "id": at.to_string(), "name": TEMPLATE_NAME, "status": status, "category": category,
    })
}
