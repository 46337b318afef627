//! The routes of Meta's Graph and Cloud API: a request in, its answer out. Not the token's own clocks: see `token.rs`.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::answer::{Answer, Class};
use super::graph_error::GraphError;
use super::ledger::Authorised;
use super::request::Request;
use super::token::MetaToken;
use super::world::{Routed, State};

/// Meta: the newest version seen; later ones have no paths. A version gone by is served by the oldest live one.
const NEWEST_VERSION: u32 = 26;

/// Whether a path is Meta's: it has a version, or is one of its own words.
pub(super) fn is_for_meta(path: &str) -> bool {
    split_version(path).is_some() || matches!(path, "/debug_token" | "/me")
}

/// Answers a request to Graph.
pub(super) fn route<'a>(state: &State, request: &'a Request, now: SystemTime) -> Routed<'a> {
    let (version, path) = split_version(&request.path).unwrap_or((NEWEST_VERSION, &request.path));
    let query = request.parameter("access_token");
    let (credential, authorised) = match (request.bearer.as_deref(), query) {
        (Some(secret), _) => (Some(secret), Authorised::Header),
        (None, Some(secret)) => (Some(secret), Authorised::Query),
        (None, None) => (None, Authorised::No),
    };
    let input = request.parameter("input_token");
    let method = request.method.as_str();
    let unversioned = path.strip_prefix('/').unwrap_or(path);
    let (target, answer) = match (method, unversioned) {
        _ if version > NEWEST_VERSION => (credential, unknown_path(path)),
        ("GET", "debug_token") => (input.or(credential), inspect(state, credential, input, now)),
        ("GET", "me") => (credential, me(state, credential, now)),
        ("POST", other) => match other.strip_suffix("/messages") {
            Some(phone) if is_id(phone) => {
                (credential, send(state, credential, &request.body, now))
            }
            _ => (credential, unsupported(method)),
        },
        ("GET", _) => (credential, unknown_path(path)),
        _ => (credential, unsupported(method)),
    };
    let answer =
        answer.header("facebook-api-version", format!("v{}.0", version.min(NEWEST_VERSION)));
    Routed { answer, target, credential, authorised, wakes: false, may_move: false }
}

fn inspect(
    state: &State,
    credential: Option<&str>,
    input: Option<&str>,
    now: SystemTime,
) -> Answer {
    let Some(credential) = credential else {
        let text = "(#100) You must provide an app access token, or a user access token that is an owner or developer of the app";
        return GraphError::new(100, 0).message(text).answer();
    };
    let viewing_app = match viewing_app(state, credential, now) {
        Ok(app_id) => app_id,
        Err(error) => return error.answer(),
    };
    let Some(input) = input else {
        return GraphError::new(100, 0)
            .message("(#100) The parameter input_token is required")
            .answer();
    };
    let Some(token) = state.tokens.get(input) else {
        let garbage = super::token::TokenState::Garbage;
        let unknown = MetaToken { state: garbage, ..MetaToken::new("") };
        return Answer::json(200, &unknown.inspection_at(now)).classed(Class::DeadToken);
    };
    if token.app_id != viewing_app && token.state != super::token::TokenState::Garbage {
        let text = "(#100) The App_id in the input_token did not match the Viewing App";
        return GraphError::new(100, 0).message(text).answer();
    }
    let class = if token.death_at(now).is_some() { Class::DeadToken } else { Class::Ok };
    Answer::json(200, &token.inspection_at(now)).classed(class)
}

/// The app on whose behalf a credential inspects: `id|secret`, or a live token of that app.
fn viewing_app<'a>(
    state: &'a State,
    credential: &'a str,
    now: SystemTime,
) -> Result<&'a str, GraphError> {
    match credential.split_once('|') {
        Some((id, _)) => match (state.apps.get(id), state.app_of(credential)) {
            (_, Some((id, _))) => Ok(id),
            (Some(_), None) => Err(GraphError::new(190, 0)
                .status(400)
                .message("Invalid OAuth access token signature.")),
            (None, None) => Err(GraphError::new(101, 0)),
        },
        None => live_token(state, Some(credential), now).map(|token| token.app_id.as_str()),
    }
}

fn live_token<'a>(
    state: &'a State,
    credential: Option<&str>,
    now: SystemTime,
) -> Result<&'a MetaToken, GraphError> {
    let credential = credential.ok_or_else(|| GraphError::new(2500, 0))?;
    let token = state.tokens.get(credential).ok_or_else(GraphError::cannot_parse_token)?;
    token.death_at(now).map_or(Ok(token), Err)
}

fn me(state: &State, credential: Option<&str>, now: SystemTime) -> Answer {
    match live_token(state, credential, now) {
        Ok(token) => Answer::json(200, &json!({ "id": token.user_id, "name": token.application })),
        Err(error) => error.answer(),
    }
}

fn send(state: &State, credential: Option<&str>, body: &[u8], now: SystemTime) -> Answer {
    let token = match live_token(state, credential, now) {
        Ok(token) => token,
        Err(error) => return error.answer(),
    };
    if !token.grants("whatsapp_business_messaging") {
        return GraphError::new(10, 0).answer();
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let (Some("whatsapp"), Some(to)) = (body["messaging_product"].as_str(), body["to"].as_str())
    else {
        return GraphError::new(100, 0).details("messaging_product and to are required").answer();
    };
    let contact = json!({ "input": to, "wa_id": to.trim_start_matches('+') });
    let message = json!({ "id": "wamid.HBgLU0lNVUxBVEVEAA==" });
    Answer::json(
        200,
        &json!({ "messaging_product": "whatsapp", "contacts": [contact], "messages": [message] }),
    )
}

fn unknown_path(path: &str) -> Answer {
    GraphError::new(2500, 0).message(format!("Unknown path components: {path}")).answer()
}

fn unsupported(method: &str) -> Answer {
    GraphError::new(100, 33)
        .message(format!("Unsupported {} request.", method.to_ascii_lowercase()))
        .answer()
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
