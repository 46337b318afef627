//! The metrics of the polls of each target, which are the same for every kind. A part of the
//! catalog.

use super::declaration::{Family, Kind, Label, Metric, Rows, Value, closed, metric};
use crate::domain::{FailureReason, TargetKind};

const FAILURE: Label = closed("reason", FailureReason::LABELS);

fn count(count: u64) -> Value {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

/// The metrics of the polls of each target, which are the same for every kind.
macro_rules! poll_families {
    ($kind:literal) => {
        &[
            Family {
                metric: metric!(Counter concat!("whatsapp_", $kind, "_polls_total"), []
                    concat!("Polls of the ", $kind, " that completed, successfully or not."),
                    "",
                    concat!("rate(whatsapp_", $kind, "_polls_total[5m])")),
                rows: Rows::One(|w, _| Some(count(w.polls().polls()))),
            },
            Family {
                metric: metric!(Counter concat!("whatsapp_", $kind, "_poll_failures_total"),
                    [FAILURE]
                    concat!("Polls of the ", $kind, " that failed, by reason."),
                    "A failed poll means that the state could not be read, not that the target is \
                     down; only `session_unauthorized` means both. An invalid token is a \
                     successful poll, not a failed one.",
                    concat!("sum by \
                        (", $kind, ", reason) \
                        (increase(whatsapp_", $kind, "_poll_failures_total[15m])) > 0")),
                rows: Rows::Counts(|w| w.polls().failure_counts().map(|counts| &counts[..])),
            },
            Family {
                metric: metric!(Gauge concat!("whatsapp_", $kind, "_poll_success"), []
                    concat!("Whether the last poll of \
                        the ", $kind, " brought an answer about it: 1 or 0; 0 before the first."),
                    "",
                    concat!("max_over_time(whatsapp_", $kind, "_poll_success[5m]) == 0")),
                rows: Rows::One(|w, _| Some(w.polls().last_succeeded().unwrap_or(false).into())),
            },
            Family {
                metric: metric!(Gauge concat!("whatsapp_", $kind, "_poll_consecutive_failures"),
                    [FAILURE]
                    concat!("How many polls of the ", $kind, " have failed in a row, with the \
                        reason of the last one; absent while the last poll succeeded."),
                    "A healthy target has no row, so that rules on a large fleet read only what \
                     fails.",
                    concat!("whatsapp_", $kind, "_poll_consecutive_failures >= 3")),
                rows: Rows::SingleOf(|w, _| {
                    let (reason, polls) = w.polls().consecutive_failures()?;
                    Some((reason.index(), polls.into()))
                }),
            },
            Family {
                metric: metric!(Gauge
                    concat!("whatsapp_", $kind, "_poll_last_success_timestamp_seconds"),
                    []
                    concat!("When a poll of \
                        the ", $kind, " last brought an answer about it, in seconds since the \
                        epoch; absent until one did."),
                    "The age of everything that is shown of the target.",
                    concat!("time() - whatsapp_", $kind, "_poll_last_success_timestamp_seconds")),
                rows: Rows::One(|w, _| w.polls().last_success().map(Value::from)),
            },
            Family {
                metric: metric!(Gauge concat!("whatsapp_", $kind, "_poll_interval_seconds"), []
                    concat!("Time between two polls of the ", $kind, ", as configured."),
                    "",
                    concat!("(time() - \
                        whatsapp_", $kind, "_poll_last_success_timestamp_seconds) / \
                        whatsapp_", $kind, "_poll_interval_seconds > 5")),
                rows: Rows::One(|w, _| Some(Value::Millis(w.policy().interval_millis()))),
            },
        ]
    };
}

/// The metrics of the polls of a kind of target.
pub const fn poll_families(kind: TargetKind) -> &'static [Family] {
    match kind {
        TargetKind::Channel => poll_families!("channel"),
        TargetKind::Token => poll_families!("token"),
        TargetKind::Source => poll_families!("source"),
        TargetKind::Account => poll_families!("account"),
    }
}
