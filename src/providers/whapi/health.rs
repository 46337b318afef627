//! Whapi.Cloud: `GET /health`, for the status of a channel.
//!
//! Not here: any other call. A channel is only looked at, never launched, logged in or logged out.

use secrecy::SecretString;
use serde::Deserialize;

use super::refusal::refusal;
use crate::domain::{ChannelObservation, Failure, FailureReason, Reported, Status};
use crate::upstream::lenient::{Lenient, LenientObject, printable};
use crate::upstream::{
    Answer, Credential, Credentials, Endpoint, Exchange, Fact, PollContext, Request,
};

/// The poll of a channel's health.
#[derive(Debug, PartialEq)]
pub(super) struct Health;

impl Endpoint for Health {
    fn poll(&self, target: PollContext<'_>, credentials: Credentials) -> Exchange {
        let request = request(target.api_url, credentials.own);
        Exchange::single(request, |answer| Fact::Channel(interpret(&answer)).into())
    }
}

/// The health of a channel.
///
/// Always with `wakeup=false`: the default would launch a sleeping channel (Whapi's OpenAPI,
/// `checkHealth`).
fn request(api_url: &str, token: SecretString) -> Request {
    Request {
        url: format!("{api_url}/health?wakeup=false").into(),
        credential: Credential::Bearer(token),
    }
}

/// A channel's health, as answers and webhooks carry it.
#[derive(Deserialize)]
pub(super) struct HealthBody {
    status: LenientObject<HealthStatus>,
    #[serde(default)]
    start_at: Lenient,
    #[serde(default)]
    uptime: Lenient,
    #[serde(default)]
    channel_id: Lenient,
    #[serde(default)]
    version: Lenient,
}

/// `status.code` is not read: the text decides, and some numbers are only guessed.
#[derive(Deserialize)]
struct HealthStatus {
    text: Lenient,
}

/// Reads the answer to [`request`].
///
/// # Errors
///
/// The failure that the answer speaks of, when it brings no status.
fn interpret(answer: &Answer) -> Result<ChannelObservation, Failure> {
    if !answer.is_success() {
        return Err(refusal(answer));
    }
    let not_health =
        || answer.failure(FailureReason::Decode, "the answer is not a channel's health");
    let health: LenientObject<HealthBody> =
        serde_json::from_slice(&answer.body).map_err(|_| not_health())?;
    health.0.and_then(observation).ok_or_else(not_health)
}

/// Whapi's own statuses: its OpenAPI's enum (`NOT_INIT` to `SYNC_ERROR`) and `STOP` of its help
/// page on account and device status. They are ours too.
fn status(text: &str) -> Option<Status> {
    text.parse().ok().filter(|status| !matches!(status, Status::Unknown | Status::Blocked))
}

/// What a channel's health says; `None` when it has no status.
pub(super) fn observation(health: HealthBody) -> Option<ChannelObservation> {
    let told = health.status.0?;
    let text = told.text.raw_text()?;
    let status = status(text).map_or_else(|| Reported::Word(printable(text)), Reported::Known);
    Some(ChannelObservation {
        // A channel that never started says 0.
        started: health.start_at.timestamp().filter(|started| started.millis() > 0),
        uptime_millis: health.uptime.seconds_as_millis(),
        channel_id: health.channel_id.label(),
        version: health.version.label(),
        ..ChannelObservation::new(status)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use secrecy::ExposeSecret;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            retry_after: None,
            headers: Default::default(),
            body: body.as_bytes().to_vec().into(),
        }
    }

    fn reported(body: &str) -> Result<Reported, FailureReason> {
        interpret(&answer(200, body)).map(|o| o.status).map_err(|failure| failure.reason)
    }

    fn reason(http: u16, body: &str) -> FailureReason {
        interpret(&answer(http, body)).unwrap_err().reason
    }

    #[test]
    fn watching_never_wakes_a_channel() {
        let request = request("https://gate.whapi.cloud", "token".to_owned().into());
        assert_eq!(request.url.expose_secret(), "https://gate.whapi.cloud/health?wakeup=false");
    }

    #[test]
    fn the_documented_answer_is_read_whole() {
        let observation = interpret(&answer(
            200,
            r#"{"channel_id":"MANTIS-M72HC","start_at":1795000000,"uptime":86412,"status":{"code":4,
                "text":"AUTH"},
                "version":"1.8.7-12-gabc1234","device_id":12,"ip":"203.0.113.10",
                "user":{"id":"61371989950","name":"x"}}"#,
        ));
        let expected = ChannelObservation {
            started: Some(Timestamp::from_secs(1_795_000_000)),
            uptime_millis: Some(86_412_000),
            channel_id: Some("MANTIS-M72HC".into()),
            version: Some("1.8.7-12-gabc1234".into()),
            ..ChannelObservation::new(Reported::Known(Status::Auth))
        };
        assert_eq!(observation, Ok(expected));
    }

    #[test]
    fn the_text_decides_and_the_code_does_not() {
        let known = |status| Ok(Reported::Known(status));
        assert_eq!(reported(r#"{"status":{"code":4,"text":"QR"}}"#), known(Status::Qr));
        assert_eq!(reported(r#"{"status":{"text":"STOP"}}"#), known(Status::Stop));
        assert_eq!(
            reported(
                r#"{"status":{"code":"4","text":"AUTH"},"uptime":null,"start_at":{},"version":[1]}"#
            ),
            known(Status::Auth)
        );
        assert_eq!(
            reported(r#"{"status":{"code":9,"text":"HIBERNATE"}}"#),
            Ok(Reported::Word("HIBERNATE".to_owned()))
        );
    }

    #[test]
    fn an_answer_without_a_status_is_no_observation() {
        for body in [
            "",
            "{}",
            "null",
            "[]",
            r#"[["AUTH"],1,2]"#,
            r#"{"status":["AUTH"]}"#,
            "\"AUTH\"",
            r#"{"status":null}"#,
            r#"{"status":{"code":4}}"#,
            r#"{"status":{"text":null}}"#,
            r#"{"status":{"text":4}}"#,
            r#"{"status":{"text":"AU"#,
            "<html>",
        ] {
            assert_eq!(reported(body), Err(FailureReason::Decode), "{body}");
        }
    }

    #[test]
    fn a_401_has_two_meanings() {
        let session =
            r#"{"error":{"code":401,"message":"Need channel authorization for send message"}}"#;
        assert_eq!(reason(401, session), FailureReason::SessionUnauthorized);
        assert_eq!(
            reason(401, r#"{"error":{"code":401,"message":"bad token"}}"#),
            FailureReason::CredentialUnauthorized
        );
        assert_eq!(reason(401, ""), FailureReason::CredentialUnauthorized);
    }

    #[test]
    fn every_other_refusal_has_its_class() {
        let not_found = r#"{"error":{"code":404,"message":"Channel not found"}}"#;
        for (http, body, expected) in [
            (404, not_found, FailureReason::ChannelNotFound),
            (404, "", FailureReason::ChannelNotFound),
            (
                404,
                r#"{"error":{"message":"channel suspended: unpaid"}}"#,
                FailureReason::PaymentRequired,
            ),
            (404, "<html>nothing here</html>", FailureReason::HttpOther),
            (
                402,
                r#"{"error":{"code":402,"message":"Trial version limit exceeded"}}"#,
                FailureReason::PaymentRequired,
            ),
            (402, "", FailureReason::PaymentRequired),
            (
                403,
                r#"{"error":{"message":"You do not have permissions"}}"#,
                FailureReason::Forbidden,
            ),
            (429, r#"{"error":{"message":"Too many requests"}}"#, FailureReason::RateLimited),
            (500, "<html>expired</html>", FailureReason::ServerError),
            (503, "", FailureReason::ServerError),
            (301, "", FailureReason::HttpOther),
            (418, "", FailureReason::HttpOther),
            (204, "", FailureReason::Decode),
        ] {
            let got = interpret(&answer(http, body)).unwrap_err().reason;
            assert_eq!(got, expected, "{http} {body}");
        }
    }
}
