//! GREEN-API's webhooks: `stateInstanceChanged` and those on messages, with
//! `Authorization: Bearer <webhookUrlToken>`.
//!
//! Not here: receiving them, and what is read of a message (`messages.rs`).
//!
//! Source: GREEN-API's documentation of the webhook and of `webhookUrlToken`.

use hyper::header::AUTHORIZATION;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::messages;
use super::status::observation;
use crate::domain::{ChannelEvent, ChannelObservation};
use crate::provider::{HeadVerdict, Needed, SECRET_PLACEHOLDER, Webhook, WebhookApi, WebhookHead};
use crate::upstream::lenient::{Lenient, is_whole_object};

/// Where the receiver is, behind whatever address leads to the exporter.
const PATH: &str = "/webhook/green_api";

pub(super) struct GreenApiWebhooks;

impl WebhookApi for GreenApiWebhooks {
    /// Ids of instances are unique over all accounts.
    fn has_path(&self, rest: &str) -> bool {
        rest.is_empty()
    }

    fn authorize(&self, head: WebhookHead<'_>, secret: &SecretString) -> HeadVerdict {
        let secret = secret.expose_secret().as_bytes();
        let mut given = head.headers.get_all(AUTHORIZATION).iter();
        // The time that takes tells at most the length.
        let knows = |given: &[u8]| {
            bearer(given).is_some_and(|given| bool::from(given.trim_ascii().ct_eq(secret)))
        };
        HeadVerdict::by_head(given.any(|given| knows(given.as_bytes())))
    }

    fn refusal(&self) -> &'static str {
        "the webhook must be authorized: set WEBHOOK_SECRET as webhookUrlToken of the instance in \
         GREEN-API"
    }

    fn events(&self, _: WebhookHead<'_>, body: &[u8]) -> Option<Vec<Webhook>> {
        interpret(body).map(|webhook| vec![webhook])
    }

    fn instructions(&self, needed: &Needed<'_>) -> String {
        format!(
            "Send this as POST /waInstance<idInstance>/setSettings/<apiTokenInstance>, or enter it \
             in https://console.green-api.com, with the secret in\n\
             place of {SECRET_PLACEHOLDER}. An instance has one webhook: if your application uses \
             it, leave it alone.\n\n\
             {{ \"webhookUrl\": \
             {}, \"webhookUrlToken\": \"{SECRET_PLACEHOLDER}\", \"stateWebhook\": \"yes\", \
             \"incomingWebhook\": \"yes\",\n  \"outgoingWebhook\": \"yes\", \
             \"outgoingMessageWebhook\": \"yes\", \
             \"outgoingAPIMessageWebhook\": \"yes\" }}",
            Value::from(needed.address(PATH))
        )
    }
}

/// What follows `Bearer `, the scheme in any case.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"Bearer ";
    let (scheme, token) = value.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(token)
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    #[serde(default)]
    type_webhook: Lenient,
    #[serde(default)]
    instance_data: InstanceData,
    /// Seconds.
    #[serde(default)]
    timestamp: Lenient,
    #[serde(default)]
    state_instance: Lenient,
}

/// `wid`, a phone's number, is skipped unread.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct InstanceData {
    #[serde(default)]
    id_instance: Lenient,
}

/// Reads a delivery; `None` when the body is no JSON object.
fn interpret(body: &[u8]) -> Option<Webhook> {
    if !is_whole_object(body) {
        return None;
    }
    let delivery: Delivery = serde_json::from_slice(body).unwrap_or_default();
    let event = match (delivery.type_webhook.raw_text(), delivery.state_instance.raw_text()) {
        (Some("stateInstanceChanged"), Some(word)) => ChannelEvent::Status(ChannelObservation {
            at: delivery.timestamp.timestamp(),
            ..observation(word)
        }),
        (Some("stateInstanceChanged"), None) => ChannelEvent::NoStatus,
        (Some(kind), _) => {
            messages::told(kind, body).map_or(ChannelEvent::Other, ChannelEvent::Message)
        }
        _ => ChannelEvent::Other,
    };
    Some(Webhook { source: None, channel_id: delivery.instance_data.id_instance.label(), event })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Reported, Status, Timestamp};
    use hyper::HeaderMap;
    use hyper::header::{HeaderName, HeaderValue};

    const BODY: &str = r#"{"typeWebhook":"stateInstanceChanged",
        "instanceData":{"idInstance":1101000001,
        "wid":"11001234567@c.us","typeInstance":"whatsapp"},"timestamp":1795000000,
        "stateInstance":"notAuthorized"}"#;

    fn verdict(authorization: Option<&'static str>) -> HeadVerdict {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
        }
        let secret_header = HeaderName::from_static("x-webhook-secret");
        let head = WebhookHead {
            method: &hyper::Method::POST,
            rest: "",
            headers: &headers,
            secret_header: &secret_header,
        };
        GreenApiWebhooks.authorize(head, &SecretString::from("s3cret"))
    }

    #[test]
    fn only_the_right_bearer_token_is_accepted() {
        for right in ["Bearer s3cret", "bearer s3cret", "Bearer  s3cret "] {
            assert_eq!(verdict(Some(right)), HeadVerdict::Accept, "{right}");
        }
        for wrong in ["Bearer s3cre", "Bearer s3crets", "Basic s3cret", "s3cret", "Bearer ", ""] {
            assert_eq!(verdict(Some(wrong)), HeadVerdict::Refuse, "{wrong}");
        }
        assert_eq!(verdict(None), HeadVerdict::Refuse);
    }

    #[test]
    fn a_state_comes_with_its_instance_and_its_time() {
        let webhook = interpret(BODY.as_bytes()).unwrap();
        let expected = ChannelObservation {
            at: Some(Timestamp::from_secs(1_795_000_000)),
            ..ChannelObservation::new(Reported::Known(Status::Qr))
        };
        assert_eq!(
            webhook,
            Webhook {
                source: None,
                channel_id: Some("1101000001".into()),
                event: ChannelEvent::Status(expected),
            }
        );
    }

    #[test]
    fn anything_else_says_nothing_of_a_state() {
        let event = |body: &str| interpret(body.as_bytes()).map(|webhook| webhook.event);
        let message = r#"{"typeWebhook":"incomingMessageReceived","stateInstance":"authorized"}"#;
        assert_eq!(event(message), Some(ChannelEvent::Other));
        let nothing = r#"{"typeWebhook":"stateInstanceChanged","instanceData":{"idInstance":1}}"#;
        assert_eq!(event(nothing), Some(ChannelEvent::NoStatus));
        assert_eq!(event(r#"{"instanceData":7}"#), Some(ChannelEvent::Other));
        for body in ["[]", "{", "", "null"] {
            assert_eq!(event(body), None, "{body}");
        }
    }
}
