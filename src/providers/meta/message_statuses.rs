//! Meta's webhook field `messages`: how far messages came, and that there are any.
//!
//! Not here: receiving deliveries, and any other field. Of a `value` the phone number's id and of
//! each message its id, its time and its status are read; people, names and texts are skipped
//! unread.
//!
//! Source: Meta's reference of the `messages` webhook; classes of error codes as in pywa's
//! `errors.py`.

use serde::Deserialize;

use crate::domain::{MessageEvent, MessageFailure, MessageId, MessageStatus, Origin};
use crate::upstream::lenient::{Lenient, LenientObject};
use crate::upstream::lenient_message_id;
use crate::upstream::message_list::{MessageItem, MessageList};

#[derive(Deserialize)]
struct MessagesValue {
    #[serde(default)]
    metadata: LenientObject<Metadata>,
    #[serde(default)]
    statuses: MessageList<StatusItem>,
    #[serde(default)]
    messages: MessageList<Received>,
    /// Of the field `smb_message_echoes`: what was sent in the WhatsApp Business app.
    #[serde(default)]
    message_echoes: MessageList<Echo>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    phone_number_id: Lenient,
}

#[derive(Deserialize)]
struct StatusItem {
    #[serde(default)]
    id: Lenient,
    #[serde(default)]
    status: Lenient,
    #[serde(default)]
    timestamp: Lenient,
    #[serde(default)]
    errors: Errors,
}

/// The code of the first error.
#[derive(Default)]
struct Errors(Option<i64>);

#[derive(Deserialize)]
struct ErrorItem {
    #[serde(default)]
    code: Lenient,
}

impl<'de> Deserialize<'de> for Errors {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list: Vec<LenientObject<ErrorItem>> = Vec::deserialize(deserializer)?;
        Ok(Self(list.into_iter().find_map(|LenientObject(item)| item?.code.integer())))
    }
}

#[derive(Deserialize)]
struct Received {
    #[serde(default)]
    id: Lenient,
    #[serde(default)]
    timestamp: Lenient,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Echo(Received);

impl MessageItem for StatusItem {
    fn event(self) -> Option<MessageEvent> {
        let id = lenient_message_id(&self.id)?;
        let status: MessageStatus = self.status.raw_text()?.parse().ok()?;
        let failure = (status == MessageStatus::Failed)
            .then(|| self.errors.0.map_or(MessageFailure::Other, failure));
        Some(MessageEvent::status(id, self.timestamp.timestamp(), Some(status), failure))
    }
}

impl MessageItem for Received {
    fn event(self) -> Option<MessageEvent> {
        let id = lenient_message_id(&self.id)?;
        Some(MessageEvent::inbound(id, self.timestamp.timestamp()))
    }
}

impl MessageItem for Echo {
    fn event(self) -> Option<MessageEvent> {
        let id = lenient_message_id(&self.0.id)?;
        Some(MessageEvent::outbound(id, self.0.timestamp.timestamp(), Origin::Phone, None))
    }
}

/// The class of an error code of a message.
const fn failure(code: i64) -> MessageFailure {
    match code {
        131_047 => MessageFailure::Reengagement,
        131_026 => MessageFailure::Undeliverable,
        131_049 => MessageFailure::Ecosystem,
        130_472 => MessageFailure::Experiment,
        131_050 => MessageFailure::UserOptedOut,
        368 => MessageFailure::PolicyBlock,
        131_031 => MessageFailure::AccountLocked,
        4 | 80_007 | 130_429 | 131_048 | 131_056 => MessageFailure::RateLimited,
        131_042 => MessageFailure::Payment,
        132_015 => MessageFailure::TemplatePaused,
        132_016 => MessageFailure::TemplateDisabled,
        132_000..=132_012 => MessageFailure::TemplateOther,
        133_010 => MessageFailure::NotRegistered,
        131_057 => MessageFailure::Maintenance,
        131_037 => MessageFailure::DisplayName,
        0 | 190 => MessageFailure::Auth,
        3 | 10 | 200..=299 | 131_005 => MessageFailure::Permission,
        _ => MessageFailure::Other,
    }
}

/// The phone number's id and the events of the `value` of a change; `None` if it names no number.
pub(super) fn message_events(value: &[u8]) -> Option<(Box<str>, Vec<MessageEvent>)> {
    let MessagesValue { metadata, statuses, messages, message_echoes } =
        serde_json::from_slice(value).ok()?;
    let number = metadata.0?.phone_number_id.label()?;
    let mut events = messages.events;
    events.extend(message_echoes.events);
    events.extend(statuses.events);
    Some((number, events))
}

#[derive(Deserialize)]
struct Accepted {
    #[serde(default)]
    messages: MessageList<Received>,
}

/// The message that an answer to a send says was accepted.
pub(super) fn accepted(answer: &[u8]) -> Option<MessageId> {
    let Accepted { messages } = serde_json::from_slice(answer).ok()?;
    messages.events.first().map(|event| event.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::upstream::message_id;

    fn events(rest: &str) -> Vec<MessageEvent> {
        let value = format!(
            r#"{{"messaging_product":"whatsapp","metadata":{{"display_phone_number":"15550783881",
            "phone_number_id":"106540352242922"}},{rest}}}"#
        );
        let (number, events) = message_events(value.as_bytes()).unwrap();
        assert_eq!(&*number, "106540352242922");
        events
    }

    #[test]
    fn every_status_is_read_with_its_time() {
        for status in MessageStatus::ALL {
            let told = events(&format!(
                r#""statuses":[{{"id":"wamid.A","status":"{}","timestamp":"1795000000",
                "recipient_id":"16505551234","pricing":{{"billable":true}}}}]"#,
                status.as_str()
            ));
            assert_eq!((told.len(), told[0].id), (1, message_id("wamid.A")));
            assert_eq!(told[0].status, Some(*status));
            assert_eq!(told[0].at, Some(Timestamp::from_secs(1_795_000_000)));
        }
    }

    #[test]
    fn every_code_has_its_class() {
        for (codes, expected) in [
            (&[131_047][..], MessageFailure::Reengagement),
            (&[131_026], MessageFailure::Undeliverable),
            (&[131_049], MessageFailure::Ecosystem),
            (&[130_472], MessageFailure::Experiment),
            (&[368], MessageFailure::PolicyBlock),
            (&[131_031], MessageFailure::AccountLocked),
            (&[80_007, 130_429, 131_056, 131_048, 4], MessageFailure::RateLimited),
            (&[131_042], MessageFailure::Payment),
            (&[132_015], MessageFailure::TemplatePaused),
            (&[132_016], MessageFailure::TemplateDisabled),
            (&[132_000, 132_012], MessageFailure::TemplateOther),
            (&[131_050], MessageFailure::UserOptedOut),
            (&[133_010], MessageFailure::NotRegistered),
            (&[131_057], MessageFailure::Maintenance),
            (&[131_037], MessageFailure::DisplayName),
            (&[0, 190], MessageFailure::Auth),
            (&[3, 10, 200, 299, 131_005], MessageFailure::Permission),
            (&[1, 132_013, -7], MessageFailure::Other),
        ] {
            for code in codes {
                let told = events(&format!(
                    r#""statuses":[{{"id":"a","status":"failed","errors":[null,{{"code":{code},
                        "title":"x",
                    "error_data":{{"details":"x"}}}}]}}]"#
                ));
                assert_eq!(told[0].failure, Some(expected), "{code}");
            }
        }
        let bare = events(r#""statuses":[{"id":"a","status":"failed"}]"#);
        assert_eq!(bare[0].failure, Some(MessageFailure::Other));
    }

    #[test]
    fn messages_and_echoes_have_their_direction() {
        let at = Some(Timestamp::from_secs(1_795_000_000));
        let told = events(
            r#""contacts":[{"profile":{"name":"x"}}],"messages":[{"from":"1650","id":"wamid.B",
            "timestamp":"1795000000","text":{"body":"x"},"type":"text"}]"#,
        );
        assert_eq!(told, [MessageEvent::inbound(message_id("wamid.B"), at)]);
        let told = events(r#""message_echoes":[{"id":"wamid.C","timestamp":"1795000000"}]"#);
        let expected = MessageEvent::outbound(message_id("wamid.C"), at, Origin::Phone, None);
        assert_eq!(told, [expected]);
    }

    #[test]
    fn an_answer_to_a_send_names_the_message() {
        let answer = br#"{"messaging_product":"whatsapp","contacts":[{"input":"1","wa_id":"1"}],
            "messages":[{"id":"wamid.A","message_status":"accepted"}]}"#;
        assert_eq!(accepted(answer), Some(message_id("wamid.A")));
        assert_eq!(accepted(br#"{"success":true}"#), None);
    }

    #[test]
    fn what_names_no_number_or_no_message_is_nothing() {
        for value in ["", "[]", "{}", r#"{"metadata":{}}"#, r#"{"metadata":7,"statuses":[]}"#] {
            assert_eq!(message_events(value.as_bytes()), None, "{value}");
        }
        assert_eq!(events(r#""statuses":[{},{"id":"a"},{"id":"a","status":"new"},7]"#), []);
    }
}
