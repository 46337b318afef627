//! The metrics of what moves on a channel: messages, how far they came, which wait, and when the
//! phone was last seen. A part of the catalog.
//!
//! There is none of a channel before the first message was told of: a zero must not stand for
//! "nobody looked".

use super::declaration::{Family, Kind, Label, Metric, Rows, Value, closed, metric};
use crate::domain::{Direction, MessageFailure, MessageState, MessageStatus, Origin};
use crate::fleet::Watched;

const DIRECTION: Label = closed("direction", Direction::LABELS);

/// The metrics of each channel's messages.
pub const DELIVERY: &[Family] = &[
    Family {
        metric: metric!(Counter "whatsapp_channel_messages_total",
            [DIRECTION, closed("origin", Origin::LABELS)]
            "Messages of the channel, each once, by direction and by who sent it: api through the \
             provider's API, phone on the phone itself, other elsewhere or not known; all inbound \
             ones are other. Absent before the first.",
            "From webhooks on messages and statuses, and from the application's sends through the \
             gateway. A message that is first known by its status counts as one whose origin is \
             `other`. What comes again, late or in another order is not counted twice. Nothing but \
             ids, as hashes, times and these words is read of a message.",
            "sum by (provider, channel) \
             (increase(whatsapp_channel_messages_total{direction=\"inbound\"}[1h]))"),
        rows: Rows::CountsIfAny(|w| messages(w).map(MessageState::message_counts)),
    },
    Family {
        metric: metric!(Counter "whatsapp_channel_message_statuses_total",
            [closed("status", MessageStatus::LABELS)]
            "Outbound messages of the channel that got this status, each once; sent means that \
             WhatsApp's server has it. Absent before the first message.",
            "A provider may leave statuses out, and people may have read receipts switched off, so \
             `read` is at least. In a group a status counts when the first recipient has it.",
            "sum by (provider, channel) \
             (increase(whatsapp_channel_message_statuses_total{status=\"delivered\"}[1h]))"),
        rows: Rows::CountsIfAny(|w| messages(w).map(MessageState::status_counts)),
    },
    Family {
        metric: metric!(Counter "whatsapp_channel_message_failures_total",
            [closed("reason", MessageFailure::LABELS)]
            "Outbound messages of the channel that failed, by the class of the reason. Absent \
             before the first message.",
            "`reengagement`, `undeliverable`, `experiment`, `ecosystem` and `user_opted_out` are \
             facts about recipients; all others are faults of the line. The classes are those \
             of the business API's error codes; gateways to linked phones seldom say more than \
             `other`.",
            "sum by (provider, channel, reason) \
             (increase(whatsapp_channel_message_failures_total{\
             reason!~\"reengagement|undeliverable|experiment\
             |ecosystem|user_opted_out\"}[1h])) \
             > 0"),
        rows: Rows::CountsIfAny(|w| messages(w).map(MessageState::failure_counts)),
    },
    Family {
        metric: metric!(Counter "whatsapp_channel_message_line_failures_total", []
            "Outbound messages of the channel that failed for reasons other than the recipient. \
             Absent before the first message.",
            "The sum of those reasons of `whatsapp_channel_message_failures_total`, in one series, \
             so that an alert on thousands of channels costs little.",
            "increase(whatsapp_channel_message_line_failures_total[15m]) > 5"),
        rows: Rows::One(|w, _| Some(messages(w)?.line_failures().into())),
    },
    Family {
        metric: metric!(Counter "whatsapp_channel_messages_forgotten_total", []
            "Messages that waited for an acknowledgement and were given up: at most 10,000 \
             of a channel and 100,000 of all wait, for at most a day. Absent before the first \
             message.",
            "The oldest are evicted first. An evicted message was never acknowledged: it is lost, \
             or webhooks on statuses do not arrive.",
            "increase(whatsapp_channel_messages_forgotten_total[1h]) > 0"),
        rows: Rows::One(|w, _| Some(messages(w)?.forgotten().into())),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_messages_unacknowledged", []
            "Messages that the API accepted and WhatsApp's server has not acknowledged. Absent \
             before the first message.",
            "Any status ends the waiting, whichever comes first. A message that the gateway saw \
             waits only where webhooks tell of messages. After a restart of the exporter nothing \
             waits.",
            "whatsapp_channel_messages_unacknowledged > 10"),
        rows: Rows::One(|w, _| {
            let waiting = messages(w)?.unacknowledged();
            Some(Value::Int(i64::try_from(waiting).unwrap_or(i64::MAX)))
        }),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_oldest_unacknowledged_message_timestamp_seconds", []
            "When the oldest message that waits for WhatsApp's acknowledgement was sent, in \
             seconds since the epoch; absent while none waits.",
            "An acknowledgement takes a second or two.",
            "time() - whatsapp_channel_oldest_unacknowledged_message_timestamp_seconds > 600"),
        rows: Rows::One(|w, _| messages(w)?.oldest_unacknowledged().map(Value::from)),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_last_acknowledgement_timestamp_seconds", []
            "When a message from the channel was last acknowledged, by WhatsApp or by its \
             recipient, in seconds since the epoch; absent until one was.",
            "Tells a line that is stuck from a single message that cannot be sent.",
            "time() - whatsapp_channel_last_acknowledgement_timestamp_seconds"),
        rows: Rows::One(|w, _| messages(w)?.last_acknowledged().map(Value::from)),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_last_message_timestamp_seconds", [DIRECTION]
            "When the last message of this direction was sent, in seconds since the epoch; absent \
             until one was told of.",
            "By the message's own time, or by when it came if it has none. Kept over restarts with \
             `STATE_FILE`.",
            "time() - whatsapp_channel_last_message_timestamp_seconds{direction=\"inbound\"}"),
        rows: Rows::Each(|w, _, at| {
            messages(w)?.last_message(*Direction::ALL.get(at)?).map(Value::from)
        }),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_phone_last_active_timestamp_seconds", []
            "When the phone itself was last seen to send, in seconds since the epoch: it was \
             opened then, or later without being seen. Absent until it was.",
            "A lower bound: whoever only reads on the phone is not seen. Which providers tell the \
             phone from other devices is in `docs/providers/`. Kept over restarts with \
             `STATE_FILE`.",
            "time() - whatsapp_channel_phone_last_active_timestamp_seconds > 12 * 86400"),
        rows: Rows::One(|w, _| messages(w)?.phone_active().map(Value::from)),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_phone_inactive_in_seconds", []
            "Minimum time until WhatsApp unlinks the devices of a phone that has not been opened \
             for 14 days, computed at the scrape; negative once it may have. Absent until the \
             phone was seen.",
            "A lower bound, as `whatsapp_channel_phone_last_active_timestamp_seconds` is: the \
             phone may have been opened since. For people; alerts compute it from there.",
            "whatsapp_channel_phone_inactive_in_seconds / 86400 < 2"),
        rows: Rows::One(|w, now| messages(w)?.phone_inactive_in_millis(now).map(Value::Millis)),
    },
];

fn messages(watched: &Watched) -> Option<&MessageState> {
    watched.channel()?.messages()
}
