//! GREEN-API's webhooks on messages: that there is one, and how far it came.
//!
//! Not here: any other event (`webhook.rs`). People, names and texts are skipped unread.
//!
//! Source: GREEN-API's documentation of `incomingMessageReceived`, `outgoingMessageReceived`,
//! `outgoingAPIMessageReceived` and `outgoingMessageStatus`.

use serde::Deserialize;

use crate::domain::{MessageEvent, MessageFailure, MessageStatus, Origin};
use crate::upstream::lenient::Lenient;
use crate::upstream::lenient_message_id;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    #[serde(default)]
    id_message: Lenient,
    /// Seconds.
    #[serde(default)]
    timestamp: Lenient,
    #[serde(default)]
    status: Lenient,
    #[serde(default)]
    send_by_api: Lenient,
}

/// What a delivery of this type tells of a message.
pub(super) fn told(kind: &str, body: &[u8]) -> Option<MessageEvent> {
    let kinds = [
        "incomingMessageReceived",
        "outgoingMessageReceived",
        "outgoingAPIMessageReceived",
        "outgoingMessageStatus",
    ];
    let at = kinds.iter().position(|known| *known == kind)?;
    let message: Message = serde_json::from_slice(body).ok()?;
    let id = lenient_message_id(&message.id_message)?;
    let time = message.timestamp.timestamp();
    Some(match at {
        0 => MessageEvent::inbound(id, time),
        1 => MessageEvent::outbound(id, time, Origin::Phone, None),
        2 => MessageEvent::outbound(id, time, Origin::Api, None),
        _ => {
            let (status, failure) = status(message.status.raw_text()?)?;
            let told = MessageEvent::status(id, time, status, failure);
            match message.send_by_api.flag() {
                Some(true) => told.by(Origin::Api),
                _ => told,
            }
        }
    })
}

type StatusAndFailure = (Option<MessageStatus>, Option<MessageFailure>);

fn status(word: &str) -> Option<StatusAndFailure> {
    let failed = |failure| (Some(MessageStatus::Failed), Some(failure));
    Some(match word {
        "pending" => (None, None),
        "sent" => (Some(MessageStatus::Sent), None),
        "delivered" => (Some(MessageStatus::Delivered), None),
        "read" => (Some(MessageStatus::Read), None),
        "failed" => failed(MessageFailure::Other),
        "noAccount" | "notInGroup" => failed(MessageFailure::Undeliverable),
        // The line is slowed down, since too many complain of it.
        "yellowCard" => failed(MessageFailure::RateLimited),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::upstream::message_id;

    fn body(more: &str) -> String {
        format!(
            r#"{{"typeWebhook":"x","instanceData":{{"idInstance":1,"wid":"1@c.us"}},
                "timestamp":1795000000,
            "idMessage":"AAAA","senderData":{{"senderName":"x"}},"messageData":{{}}{more}}}"#
        )
    }

    #[test]
    fn a_message_is_told_with_its_direction_and_its_origin() {
        let (id, at) = (message_id("AAAA"), Some(Timestamp::from_secs(1_795_000_000)));
        for (kind, expected) in [
            ("incomingMessageReceived", MessageEvent::inbound(id, at)),
            ("outgoingMessageReceived", MessageEvent::outbound(id, at, Origin::Phone, None)),
            ("outgoingAPIMessageReceived", MessageEvent::outbound(id, at, Origin::Api, None)),
        ] {
            assert_eq!(told(kind, body("").as_bytes()), Some(expected), "{kind}");
        }
        assert_eq!(told("stateInstanceChanged", body("").as_bytes()), None);
        assert_eq!(told("incomingMessageReceived", br#"{"idMessage":7}"#), None);
    }

    #[test]
    fn every_status_of_the_documentation_is_read() {
        let failed = Some(MessageStatus::Failed);
        for (word, status, failure) in [
            ("sent", Some(MessageStatus::Sent), None),
            ("delivered", Some(MessageStatus::Delivered), None),
            ("read", Some(MessageStatus::Read), None),
            ("failed", failed, Some(MessageFailure::Other)),
            ("noAccount", failed, Some(MessageFailure::Undeliverable)),
            ("notInGroup", failed, Some(MessageFailure::Undeliverable)),
            ("yellowCard", failed, Some(MessageFailure::RateLimited)),
        ] {
            for (by_api, origin) in [(true, Some(Origin::Api)), (false, None)] {
                let more = format!(r#","status":"{word}","sendByApi":{by_api}"#);
                let event = told("outgoingMessageStatus", body(&more).as_bytes()).unwrap();
                assert_eq!((event.status, event.failure, event.origin), (status, failure, origin));
                assert!(!event.is_message);
            }
        }
        assert_eq!(told("outgoingMessageStatus", body(r#","status":"new""#).as_bytes()), None);
    }
}
