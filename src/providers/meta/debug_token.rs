//! Meta's Graph API: `GET /debug_token`, for the validity, the clocks and the scopes of a token.
//!
//! Not here: refreshing a token, or anything done with it.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::graph_error::{self, GraphError};
use crate::domain::{
    Expiry, Failure, FailureReason, TokenErrorReason, TokenInfo, TokenObservation, TokenReading,
};
use crate::secret::SecretSource;
use crate::upstream::lenient::{Lenient, LenientList, ListItem};
use crate::upstream::{
    Answer, Credential, Credentials, Endpoint, Exchange, Fact, PollContext, Request, url_text,
};

/// The inspection of a token.
#[derive(Debug, PartialEq)]
pub(super) struct DebugToken {
    /// The version of the Graph API, such as `v25.0`.
    pub(super) api_version: Arc<str>,
    /// The app that inspects it; without one the token inspects itself.
    pub(super) app: Option<App>,
}

/// A Meta app that may inspect tokens.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct App {
    /// The app's id.
    pub(super) id: Box<str>,
    /// The app's secret.
    pub(super) secret: SecretSource,
}

impl Endpoint for DebugToken {
    fn poll(&self, target: PollContext<'_>, credentials: Credentials) -> Exchange {
        let app = self.app.as_ref().zip(credentials.second.as_ref());
        let app = app.map(|(app, secret)| (&*app.id, secret));
        let inspector = if app.is_some() { Inspector::App } else { Inspector::Itself };
        let request = request(target.api_url, &self.api_version, &credentials.own, app);
        Exchange::single(request, move |answer| Fact::Token(interpret(&answer, inspector)).into())
    }

    fn second_secret(&self) -> Option<&SecretSource> {
        self.app.as_ref().map(|app| &app.secret)
    }
}

/// Who inspects a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inspector {
    /// An app, by its id and secret. A refusal then speaks of the app, and a dead token is told in
    /// `data.error`.
    App,
    /// The token itself. A dead one is then told by a top-level error.
    Itself,
}

/// The inspection of `token`, by an app if there is one.
///
/// The credential goes in the header; the token has to be in the URL (Meta's reference of
/// `debug_token`), which is therefore secret.
pub(super) fn request(
    api_url: &str,
    version: &str,
    token: &SecretString,
    app: Option<(&str, &SecretString)>,
) -> Request {
    let bearer = match app {
        Some((id, secret)) => format!("{id}|{}", secret.expose_secret()).into(),
        None => token.clone(),
    };
    let token = url_text(token.expose_secret());
    let url = format!("{api_url}/{version}/debug_token?input_token={token}");
    Request { url: url.into(), credential: Credential::Bearer(bearer) }
}

#[derive(Deserialize)]
struct DebugTokenEnvelope {
    data: Option<TokenData>,
    error: Option<GraphError>,
}

#[derive(Deserialize)]
struct TokenData {
    #[serde(default)]
    is_valid: Lenient,
    #[serde(default)]
    expires_at: Lenient,
    #[serde(default)]
    data_access_expires_at: Lenient,
    #[serde(default)]
    issued_at: Lenient,
    #[serde(default)]
    scopes: Lenient,
    #[serde(default)]
    granular_scopes: Lenient,
    #[serde(default)]
    app_id: Lenient,
    #[serde(default, rename = "type")]
    kind: Lenient,
    #[serde(default)]
    application: Lenient,
    error: Option<GraphError>,
}

/// 101: "Error validating application", the answer to an app id that does not exist.
const APP_NOT_VALID: i64 = 101;

/// What the inspection says of a token's grants.
pub(super) struct Inspection {
    pub(super) valid: bool,
    pub(super) app_id: Option<Box<str>>,
    pub(super) scopes: Vec<String>,
    granular: Vec<GranularScope>,
}

/// A scope, and the ids of what it is limited to.
#[derive(Deserialize)]
struct GranularScope {
    #[serde(default)]
    scope: Lenient,
    #[serde(default)]
    target_ids: Lenient,
}

impl ListItem for GranularScope {
    fn says_anything(&self) -> bool {
        self.scope.raw_text().is_some()
    }
}

impl Inspection {
    /// The ids of what a scope is limited to; none when it is not limited.
    pub(super) fn targets_of(&self, scope: &str) -> Vec<Box<str>> {
        let of_scope =
            self.granular.iter().filter(|granular| granular.scope.raw_text() == Some(scope));
        of_scope.flat_map(|granular| granular.target_ids.labels()).collect()
    }
}

#[derive(Deserialize)]
struct GrantsEnvelope {
    data: Grants,
}

#[derive(Deserialize, Default)]
struct Grants {
    #[serde(default)]
    granular_scopes: LenientList<GranularScope>,
}

/// Reads the grants out of the answer to [`request`].
///
/// # Errors
///
/// As the inspection of the token itself would fail.
pub(super) fn inspect(answer: &Answer, by_app: bool) -> Result<Inspection, Failure> {
    let inspector = if by_app { Inspector::App } else { Inspector::Itself };
    let observation = interpret(answer, inspector).outcome?;
    let grants = serde_json::from_slice::<GrantsEnvelope>(&answer.body).ok();
    let LenientList(granular) =
        grants.map(|envelope| envelope.data).unwrap_or_default().granular_scopes;
    Ok(Inspection {
        valid: observation.valid,
        app_id: observation.info.map(|info| info.app_id).filter(|id| !id.is_empty()),
        scopes: observation.scopes.unwrap_or_default(),
        granular,
    })
}

/// Reads the answer to [`request`]. A dead token ends in the same facts whoever inspected it.
fn interpret(answer: &Answer, inspector: Inspector) -> TokenReading {
    let unauthorized = answer.status == 401;
    let envelope: Option<DebugTokenEnvelope> = serde_json::from_slice(&answer.body).ok();
    let (outcome, error) = match envelope {
        Some(DebugTokenEnvelope { data: Some(data), error: None }) if answer.is_success() => {
            let error = data.error.as_ref().and_then(GraphError::class);
            (observation(answer, data), error)
        }
        Some(DebugTokenEnvelope { error: Some(error), .. }) => {
            let class = error.class();
            (refusal(answer, inspector, &error, class), class)
        }
        _ if answer.is_success() => {
            let what = "the answer is not the inspection of a token";
            (Err(answer.failure(FailureReason::Decode, what)), None)
        }
        _ => (Err(answer.failure_by_status()), None),
    };
    TokenReading { outcome, error, unauthorized }
}

fn observation(answer: &Answer, data: TokenData) -> Result<TokenObservation, Failure> {
    let valid =
        data.is_valid.flag().or_else(|| data.error.as_ref().map(|_| false)).ok_or_else(|| {
            answer.failure(
                FailureReason::Decode,
                "the inspection does not say whether the token is valid",
            )
        })?;
    let scopes = match (data.scopes.texts("scope"), data.granular_scopes.texts("scope")) {
        (Some(mut scopes), Some(granular)) => {
            scopes.extend(granular);
            Some(scopes)
        }
        (scopes, granular) => scopes.or(granular),
    };
    let label = |value: &Lenient| value.label().unwrap_or_default();
    let info = TokenInfo {
        app_id: label(&data.app_id),
        kind: label(&data.kind),
        application: label(&data.application),
    };
    Ok(TokenObservation {
        valid,
        expiry: expiry(&data.expires_at),
        data_access_expiry: expiry(&data.data_access_expires_at),
        issued: data.issued_at.timestamp().filter(|issued| issued.millis() > 0),
        scopes,
        info: (info != TokenInfo::default()).then_some(info),
    })
}

/// 0 means never (Meta's reference of `debug_token`).
fn expiry(value: &Lenient) -> Option<Expiry> {
    let at = value.timestamp()?;
    Some(if at.millis() == 0 { Expiry::Never } else { Expiry::At(at) })
}

/// What a top-level error means. Its code decides, never the HTTP status: the same code is
/// documented with several.
fn refusal(
    answer: &Answer,
    inspector: Inspector,
    error: &GraphError,
    class: Option<TokenErrorReason>,
) -> Result<TokenObservation, Failure> {
    let Some(class) = class else { return Err(answer.failure_by_status()) };
    let reason = match class {
        dead if dead.credential_is_dead() && inspector == Inspector::Itself => {
            return Ok(TokenObservation::dead());
        }
        _ if inspector == Inspector::App && error.code.integer() == Some(APP_NOT_VALID) => {
            FailureReason::CredentialUnauthorized
        }
        class => graph_error::failure_reason(answer, class),
    };
    Err(answer.failure(reason, format!("HTTP {}: {}", answer.status, error.describe())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            retry_after: None,
            headers: Default::default(),
            body: body.as_bytes().to_vec().into(),
        }
    }

    fn read(status: u16, body: &str, inspector: Inspector) -> TokenReading {
        interpret(&answer(status, body), inspector)
    }

    fn bearer(request: &Request) -> &str {
        match &request.credential {
            Credential::Bearer(bearer) => bearer.expose_secret(),
            _ => panic!("not in a header"),
        }
    }

    const DEAD_IN_DATA: &str = r#"{"data":{"app_id":"634974688087057","type":"USER",
        "application":"Lucky Shrub","is_valid":false,
        "expires_at":1795000000,"error":{"code":190,"subcode":463,"message":"Session has expired"},
        "scopes":[]}}"#;
    const DEAD_AT_TOP: &str = r#"{"error":{"message":"Session has expired","type":"OAuthException",
        "code":190,"error_subcode":463,"fbtrace_id":"x"}}"#;

    #[test]
    fn the_token_is_in_the_url_and_the_app_in_the_header() {
        let token = SecretString::from("EAAG|x/y+z");
        let app = SecretString::from("app-secret");
        let by_app = request("https://graph.facebook.com", "v25.0", &token, Some(("12", &app)));
        assert_eq!(
            by_app.url.expose_secret(),
            "https://graph.facebook.com/v25.0/debug_token?input_token=EAAG%7Cx%2Fy%2Bz"
        );
        assert_eq!(bearer(&by_app), "12|app-secret");
        let by_itself = request("https://graph.facebook.com", "v25.0", &token, None);
        assert_eq!(bearer(&by_itself), "EAAG|x/y+z");
        assert_eq!(format!("{by_app:?}"), "Request([REDACTED])");
    }

    #[test]
    fn the_documented_answer_is_read_whole() {
        let reading = read(
            200,
            r#"{"data":{"app_id":"634974688087057","type":"SYSTEM_USER","application":"Lucky Shrub",
                "data_access_expires_at":0,
                "expires_at":1800000000,"is_valid":true,"issued_at":1712099387,
                "scopes":["whatsapp_business_management"],
                "granular_scopes":[{"scope":"whatsapp_business_messaging","target_ids":["1"]}],
                "user_id":"104169029247128"}}"#,
            Inspector::App,
        );
        let observation = reading.outcome.unwrap();
        assert!(observation.valid);
        assert_eq!(observation.expiry, Some(Expiry::At(Timestamp::from_secs(1_800_000_000))));
        assert_eq!(observation.data_access_expiry, Some(Expiry::Never));
        assert_eq!(observation.issued, Some(Timestamp::from_secs(1_712_099_387)));
        assert_eq!(
            observation.scopes.unwrap(),
            ["whatsapp_business_management", "whatsapp_business_messaging"]
        );
        assert_eq!(&*observation.info.unwrap().kind, "SYSTEM_USER");
    }

    #[test]
    fn a_dead_token_ends_in_the_same_facts_whoever_inspects_it() {
        let by_app = read(200, DEAD_IN_DATA, Inspector::App);
        for status in [400, 401] {
            let by_itself = read(status, DEAD_AT_TOP, Inspector::Itself);
            assert_eq!(by_itself.error, Some(TokenErrorReason::TokenExpired));
            assert_eq!(by_itself.error, by_app.error);
            assert_eq!(by_itself.outcome.unwrap().valid, by_app.outcome.as_ref().unwrap().valid);
            assert_eq!(by_itself.unauthorized, status == 401);
        }
    }

    #[test]
    fn a_refused_app_says_nothing_of_the_token() {
        let bad_app = r#"{"error":{"message":"Invalid OAuth access token","type":"OAuthException",
            "code":190}}"#;
        let no_app = r#"{"error":{"message":"Error validating application","type":"OAuthException",
            "code":101}}"#;
        for (body, class) in
            [(bad_app, TokenErrorReason::TokenInvalid), (no_app, TokenErrorReason::Other)]
        {
            let reading = read(400, body, Inspector::App);
            assert_eq!(reading.outcome.unwrap_err().reason, FailureReason::CredentialUnauthorized);
            assert_eq!(reading.error, Some(class));
        }
    }

    #[test]
    fn zero_means_never_and_missing_means_unknown() {
        let observed = |json: &str| {
            read(200, &format!(r#"{{"data":{{"is_valid":true{json}}}}}"#), Inspector::App)
                .outcome
                .unwrap()
        };
        assert_eq!(observed(r#","expires_at":0"#).expiry, Some(Expiry::Never));
        assert_eq!(observed(r#","expires_at":"0""#).expiry, Some(Expiry::Never));
        assert_eq!(observed(r#","expires_at":null"#).expiry, None);
        assert_eq!(observed(r#","expires_at":-1"#).expiry, None);
        let millis = observed(r#","expires_at":1800000000000"#).expiry;
        assert_eq!(millis, Some(Expiry::At(Timestamp::from_secs(1_800_000_000))));
        assert_eq!(observed("").scopes, None);
        assert_eq!(observed("").info, None);
        assert_eq!(
            &*observed(r#","app_id":634974688087057"#).info.unwrap().app_id,
            "634974688087057"
        );
    }

    #[test]
    fn refusals_are_failures_whatever_their_http_status() {
        use FailureReason as F;
        for (http, body, reason, class) in [
            (500, r#"{"error":{"code":3}}"#, F::Forbidden, Some(TokenErrorReason::Capability)),
            (
                403,
                r#"{"error":{"code":"200","error_data":"x"}}"#,
                F::Forbidden,
                Some(TokenErrorReason::PermissionMissing),
            ),
            (400, r#"{"error":{"code":4}}"#, F::RateLimited, Some(TokenErrorReason::RateLimited)),
            (400, r#"{"error":{"code":2}}"#, F::ServerError, Some(TokenErrorReason::Transient)),
            (400, r#"{"error":{"code":100}}"#, F::HttpOther, Some(TokenErrorReason::Config)),
            (200, r#"{"error":{"code":100}}"#, F::HttpOther, Some(TokenErrorReason::Config)),
            (500, r#"{"error":{}}"#, F::ServerError, None),
            (503, "<html>", F::ServerError, None),
            (401, "", F::CredentialUnauthorized, None),
            (429, "", F::RateLimited, None),
            (404, "{}", F::HttpOther, None),
            (200, "", F::Decode, None),
            (200, "{}", F::Decode, None),
            (200, r#"{"data":{}}"#, F::Decode, None),
            (200, r#"{"data":null}"#, F::Decode, None),
            (200, r#"{"data":[]}"#, F::Decode, None),
        ] {
            let reading = read(http, body, Inspector::Itself);
            assert_eq!(reading.outcome.unwrap_err().reason, reason, "{http} {body}");
            assert_eq!(reading.error, class, "{http} {body}");
        }
    }
}
