//! `GET /instance/fetchInstances`: every instance of a server, and why it was disconnected.
//!
//! Not here: the rows' tokens, proxies and other integrations' settings: they are skipped unread.
//! Nor how an instance is connected: the row of one that is not in memory claims `open` (observed).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use tracing::warn;

use super::connection_state::ConnectionState;
use super::refusal::refusal;
use super::status::closed_by;
use crate::domain::{Failure, FailureReason, Status};
use crate::upstream::lenient::Lenient;
use crate::upstream::whole_list::WholeList;
use crate::upstream::{
    Answer, Credential, Credentials, Endpoint, Exchange, Fact, ListedChannel, PollContext, Request,
};

/// The poll of a server's instances.
#[derive(Debug, Default)]
pub(super) struct Instances {
    /// Whether it was logged that some instances are not watched.
    told: Arc<AtomicBool>,
}

/// Whether something was logged makes no difference to polls.
impl PartialEq for Instances {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Endpoint for Instances {
    fn poll(&self, target: PollContext<'_>, credentials: Credentials) -> Exchange {
        let request = Request {
            url: format!("{}/instance/fetchInstances", target.api_url).into(),
            credential: Credential::Header("apikey", credentials.own),
        };
        let (server, told) = (Arc::clone(target.api_url), Arc::clone(&self.told));
        Exchange::single(request, move |answer| {
            let list = read(&answer).map(|List { channels, not_watched }| {
                if not_watched > 0 && !told.swap(true, Ordering::Relaxed) {
                    warn!(
                        server = &*server,
                        instances = not_watched,
                        "instances of the kinds WHATSAPP-BUSINESS and EVOLUTION always claim to be \
                         open, so they are not watched; watch a Cloud API number through the Cloud \
                         API itself"
                    );
                }
                channels
            });
            Fact::Channels(list).into()
        })
    }
}

struct List {
    channels: Vec<ListedChannel>,
    /// Instances that are not taken as channels.
    not_watched: usize,
}

/// Only what is needed of a row.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedInstance {
    #[serde(default)]
    name: Lenient,
    #[serde(default)]
    integration: Lenient,
    #[serde(default)]
    connection_status: Lenient,
    #[serde(default)]
    disconnection_reason_code: Lenient,
}

/// Kinds of instances whose state is a constant `open`: of WHATSAPP-BUSINESS with a made-up token
/// and without a network (observed), of EVOLUTION by the source.
const ALWAYS_OPEN: [&str; 2] = ["WHATSAPP-BUSINESS", "EVOLUTION"];

fn read(answer: &Answer) -> Result<List, Failure> {
    if let Some(refusal) = refusal(answer) {
        return Err(refusal);
    }
    let other = || answer.failure(FailureReason::Decode, "the answer is not a list of instances");
    let WholeList(rows): WholeList<ListedInstance> =
        serde_json::from_slice(&answer.body).map_err(|_| other())?;
    let mut list = List { channels: Vec::new(), not_watched: 0 };
    for row in rows {
        let name = row.name.raw_text().filter(|name| !name.is_empty()).ok_or_else(other)?;
        if row.integration.raw_text().is_some_and(|kind| ALWAYS_OPEN.contains(&kind)) {
            list.not_watched += 1;
        } else {
            list.channels.push(listed(name, closed(&row)));
        }
    }
    Ok(list)
}

/// What `close` means for an instance. The reason of the last disconnection stays in the row when
/// the phone is linked again, which only the row's own status tells (source).
fn closed(row: &ListedInstance) -> Status {
    match row.connection_status.raw_text() {
        Some("open") => closed_by(None),
        _ => closed_by(row.disconnection_reason_code.integer()),
    }
}

fn listed(name: &str, closed: Status) -> ListedChannel {
    ListedChannel {
        id: name.into(),
        name: Some(name.into()),
        credential: None,
        api_url: None,
        endpoint: Some(Arc::new(ConnectionState { closed })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::Next;
    use secrecy::ExposeSecret;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            retry_after: None,
            headers: Default::default(),
            body: body.as_bytes().to_vec().into(),
        }
    }

    fn exchange(instances: &Instances) -> Exchange {
        let context = PollContext {
            api_url: &"http://evolution:8080".into(),
            id: None,
            now: Default::default(),
        };
        let credentials = Credentials { own: "key".to_owned().into(), second: None };
        instances.poll(context, credentials)
    }

    /// A channel's id, and how it is polled.
    type Polled = (String, Option<Arc<dyn Endpoint>>);

    fn channels(body: &str) -> Result<Vec<Polled>, FailureReason> {
        let Next::Done(reading) = (exchange(&Instances::default()).read)(answer(200, body)) else {
            panic!("one request is enough");
        };
        assert!(reading.others.is_empty(), "each instance speaks for itself");
        let Fact::Channels(list) = reading.polled else { panic!("not a list") };
        let list = list.map_err(|failure| failure.reason)?;
        Ok(list.into_iter().map(|one| (one.id.to_string(), one.endpoint)).collect())
    }

    fn polled(name: &str, closed: Status) -> Polled {
        (name.to_owned(), Some(Arc::new(ConnectionState { closed })))
    }

    #[test]
    fn the_list_is_asked_with_the_key_in_its_header() {
        let request = exchange(&Instances::default()).request;
        assert_eq!(request.url.expose_secret(), "http://evolution:8080/instance/fetchInstances");
        assert!(matches!(request.credential, Credential::Header("apikey", _)));
    }

    #[test]
    fn a_list_names_the_instances_that_have_a_phone() {
        let body = r#"[{"id":"1","name":"shop","connectionStatus":"close",
            "integration":"WHATSAPP-BAILEYS","number":null,
                "token":"s3cret","disconnectionReasonCode":null,"Proxy":{"password":"s3cret"},
                "_count":{"Message":0}},
            {"name":"cloud","connectionStatus":"open","integration":"WHATSAPP-BUSINESS",
            "token":"s3cret"},
            {"name":"bot","connectionStatus":"open","integration":"EVOLUTION"},
            {"name":"old one","integration":null}]"#;
        let expected = [polled("shop", Status::Stop), polled("old one", Status::Stop)];
        assert_eq!(channels(body), Ok(expected.into()));
        assert_eq!(channels("[]"), Ok(Vec::new()));
    }

    #[test]
    fn the_reason_counts_until_the_phone_is_linked_again() {
        for (status, code, closed) in [
            ("close", "401", Status::Qr),
            ("close", "403", Status::Blocked),
            ("close", "402", Status::Error),
            ("close", "406", Status::Error),
            ("close", "408", Status::Stop),
            ("close", "null", Status::Stop),
            ("connecting", "401", Status::Qr),
            ("open", "401", Status::Stop),
        ] {
            let body = format!(
                r#"[{{"name":"shop","connectionStatus":"{status}",
                    "disconnectionReasonCode":{code}}}]"#
            );
            assert_eq!(channels(&body), Ok(vec![polled("shop", closed)]), "{body}");
        }
    }

    #[test]
    fn what_is_no_list_is_a_failure() {
        for body in ["{}", "[{}]", r#"[{"name":""}]"#, r#"[{"instance":{}}]"#, "", "<html>"] {
            assert_eq!(channels(body), Err(FailureReason::Decode), "{body}");
        }
        let error = channels(r#"{"error":true,"message":"[object Object]"}"#);
        assert_eq!(error, Err(FailureReason::ServerError));
    }
}
