//! The metrics of how WhatsApp rates a channel, and of what lets its messages through. A part of
//! the catalog.

use super::declaration::{Family, Kind, Metric, Rows, Value, closed, metric};
use crate::domain::{CanSend, HealthEntity, QualityRating, QuotaLimit};

/// The metrics of each channel's standing.
pub const STANDING: &[Family] = &[
    Family {
        metric: metric!(Gauge "whatsapp_channel_quality", [closed("rating", QualityRating::LABELS)]
            "How WhatsApp rates the channel's messages: 1 for the rating, 0 for every other; \
             absent while unknown.",
            "UNKNOWN is not rated, or a new word. RED for long leads to a lower limit. Absent once \
             the last answer is stale.",
            "whatsapp_channel_quality{rating=\"RED\"} == 1"),
        rows: Rows::Each(|w, now, at| {
            let quality = w.channel()?.standing(now, w.policy())?.quality?;
            Some((quality.index() == at).into())
        }),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_messaging_limit", []
            "How many conversations the business may begin in 24 hours; +Inf if unlimited; absent \
             while unknown.",
            "Shared by all numbers of a business portfolio. Answers to customers are not counted.",
            "whatsapp_channel_messaging_limit < \
             max_over_time(whatsapp_channel_messaging_limit[1d])"),
        rows: Rows::One(|w, now| {
            Some(match w.channel()?.standing(now, w.policy())?.messaging_limit? {
                QuotaLimit::Unlimited => Value::Infinity,
                QuotaLimit::Chats(chats) => chats.into(),
            })
        }),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_health",
            [closed("entity", HealthEntity::LABELS), closed("can_send", CanSend::LABELS)]
            "Whether each thing that a message needs lets it through: 1 for what is told of the \
             entity, 0 for the others; an entity is absent while nothing is told of it.",
            "The channel is BLOCKED when one is. Why, and what to do about it, is on the page, in \
             `/api/status` and in what `check` prints.",
            "whatsapp_channel_health{can_send!=\"AVAILABLE\"} == 1"),
        rows: Rows::Each(|w, now, at| {
            let health = &w.channel()?.standing(now, w.policy())?.health;
            let can_send = (*health.get(at / CanSend::COUNT)?)?;
            Some((can_send.index() == at % CanSend::COUNT).into())
        }),
    },
];
