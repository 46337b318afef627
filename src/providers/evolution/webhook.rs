//! Evolution's webhooks: `connection.update`, `status.instance` and those on messages.
//!
//! Not here: receiving them, and what is read of a message (`messages.rs`). The API key that each
//! delivery carries is skipped unread.
//!
//! Source: deliveries of a running 2.3.7, and `whatsapp.baileys.service.ts` for the states that
//! were not seen.

use std::time::UNIX_EPOCH;

use secrecy::SecretString;
use serde::Deserialize;

use super::messages;
use super::status::{closed_by, reported};
use super::webhook_check::{self, EvolutionWebhookCheck};
use crate::clock;
use crate::domain::{ChannelEvent, ChannelObservation, Reported, Timestamp};
use crate::provider::{HeadVerdict, Needed, Webhook, WebhookApi, WebhookCheck, WebhookHead};
use crate::upstream::lenient::{Lenient, is_whole_object};

/// Time zones differ by multiples of this.
const QUARTER_OF_AN_HOUR: i64 = 15 * 60 * 1000;

/// The zones furthest from UTC are 14 hours ahead and 12 behind.
const FURTHEST_ZONE: i64 = 14 * 60 * 60 * 1000;

/// The server's clock may be ahead of ours by so much.
const MAX_LEAD: i64 = 60 * 1000;

pub(super) struct EvolutionWebhooks;

impl WebhookApi for EvolutionWebhooks {
    /// Behind the path there may be the source, since two servers may have instances of one name,
    /// and the event, which the server appends with `byEvents`.
    fn has_path(&self, rest: &str) -> bool {
        rest.split('/').count() <= 2
    }

    fn authorize(&self, head: WebhookHead<'_>, secret: &SecretString) -> HeadVerdict {
        HeadVerdict::by_head(head.has_secret(secret))
    }

    /// The header is not named: a careless hand may have put the secret there.
    fn refusal(&self) -> &'static str {
        "the header that WEBHOOK_SECRET_HEADER names must hold the secret: set it in the webhook's \
         headers in Evolution"
    }

    fn events(&self, head: WebhookHead<'_>, body: &[u8]) -> Option<Vec<Webhook>> {
        interpret(body, head.rest, clock::now().unix)
    }

    fn check(&self) -> Option<&'static dyn WebhookCheck> {
        Some(&EvolutionWebhookCheck)
    }

    fn instructions(&self, needed: &Needed<'_>) -> String {
        webhook_check::instructions(needed)
    }
}

#[derive(Deserialize, Default)]
struct Envelope {
    #[serde(default)]
    event: Lenient,
    #[serde(default)]
    instance: Lenient,
    #[serde(default)]
    date_time: Lenient,
}

/// Read only of an event about the connection: other data are messages and QR codes.
#[derive(Deserialize, Default)]
struct WithData {
    #[serde(default)]
    data: Data,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Data {
    /// Of `connection.update`.
    #[serde(default)]
    state: Lenient,
    #[serde(default)]
    status_reason: Lenient,
    /// Of `status.instance`.
    #[serde(default)]
    status: Lenient,
    #[serde(default)]
    disconnection_reason_code: Lenient,
}

fn interpret(body: &[u8], rest: &str, received: Timestamp) -> Option<Vec<Webhook>> {
    if !is_whole_object(body) {
        return None;
    }
    let Envelope { event, instance, date_time } = serde_json::from_slice(body).unwrap_or_default();
    let name = event.raw_text().unwrap_or_default();
    let at = date_time.raw_text().and_then(|written| time(written, received));
    let channel_id = instance.raw_text().filter(|name| !name.is_empty());
    if let Some(messages) = messages::told(name, body, at) {
        return Some(Webhook::of_messages(source(rest, name), channel_id, messages));
    }
    let status = |status: Option<Reported>| {
        status.map_or(ChannelEvent::NoStatus, |status| {
            ChannelEvent::Status(ChannelObservation { at, ..ChannelObservation::new(status) })
        })
    };
    let what = match name {
        "connection.update" => {
            let Data { state, status_reason, .. } = data(body);
            let closed = closed_by(status_reason.integer());
            status(state.raw_text().map(|state| reported(state, closed)))
        }
        "status.instance" => {
            let Data { status: word, disconnection_reason_code, .. } = data(body);
            match word.raw_text() {
                Some("closed") => {
                    let closed = closed_by(disconnection_reason_code.integer());
                    status(Some(Reported::Known(closed)))
                }
                _ => ChannelEvent::Other,
            }
        }
        "qrcode.updated" => ChannelEvent::Qr,
        _ => ChannelEvent::Other,
    };
    let (source, channel_id) = (source(rest, name).map(Into::into), channel_id.map(Into::into));
    Some(vec![Webhook { source, channel_id, event: what }])
}

fn data(body: &[u8]) -> Data {
    serde_json::from_slice::<WithData>(body).unwrap_or_default().data
}

/// The source in the path: what is left of it without the event that `byEvents` appends.
fn source<'a>(rest: &'a str, event: &str) -> Option<&'a str> {
    let appended = event.replace('.', "-");
    let source = match rest.rsplit_once('/') {
        Some((before, last)) if last == appended => before,
        None if rest == appended => "",
        _ => rest,
    };
    (!source.is_empty()).then_some(source)
}

/// When an event happened. Evolution writes its local time and calls it UTC (`channel.service.ts`),
/// so the time zone is taken out: the event happened within the quarter of an hour before it came.
/// One that was retried for longer than that seems younger than it is.
fn time(written: &str, received: Timestamp) -> Option<Timestamp> {
    let written = humantime::parse_rfc3339(written).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let written = Timestamp::from_millis(i64::try_from(written.as_millis()).ok()?);
    let latest = received.plus_millis(MAX_LEAD);
    let late = latest.millis_since(written);
    if late.abs() > FURTHEST_ZONE + QUARTER_OF_AN_HOUR {
        return Some(written);
    }
    Some(latest.plus_millis(-late.rem_euclid(QUARTER_OF_AN_HOUR)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Status;

    /// As a running server sent it.
    const BODY: &str = r#"{"event":"connection.update","instance":"shop","data":{"instance":"shop",
        "state":"connecting","statusReason":200},
        "destination":"http://127.0.0.1:19090/evo","date_time":"2026-11-21T15:14:28.766Z",
        "server_url":"http://127.0.0.1:18082","apikey":"s3cret"}"#;

    /// 2026-11-21T15:14:28.766Z.
    const AT: i64 = 1_795_274_068_766;

    fn event(body: &str) -> Option<ChannelEvent> {
        let told = interpret(body.as_bytes(), "", Timestamp::from_millis(AT))?;
        told.into_iter().next().map(|webhook| webhook.event)
    }

    fn status(body: &str) -> Option<Reported> {
        match event(body) {
            Some(ChannelEvent::Status(observation)) => Some(observation.status),
            _ => None,
        }
    }

    #[test]
    fn a_state_comes_with_its_instance_and_its_time() {
        let received = Timestamp::from_millis(AT + 50);
        let webhook = interpret(BODY.as_bytes(), "", received).unwrap().remove(0);
        assert_eq!((webhook.source, webhook.channel_id), (None, Some("shop".into())));
        let expected = ChannelObservation {
            at: Some(Timestamp::from_millis(AT)),
            ..ChannelObservation::new(Reported::Known(Status::Launch))
        };
        assert_eq!(webhook.event, ChannelEvent::Status(expected));
    }

    #[test]
    fn close_is_told_with_its_reason() {
        for (state, reason, expected) in [
            ("open", "200", Status::Auth),
            ("close", "401", Status::Qr),
            ("close", "403", Status::Blocked),
            ("close", "402", Status::Error),
            ("close", "406", Status::Error),
            ("close", "428", Status::Stop),
            ("close", "null", Status::Stop),
            ("refused", "428", Status::Qr),
        ] {
            let body = format!(
                r#"{{"event":"connection.update","instance":"a","data":{{"state":"{state}",
                    "statusReason":{reason}}}}}"#
            );
            assert_eq!(status(&body), Some(Reported::Known(expected)), "{body}");
            if state == "close" {
                let body = format!(
                    r#"{{"event":"status.instance","instance":"a","data":{{"status":"closed",
                        "disconnectionReasonCode":{reason}}}}}"#
                );
                assert_eq!(status(&body), Some(Reported::Known(expected)), "{body}");
            }
        }
    }

    #[test]
    fn anything_else_says_nothing_of_a_status() {
        for (body, expected) in [
            (
                r#"{"event":"messages.upsert","instance":"a","data":{"state":"open"}}"#,
                Some(ChannelEvent::Other),
            ),
            (
                r#"{"event":"qrcode.updated","instance":"a","data":{"qrcode":{"code":"x"}}}"#,
                Some(ChannelEvent::Qr),
            ),
            (
                r#"{"event":"status.instance","instance":"a","data":{"status":"removed"}}"#,
                Some(ChannelEvent::Other),
            ),
            (r#"{"event":"connection.update","instance":"a"}"#, Some(ChannelEvent::NoStatus)),
            (
                r#"{"event":"connection.update","instance":"a","data":null}"#,
                Some(ChannelEvent::NoStatus),
            ),
            (
                r#"{"event":"connection.update","instance":"a","data":{"state":7}}"#,
                Some(ChannelEvent::NoStatus),
            ),
            ("{}", Some(ChannelEvent::Other)),
            ("[]", None),
            ("{", None),
        ] {
            assert_eq!(event(body), expected, "{body}");
        }
    }

    #[test]
    fn the_path_may_name_the_source_and_the_event() {
        for (rest, expected) in [
            ("", None),
            ("connection-update", None),
            ("eu", Some("eu")),
            ("eu/connection-update", Some("eu")),
            ("messages-upsert", Some("messages-upsert")),
        ] {
            assert_eq!(source(rest, "connection.update"), expected, "{rest}");
            assert!(EvolutionWebhooks.has_path(rest));
        }
        assert!(!EvolutionWebhooks.has_path("eu/connection-update/x"));
    }

    #[test]
    fn the_time_zone_of_the_server_does_not_matter() {
        let (minute, hour) = (60_000, 3_600_000);
        for zone in [0, 2 * hour, -3 * hour, 14 * hour, -12 * hour, 5 * hour + 45 * minute] {
            for late in [0, 200, 5 * minute, 13 * minute, -30_000] {
                // What the server writes, when it comes.
                let received = Timestamp::from_millis(AT + late - zone);
                let happened = Timestamp::from_millis(AT - zone);
                assert_eq!(
                    time("2026-11-21T15:14:28.766Z", received),
                    Some(happened),
                    "{zone} {late}"
                );
            }
        }
        let days_later = Timestamp::from_millis(AT + 50 * hour);
        let written = Some(Timestamp::from_millis(AT));
        assert_eq!(time("2026-11-21T15:14:28.766Z", days_later), written);
        for wrong in ["", "soon", "2026-11-21", "1795274068766"] {
            assert_eq!(time(wrong, days_later), None);
        }
    }
}
