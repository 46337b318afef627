//! Evolution's webhooks `messages.upsert`, `messages.update` and `send.message`: that there is a
//! message, and how far it came.
//!
//! Not here: any other event (`webhook.rs`). Of a message its id, its time, where it came from and
//! its status are read; people, names and texts are skipped unread.
//!
//! Source: `whatsapp.baileys.service.ts` of 2.3.7. Not seen with a linked phone. `source` is what
//! Baileys makes of an id's form, so that `android` and `ios` are the phone itself is a guess.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::domain::{MessageEvent, MessageStatus, Origin, Timestamp};
use crate::upstream::lenient::{Lenient, LenientObject};
use crate::upstream::lenient_message_id;
use crate::upstream::message_list::{MessageItem, MessageList};

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de> + MessageItem"))]
struct With<T> {
    data: MessageList<T>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct MessageKey {
    #[serde(default)]
    id: Lenient,
    #[serde(default)]
    from_me: Lenient,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Upserted {
    #[serde(default)]
    key: LenientObject<MessageKey>,
    #[serde(default)]
    message_timestamp: Lenient,
    #[serde(default)]
    source: Lenient,
    #[serde(default)]
    status: Lenient,
}

/// What the API sent has the same fields, and no source.
#[derive(Deserialize)]
#[serde(transparent)]
struct Sent(Upserted);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Updated {
    #[serde(default)]
    key_id: Lenient,
    #[serde(default)]
    key: LenientObject<MessageKey>,
    #[serde(default)]
    from_me: Lenient,
    #[serde(default)]
    status: Lenient,
}

impl MessageItem for Upserted {
    fn event(self) -> Option<MessageEvent> {
        let key = self.key.0?;
        let (id, at) = (lenient_message_id(&key.id)?, self.message_timestamp.timestamp());
        if !key.from_me.flag()? {
            return Some(MessageEvent::inbound(id, at));
        }
        let origin = match self.source.raw_text() {
            Some("android" | "ios") => Origin::Phone,
            _ => Origin::Other,
        };
        Some(MessageEvent::outbound(id, at, origin, status(&self.status).flatten()))
    }
}

impl MessageItem for Sent {
    fn event(self) -> Option<MessageEvent> {
        let id = lenient_message_id(&self.0.key.0?.id)?;
        let at = self.0.message_timestamp.timestamp();
        let status = status(&self.0.status).flatten();
        Some(MessageEvent::outbound(id, at, Origin::Api, status))
    }
}

impl MessageItem for Updated {
    fn event(self) -> Option<MessageEvent> {
        let key = self.key.0.unwrap_or_default();
        if self.from_me.flag().or(key.from_me.flag()) == Some(false) {
            return None;
        }
        let status = status(&self.status)?;
        Some(MessageEvent::status_alone(
            lenient_message_id(&self.key_id).or(lenient_message_id(&key.id))?,
            None,
            status,
        ))
    }
}

/// Baileys' status, as a word or a number. `None` for anything else; `Some(None)` while WhatsApp's
/// server has not got it.
fn status(told: &Lenient) -> Option<Option<MessageStatus>> {
    Some(match (told.raw_text(), told.integer()) {
        (Some("ERROR"), _) | (_, Some(0)) => Some(MessageStatus::Failed),
        (Some("PENDING"), _) | (_, Some(1)) => None,
        (Some("SERVER_ACK"), _) | (_, Some(2)) => Some(MessageStatus::Sent),
        (Some("DELIVERY_ACK"), _) | (_, Some(3)) => Some(MessageStatus::Delivered),
        (Some("READ"), _) | (_, Some(4)) => Some(MessageStatus::Read),
        (Some("PLAYED"), _) | (_, Some(5)) => Some(MessageStatus::Played),
        (Some("DELETED"), _) => Some(MessageStatus::Deleted),
        _ => return None,
    })
}

fn events<T: MessageItem + DeserializeOwned>(body: &[u8]) -> Vec<MessageEvent> {
    serde_json::from_slice::<With<T>>(body).map(|with| with.data.events).unwrap_or_default()
}

/// What a delivery of this event tells of messages; `None` if it is of another kind. An event on a
/// status has no time of its own and happened at `at`.
pub(super) fn told(event: &str, body: &[u8], at: Option<Timestamp>) -> Option<Vec<MessageEvent>> {
    Some(match event {
        "messages.upsert" => events::<Upserted>(body),
        "send.message" => events::<Sent>(body),
        "messages.update" => {
            let mut events = events::<Updated>(body);
            events.iter_mut().for_each(|event| event.at = at);
            events
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::message_id;

    const AT: Option<Timestamp> = Some(Timestamp::from_secs(1_795_000_000));

    fn first(event: &str, data: &str) -> Option<MessageEvent> {
        let body = format!(r#"{{"event":"{event}","instance":"shop","data":{data},"apikey":"k"}}"#);
        told(event, body.as_bytes(), AT).unwrap().first().copied()
    }

    #[test]
    fn a_message_is_told_with_its_direction_and_its_origin() {
        let id = message_id("3EB0AAAA");
        let data = |from_me: bool, more: &str| {
            format!(
                r#"{{"key":{{"remoteJid":"1@s.whatsapp.net","fromMe":{from_me},"id":"3EB0AAAA"}},
                    "pushName":"x",
                "message":{{"conversation":"x"}},"messageType":"conversation",
                "messageTimestamp":1795000000{more}}}"#
            )
        };
        let sent = Some(MessageStatus::Sent);
        for (event, data, expected) in [
            (
                "messages.upsert",
                data(false, r#","status":"DELIVERY_ACK","source":"android""#),
                MessageEvent::inbound(id, AT),
            ),
            (
                "messages.upsert",
                data(true, r#","status":"SERVER_ACK","source":"ios""#),
                MessageEvent::outbound(id, AT, Origin::Phone, sent),
            ),
            (
                "messages.upsert",
                data(true, r#","source":"unknown""#),
                MessageEvent::outbound(id, AT, Origin::Other, None),
            ),
            (
                "send.message",
                data(true, r#","status":"PENDING","source":"android""#),
                MessageEvent::outbound(id, AT, Origin::Api, None),
            ),
        ] {
            assert_eq!(first(event, &data), Some(expected), "{event} {data}");
            assert_eq!(first(event, &format!("[{data}]")), Some(expected));
        }
        assert_eq!(told("connection.update", b"{}", AT), None);
    }

    #[test]
    fn every_status_is_read_as_a_word_and_as_a_number() {
        for (word, number, expected) in [
            ("ERROR", 0, Some(MessageStatus::Failed)),
            ("PENDING", 1, None),
            ("SERVER_ACK", 2, Some(MessageStatus::Sent)),
            ("DELIVERY_ACK", 3, Some(MessageStatus::Delivered)),
            ("READ", 4, Some(MessageStatus::Read)),
            ("PLAYED", 5, Some(MessageStatus::Played)),
        ] {
            let worded = format!(r#"{{"keyId":"a","fromMe":true,"status":"{word}"}}"#);
            let numbered = format!(r#"{{"key":{{"id":"a","fromMe":true}},"status":{number}}}"#);
            for data in [worded, numbered] {
                let event = first("messages.update", &data).unwrap();
                assert_eq!((event.id, event.status), (message_id("a"), expected), "{data}");
                assert_eq!(event.at, AT);
            }
        }
        for data in [
            r#"{"keyId":"a","fromMe":false,"status":"READ"}"#,
            r#"{"keyId":"a","status":"OTHER"}"#,
            r#"{"messageId":"a","status":"READ"}"#,
            "null",
            "7",
            "[null,[]]",
        ] {
            assert_eq!(first("messages.update", data), None, "{data}");
        }
    }
}
