//! WAHA's webhooks `message.any`, `message` and `message.ack`: that there is a message, and how far
//! it came.
//!
//! Not here: any other event (`webhook.rs`). Of a message its id, its time, where it came from and
//! its acknowledgement are read; people, names and texts are skipped unread.
//!
//! Source: WAHA's `enums.dto.ts` at 6aa4282 for acknowledgements. That `source: app` is the phone
//! itself and not another linked device is a guess.

use serde::Deserialize;

use crate::domain::{MessageEvent, MessageId, MessageStatus, Origin, Timestamp};
use crate::upstream::lenient::{Lenient, LenientObject};
use crate::upstream::message_id;

#[derive(Deserialize, Default)]
struct WithMessage {
    #[serde(default)]
    payload: LenientObject<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    #[serde(default)]
    id: Lenient,
    #[serde(default)]
    from_me: Lenient,
    #[serde(default)]
    timestamp: Lenient,
    #[serde(default)]
    source: Lenient,
    #[serde(default)]
    ack: Lenient,
}

/// The message of a delivery.
pub(super) fn message(body: &[u8]) -> Option<MessageEvent> {
    let message = payload(body)?;
    let (id, at) = (id(&message.id)?, message.timestamp.timestamp());
    if !message.from_me.flag()? {
        return Some(MessageEvent::inbound(id, at));
    }
    let origin = match message.source.raw_text() {
        Some("api") => Origin::Api,
        Some("app") => Origin::Phone,
        _ => Origin::Other,
    };
    Some(MessageEvent::outbound(id, at, origin, acknowledgement(&message.ack).flatten()))
}

/// The acknowledgement of a delivery, which happened at `at`.
pub(super) fn ack(body: &[u8], at: Option<Timestamp>) -> Option<MessageEvent> {
    let message = payload(body)?;
    if message.from_me.flag() == Some(false) {
        return None;
    }
    let status = acknowledgement(&message.ack)?;
    Some(MessageEvent::status_alone(id(&message.id)?, at, status))
}

fn payload(body: &[u8]) -> Option<Message> {
    serde_json::from_slice::<WithMessage>(body).ok()?.payload.0
}

/// `true_<chat>_<id>` or, in a group, `true_<chat>_<id>_<participant>`: events on one message
/// differ in what is around its id.
fn id(told: &Lenient) -> Option<MessageId> {
    let told = told.raw_text().filter(|told| !told.is_empty())?;
    let mut parts = told.split('_');
    let own = match parts.next() {
        Some("true" | "false") => parts.nth(1).filter(|id| !id.is_empty()),
        _ => None,
    };
    Some(message_id(own.unwrap_or(told)))
}

/// `None` for what is no acknowledgement; `Some(None)` while WhatsApp's server has not got it.
fn acknowledgement(ack: &Lenient) -> Option<Option<MessageStatus>> {
    Some(match ack.integer()? {
        -1 => Some(MessageStatus::Failed),
        0 => None,
        1 => Some(MessageStatus::Sent),
        2 => Some(MessageStatus::Delivered),
        3 => Some(MessageStatus::Read),
        4 => Some(MessageStatus::Played),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(payload: &str) -> Vec<u8> {
        format!(r#"{{"event":"message.any","session":"a","payload":{payload}}}"#).into_bytes()
    }

    #[test]
    fn a_message_is_told_with_its_direction_and_its_origin() {
        let at = Some(Timestamp::from_secs(1_795_000_000));
        let told = |fields: &str| {
            let payload = format!(
                r#"{{"id":"true_11111111111@c.us_AAAA","timestamp":1795000000,"from":"1@c.us",
                    "body":"x",{fields}}}"#
            );
            message(&body(&payload))
        };
        let outbound =
            |origin, status| Some(MessageEvent::outbound(message_id("AAAA"), at, origin, status));
        assert_eq!(told(r#""fromMe":true,"source":"api","ack":0"#), outbound(Origin::Api, None));
        assert_eq!(told(r#""fromMe":true,"source":"api","ack":null"#), outbound(Origin::Api, None));
        let sent = Some(MessageStatus::Sent);
        assert_eq!(told(r#""fromMe":true,"source":"app","ack":1"#), outbound(Origin::Phone, sent));
        assert_eq!(told(r#""fromMe":true"#), outbound(Origin::Other, None));
        let inbound = Some(MessageEvent::inbound(message_id("AAAA"), at));
        assert_eq!(told(r#""fromMe":false,"source":"app","ack":1"#), inbound);
        assert_eq!(told(r#""source":"app""#), None);
    }

    #[test]
    fn every_acknowledgement_has_its_status() {
        for (number, expected) in [
            ("-1", Some(Some(MessageStatus::Failed))),
            ("0", Some(None)),
            ("1", Some(Some(MessageStatus::Sent))),
            ("2", Some(Some(MessageStatus::Delivered))),
            ("3", Some(Some(MessageStatus::Read))),
            ("\"4\"", Some(Some(MessageStatus::Played))),
            ("5", None),
            ("null", None),
        ] {
            let payload = format!(r#"{{"id":"true_1@c.us_AAAA","fromMe":true,"ack":{number}}}"#);
            let told = ack(&body(&payload), None);
            assert_eq!(told.map(|event| event.status), expected, "{number}");
        }
        let of_others = r#"{"id":"false_1@c.us_AAAA","fromMe":false,"ack":3}"#;
        assert_eq!(ack(&body(of_others), None), None);
    }

    #[test]
    fn the_same_message_has_the_same_id_in_every_event() {
        let of = |text: &str| id(&serde_json::from_value(text.into()).unwrap());
        let bare = of("AAAA");
        for text in ["true_1@c.us_AAAA", "true_1@g.us_AAAA_2@c.us", "false_1@c.us_AAAA"] {
            assert_eq!(of(text), bare, "{text}");
        }
        assert_ne!(of("true_AAAA"), bare);
        assert_ne!(of("x_1@c.us_AAAA"), bare);
        assert_eq!(of(""), None);
    }
}
