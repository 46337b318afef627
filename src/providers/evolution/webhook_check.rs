//! `GET /webhook/find/{name}`: whether an instance's webhook tells this exporter of its connection.
//!
//! Not here: receiving it (`webhook.rs`). Other headers of the webhook, which may hold secrets, are
//! compared by name alone.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::refusal::refusal;
use crate::domain::{Failure, FailureReason};
use crate::provider::{Needed, SECRET_PLACEHOLDER, WebhookCheck};
use crate::upstream::{Answer, Credential, PollContext, Request, url_text};

/// Where the receiver is, behind whatever address leads to the exporter.
const PATH: &str = "/webhook/evolution";

/// What tells of an instance's connection and of what moves on it.
const EVENTS: [&str; 5] =
    ["CONNECTION_UPDATE", "STATUS_INSTANCE", "MESSAGES_UPSERT", "MESSAGES_UPDATE", "SEND_MESSAGE"];

/// The check of an instance's webhook.
pub(super) struct EvolutionWebhookCheck;

impl WebhookCheck for EvolutionWebhookCheck {
    fn request(&self, channel: PollContext<'_>, credential: SecretString) -> Request {
        let name = url_text(channel.id.unwrap_or_default());
        Request {
            url: format!("{}/webhook/find/{name}", channel.api_url).into(),
            credential: Credential::Header("apikey", credential),
        }
    }

    fn problem(&self, answer: &Answer, needed: &Needed<'_>) -> Result<Option<String>, Failure> {
        if let Some(refusal) = refusal(answer) {
            return Err(refusal);
        }
        let webhook: Option<Value> = serde_json::from_slice(&answer.body).ok();
        match webhook {
            Some(webhook) if webhook.is_object() || webhook.is_null() => {
                Ok(lacks(needed, &webhook))
            }
            _ => {
                let what = "the answer is not an instance's webhook";
                Err(answer.failure(FailureReason::Decode, what))
            }
        }
    }
}

/// Why an instance with this webhook does not tell this exporter of its connection; `None` when it
/// does. An instance has one webhook, null when it was never set; one that serves an application
/// is not ours to ask for.
fn lacks(needed: &Needed<'_>, webhook: &Value) -> Option<String> {
    let url = webhook["url"].as_str().unwrap_or_default();
    // Behind the path there may be the source.
    let named = url.rsplit_once('/').filter(|(before, _)| needed.is_reached_at(before, PATH));
    let named = named.map(|(_, source)| source);
    let leads_here = needed.is_reached_at(url, PATH) || named.is_some();
    match webhook["enabled"] != json!(false) && !url.is_empty() {
        false => return Some(format!("no webhook leads to {}", needed.place(PATH))),
        true if !leads_here => return None,
        true => {}
    }
    match (named, needed.source) {
        (Some(named), Some(own)) if named != own => {
            return Some(format!("its webhook must lead to `{PATH}/{own}`, not to another source"));
        }
        (None, Some(own)) if needed.names_source => {
            return Some(format!(
                "its webhook must lead to `{PATH}/{own}`: several servers have an instance of \
                 this name"
            ));
        }
        _ => {}
    }
    let headers = webhook["headers"].as_object().into_iter().flatten();
    let mut named = headers.filter(|(name, _)| name.eq_ignore_ascii_case(needed.header));
    // Both are on this machine, so how long it takes tells nobody anything.
    if !named.any(|(_, value)| value.as_str() == Some(needed.secret.expose_secret())) {
        let header = needed.header;
        return Some(format!("its webhook has no header `{header}` with the secret"));
    }
    let events = webhook["events"].as_array();
    let has = |event: &&str| events.is_some_and(|events| events.contains(&json!(event)));
    let missing: Vec<&str> = EVENTS.into_iter().filter(|event| !has(event)).collect();
    (!missing.is_empty()).then(|| format!("its webhook does not deliver {}", missing.join(", ")))
}

/// What to send so that it does.
pub(super) fn instructions(needed: &Needed<'_>) -> String {
    let url = Value::from(needed.address(PATH));
    let header = Value::from(needed.header);
    format!(
        "Send this as POST /webhook/set/<instance> with the header apikey, with the secret in \
         place of {SECRET_PLACEHOLDER}.\n\
         Where several servers have instances of the same name, add /<source> to the address.\n\n\
         {{ \"webhook\": {{\n    \"enabled\": true,\n    \"url\": {url},\n    \"headers\": {{ \
         {header}: \"{SECRET_PLACEHOLDER}\" }},\n    \"byEvents\": false,\n    \"events\": \
         [\"{}\"]\n}} }}",
        EVENTS.join("\", \"")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://exporter.example.com/webhook/evolution";

    fn problem(url: Option<&str>, body: &str) -> Result<Option<String>, FailureReason> {
        let secret = "s3cret".into();
        let needed = Needed::new(url, "", "x-webhook-secret", &secret);
        let answer = Answer {
            status: 200,
            retry_after: None,
            headers: Default::default(),
            body: body.to_owned().into(),
        };
        EvolutionWebhookCheck.problem(&answer, &needed).map_err(|failure| failure.reason)
    }

    #[test]
    fn what_is_told_to_be_sent_is_enough() {
        let secret = "s3cret".into();
        for url in [Some(URL), None] {
            let needed = Needed::new(url, "", "x-webhook-secret", &secret);
            let told = instructions(&needed);
            assert!(!told.contains("s3cret"));
            let (_, body) = told.split_once("\n\n").unwrap();
            let body =
                body.replace(SECRET_PLACEHOLDER, "s3cret").replace("<exporter>", "a.example");
            let sent: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(problem(url, &sent["webhook"].to_string()), Ok(None), "{body}");
        }
    }

    /// As a running 2.3.7 answered.
    fn found(url: &str) -> Value {
        json!({ "id": "c", "url": url, "headers": { "X-Webhook-Secret": "s3cret", "jwt_key": "k" },
            "enabled": true, "events": ["CONNECTION_UPDATE", "QRCODE_UPDATED", "STATUS_INSTANCE",
                "MESSAGES_UPSERT",
                "MESSAGES_UPDATE", "SEND_MESSAGE"],
            "webhookByEvents": true, "webhookBase64": false, "instanceId": "0" })
    }

    #[test]
    fn an_address_with_a_source_names_the_instances_own() {
        let secret = "s3cret".into();
        let needed = |names_source| Needed {
            source: Some("eu"),
            names_source,
            ..Needed::new(Some(URL), "", "x-webhook-secret", &secret)
        };
        let own = format!("{URL}/eu");
        assert_eq!(lacks(&needed(false), &found(URL)), None);
        assert_eq!(lacks(&needed(true), &found(&own)), None);
        let told = lacks(&needed(true), &found(URL)).unwrap();
        assert!(told.contains("`/webhook/evolution/eu`: several servers"), "{told}");
        let told = lacks(&needed(false), &found(&format!("{URL}/us"))).unwrap();
        assert!(told.contains("`/webhook/evolution/eu`, not to another source"), "{told}");
    }

    #[test]
    fn the_address_the_header_and_every_event_are_needed() {
        let told = |url, webhook: &Value| problem(url, &webhook.to_string()).unwrap();
        for url in [URL, "https://EXPORTER.example.com:443/webhook/evolution/eu"] {
            assert_eq!(told(Some(URL), &found(url)), None, "{url}");
        }
        assert_eq!(told(None, &found("http://other.example/webhook/evolution/eu")), None);
        for webhook in [Value::Null, json!({}), json!({ "url": URL, "enabled": false })] {
            let what = told(Some(URL), &webhook).unwrap();
            assert_eq!(what, format!("no webhook leads to `{URL}`"));
        }
        let elsewhere = found("https://exporter.example.com/mine");
        assert_eq!(told(Some(URL), &elsewhere), None, "it is the application's");
        let with = |field: &str, value: Value| {
            let mut webhook = found(URL);
            webhook[field] = value;
            told(None, &webhook).unwrap()
        };
        for headers in [Value::Null, json!({ "X-Webhook-Secret": "other" })] {
            assert!(with("headers", headers).contains("has no header `x-webhook-secret`"));
        }
        let missing =
            with("events", json!(["CONNECTION_UPDATE", "MESSAGES_UPSERT", "SEND_MESSAGE"]));
        assert_eq!(missing, "its webhook does not deliver STATUS_INSTANCE, MESSAGES_UPDATE");
    }

    #[test]
    fn what_is_no_webhook_is_a_failure() {
        for body in ["", "[]", "7", "<html>"] {
            assert_eq!(problem(None, body), Err(FailureReason::Decode), "{body}");
        }
    }
}
