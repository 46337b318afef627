//! `GET /waInstance<id>/getStateInstance/<token>`: the state of one instance.
//!
//! Not here: the words for states (`status.rs`).

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::refusal::refusal;
use super::status::observation;
use crate::domain::{ChannelObservation, Failure, Reported, Status};
use crate::upstream::lenient::{Lenient, LenientObject};
use crate::upstream::{
    Answer, Credential, Credentials, Endpoint, Exchange, Fact, PollContext, Request, url_text,
};

/// The poll of an instance's state.
#[derive(Debug, PartialEq)]
pub(super) struct GreenApiState;

impl Endpoint for GreenApiState {
    fn poll(&self, target: PollContext<'_>, credentials: Credentials) -> Exchange {
        let id = target.id.unwrap_or_default();
        let method = format!("waInstance{}/getStateInstance", url_text(id));
        let request = request(target.api_url, &method, &credentials.own);
        Exchange::single(request, |answer| Fact::Channel(interpret(&answer)).into())
    }
}

/// A call of `method`. GREEN-API takes the credential as the last part of the path alone, so the
/// URL is secret.
pub(super) fn request(api_url: &str, method: &str, token: &SecretString) -> Request {
    let token = url_text(token.expose_secret());
    Request { url: format!("{api_url}/{method}/{token}").into(), credential: Credential::InUrl }
}

#[derive(Deserialize)]
struct StateBody {
    #[serde(rename = "stateInstance")]
    state: Lenient,
}

fn interpret(answer: &Answer) -> Result<ChannelObservation, Failure> {
    let failure = || refusal(answer, "an instance's state");
    let observed = match answer.status {
        200..=299 => state(&answer.body),
        400 => state_of_error(&answer.body).map(known),
        _ => None,
    };
    observed.ok_or_else(failure)
}

const fn known(status: Status) -> ChannelObservation {
    ChannelObservation::new(Reported::Known(status))
}

fn state(body: &[u8]) -> Option<ChannelObservation> {
    // An instance that is still being created has none (GREEN-API's recommendations).
    if body.trim_ascii() == b"null" {
        return Some(known(Status::Init));
    }
    let StateBody { state } = serde_json::from_slice::<LenientObject<_>>(body).ok()?.0?;
    match state == Lenient::default() {
        true => Some(known(Status::Init)),
        false => state.raw_text().map(observation),
    }
}

/// The state that an error 400 tells of. Source: GREEN-API's page on common errors.
fn state_of_error(body: &[u8]) -> Option<Status> {
    let beginning = body.get(..body.len().min(4096)).unwrap_or_default();
    let text = String::from_utf8_lossy(beginning).to_ascii_lowercase();
    [
        ("instance account is expired", Status::Stop),
        ("instance is deleted", Status::Stop),
        ("instance in starting process", Status::Init),
    ]
    .into_iter()
    .find_map(|(words, status)| text.contains(words).then_some(status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FailureReason;

    fn read(status: u16, body: &str) -> Result<Reported, FailureReason> {
        let answer = Answer {
            status,
            retry_after: None,
            headers: Default::default(),
            body: body.as_bytes().to_vec().into(),
        };
        interpret(&answer).map(|seen| seen.status).map_err(|failure| failure.reason)
    }

    #[test]
    fn the_credential_is_in_the_path_and_nowhere_else() {
        let context = PollContext {
            api_url: &"https://a.example".into(),
            id: Some("1101000001"),
            now: Default::default(),
        };
        let own = SecretString::from("d75b3a66/374942");
        let exchange = GreenApiState.poll(context, Credentials { own, second: None });
        assert_eq!(
            exchange.request.url.expose_secret(),
            "https://a.example/waInstance1101000001/getStateInstance/d75b3a66%2F374942"
        );
        assert!(matches!(exchange.request.credential, Credential::InUrl));
        assert_eq!(format!("{:?}", exchange.request), "Request([REDACTED])");
    }

    #[test]
    fn a_state_is_read_from_whatever_answer_tells_it() {
        let known = |status| Ok(Reported::Known(status));
        for (http, body, expected) in [
            (200, r#"{"stateInstance":"authorized"}"#, known(Status::Auth)),
            (200, r#"{"stateInstance":"blocked","x":1}"#, known(Status::Blocked)),
            (200, r#"{"stateInstance":"dreaming"}"#, Ok(Reported::Word("dreaming".to_owned()))),
            (200, "null", known(Status::Init)),
            (200, r#"{"stateInstance":null}"#, known(Status::Init)),
            (
                400,
                r#"{"message":
                    "Instance account is expired. Renew your instance from personal area"}"#,
                known(Status::Stop),
            ),
            (400, "Instance is deleted", known(Status::Stop)),
            (400, r#"{"message":"instance in starting process try later"}"#, known(Status::Init)),
        ] {
            assert_eq!(read(http, body), expected, "{http} {body}");
        }
    }

    #[test]
    fn what_tells_no_state_is_a_failure() {
        for (http, body, expected) in [
            (400, r#"{"message":"bad request data"}"#, FailureReason::HttpOther),
            (401, "", FailureReason::CredentialUnauthorized),
            (403, "", FailureReason::Forbidden),
            (429, "", FailureReason::RateLimited),
            (466, "{}", FailureReason::HttpOther),
            (502, "<html>Instance is deleted", FailureReason::ServerError),
            (200, "", FailureReason::Decode),
            (200, "{}", FailureReason::Decode),
            (200, "[]", FailureReason::Decode),
            (200, r#"["authorized"]"#, FailureReason::Decode),
            (200, r#"{"stateInstance":7}"#, FailureReason::Decode),
            (
                200,
                r#"{"code":401,"description":"Unauthorized"}"#,
                FailureReason::CredentialUnauthorized,
            ),
        ] {
            assert_eq!(read(http, body), Err(expected), "{http} {body}");
        }
    }
}
