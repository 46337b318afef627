//! `GET /instance/connectionState/{name}`: how one instance is connected, from the server's memory.
//!
//! Not here: why it was disconnected, which only the list says.

use serde::Deserialize;

use super::refusal::refusal;
use super::status::reported;
use crate::domain::{ChannelObservation, Failure, FailureReason, Reported, Status};
use crate::upstream::lenient::{Lenient, is_object};
use crate::upstream::{
    Answer, Credential, Credentials, Endpoint, Exchange, Fact, PollContext, Request, url_text,
};

/// The poll of an instance's state.
#[derive(Debug, PartialEq)]
pub(super) struct ConnectionState {
    /// What `close` means, by the reason that the last list gave.
    pub(super) closed: Status,
}

impl Endpoint for ConnectionState {
    fn poll(&self, target: PollContext<'_>, credentials: Credentials) -> Exchange {
        let name = url_text(target.id.unwrap_or_default());
        let request = Request {
            url: format!("{}/instance/connectionState/{name}", target.api_url).into(),
            credential: Credential::Header("apikey", credentials.own),
        };
        let closed = self.closed;
        Exchange::single(request, move |answer| Fact::Channel(read(&answer, closed)).into())
    }
}

#[derive(Deserialize)]
struct Body {
    instance: Instance,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Instance {
    /// Only an answer that names an instance says something by not telling its state.
    instance_name: String,
    #[serde(default)]
    state: Option<Lenient>,
}

fn read(answer: &Answer, closed: Status) -> Result<ChannelObservation, Failure> {
    if let Some(refusal) = refusal(answer) {
        return Err(refusal);
    }
    let other = || answer.failure(FailureReason::Decode, "the answer is not an instance's state");
    let body = Some(&answer.body).filter(|body| is_object(body));
    let body: Option<Body> = body.and_then(|body| serde_json::from_slice(body).ok());
    let Body { instance } = body.ok_or_else(other)?;
    if instance.instance_name.is_empty() {
        return Err(other());
    }
    let status = match &instance.state {
        Some(state) => reported(state.raw_text().ok_or_else(other)?, closed),
        // It is in the database, but the server has not loaded it (observed).
        None => Reported::Known(Status::Stop),
    };
    Ok(ChannelObservation::new(status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn status(status: u16, body: &str, closed: Status) -> Result<Reported, FailureReason> {
        let body = body.as_bytes().to_vec().into();
        let outcome =
            read(&Answer { status, retry_after: None, headers: Default::default(), body }, closed);
        outcome.map(|one| one.status).map_err(|failure| failure.reason)
    }

    #[test]
    fn an_instance_is_asked_by_its_encoded_name() {
        let context = PollContext {
            api_url: &"http://evolution:8080".into(),
            id: Some("no such/one?é"),
            now: Default::default(),
        };
        let credentials = Credentials { own: "key".to_owned().into(), second: None };
        let exchange = ConnectionState { closed: Status::Stop }.poll(context, credentials);
        assert_eq!(
            exchange.request.url.expose_secret(),
            "http://evolution:8080/instance/connectionState/no%20such%2Fone%3F%C3%A9"
        );
        assert!(matches!(exchange.request.credential, Credential::Header("apikey", _)));
    }

    #[test]
    fn a_state_is_read_with_what_the_list_said_of_close() {
        for (state, closed, expected) in [
            ("open", Status::Stop, Status::Auth),
            ("open", Status::Qr, Status::Auth),
            ("connecting", Status::Qr, Status::Launch),
            ("close", Status::Stop, Status::Stop),
            ("close", Status::Qr, Status::Qr),
            ("close", Status::Blocked, Status::Blocked),
            ("close", Status::Error, Status::Error),
        ] {
            let body = format!(r#"{{"instance":{{"instanceName":"shop","state":"{state}"}}}}"#);
            assert_eq!(status(200, &body, closed), Ok(Reported::Known(expected)), "{body}");
        }
        for body in [
            r#"{"instance":{"instanceName":"x"}}"#,
            r#"{"instance":{"instanceName":"x","state":null}}"#,
        ] {
            assert_eq!(status(200, body, Status::Qr), Ok(Reported::Known(Status::Stop)));
        }
        let word =
            status(200, r#"{"instance":{"instanceName":"x","state":"paused"}}"#, Status::Stop);
        assert_eq!(word, Ok(Reported::Word("paused".to_owned())));
    }

    #[test]
    fn what_is_no_state_is_a_failure() {
        for (code, body, reason) in [
            (200, "{}", FailureReason::Decode),
            (200, "[]", FailureReason::Decode),
            (200, r#"{"instance":{"instanceName":"x","state":7}}"#, FailureReason::Decode),
            (200, r#"{"instance":{"state":"open"}}"#, FailureReason::Decode),
            (200, r#"{"instance":{"instanceName":"","state":"open"}}"#, FailureReason::Decode),
            (200, r#"[{"status":4,"data":"AUTH"}]"#, FailureReason::Decode),
            (200, r#"[{"instanceName":"x"}]"#, FailureReason::Decode),
            (200, "<html>", FailureReason::Decode),
            (200, r#"{"error":true,"message":"x"}"#, FailureReason::ServerError),
            (
                401,
                r#"{"response":{"message":"Unauthorized"}}"#,
                FailureReason::CredentialUnauthorized,
            ),
            (500, "", FailureReason::ServerError),
        ] {
            assert_eq!(status(code, body, Status::Stop), Err(reason), "{code} {body}");
        }
    }

    #[test]
    fn endpoints_are_alike_when_close_means_the_same() {
        let endpoint = |closed| -> Box<dyn Endpoint> { Box::new(ConnectionState { closed }) };
        assert!(*endpoint(Status::Qr) == *endpoint(Status::Qr));
        for other in [Status::Stop, Status::Blocked, Status::Error] {
            assert!(*endpoint(Status::Qr) != *endpoint(other), "{other:?}");
        }
    }
}
