//! The changes of a delivery: which number or account each is about, and what it says.
//!
//! Not here: what is read of messages (`../message_statuses.rs`), and the parts of an
//! `account_update`.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::message_statuses;
use super::account_update;
use crate::domain::{AccountEvent, AccountEventKind, AccountFact, ReviewStatus};
use crate::provider::{AccountWebhook, Webhook};
use crate::upstream::lenient::{Lenient, LenientList, ListItem, is_object};

/// The fields that customers' messages, messages' statuses, and what was sent in the WhatsApp
/// Business app come in.
const MESSAGES: &[&str] = &["messages", "smb_message_echoes"];

#[derive(Deserialize, Default)]
struct MetaDelivery {
    #[serde(default)]
    entry: LenientList<AccountEntry>,
}

#[derive(Deserialize)]
struct AccountEntry {
    /// The account's id.
    #[serde(default)]
    id: Lenient,
    #[serde(default)]
    time: Lenient,
    #[serde(default)]
    changes: LenientList<FieldChange>,
}

#[derive(Deserialize)]
struct FieldChange {
    #[serde(default)]
    field: Lenient,
    /// Not read before it is known what it is: it may be somebody's message.
    #[serde(default)]
    value: Option<Box<RawValue>>,
}

impl ListItem for AccountEntry {
    fn says_anything(&self) -> bool {
        !self.changes.0.is_empty()
    }
}

impl ListItem for FieldChange {
    fn says_anything(&self) -> bool {
        self.field.raw_text().is_some()
    }
}

fn entries(body: &[u8]) -> Vec<AccountEntry> {
    let MetaDelivery { entry: LenientList(entries) } =
        serde_json::from_slice(body).unwrap_or_default();
    entries
}

/// What a delivery says of numbers: of each message that it tells of.
pub(super) fn of_numbers(body: &[u8]) -> Vec<Webhook> {
    let changes = entries(body).into_iter().flat_map(|entry| entry.changes.0);
    let values = changes.filter(FieldChange::tells_messages).filter_map(|change| change.value);
    let told = values.map(|value| message_statuses::message_events(value.get().as_bytes()).unzip());
    let webhooks = |(number, events): (Option<Box<str>>, Option<Vec<_>>)| {
        Webhook::of_messages(None, number.as_deref(), events.unwrap_or_default())
    };
    told.flat_map(webhooks).collect()
}

impl FieldChange {
    fn tells_messages(&self) -> bool {
        self.field.raw_text().is_some_and(|field| MESSAGES.contains(&field))
    }
}

/// What a delivery says of accounts.
pub(super) fn of_accounts(body: &[u8]) -> Vec<AccountWebhook> {
    let of_entry = |AccountEntry { id, time, changes: LenientList(changes) }: AccountEntry| {
        let account_id = id.label();
        let at = time.timestamp().filter(|at| at.millis() > 0);
        let others = changes.into_iter().filter(|change| !change.tells_messages());
        let event = move |change: FieldChange| {
            let mut hasher = DefaultHasher::new();
            (at, change.field.raw_text(), change.value.as_ref().map(|it| it.get()))
                .hash(&mut hasher);
            let kind = kind(change.field.raw_text());
            let fact = fact(kind, change.value.as_deref());
            let event = AccountEvent { kind, at, fact, fingerprint: hasher.finish() };
            AccountWebhook { account_id: account_id.clone(), event }
        };
        others.map(event).collect::<Vec<_>>()
    };
    entries(body).into_iter().flat_map(of_entry).collect()
}

fn kind(field: Option<&str>) -> AccountEventKind {
    field.and_then(|field| field.parse().ok()).unwrap_or(AccountEventKind::Other)
}

#[derive(Deserialize, Default)]
struct ReviewUpdate {
    #[serde(default)]
    decision: Lenient,
}

fn fact(kind: AccountEventKind, value: Option<&RawValue>) -> AccountFact {
    let Some(value) = value.map(|value| value.get().as_bytes()).filter(|value| is_object(value))
    else {
        return match kind {
            AccountEventKind::Other => AccountFact::None,
            _ => AccountFact::Malformed,
        };
    };
    match kind {
        AccountEventKind::AccountUpdate => account_update::read(value),
        AccountEventKind::AccountReviewUpdate => {
            let update: ReviewUpdate = serde_json::from_slice(value).unwrap_or_default();
            let decision = update.decision.raw_text().filter(|word| !word.is_empty());
            decision.map_or(AccountFact::Malformed, |word| {
                AccountFact::Review(word.parse().unwrap_or(ReviewStatus::Other))
            })
        }
        // They name numbers by the phone number, and tell only what changed: the poll that follows
        // tells what is.
        AccountEventKind::PhoneNumberQualityUpdate
        | AccountEventKind::BusinessCapabilityUpdate
        | AccountEventKind::MessageTemplateStatusUpdate => AccountFact::Changed,
        AccountEventKind::AccountAlerts | AccountEventKind::Security | AccountEventKind::Other => {
            AccountFact::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AccountRestriction, ChannelEvent, Expiry, Timestamp};

    /// The events of a delivery with one change.
    fn one(field: &str, value: &str) -> AccountEvent {
        let body = format!(
            r#"{{"object":"whatsapp_business_account","entry":[{{"id":"102","time":1795000000,
            "changes":[{{"field":"{field}","value":{value}}}]}}]}}"#
        );
        let mut all = of_accounts(body.as_bytes());
        assert_eq!(all.len(), 1, "{body}");
        assert_eq!(all[0].account_id.as_deref(), Some("102"));
        all.remove(0).event
    }

    #[test]
    fn several_entries_and_changes_come_in_one_body() {
        let body = r#"{"entry":[{"id":"1","time":1,"changes":[{"field":"security","value":{}},
            {"field":"new_field","value":3},
            {"field":"messages","value":{"metadata":{"phone_number_id":"106",
            "display_phone_number":"15550783881"},
            "messages":[{"text":{"body":"private"}}]}}]},null,
            {"id":2,"changes":[{"field":"account_alerts","value":{"alert_info":{}}}]},{"id":"3",
            "changes":{}}]}"#;
        let accounts = of_accounts(body.as_bytes());
        let told: Vec<_> =
            accounts.iter().map(|it| (it.account_id.as_deref().unwrap(), it.event.kind)).collect();
        use AccountEventKind::{AccountAlerts, Other, Security};
        assert_eq!(told, [("1", Security), ("1", Other), ("2", AccountAlerts)]);
        let numbers = of_numbers(body.as_bytes());
        let expected =
            Webhook { source: None, channel_id: Some("106".into()), event: ChannelEvent::Other };
        assert_eq!(numbers, [expected]);
        for body in
            ["{}", r#"{"entry":null}"#, r#"{"entry":[[]]}"#, r#"{"entry":[{"changes":[3]}]}"#]
        {
            assert!(of_accounts(body.as_bytes()).is_empty(), "{body}");
            assert!(of_numbers(body.as_bytes()).is_empty(), "{body}");
        }
    }

    #[test]
    fn an_account_update_tells_of_bans_and_restrictions() {
        use AccountRestriction::{BanScheduled, Banned, BusinessInitiated, Calling, Other};
        let at = |secs| Some(Expiry::At(Timestamp::from_secs(secs)));
        let fact = |value| one("account_update", value).fact;
        for (value, expected) in [
            (
                r#"{"event":"DISABLED_UPDATE","ban_info":{"waba_ban_state":"DISABLE",
                    "waba_ban_date":"April 17, 2025"}}"#,
                vec![(Banned, None)],
            ),
            (
                r#"{"event":"DISABLED_UPDATE",
                    "ban_info":{"waba_ban_state":["SCHEDULE_FOR_DISABLE"]}}"#,
                vec![(BanScheduled, None)],
            ),
            (
                r#"{"event":"ACCOUNT_RESTRICTION","restriction_info":[
                {"restriction_type":"RESTRICTED_BIZ_INITIATED_MESSAGING","expiration":1795086400},
                {"restriction_type":"RESTRICTED_BUSINESS_INITIATED_CALLING",
                "expiration":"May 1, 2026"},
                {"restriction_type":"A_NEW_WORD","expiration":"1795086400"}]}"#,
                vec![
                    (BusinessInitiated, at(1_795_086_400)),
                    (Calling, None),
                    (Other, at(1_795_086_400)),
                ],
            ),
        ] {
            assert_eq!(fact(value), AccountFact::Restricted(expected), "{value}");
        }
        let reinstated = r#"{"event":"DISABLED_UPDATE","ban_info":{"waba_ban_state":"REINSTATE"}}"#;
        assert_eq!(fact(reinstated), AccountFact::Reinstated);
        assert_eq!(fact(r#"{"event":"PARTNER_ADDED","waba_info":{"x":1}}"#), AccountFact::Changed);
        assert_eq!(
            fact(r#"{"event":"ACCOUNT_RESTRICTION","restriction_info":[]}"#),
            AccountFact::Changed
        );
        assert_eq!(fact("{}"), AccountFact::Malformed);
    }

    #[test]
    fn other_fields_tell_what_follows() {
        let review = one("account_review_update", r#"{"decision":"REJECTED"}"#);
        assert_eq!(review.fact, AccountFact::Review(ReviewStatus::Rejected));
        assert_eq!(review.at, Some(Timestamp::from_secs(1_795_000_000)));
        for (field, value, fact) in [
            (
                "account_review_update",
                r#"{"decision":"A_NEW_WORD"}"#,
                AccountFact::Review(ReviewStatus::Other),
            ),
            ("account_review_update", "{}", AccountFact::Malformed),
            ("phone_number_quality_update", r#"{"event":"FLAGGED"}"#, AccountFact::Changed),
            (
                "business_capability_update",
                r#"{"max_phone_numbers_per_waba":2}"#,
                AccountFact::Changed,
            ),
            ("message_template_status_update", r#"{"event":"PAUSED"}"#, AccountFact::Changed),
            ("message_template_status_update", "null", AccountFact::Malformed),
            ("security", r#"{"event":"PIN_RESET_REQUEST"}"#, AccountFact::None),
            ("flows", r#""x""#, AccountFact::None),
        ] {
            assert_eq!(one(field, value).fact, fact, "{field} {value}");
        }
    }

    #[test]
    fn the_same_event_delivered_again_is_known_by_its_fingerprint() {
        let paused = || one("message_template_status_update", r#"{"event":"PAUSED","id":1}"#);
        let other = one("message_template_status_update", r#"{"event":"PAUSED","id":2}"#);
        assert_eq!(paused().fingerprint, paused().fingerprint);
        assert_ne!(paused().fingerprint, other.fingerprint);
    }
}
