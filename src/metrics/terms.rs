//! The metrics of the terms on which a channel works: restrictions, the quota of new chats, and the
//! subscription. A part of the catalog.

use super::declaration::{Family, Kind, Label, Metric, Rows, Value, closed, metric};
use crate::domain::{QuotaLimit, Renewal, RestrictionReason, SubscriptionMode};

const RESTRICTION: Label = closed("reason", RestrictionReason::LABELS);

/// The metrics of each channel's terms.
pub const TERMS: &[Family] = &[
    Family {
        metric: metric!(Gauge "whatsapp_channel_restricted", [RESTRICTION]
            "Whether the channel works with restrictions: 1 for each reason in force, 0 for every \
             other; absent while the provider does not report restrictions.",
            "`new_chats`: it may not write to people it has no chat with. `quota`: it has begun as \
             many new chats as it may. `rate`: it is slowed down. `policy`: it has broken a rule. \
             Which providers tell of which is in `docs/providers/`. 0 as soon as the known end has \
             passed; absent once the last answer is stale.",
            "whatsapp_channel_restricted == 1"),
        rows: Rows::Each(|w, now, at| {
            let restrictions = w.channel()?.restrictions(now, w.policy())?;
            Some(restrictions.is_active(*RestrictionReason::ALL.get(at)?, now).into())
        }),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_restriction_end_timestamp_seconds", [RESTRICTION]
            "When a restriction in force ends, in seconds since the epoch; +Inf for never; absent \
             when it is not in force or its end is not known.",
            "",
            "whatsapp_channel_restriction_end_timestamp_seconds - time()"),
        rows: Rows::Each(|w, now, at| {
            let restrictions = w.channel()?.restrictions(now, w.policy())?;
            restrictions.end(*RestrictionReason::ALL.get(at)?, now).map(Value::from)
        }),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_new_chat_quota_limit", []
            "How many new chats WhatsApp lets the line begin in a period; +Inf if unlimited; \
             absent while unknown.",
            "Absent once the last answer is stale.",
            "whatsapp_channel_new_chat_quota_used / whatsapp_channel_new_chat_quota_limit > 0.8"),
        rows: Rows::One(|w, now| {
            Some(match w.channel()?.new_chat_quota(now, w.policy())?.limit? {
                QuotaLimit::Unlimited => Value::Infinity,
                QuotaLimit::Chats(chats) => chats.into(),
            })
        }),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_new_chat_quota_used", []
            "How many new chats the line has begun in this period; absent while not known.",
            "",
            "whatsapp_channel_new_chat_quota_limit - whatsapp_channel_new_chat_quota_used"),
        rows: Rows::One(|w, now| {
            w.channel()?.new_chat_quota(now, w.policy())?.used.map(Value::from)
        }),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_new_chat_quota_reset_timestamp_seconds", []
            "When the next period of the quota of new chats begins, in seconds since the epoch; \
             absent while not known.",
            "",
            "whatsapp_channel_new_chat_quota_reset_timestamp_seconds - time()"),
        rows: Rows::One(|w, now| {
            w.channel()?.new_chat_quota(now, w.policy())?.resets.map(Value::from)
        }),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_subscription_expiry_timestamp_seconds", []
            "When the channel's subscription at the provider ends, in seconds since the epoch; \
             +Inf when it never does; absent until known.",
            "The lists of partner accounts tell it. Stays after it has ended and while lists fail, \
             so that an alert on it does not resolve by itself.",
            "whatsapp_channel_subscription_expiry_timestamp_seconds - time() < 3 * 86400"),
        rows: Rows::One(|w, _| w.channel()?.subscription()?.expiry.map(Value::from)),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_subscription_expires_in_seconds", []
            "Time until the channel's subscription ends, computed at the scrape; negative once it \
             has; +Inf when it never does; absent until known.",
            "For people. Alerts compute it from \
             `whatsapp_channel_subscription_expiry_timestamp_seconds`, which does not change while \
             scrapes are lost.",
            "whatsapp_channel_subscription_expires_in_seconds / 86400"),
        rows: Rows::One(|w, now| {
            let expiry = w.channel()?.subscription()?.expiry?;
            Some(expiry.millis_left(now.unix).map_or(Value::Infinity, Value::Millis))
        }),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_subscription_info",
            [closed("mode", SubscriptionMode::LABELS), closed("renewal", Renewal::LABELS)]
            "Always 1; the kind of the channel's subscription, and what happens when it ends. \
             Absent until known.",
            "`automatic`: the provider renews it, so that its end is softer.",
            "whatsapp_channel_subscription_expires_in_seconds and on (provider, channel) \
             whatsapp_channel_subscription_info{renewal!=\"automatic\"}"),
        rows: Rows::Info(|w| {
            let subscription = w.channel()?.subscription()?;
            Some([subscription.mode.as_str(), subscription.renewal.as_str(), ""].map(str::as_bytes))
        }),
    },
];
