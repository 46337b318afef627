//! Whapi's webhooks `messages.*` and `statuses.*`: that there is a message, and how far it came.
//!
//! Not here: any other event (`webhook.rs`). Of a message its id, its time, where it came from and
//! its status are read; people, names and texts are skipped unread.
//!
//! Source: Whapi's OpenAPI 1.8.7 (`Message`, `Status`) and its help page on sent messages: one that
//! the API sent comes as `pending`, and stays so when it cannot be sent.

use serde::Deserialize;

use crate::domain::{MessageEvent, MessageId, MessageStatus, Origin};
use crate::upstream::lenient::{Lenient, LenientObject};
use crate::upstream::lenient_message_id;
use crate::upstream::message_list::{MessageItem, MessageList};

#[derive(Deserialize, Default)]
struct WithMessages {
    #[serde(default)]
    messages: MessageList<Message>,
}

#[derive(Deserialize, Default)]
struct WithStatuses {
    #[serde(default)]
    statuses: MessageList<MessageStatusItem>,
}

#[derive(Deserialize)]
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
    status: Lenient,
}

#[derive(Deserialize)]
struct MessageStatusItem {
    #[serde(default)]
    id: Lenient,
    #[serde(default)]
    timestamp: Lenient,
    #[serde(default)]
    status: Lenient,
}

impl MessageItem for Message {
    fn event(self) -> Option<MessageEvent> {
        let id = lenient_message_id(&self.id)?;
        let at = self.timestamp.timestamp();
        if !self.from_me.flag()? {
            return Some(MessageEvent::inbound(id, at));
        }
        let origin = match self.source.raw_text() {
            Some("api") => Origin::Api,
            Some("mobile") => Origin::Phone,
            _ => Origin::Other,
        };
        Some(MessageEvent::outbound(id, at, origin, status(&self.status)))
    }
}

impl MessageItem for MessageStatusItem {
    fn event(self) -> Option<MessageEvent> {
        let id = lenient_message_id(&self.id)?;
        let status = match self.status.raw_text()? {
            "pending" => None,
            _ => Some(status(&self.status)?),
        };
        // Whapi's error codes are documented nowhere.
        Some(MessageEvent::status_alone(id, self.timestamp.timestamp(), status))
    }
}

fn status(word: &Lenient) -> Option<MessageStatus> {
    // The same words as ours.
    word.raw_text()?.parse().ok()
}

/// The messages of a delivery.
pub(super) fn messages(body: &[u8]) -> Vec<MessageEvent> {
    serde_json::from_slice::<WithMessages>(body).unwrap_or_default().messages.events
}

/// The statuses of a delivery.
pub(super) fn statuses(body: &[u8]) -> Vec<MessageEvent> {
    serde_json::from_slice::<WithStatuses>(body).unwrap_or_default().statuses.events
}

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    sent: Lenient,
    #[serde(default)]
    message: LenientObject<SentMessage>,
}

#[derive(Deserialize)]
struct SentMessage {
    #[serde(default)]
    id: Lenient,
}

/// The id of the message that an answer says was accepted.
pub(super) fn accepted(answer: &[u8]) -> Option<MessageId> {
    let Sent { sent, message } = serde_json::from_slice(answer).ok()?;
    let id = message.0?.id;
    (sent.flag() != Some(false)).then(|| lenient_message_id(&id))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Direction, MessageFailure, Timestamp};
    use crate::upstream::message_id;

    #[test]
    fn a_message_is_told_with_its_direction_its_origin_and_its_status() {
        let time = Some(Timestamp::from_secs(1_795_000_598));
        let id = message_id("yqJRppZk7BI-wNoTwl0rVw");
        let outbound = |origin, status| Some(MessageEvent::outbound(id, time, origin, status));
        for (fields, expected) in [
            (r#""from_me":true,"source":"api","status":"pending""#, outbound(Origin::Api, None)),
            (
                r#""from_me":true,"source":"mobile","status":"sent""#,
                outbound(Origin::Phone, Some(MessageStatus::Sent)),
            ),
            (r#""from_me":true,"source":"web""#, outbound(Origin::Other, None)),
            (r#""from_me":true,"source":7,"status":{}"#, outbound(Origin::Other, None)),
            (
                r#""from_me":false,"source":"mobile","status":"delivered""#,
                Some(MessageEvent::inbound(id, time)),
            ),
            (r#""source":"api""#, None),
        ] {
            let body = format!(
                r#"{{"messages":[{{"id":"yqJRppZk7BI-wNoTwl0rVw","type":"text",
                    "chat_id":"1@s.whatsapp.net",
                "timestamp":1795000598,{fields},"text":{{"body":"x"}}}}],"channel_id":"X"}}"#
            );
            assert_eq!(messages(body.as_bytes()).first().copied(), expected, "{fields}");
        }
    }

    #[test]
    fn every_status_of_the_description_is_read() {
        let read = |word: &str| {
            let body = format!(
                r#"{{"statuses":[{{"id":"a","code":3,"status":"{word}",
                    "recipient_id":"1@s.whatsapp.net",
                "timestamp":"1795000600"}}]}}"#
            );
            statuses(body.as_bytes()).first().map(|event| event.status)
        };
        assert_eq!(read("pending"), Some(None));
        for status in MessageStatus::ALL {
            assert_eq!(read(status.as_str()), Some(Some(*status)));
        }
        assert_eq!(read("other"), None);
        let failed =
            statuses(br#"{"statuses":[{"id":"a","status":"failed","errors":[{"code":1}]}]}"#);
        assert_eq!(failed[0].failure, Some(MessageFailure::Other));
        assert_eq!((failed[0].direction, failed[0].at), (Direction::Outbound, None));
    }

    #[test]
    fn what_is_no_message_is_skipped() {
        for body in [
            "{}",
            r#"{"messages":null}"#,
            r#"{"messages":"x"}"#,
            r#"{"messages":[null,7,"x",[],{},{"id":""},{"id":7,"from_me":true}]}"#,
        ] {
            assert_eq!(messages(body.as_bytes()), [], "{body}");
        }
        let mixed = br#"{"messages":[{"id":"a","from_me":"true"},null,{"id":"b","from_me":0}]}"#;
        assert_eq!(messages(mixed).len(), 2);
    }

    #[test]
    fn an_answer_to_a_send_names_the_message() {
        let answer = br#"{"sent":true,"message":{"id":"a","from_me":true,"text":{"body":"x"}}}"#;
        assert_eq!(accepted(answer), Some(message_id("a")));
        for answer in [
            "",
            "{}",
            r#"{"message":7}"#,
            r#"{"message":{"id":""}}"#,
            r#"{"sent":false,"message":{"id":"a"}}"#,
        ] {
            assert_eq!(accepted(answer.as_bytes()), None, "{answer}");
        }
    }
}
