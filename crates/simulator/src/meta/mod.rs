//! The simulated Meta: its tokens, apps and accounts, and the routes of Graph and the Cloud API.
//! Not a token's own expiries: see `token.rs`; nor what an account says: see `account.rs`.

pub(crate) mod account;
pub(crate) mod analytics;
mod faults;
pub(crate) mod graph_error;
pub(crate) mod token;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::http::request::Request;
use crate::http::response::{Response, ResponseClass};
use crate::provider::{Provider, Routed};
use crate::request_log::CredentialSource;
use account::MetaAccount;
use graph_error::GraphError;
use token::{MetaToken, MetaTokenState};

/// Meta: the newest version seen; later ones have no paths. A version gone by is served by the
/// oldest live one.
const NEWEST_VERSION: u32 = 26;

/// The tokens, by secret, and the apps.
#[derive(Default)]
pub(crate) struct Meta {
    pub(crate) tokens: HashMap<String, MetaToken>,
    /// By app id.
    pub(crate) apps: HashMap<String, MetaApp>,
    /// By account id.
    pub(crate) accounts: HashMap<String, MetaAccount>,
}

/// An app that may inspect tokens.
pub(crate) struct MetaApp {
    pub(crate) secret: String,
    pub(crate) name: Arc<str>,
}

impl Meta {
    /// The app with this credential `app_id|app_secret`, with its id.
    fn app_of<'a>(&self, credential: &'a str) -> Option<(&'a str, &MetaApp)> {
        let (id, secret) = credential.split_once('|')?;
        self.apps.get(id).filter(|app| app.secret == secret).map(|app| (id, app))
    }
}

impl Provider for Meta {
    fn serves(&self, path: &str) -> bool {
        split_version(path).is_some() || matches!(path, "/debug_token" | "/me")
    }

    fn respond<'a>(&mut self, request: &'a Request, now: SystemTime) -> Routed<'a> {
        route(self, request, now)
    }

    fn name_of(&self, secret: &str) -> Option<Arc<str>> {
        let token = self.tokens.get(secret).map(|token| token.name.as_str().into());
        token.or_else(|| self.app_of(secret).map(|(_, app)| Arc::clone(&app.name)))
    }

    fn remove(&mut self, secret: &str) {
        self.tokens.remove(secret);
    }
}

fn route<'a>(meta: &Meta, request: &'a Request, now: SystemTime) -> Routed<'a> {
    let (version, path) = split_version(&request.path).unwrap_or((NEWEST_VERSION, &request.path));
    let query = request.parameter("access_token");
    let (credential, credential_source) = match (request.bearer(), query) {
        (Some(secret), _) => (Some(secret), CredentialSource::Header),
        (None, Some(secret)) => (Some(secret), CredentialSource::Query),
        (None, None) => (None, CredentialSource::None),
    };
    let input = request.parameter("input_token");
    let method = request.method.as_str();
    let unversioned = path.strip_prefix('/').unwrap_or(path);
    let (target, response) = match (method, unversioned) {
        _ if version > NEWEST_VERSION => (credential, unknown_path(path)),
        ("GET", "debug_token") => (input.or(credential), inspect(meta, credential, input, now)),
        ("GET", "me") => (credential, me(meta, credential, now)),
        ("POST", other) => match other.strip_suffix("/messages") {
            Some(phone) if is_id(phone) => (credential, send(meta, credential, &request.body, now)),
            _ => (credential, unsupported(method)),
        },
        ("GET", other) => (credential, account(meta, credential, other, request, now)),
        _ => (credential, unsupported(method)),
    };
    let version = format!("v{}.0", version.min(NEWEST_VERSION));
    let response = response.header("facebook-api-version", version);
    Routed { response, target, credential, credential_source, wakes: false, may_emit: false }
}

fn inspect(
    meta: &Meta,
    credential: Option<&str>,
    input: Option<&str>,
    now: SystemTime,
) -> Response {
    let Some(credential) = credential else {
        let text = "(#100) You must provide an app access token, or a user access token that is an \
                    owner or developer of the app";
        return GraphError::new(100, 0).message(text).response();
    };
    let viewing_app = match viewing_app(meta, credential, now) {
        Ok(app_id) => app_id,
        Err(error) => return error.response(),
    };
    let Some(input) = input else {
        return GraphError::new(100, 0)
            .message("(#100) The parameter input_token is required")
            .response();
    };
    let Some(token) = meta.tokens.get(input) else {
        let garbage = MetaTokenState::Garbage;
        let unknown = MetaToken { state: garbage, ..MetaToken::new("") };
        return Response::json(200, &unknown.inspection_at(now))
            .with_class(ResponseClass::DeadToken);
    };
    if token.app_id != viewing_app && token.state != MetaTokenState::Garbage {
        let text = "(#100) The App_id in the input_token did not match the Viewing App";
        return GraphError::new(100, 0).message(text).response();
    }
    let class = match token.death_at(now) {
        Some(_) => ResponseClass::DeadToken,
        None => ResponseClass::Ok,
    };
    Response::json(200, &token.inspection_at(now)).with_class(class)
}

/// The app on whose behalf a credential inspects: `id|secret`, or a live token of that app.
fn viewing_app<'a>(
    meta: &'a Meta,
    credential: &'a str,
    now: SystemTime,
) -> Result<&'a str, GraphError> {
    match credential.split_once('|') {
        Some((id, _)) => match (meta.apps.get(id), meta.app_of(credential)) {
            (_, Some((id, _))) => Ok(id),
            (Some(_), None) => Err(GraphError::new(190, 0)
                .status(400)
                .message("Invalid OAuth access token signature.")),
            (None, None) => Err(GraphError::new(101, 0)),
        },
        None => live_token(meta, Some(credential), now).map(|token| token.app_id.as_str()),
    }
}

fn live_token<'a>(
    meta: &'a Meta,
    credential: Option<&str>,
    now: SystemTime,
) -> Result<&'a MetaToken, GraphError> {
    let credential = credential.ok_or_else(|| GraphError::new(2500, 0))?;
    let token = meta.tokens.get(credential).ok_or_else(GraphError::cannot_parse_token)?;
    token.death_at(now).map_or(Ok(token), Err)
}

/// An account, or one of its lists, as far as a token may see it.
fn account(
    meta: &Meta,
    credential: Option<&str>,
    path: &str,
    request: &Request,
    now: SystemTime,
) -> Response {
    let (id, call) = path.split_once('/').unwrap_or((path, ""));
    let calls = ["", "phone_numbers", "subscribed_apps", "message_templates"];
    if !is_id(id) || !calls.contains(&call) {
        return unknown_path(path);
    }
    let token = match live_token(meta, credential, now) {
        Ok(token) => token,
        Err(error) => return error.response(),
    };
    let Some(account) = meta.accounts.get(id) else {
        return GraphError::new(803, 0).response();
    };
    let granted = token.granular_scopes.iter().any(|(scope, ids)| {
        scope == "whatsapp_business_management"
            && (ids.is_empty() || ids.iter().any(|granted| granted == id))
    });
    match granted {
        true => account.respond(call, request),
        false => GraphError::new(200, 1_349_174).response(),
    }
}

fn me(meta: &Meta, credential: Option<&str>, now: SystemTime) -> Response {
    match live_token(meta, credential, now) {
        Ok(token) => {
            Response::json(200, &json!({ "id": token.user_id, "name": token.application }))
        }
        Err(error) => error.response(),
    }
}

fn send(meta: &Meta, credential: Option<&str>, body: &[u8], now: SystemTime) -> Response {
    let token = match live_token(meta, credential, now) {
        Ok(token) => token,
        Err(error) => return error.response(),
    };
    if !token.grants("whatsapp_business_messaging") {
        return GraphError::new(10, 0).response();
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let (Some("whatsapp"), Some(to)) = (body["messaging_product"].as_str(), body["to"].as_str())
    else {
        return GraphError::new(100, 0).details("messaging_product and to are required").response();
    };
    let contact = json!({ "input": to, "wa_id": to.trim_start_matches('+') });
    let message = json!({ "id": "wamid.HBgLU0lNVUxBVEVEAA==" });
    Response::json(
        200,
        &json!({ "messaging_product": "whatsapp", "contacts": [contact], "messages": [message] }),
    )
}

fn unknown_path(path: &str) -> Response {
    GraphError::new(2500, 0).message(format!("Unknown path components: {path}")).response()
}

fn unsupported(method: &str) -> Response {
    GraphError::new(100, 33)
        .message(format!("Unsupported {} request.", method.to_ascii_lowercase()))
        .response()
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `/v25.0/me` is version 25 and `/me`.
fn split_version(path: &str) -> Option<(u32, &str)> {
    let rest = path.strip_prefix("/v")?;
    let (major, rest) = rest.split_once('.')?;
    let minor = rest.find('/').unwrap_or(rest.len());
    let (minor, rest) = rest.split_at(minor);
    (is_id(major) && is_id(minor)).then_some(())?;
    Some((major.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_version_is_metas() {
        assert_eq!(split_version("/v25.0/debug_token"), Some((25, "/debug_token")));
        assert_eq!(split_version("/v25.0"), Some((25, "")));
        for path in ["/health", "/vx.0/me", "/v25/me", "/version.0/me", "/"] {
            assert_eq!(split_version(path), None, "{path}");
        }
    }
}
