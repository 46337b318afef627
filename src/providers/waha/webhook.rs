//! WAHA's webhooks: `session.status` and those on messages, signed with HMAC-SHA512 over the raw
//! body.
//!
//! Not here: receiving them, and what is read of a message (`messages.rs`).
//!
//! Source: WAHA's `WebhookPlugin.sender.ts` and `enums.dto.ts` at 6aa4282. The signature was not
//! seen on a running server: the CORE edition that was watched sends none.

use ring::hmac::HMAC_SHA512;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::limits::Me;
use super::messages;
use super::status::reported;
use crate::domain::{ChannelEvent, ChannelObservation, MessageEvent};
use crate::provider::{HeadVerdict, Needed, SECRET_PLACEHOLDER, Webhook, WebhookApi, WebhookHead};
use crate::upstream::lenient::{Lenient, LenientObject, is_whole_object};
use crate::upstream::signature::is_signed;

/// Where the receiver is, behind whatever address leads to the exporter.
const PATH: &str = "/webhook/waha";

const SIGNATURE: &str = "x-webhook-hmac";

pub(super) struct WahaWebhooks;

impl WebhookApi for WahaWebhooks {
    /// Behind the path there may be the source, since two servers may have sessions of one name.
    fn has_path(&self, rest: &str) -> bool {
        !rest.contains('/')
    }

    fn authorize(&self, head: WebhookHead<'_>, _: &SecretString) -> HeadVerdict {
        match head.headers.contains_key(SIGNATURE) {
            true => HeadVerdict::NeedsBody,
            false => HeadVerdict::Refuse,
        }
    }

    fn refusal(&self) -> &'static str {
        "the webhook must be signed: set WEBHOOK_SECRET as the webhook's HMAC key in WAHA"
    }

    fn authorize_body(&self, head: WebhookHead<'_>, body: &[u8], secret: &SecretString) -> bool {
        let given = head.headers.get(SIGNATURE);
        given.is_some_and(|given| is_signed(HMAC_SHA512, secret, body, given.as_bytes()))
    }

    fn events(&self, head: WebhookHead<'_>, body: &[u8]) -> Option<Vec<Webhook>> {
        let source = Some(head.rest).filter(|rest| !rest.is_empty()).map(Into::into);
        interpret(body).map(|(channel_id, event)| vec![Webhook { source, channel_id, event }])
    }

    fn instructions(&self, needed: &Needed<'_>) -> String {
        format!(
            "Add this to config.webhooks of each session in the WAHA dashboard, or with PUT \
             /api/sessions/<session>, which replaces the whole config,\n\
             with the secret in place of {SECRET_PLACEHOLDER}. For the whole server: \
             WHATSAPP_HOOK_URL, WHATSAPP_HOOK_EVENTS and\n\
             WHATSAPP_HOOK_HMAC_KEY. Where several servers have sessions of the same name, add \
             /<source> to the address.\n\n\
             {{ \"url\": {}, \"events\": [\"session.status\", \"message.any\", \
             \"message.ack\"], \"hmac\": {{ \"key\": \"{SECRET_PLACEHOLDER}\" }} }}",
            Value::from(needed.address(PATH))
        )
    }
}

#[derive(Deserialize, Default)]
struct WahaEnvelope {
    #[serde(default)]
    event: Lenient,
    #[serde(default)]
    session: Lenient,
    /// Milliseconds; older versions send none (observed).
    #[serde(default)]
    timestamp: Lenient,
}

/// Read only of a `session.status`: other payloads are messages.
#[derive(Deserialize, Default)]
struct WithPayload {
    #[serde(default)]
    payload: Payload,
    #[serde(default)]
    me: LenientObject<Me>,
}

#[derive(Deserialize, Default)]
struct Payload {
    #[serde(default)]
    status: Lenient,
}

fn interpret(body: &[u8]) -> Option<(Option<Box<str>>, ChannelEvent)> {
    if !is_whole_object(body) {
        return None;
    }
    let WahaEnvelope { event, session, timestamp } =
        serde_json::from_slice(body).unwrap_or_default();
    let event = match event.raw_text() {
        Some("session.status") => {
            let with: WithPayload = serde_json::from_slice(body).unwrap_or_default();
            with.payload.status.raw_text().map_or(ChannelEvent::NoStatus, |word| {
                let me = with.me.0.as_ref();
                ChannelEvent::Status(ChannelObservation {
                    at: timestamp.timestamp(),
                    restrictions: me.and_then(Me::restrictions),
                    quota: me.and_then(Me::quota),
                    ..ChannelObservation::new(reported(word))
                })
            })
        }
        Some("message" | "message.any") => of_message(messages::message(body)),
        Some("message.ack") => of_message(messages::ack(body, timestamp.timestamp())),
        _ => ChannelEvent::Other,
    };
    Some((session.label(), event))
}

fn of_message(message: Option<MessageEvent>) -> ChannelEvent {
    message.map_or(ChannelEvent::Other, ChannelEvent::Message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Reported, Restrictions, Status, Timestamp};
    use crate::provider::hears;
    use crate::upstream::signature::sign;

    const BODY: &str = r#"{"id":"evt_1","event":"session.status","session":"default",
        "timestamp":1795000000123,
        "me":null,"payload":{"name":"default","status":"WORKING"},"engine":"NOWEB"}"#;

    fn authorized(signature: Option<&str>, body: &str) -> bool {
        hears(&WahaWebhooks, signature.map(|it| (SIGNATURE, it)), body, "s3cret")
    }

    #[test]
    fn only_a_right_signature_over_the_raw_body_is_accepted() {
        let right = sign(HMAC_SHA512, &SecretString::from("s3cret"), BODY.as_bytes());
        assert!(authorized(Some(&right), BODY));
        assert!(authorized(Some(&right.to_uppercase()), BODY));
        assert!(!authorized(Some(&right), &BODY.replace("WORKING", "STOPPED")));
        assert!(!authorized(Some(&right[2..]), BODY));
        assert!(!authorized(Some("zz"), BODY));
        assert!(!authorized(Some(""), BODY));
        assert!(!authorized(None, BODY));
    }

    #[test]
    fn a_status_comes_with_its_session_and_its_time() {
        let (session, event) = interpret(BODY.as_bytes()).unwrap();
        assert_eq!(session.as_deref(), Some("default"));
        let expected = ChannelObservation {
            at: Some(Timestamp::from_millis(1_795_000_000_123)),
            ..ChannelObservation::new(Reported::Known(Status::Auth))
        };
        assert_eq!(event, ChannelEvent::Status(expected));
    }

    #[test]
    fn what_the_account_may_do_comes_along() {
        let me =
            r#""me":{"id":"1@c.us","reachoutTimelock":{"isActive":false},"messageCapping":null}"#;
        let (_, event) = interpret(BODY.replace(r#""me":null"#, me).as_bytes()).unwrap();
        let ChannelEvent::Status(told) = event else { panic!("{event:?}") };
        assert_eq!((told.restrictions, told.quota), (Some(Restrictions::NONE), None));
    }

    #[test]
    fn anything_else_says_nothing_of_a_status() {
        let kind = |body: &str| interpret(body.as_bytes()).map(|(_, event)| event);
        assert_eq!(
            kind(r#"{"event":"message","session":"a","payload":{"body":"x"}}"#),
            Some(ChannelEvent::Other)
        );
        assert_eq!(
            kind(r#"{"event":"session.status","session":"a"}"#),
            Some(ChannelEvent::NoStatus)
        );
        assert_eq!(kind("[]"), None);
        assert_eq!(kind("{"), None);
    }
}
