//! `GET /api/sessions?all=true`: every session of a server, with its status and what it may do.
//!
//! Not here: a session's `config`, which holds HMAC keys and proxy passwords: it is skipped unread.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde::Deserialize;

use super::limits::Me;
use super::status::reported;
use crate::domain::{ChannelObservation, Failure, FailureReason};
use crate::upstream::lenient::{Lenient, LenientObject};
use crate::upstream::whole_list::WholeList;
use crate::upstream::{
    Answer, Credential, Credentials, Endpoint, Exchange, Fact, ListedChannel, PollContext, Reading,
    Request,
};

/// The poll of a server's sessions. Without `all=true` stopped sessions are left out (observed).
#[derive(Debug, PartialEq)]
pub(super) struct Sessions;

impl Endpoint for Sessions {
    fn poll(&self, target: PollContext<'_>, credentials: Credentials) -> Exchange {
        let request = Request {
            url: format!("{}/api/sessions?all=true", target.api_url).into(),
            credential: Credential::Header("x-api-key", credentials.own),
        };
        Exchange::single(request, |answer| read(&answer))
    }
}

/// What a session says, made of its fields at once: a list may have thousands.
#[derive(Deserialize)]
#[serde(from = "SessionFields")]
struct Session {
    name: Option<Box<str>>,
    fact: Fact,
}

#[derive(Deserialize)]
struct SessionFields {
    #[serde(default)]
    name: Lenient,
    #[serde(default)]
    status: Lenient,
    #[serde(default)]
    me: LenientObject<Me>,
}

impl From<SessionFields> for Session {
    fn from(SessionFields { name, status, me }: SessionFields) -> Self {
        let me = me.0;
        let observation = |status| ChannelObservation {
            restrictions: me.as_ref().and_then(Me::restrictions),
            quota: me.as_ref().and_then(Me::quota),
            ..ChannelObservation::new(reported(status))
        };
        let outcome = status.raw_text().map(observation).ok_or_else(|| {
            Failure::new(FailureReason::Decode, "the list does not say the session's status")
        });
        Self { name: name.label(), fact: Fact::Channel(outcome) }
    }
}

fn read(answer: &Answer) -> Reading {
    match sessions(answer) {
        Ok(sessions) => Reading::of_list(
            Fact::Channels(Ok(sessions.iter().map(|(name, _)| listed(name)).collect())),
            sessions,
        ),
        Err(failure) => Fact::Channels(Err(failure)).into(),
    }
}

fn sessions(answer: &Answer) -> Result<Vec<(Box<str>, Fact)>, Failure> {
    if !answer.is_success() {
        return Err(answer.failure_by_status());
    }
    let other = || answer.failure(FailureReason::Decode, "the answer is not a list of sessions");
    let WholeList(sessions): WholeList<Session> =
        serde_json::from_slice(&answer.body).map_err(|_| other())?;
    let mut seen = HashMap::with_capacity(sessions.len());
    let mut told: Vec<(Box<str>, Fact)> = Vec::with_capacity(sessions.len());
    for session in sessions {
        let Session { name, fact } = session;
        let name = name.ok_or_else(other)?;
        match seen.entry(name.clone()) {
            Entry::Vacant(new) => {
                new.insert(told.len());
                told.push((name, fact));
            }
            // Which of them is right is not known.
            Entry::Occupied(first) => {
                let what = "the list has several sessions of this name";
                told[*first.get()].1 =
                    Fact::Channel(Err(answer.failure(FailureReason::Decode, what)));
            }
        }
    }
    Ok(told)
}

fn listed(name: &str) -> ListedChannel {
    ListedChannel { id: name.into(), name: None, credential: None, api_url: None, endpoint: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Reported, Status};
    use secrecy::ExposeSecret;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            retry_after: None,
            headers: Default::default(),
            body: body.as_bytes().to_vec().into(),
        }
    }

    fn statuses(body: &str) -> Vec<(String, Result<Reported, FailureReason>)> {
        let reading = read(&answer(200, body));
        let status = |fact| match fact {
            Fact::Channel(outcome) => outcome.map(|one| one.status).map_err(|one| one.reason),
            _ => panic!("not about a channel"),
        };
        reading.others.into_iter().map(|(id, fact)| (id.into(), status(fact))).collect()
    }

    #[test]
    fn watching_asks_for_the_list_and_for_nothing_else() {
        let context =
            PollContext { api_url: &"http://waha:3000".into(), id: None, now: Default::default() };
        let credentials = Credentials { own: "key".to_owned().into(), second: None };
        let exchange = Sessions.poll(context, credentials);
        assert_eq!(exchange.request.url.expose_secret(), "http://waha:3000/api/sessions?all=true");
        assert!(matches!(exchange.request.credential, Credential::Header("x-api-key", _)));
    }

    #[test]
    fn a_list_says_how_every_session_is() {
        let body = r#"[{"name":"default","status":"WORKING","presence":"ONLINE",
            "me":{"id":"1@c.us"},
            "config":{"webhooks":[{"hmac":{"key":"s3cret"}}],"proxy":{"password":"s3cret"}}},
            {"name":"shop","status":"SCAN_QR_CODE","config":null,"me":null},
            {"name":"new","status":"SOMETHING"},{"name":"odd"}]"#;
        assert_eq!(
            statuses(body),
            [
                ("default".to_owned(), Ok(Reported::Known(Status::Auth))),
                ("shop".to_owned(), Ok(Reported::Known(Status::Qr))),
                ("new".to_owned(), Ok(Reported::Word("SOMETHING".to_owned()))),
                ("odd".to_owned(), Err(FailureReason::Decode)),
            ]
        );
        assert_eq!(statuses("[]"), []);
        // Which of two is right is not known.
        let twice = r#"[{"name":"a","status":"FAILED"},{"name":"b","status":"WORKING"},
            {"name":"a ","status":"WORKING"}]"#;
        assert_eq!(
            statuses(twice),
            [
                ("a".to_owned(), Err(FailureReason::Decode)),
                ("b".to_owned(), Ok(Reported::Known(Status::Auth))),
            ]
        );
    }

    #[test]
    fn a_list_says_what_the_accounts_may_do_and_whatever_stands_for_one_harms_no_list() {
        let body = r#"[{"name":"a","status":"WORKING","me":{"id":"1@c.us",
            "reachoutTimelock":{"isActive":true},
            "messageCapping":{"totalQuota":10}}},{"name":"b","status":"WORKING","me":[{"x":1}]},
            {"name":"c","status":"WORKING","me":"1@c.us"}]"#;
        let told: Vec<_> = read(&answer(200, body))
            .others
            .into_iter()
            .map(|(id, fact)| match fact {
                Fact::Channel(Ok(seen)) => (id, seen.restrictions.is_some(), seen.quota.is_some()),
                other => panic!("{other:?}"),
            })
            .collect();
        let expected = [("a", true, true), ("b", false, false), ("c", false, false)];
        let expected = expected.map(|(id, restricted, quota)| (id.into(), restricted, quota));
        assert_eq!(told, expected);
    }

    #[test]
    fn what_is_no_list_is_a_failure() {
        for (status, body, reason) in [
            (
                401,
                r#"{"message":"Unauthorized","statusCode":401}"#,
                FailureReason::CredentialUnauthorized,
            ),
            (500, "", FailureReason::ServerError),
            (200, "{}", FailureReason::Decode),
            (200, "[{}]", FailureReason::Decode),
            (200, r#"[["default","WORKING"]]"#, FailureReason::Decode),
            (200, "<html>", FailureReason::Decode),
        ] {
            let reading = read(&answer(status, body));
            let failure = reading.polled.failure().map(|failure| failure.reason);
            assert_eq!(failure, Some(reason), "{status} {body}");
            assert!(reading.others.is_empty());
        }
    }
}
