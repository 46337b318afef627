//! Whapi.Cloud: `GET /settings`, for which events of a channel its webhooks deliver, and whether
//! this exporter is told.
//!
//! Not here: receiving them (`webhook.rs`). Of the settings only `webhooks` is read, never `proxy`,
//! which holds a password. Source: Whapi's OpenAPI (`Settings`, `Webhook`).

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::refusal::refusal;
use crate::domain::{Failure, FailureReason};
use crate::provider::{Needed, SECRET_PLACEHOLDER, WebhookCheck};
use crate::upstream::{Answer, Credential, PollContext, Request};

/// Where the receiver is, behind whatever address leads to the exporter.
const PATH: &str = "/webhook/whapi";

/// What tells of a channel itself and of what moves on it: the type of an event and its method.
const EVENTS: [(&str, &str); 6] = [
    ("channel", "post"),
    ("channel", "patch"),
    ("users", "post"),
    ("users", "delete"),
    ("messages", "post"),
    ("statuses", "post"),
];

/// The check of a channel's webhooks.
pub(super) struct WhapiWebhookCheck;

impl WebhookCheck for WhapiWebhookCheck {
    fn request(&self, channel: PollContext<'_>, credential: SecretString) -> Request {
        request(channel.api_url, credential)
    }

    fn problem(&self, answer: &Answer, needed: &Needed<'_>) -> Result<Option<String>, Failure> {
        Ok(lacks(needed, &interpret(answer)?))
    }
}

/// The settings of a channel.
fn request(api_url: &str, token: SecretString) -> Request {
    Request { url: format!("{api_url}/settings").into(), credential: Credential::Bearer(token) }
}

/// A webhook as the channel's settings have it. Its address and its headers may hold secrets, so it
/// never prints.
struct Registered {
    url: SecretString,
    headers: Vec<(Box<str>, SecretString)>,
    events: Vec<(Box<str>, Box<str>)>,
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registered([REDACTED])")
    }
}

#[derive(Deserialize)]
struct ChannelSettings {
    #[serde(default)]
    webhooks: Value,
}

/// Reads the answer to [`request`].
///
/// # Errors
///
/// The failure that the answer speaks of, when it brings no settings.
fn interpret(answer: &Answer) -> Result<Vec<Registered>, Failure> {
    if !answer.is_success() {
        return Err(refusal(answer));
    }
    let other = || answer.failure(FailureReason::Decode, "the answer is not a channel's settings");
    // A list would do for a structure whose fields may all be missing.
    if answer.body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(other());
    }
    let settings: ChannelSettings = serde_json::from_slice(&answer.body).map_err(|_| other())?;
    match settings.webhooks {
        Value::Array(list) if list.iter().all(Value::is_object) => {
            Ok(list.iter().map(registered).collect())
        }
        Value::Null => Ok(Vec::new()),
        _ => Err(other()),
    }
}

/// What is of another kind than documented is as good as missing.
fn registered(webhook: &Value) -> Registered {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_ascii_lowercase().into();
    let headers = webhook["headers"].as_object().into_iter().flatten();
    let events = webhook["events"].as_array().into_iter().flatten();
    Registered {
        url: webhook["url"].as_str().unwrap_or_default().into(),
        headers: headers
            .filter_map(|(name, value)| Some((name.as_str().into(), value.as_str()?.into())))
            .collect(),
        events: events.map(|event| (word(&event["type"]), word(&event["method"]))).collect(),
    }
}

/// Why a channel with these webhooks does not tell this exporter all of itself; `None` when it
/// does.
fn lacks(needed: &Needed<'_>, webhooks: &[Registered]) -> Option<String> {
    let ours: Vec<_> = webhooks.iter().filter(|webhook| leads_here(needed, webhook)).collect();
    if ours.is_empty() {
        return Some(format!("no webhook leads to {}", needed.place(PATH)));
    }
    let named = |(name, _): &&(Box<str>, SecretString)| name.eq_ignore_ascii_case(needed.header);
    let heard: Vec<_> = ours
        .iter()
        .filter(|webhook| {
            let secrets = webhook.headers.iter().filter(named);
            secrets.map(|(_, value)| value.expose_secret()).any(|value| {
                // Both are on this machine, so how long it takes tells nobody anything.
                value == needed.secret.expose_secret()
            })
        })
        .collect();
    let header = needed.header;
    if heard.is_empty() {
        let there = ours.iter().any(|webhook| webhook.headers.iter().any(|one| named(&one)));
        return Some(match there {
            true => {
                format!("the header `{header}` of its webhook holds something else than the secret")
            }
            false => format!("its webhook has no header `{header}` with the secret"),
        });
    }
    let missing: Vec<_> = EVENTS
        .iter()
        .filter(|(kind, method)| {
            !heard.iter().any(|webhook| {
                webhook.events.iter().any(|event| *event.0 == **kind && *event.1 == **method)
            })
        })
        .map(|(kind, method)| format!("{kind}.{method}"))
        .collect();
    (!missing.is_empty()).then(|| format!("its webhook does not deliver {}", missing.join(", ")))
}

fn leads_here(needed: &Needed<'_>, webhook: &Registered) -> bool {
    needed.is_reached_at(webhook.url.expose_secret(), PATH)
}

/// What to send so that a channel tells all of itself.
pub(super) fn instructions(needed: &Needed<'_>) -> String {
    format!(
        "Send this as PATCH /settings with the channel's token, with the secret in place of \
         {SECRET_PLACEHOLDER}. The list there is replaced\n\
         as a whole: put the channel's other webhooks beside this one, or they are gone.\n\n{}",
        settings(needed)
    )
}

/// The body of `PATCH /settings` that makes a channel tell all of itself, with
/// [`SECRET_PLACEHOLDER`] for the secret.
fn settings(needed: &Needed<'_>) -> String {
    let url = needed.address(PATH);
    let events = EVENTS.map(|(kind, method)| {
        format!("      {{ \"type\": \"{kind}\", \"method\": \"{method}\" }}")
    });
    format!(
        "{{ \"webhooks\": [ {{\n    \"url\": {},\n    \"mode\": \"body\",\n    \"headers\": {{ {}: \
         {} }},\n    \"events\": [\n{}\n    ]\n}} ] }}",
        Value::from(url),
        Value::from(needed.header),
        Value::from(SECRET_PLACEHOLDER),
        events.join(",\n"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const URL: &str = "https://exporter.example.com/webhook/whapi";

    fn read(body: &str) -> Result<Vec<Registered>, FailureReason> {
        let answer = Answer {
            status: 200,
            retry_after: None,
            headers: Default::default(),
            body: body.to_owned().into(),
        };
        interpret(&answer).map_err(|failure| failure.reason)
    }

    fn lacks(url: Option<&str>, webhooks: &Value) -> Option<String> {
        let secret = "s3cret".into();
        let needed = Needed::new(url, "", "x-webhook-secret", &secret);
        super::lacks(&needed, &read(&json!({ "webhooks": webhooks }).to_string()).unwrap())
    }

    fn all(url: &str) -> Value {
        let events = EVENTS.map(|(kind, method)| json!({ "type": kind, "method": method }));
        json!({ "url": url, "mode": "body", "headers": { "X-Webhook-Secret": "s3cret" },
            "events": events })
    }

    #[test]
    fn the_address_is_compared_as_an_address() {
        for url in [URL, "https://EXPORTER.example.com:443/webhook/whapi/"] {
            assert_eq!(lacks(Some(URL), &json!([all("https://x/y"), all(url)])), None, "{url}");
        }
        for url in [
            "",
            "x",
            "http://exporter.example.com/webhook/whapi",
            "https://exporter.example.com/webhook",
        ] {
            let what = lacks(Some(URL), &json!([all(url)])).unwrap();
            assert_eq!(what, format!("no webhook leads to `{URL}`"));
        }
        assert_eq!(lacks(None, &json!([all("https://a.example/b/webhook/whapi/?x=1")])), None);
        let what = lacks(None, &json!([all("https://a.example/webhook/whapi2")])).unwrap();
        assert_eq!(what, "no webhook leads to an address that ends in `/webhook/whapi`");
    }

    #[test]
    fn the_secret_and_every_event_are_needed() {
        let mut webhook = all(URL);
        webhook["headers"]["X-Webhook-Secret"] = json!("s3cret2");
        assert!(lacks(None, &json!([webhook])).unwrap().contains("something else than the secret"));
        for headers in [json!({}), json!(null), json!([]), json!({ "X-Webhook-Secret": 7 })] {
            webhook["headers"] = headers;
            assert!(lacks(None, &json!([webhook])).unwrap().contains("has no header"));
        }
        let mut webhook = all(URL);
        webhook["events"] =
            json!([{ "type": "channel", "method": "post" }, { "type": "users", "method": "put" }]);
        let what = lacks(None, &json!([webhook])).unwrap();
        assert_eq!(
            what,
            "its webhook does not deliver channel.patch, users.post, users.delete, messages.post, \
             statuses.post"
        );
        // Two may share the work.
        let mut other = all(URL);
        other["events"] = json!([
            { "type": "channel", "method": "PATCH" }, { "type": "users", "method": "post" },
                { "type": "users", "method": "delete" },
            { "type": "messages", "method": "post" }, { "type": "statuses", "method": "post" },
        ]);
        assert_eq!(lacks(None, &json!([webhook, other])), None);
        webhook["events"] = Value::Null;
        assert!(lacks(None, &json!([webhook])).unwrap().contains("channel.post"));
    }

    #[test]
    fn what_is_told_to_be_sent_is_enough() {
        let secret = "s3cret".into();
        for url in [Some(URL), None] {
            let needed = Needed::new(url, "", "x-webhook-secret", &secret);
            let body = settings(&needed);
            assert!(!body.contains("s3cret"));
            let body =
                body.replace(SECRET_PLACEHOLDER, "s3cret").replace("<exporter>", "a.example");
            assert_eq!(super::lacks(&needed, &read(&body).unwrap()), None, "{body}");
        }
    }

    #[test]
    fn settings_of_another_shape_are_none() {
        for body in ["", "[]", "null", "<html>", r#"{"webhooks":"x"}"#, r#"{"webhooks":[7]}"#] {
            assert_eq!(read(body).err(), Some(FailureReason::Decode), "{body}");
        }
        for body in ["{}", r#"{"webhooks":null}"#, r#"{"webhooks":[],"proxy":7}"#] {
            assert_eq!(read(body).map(|webhooks| webhooks.len()).ok(), Some(0), "{body}");
        }
    }
}
