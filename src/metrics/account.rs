//! The metrics of business accounts. A part of the catalog.

use super::declaration::{Family, Kind, Metric, Rows, Value, closed, metric, operator};
use crate::domain::{
    AccountEventKind, AccountRestriction, AccountWebhooks, ReviewStatus, TemplateCategory,
    TemplateStatus, WebhookOutcome,
};

/// The metrics of each account.
pub const ACCOUNT: &[Family] = &[
    Family {
        metric: metric!(Gauge "whatsapp_account_source_info",
            [operator("source")]
            "Always 1; the source that lists the account.",
            "Where several sources have the account, the one that is asked about it.",
            "(whatsapp_account_poll_success == 0) * on (provider, account) group_left (source) \
             whatsapp_account_source_info"),
        rows: Rows::Info(|w| {
            let source = w.target.source()?;
            Some([source.as_str().as_bytes(), &[], &[]])
        }),
    },
    Family {
        metric: metric!(Gauge "whatsapp_account_review_status",
            [closed("status", ReviewStatus::LABELS)]
            "Status of the account's review: 1 for the present status, 0 for every other; absent \
             while unknown and once the last answer is stale.",
            "`other` is a word that this version does not know.",
            "whatsapp_account_review_status{status=~\"REJECTED|RESTRICTED\"} == 1"),
        rows: Rows::Each(|w, now, at| {
            let review = w.account()?.review(now, w.policy())?;
            Some((review.index() == at).into())
        }),
    },
    Family {
        metric: metric!(Gauge "whatsapp_account_restricted",
            [closed("reason", AccountRestriction::LABELS)]
            "Whether a webhook told that the account may not do something: 1 for each restriction \
             in force, 0 for every other.",
            "Only webhooks tell of these, so all are 0 without them, and after a restart without \
             `STATE_FILE`. 0 as soon as the known end has passed.",
            "whatsapp_account_restricted == 1"),
        rows: Rows::Each(|w, now, at| {
            Some(w.account()?.is_restricted(*AccountRestriction::ALL.get(at)?, now).into())
        }),
    },
    Family {
        metric: metric!(Gauge "whatsapp_account_webhook_subscribed", []
            "Whether the account's webhooks go to the app whose token is watched, if they were \
             ever seen to, else to any app: 1 or 0; absent while not known.",
            "0 means that no answer of a customer and no status of a message arrives.",
            "whatsapp_account_webhook_subscribed == 0"),
        rows: Rows::One(|w, now| w.account()?.webhook_subscribed(now, w.policy()).map(Value::from)),
    },
    Family {
        metric: metric!(Gauge "whatsapp_account_templates",
            [
                closed("status", TemplateStatus::LABELS),
                closed("category", TemplateCategory::LABELS)
            ]
            "How many message templates the account has, by status and category; absent until \
             listed and once the last list is stale.",
            "`other` is a word that this version does not know.",
            "sum by (account, status) (whatsapp_account_templates{status!=\"APPROVED\"}) > 0"),
        rows: Rows::Each(|w, now, at| {
            let templates = w.account()?.templates(now, w.policy())?;
            templates.counts().get(at).map(|count| (*count).into())
        }),
    },
    Family {
        metric: metric!(Gauge "whatsapp_account_api_usage_ratio", []
            "How much of the upstream's limit of requests is used, by everybody, as its last \
             answer told; at 1 requests are refused. Absent until told.",
            "Upstreams tell it only when some of it is used. From a half of it on the account is \
             polled less often.",
            "whatsapp_account_api_usage_ratio > 0.75"),
        rows: Rows::One(|w, _| {
            let usage = w.account()?.usage()?;
            // Shown as a thousandth part: a percent is ten of them.
            Some(Value::Millis(i64::from(usage.percent) * 10))
        }),
    },
];

/// The metrics of each account that there are only with `WEBHOOK_SECRET`.
pub const ACCOUNT_WEBHOOK: &[Family] = &[
    Family {
        metric: metric!(Counter "whatsapp_account_webhook_events_total",
            [
                closed("event", AccountEventKind::LABELS),
                closed("outcome", WebhookOutcome::LABELS)
            ]
            "Accepted webhooks about the account, by event and outcome.",
            "`applied` told something new, or had the account polled at once. `duplicate` was \
             delivered before. `late` is older than what a poll has told since. `ignored` says \
             nothing that is kept. `malformed` does not hold what its event should.",
            "sum by (account, event) (increase(whatsapp_account_webhook_events_total[1h]))"),
        rows: Rows::Counts(|w| w.account()?.webhooks().map(AccountWebhooks::event_counts)),
    },
    Family {
        metric: metric!(Gauge "whatsapp_account_last_webhook_timestamp_seconds", []
            "When a webhook of the account last came, in seconds since the epoch; absent until one \
             did.",
            "",
            "time() - whatsapp_account_last_webhook_timestamp_seconds"),
        rows: Rows::One(|w, _| w.account()?.webhooks()?.last_event().map(Value::from)),
    },
];
