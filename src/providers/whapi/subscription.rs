//! A channel's subscription, as a row of the partner list tells it.
//!
//! Not here: whether the channel still works; that is its health.
//!
//! Source: Whapi's OpenAPI of its partner API, 0.1.1. That a channel with a recurrent payment
//! renews itself, and that one without does not, are guesses. The payment's id is not kept.

use super::partner::PartnerChannel;
use crate::domain::{Expiry, Renewal, Subscription, SubscriptionMode};
use crate::upstream::lenient::Lenient;

impl PartnerChannel {
    /// The subscription; `None` when nothing of it is told. `mode` is "live" where it is left out.
    pub(super) fn subscription(&self) -> Option<Subscription> {
        let mode = match self.mode.raw_text() {
            None | Some("" | "live") => SubscriptionMode::Live,
            Some("trial") => SubscriptionMode::Trial,
            Some("dev") => SubscriptionMode::Sandbox,
            Some(_) => SubscriptionMode::Other,
        };
        let time = |field: &Lenient| field.timestamp().filter(|at| at.millis() > 0);
        let trial = || time(&self.trial).filter(|_| mode == SubscriptionMode::Trial);
        let expiry = time(&self.active_till).or_else(trial).map(Expiry::At);
        if expiry.is_none() && self.mode.raw_text().is_none() {
            return None;
        }
        let renewal = match &self.recurrent_payment_id {
            Some(id) if id.label().is_some() => Renewal::Automatic,
            Some(_) => Renewal::Manual,
            None => Renewal::Unknown,
        };
        Some(Subscription { expiry, mode, renewal })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn read(row: &str) -> Option<Subscription> {
        serde_json::from_str::<PartnerChannel>(row).unwrap().subscription()
    }

    #[test]
    fn a_row_tells_until_when_a_channel_is_active_and_who_renews_it() {
        use Renewal::{Automatic, Manual, Unknown};
        use SubscriptionMode::{Live, Other, Sandbox, Trial};
        let end = Some(Expiry::At(Timestamp::from_secs(1_796_083_200)));
        let told = |expiry, mode, renewal| Some(Subscription { expiry, mode, renewal });
        for (row, expected) in [
            (r#"{"activeTill":1796083200000,"mode":"live"}"#, told(end, Live, Unknown)),
            (r#"{"activeTill":"1796083200"}"#, told(end, Live, Unknown)),
            (
                r#"{"activeTill":1796083200,"mode":"","recurrentPaymentId":"1z5dc43s4d6"}"#,
                told(end, Live, Automatic),
            ),
            (r#"{"activeTill":1796083200,"recurrentPaymentId":""}"#, told(end, Live, Manual)),
            (r#"{"activeTill":1796083200,"recurrentPaymentId":null}"#, told(end, Live, Manual)),
            (
                r#"{"activeTill":1796083200,"trial":1,"mode":"trial","recurrentPaymentId":7}"#,
                told(end, Trial, Automatic),
            ),
            (r#"{"activeTill":0,"trial":1796083200,"mode":"trial"}"#, told(end, Trial, Unknown)),
            (
                r#"{"activeTill":null,"trial":1796083200,"mode":"dev"}"#,
                told(None, Sandbox, Unknown),
            ),
            (r#"{"activeTill":1796083200,"mode":"dev_archive"}"#, told(end, Other, Unknown)),
            (r#"{"activeTill":"soon"}"#, None),
            ("{}", None),
        ] {
            assert_eq!(read(row), expected, "{row}");
        }
    }
}
