//! A simulated Meta access token: its expiries, its scopes, and what `debug_token` says of it. Not
//! HTTP, nor who may ask.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::graph_error::GraphError;
use crate::shape::{Fields, Shape};
use crate::unix_time::unix_seconds;

/// What is wrong with a token, if anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetaTokenState {
    /// Valid until its `expires_at`.
    Valid,
    /// Expired whatever its `expires_at` says.
    Expired,
    /// Invalidated before its expiry, with Meta's subcode: 458, 459, 460, 464, 467, 492.
    Revoked(i64),
    /// Meta cannot read it: nothing is known of it.
    Garbage,
}

/// A simulated token. All moments are unix seconds.
#[derive(Debug, Clone)]
pub struct MetaToken {
    /// The name it goes by in records and counts.
    pub name: String,
    /// The app it was made for; only that app's credential may inspect it.
    pub app_id: String,
    /// `type`: `SYSTEM_USER`, `USER`, `PAGE`.
    pub kind: String,
    /// `application`.
    pub application: String,
    /// `user_id`.
    pub user_id: String,
    /// `issued_at`, which Meta leaves out for some tokens.
    pub issued_at: Option<u64>,
    /// `expires_at`; 0 means never.
    pub expires_at: u64,
    /// `data_access_expires_at`; 0 means never.
    pub data_access_expires_at: u64,
    /// `scopes`.
    pub scopes: Vec<String>,
    /// `granular_scopes`: a scope and the ids it is limited to; no ids means all.
    pub granular_scopes: Vec<(String, Vec<String>)>,
    /// What is wrong with it, if anything.
    pub state: MetaTokenState,
    /// The HTTP status of the error when it is dead and used: 401 as the Cloud API documents, or
    /// 400 as Graph always did.
    pub dead_status: u16,
    /// The form of `data`.
    pub shape: Shape,
}

impl MetaToken {
    /// The app of [`MetaToken::new`].
    pub const APP_ID: &str = "634974688087057";

    /// A never-expiring system-user token with both WhatsApp scopes.
    pub fn new(name: &str) -> MetaToken {
        let scopes = ["whatsapp_business_management", "whatsapp_business_messaging"];
        MetaToken {
            name: name.to_owned(),
            app_id: MetaToken::APP_ID.to_owned(),
            kind: "SYSTEM_USER".to_owned(),
            application: "Lucky Shrub".to_owned(),
            user_id: "104169029247128".to_owned(),
            issued_at: Some(unix_seconds(SystemTime::now()).saturating_sub(86_400)),
            expires_at: 0,
            data_access_expires_at: 0,
            scopes: scopes.map(str::to_owned).to_vec(),
            granular_scopes: vec![
                (scopes[0].to_owned(), vec![]),
                (scopes[1].to_owned(), vec!["102290129340398".to_owned()]),
            ],
            state: MetaTokenState::Valid,
            dead_status: 401,
            shape: Shape::default(),
        }
    }

    /// A token that expires after this time from now.
    pub fn expiring_in(name: &str, left: Duration) -> MetaToken {
        MetaToken { expires_at: unix_seconds(SystemTime::now() + left), ..MetaToken::new(name) }
    }

    /// A token that expired this time ago.
    pub fn expired_since(name: &str, ago: Duration) -> MetaToken {
        MetaToken {
            expires_at: unix_seconds(SystemTime::now()).saturating_sub(ago.as_secs()),
            ..MetaToken::new(name)
        }
    }

    /// A user's token, with both expiries.
    pub fn of_user(name: &str, left: Duration, data_access_left: Duration) -> MetaToken {
        let data_access_expires_at = unix_seconds(SystemTime::now() + data_access_left);
        MetaToken {
            kind: "USER".to_owned(),
            data_access_expires_at,
            ..MetaToken::expiring_in(name, left)
        }
    }

    /// The same, which may manage these accounts alone.
    #[must_use]
    pub fn managing(mut self, accounts: &[&str]) -> MetaToken {
        for (scope, ids) in &mut self.granular_scopes {
            if scope == "whatsapp_business_management" {
                *ids = accounts.iter().map(|id| (*id).to_owned()).collect();
            }
        }
        self
    }

    /// Takes a scope away.
    pub fn without_scope(mut self, scope: &str) -> MetaToken {
        self.scopes.retain(|granted| granted != scope);
        self.granular_scopes.retain(|(granted, _)| granted != scope);
        self
    }

    /// Whether a scope is granted.
    pub fn grants(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }

    /// The error 190 that its use brings, when it is dead.
    pub(super) fn death_at(&self, now: SystemTime) -> Option<GraphError> {
        let error = match self.state {
            MetaTokenState::Valid
                if self.expires_at == 0 || unix_seconds(now) < self.expires_at =>
            {
                return None;
            }
            MetaTokenState::Valid | MetaTokenState::Expired => {
                GraphError::session_expired(self.expires_at, now)
            }
            MetaTokenState::Revoked(subcode) => GraphError::revoked(subcode, &self.app_id),
            MetaTokenState::Garbage => GraphError::cannot_parse_token(),
        };
        Some(error.status(self.dead_status))
    }

    /// The body of `debug_token`, when the caller may see it.
    pub(super) fn inspection_at(&self, now: SystemTime) -> Value {
        let shape = &self.shape;
        let death = self.death_at(now);
        let mut data = Map::new();
        data.insert("is_valid".to_owned(), json!(death.is_none()));
        if let Some(error) = &death {
            data.insert("error".to_owned(), error.as_data());
        }
        if self.state == MetaTokenState::Garbage {
            data.insert("scopes".to_owned(), json!([]));
            return json!({ "data": data });
        }
        shape.required(&mut data, "app_id", json!(self.app_id));
        shape.required(&mut data, "type", json!(self.kind));
        shape.required(&mut data, "application", json!(self.application));
        shape.required(&mut data, "expires_at", shape.moment(self.expires_at));
        // Meta: a dead token has lost its scopes.
        shape.required(
            &mut data,
            "scopes",
            if death.is_some() { json!([]) } else { json!(self.scopes) },
        );
        if death.is_none() {
            shape.optional(
                &mut data,
                "data_access_expires_at",
                shape.moment(self.data_access_expires_at),
            );
            shape.optional(&mut data, "granular_scopes", self.granular());
            if let Some(issued_at) = self.issued_at {
                shape.optional(&mut data, "issued_at", shape.moment(issued_at));
            }
        }
        shape.optional(&mut data, "user_id", json!(self.user_id));
        shape.extra(&mut data);
        let mut body = Map::from_iter([("data".to_owned(), Value::Object(data))]);
        if shape.fields == Fields::All {
            shape.extra(&mut body);
        }
        Value::Object(body)
    }

    fn granular(&self) -> Value {
        let entry = |(scope, ids): &(String, Vec<String>)| match ids.as_slice() {
            [] => json!({ "scope": scope }),
            ids => json!({ "scope": scope, "target_ids": ids }),
        };
        self.granular_scopes.iter().map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::shape::Numbers;

    fn at(second: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(second)
    }

    #[test]
    fn expiry_zero_is_never() {
        let data = MetaToken::new("system").inspection_at(at(u64::from(u32::MAX)));
        assert_eq!(data["data"]["is_valid"], true);
        assert_eq!(data["data"]["expires_at"], 0);
    }

    #[test]
    fn a_token_dies_at_its_expiry() {
        let token = MetaToken { expires_at: 1000, ..MetaToken::new("short") };
        assert_eq!(token.inspection_at(at(999))["data"]["is_valid"], true);
        let dead = token.inspection_at(at(1000));
        assert_eq!(dead["data"]["is_valid"], false);
        assert_eq!(dead["data"]["error"]["code"], 190);
        assert_eq!(dead["data"]["error"]["subcode"], 463);
        assert_eq!(dead["data"]["expires_at"], 1000);
    }

    #[test]
    fn of_garbage_nothing_is_known() {
        let token = MetaToken { state: MetaTokenState::Garbage, ..MetaToken::new("garbage") };
        let data = &token.inspection_at(at(1))["data"];
        assert_eq!(data["is_valid"], false);
        assert!(data.get("app_id").is_none() && data.get("expires_at").is_none());
    }

    #[test]
    fn a_moment_in_milliseconds_leaves_never_alone() {
        let mut token = MetaToken { expires_at: 1_800_000_000, ..MetaToken::new("ms") };
        token.shape.numbers = Numbers::Milliseconds;
        let data = &token.inspection_at(at(1))["data"];
        assert_eq!(data["expires_at"], 1_800_000_000_000_u64);
        assert_eq!(data["data_access_expires_at"], 0);
    }

    #[test]
    fn a_bare_answer_says_only_whether_it_is_valid() {
        let mut token = MetaToken::new("bare");
        token.shape.fields = Fields::Bare;
        assert_eq!(token.inspection_at(at(1)).to_string(), r#"{"data":{"is_valid":true}}"#);
    }
}
