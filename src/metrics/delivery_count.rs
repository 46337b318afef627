//! The metrics of what the upstream itself counted of a channel's messages. A part of the catalog.
//!
//! There is none of a channel whose upstream is not asked, or sent nothing for a day.

use super::declaration::{Family, Kind, Metric, Rows, Value, metric};

/// The metrics of each channel's newest half hour in which something was sent.
pub const DELIVERY_COUNT: &[Family] = &[
    Family {
        metric: metric!(Gauge "whatsapp_channel_delivery_ratio", []
            "Messages delivered of those sent by the channel in the newest complete half hour in \
             which it sent something, as the provider counts, from 0 to 1; absent while not known.",
            "Only where the settings have the provider asked for its `analytics`: for those who \
             receive no webhooks. To a thousandth, rounded down. What is delivered later than in \
             the half hour is missing, and what is delivered of earlier ones is counted in, so \
             that more than all are shown as 1; with few messages it says little. Look at its age, \
             and at `whatsapp_channel_analytics_sent_messages`. Gone once the half hour ended a \
             day ago.",
            "whatsapp_channel_delivery_ratio < 0.5 and \
             whatsapp_channel_analytics_sent_messages > 20"),
        rows: Rows::One(|w, now| {
            let count = w.channel()?.delivery_count(now)?;
            // A ratio in thousandths is written as a time in milliseconds is.
            Some(Value::Millis(count.ratio_millis()))
        }),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_analytics_sent_messages", []
            "Messages that the channel sent in the half hour of whatsapp_channel_delivery_ratio, \
             as the provider counts; absent as that is.",
            "",
            "sum(whatsapp_channel_delivery_ratio * whatsapp_channel_analytics_sent_messages) / \
             sum(whatsapp_channel_analytics_sent_messages)"),
        rows: Rows::One(|w, now| Some(Value::Int(w.channel()?.delivery_count(now)?.sent.into()))),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_delivery_ratio_timestamp_seconds", []
            "When the half hour of whatsapp_channel_delivery_ratio ended, in seconds since the \
             epoch; absent as that is.",
            "A half hour counts half an hour after its end at the earliest, and is asked for every \
             quarter of an hour.",
            "time() - whatsapp_channel_delivery_ratio_timestamp_seconds"),
        rows: Rows::One(|w, now| Some(w.channel()?.delivery_count(now)?.end.into())),
    },
];
