//! `GET /partner/getInstances/<token>`: all instances of a partner, with the token and the
//! subscription of each.
//!
//! Not here: how an instance is; each is polled for itself (`state.rs`).

use std::sync::Arc;

use serde::Deserialize;

use super::refusal::refusal;
use super::state::{self, GreenApiState};
use crate::domain::{Failure, FailureReason};
use crate::upstream::lenient::{Lenient, LenientSecret};
use crate::upstream::whole_list::WholeList;
use crate::upstream::{
    Answer, Credentials, Endpoint, Exchange, Fact, ListedChannel, PollContext, Reading,
};

/// The poll of a partner's instances.
#[derive(Debug, PartialEq)]
pub(super) struct Instances;

impl Endpoint for Instances {
    fn poll(&self, target: PollContext<'_>, credentials: Credentials) -> Exchange {
        let request = state::request(target.api_url, "partner/getInstances", &credentials.own);
        Exchange::single(request, |answer| read(&answer))
    }
}

/// Only what is needed of an instance.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Instance {
    #[serde(default)]
    id_instance: Lenient,
    #[serde(default)]
    type_instance: Lenient,
    #[serde(default)]
    api_token_instance: LenientSecret,
    #[serde(default)]
    deleted: Lenient,
    #[serde(default)]
    pub(super) expiration_date: Lenient,
    #[serde(default)]
    pub(super) is_free: Lenient,
    #[serde(default)]
    pub(super) is_partner: Lenient,
}

impl Instance {
    /// Deleted ones stay in the list for three months, and those of other messengers are in it too.
    fn is_channel(&self) -> bool {
        let messenger = self.type_instance.raw_text().unwrap_or_default().trim();
        let is_whatsapp = messenger.is_empty() || messenger.eq_ignore_ascii_case("whatsapp");
        is_whatsapp && self.deleted.flag() != Some(true)
    }

    fn id(&self) -> Option<Box<str>> {
        self.id_instance.label().filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

fn read(answer: &Answer) -> Reading {
    let instances = match instances(answer) {
        Ok(instances) => instances,
        Err(failure) => return Fact::Channels(Err(failure)).into(),
    };
    let mut reading = Reading::from(Fact::Channels(Ok(Vec::new())));
    let mut channels = Vec::with_capacity(instances.len());
    for (id, instance) in instances {
        if let Some(subscription) = instance.subscription() {
            reading.others.push((id.clone(), Fact::Subscription(subscription)));
        }
        let LenientSecret(token) = instance.api_token_instance;
        // Without a token of its own it must not be polled with the partner's.
        let endpoint = token.is_some().then(|| Arc::new(GreenApiState) as Arc<dyn Endpoint>);
        if token.is_none() {
            let what = "the list does not bring the instance's token";
            let failure = answer.failure(FailureReason::Decode, what);
            reading.others.push((id.clone(), Fact::Channel(Err(failure))));
        }
        channels.push(ListedChannel { id, name: None, credential: token, api_url: None, endpoint });
    }
    reading.polled = Fact::Channels(Ok(channels));
    reading
}

fn instances(answer: &Answer) -> Result<Vec<(Box<str>, Instance)>, Failure> {
    let other = || refusal(answer, "a list of instances");
    if !answer.is_success() {
        return Err(other());
    }
    let WholeList(instances): WholeList<Instance> =
        serde_json::from_slice(&answer.body).map_err(|_| other())?;
    let channels = instances.into_iter().filter(Instance::is_channel);
    channels.map(|one| Ok((one.id().ok_or_else(other)?, one))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn read_body(status: u16, body: &str) -> Reading {
        read(&Answer {
            status,
            retry_after: None,
            headers: Default::default(),
            body: body.as_bytes().to_vec().into(),
        })
    }

    #[test]
    fn watching_asks_for_the_list_with_the_partner_token_in_the_path() {
        let context =
            PollContext { api_url: &"https://a.example".into(), id: None, now: Default::default() };
        let exchange = Instances.poll(context, Credentials { own: "gac.x".into(), second: None });
        let url = exchange.request.url.expose_secret();
        assert_eq!(url, "https://a.example/partner/getInstances/gac.x");
    }

    #[test]
    fn instances_of_whatsapp_that_are_not_deleted_are_channels() {
        let reading = read_body(
            200,
            r#"[{"idInstance":1101000001,"name":"Shop","typeInstance":"whatsapp","typeAccount":"",
                 "timeCreated":"2022-06-03T18:39:44","apiTokenInstance":"t1","deleted":false,
                 "tariff":"PARTNER","expirationDate":"2026-01-01T00:00:00","isExpired":true},
                {"idInstance":"1101000002","apiTokenInstance":"t2"},
                {"idInstance":1101000003,"typeInstance":"telegram","apiTokenInstance":"t3"},
                {"idInstance":1101000004,"typeInstance":"v3","apiTokenInstance":"t4"},
                {"idInstance":1101000005,"typeInstance":"whatsapp","apiTokenInstance":"t5",
                "deleted":true},
                {"idInstance":1101000006,"typeInstance":"","apiTokenInstance":null}]"#,
        );
        let Fact::Channels(Ok(channels)) = &reading.polled else { panic!("{reading:?}") };
        let listed: Vec<_> = channels
            .iter()
            .map(|one| {
                let token = one.credential.as_ref().map(|token| token.expose_secret());
                (&*one.id, token, one.endpoint.is_some())
            })
            .collect();
        let expected = [
            ("1101000001", Some("t1"), true),
            ("1101000002", Some("t2"), true),
            ("1101000006", None, false),
        ];
        assert_eq!(listed, expected);
        let [(paid, Fact::Subscription(_)), (id, Fact::Channel(Err(failure)))] =
            &reading.others[..]
        else {
            panic!("{reading:?}")
        };
        assert_eq!(&**paid, "1101000001");
        assert_eq!((&**id, failure.reason), ("1101000006", FailureReason::Decode));
    }

    #[test]
    fn what_is_no_list_is_a_failure_whatever_the_http_status() {
        for (status, body, reason) in [
            (
                200,
                r#"{"code":401,"description":"Unauthorized"}"#,
                FailureReason::CredentialUnauthorized,
            ),
            (200, r#"{"code":"403","description":"Forbidden"}"#, FailureReason::Forbidden),
            (200, r#"{"code":429}"#, FailureReason::RateLimited),
            (200, r#"{"code":500}"#, FailureReason::ServerError),
            (200, r#"{"code":404}"#, FailureReason::HttpOther),
            (200, r#"{"code":200}"#, FailureReason::Decode),
            (401, "", FailureReason::CredentialUnauthorized),
            (200, "{}", FailureReason::Decode),
            (200, "null", FailureReason::Decode),
            (200, "[{}]", FailureReason::Decode),
            (200, r#"[{"idInstance":"../x","apiTokenInstance":"t"}]"#, FailureReason::Decode),
        ] {
            let failure = read_body(status, body).polled.failure().map(|failure| failure.reason);
            assert_eq!(failure, Some(reason), "{status} {body}");
        }
    }
}
