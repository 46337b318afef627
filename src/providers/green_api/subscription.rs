//! An instance's subscription, as a row of `getInstances` tells it.
//!
//! Not here: whether the instance still works; that is its state.
//!
//! Source: GREEN-API's documentation of `getInstances`: `expirationDate` with "partner instances
//! are renewed automatically", `isPartner`, and `isFree` for the plan "Developer". That dates
//! without a zone are UTC, and that other instances are renewed by hand, are guesses.

use super::instances::Instance;
use crate::domain::{Expiry, Renewal, Subscription, SubscriptionMode, Timestamp};

impl Instance {
    /// The subscription; `None` when nothing of it is told.
    pub(super) fn subscription(&self) -> Option<Subscription> {
        let (free, partner) = (self.is_free.flag(), self.is_partner.flag());
        let expiry = self.expiration_date.raw_text().and_then(date).map(Expiry::At);
        if expiry.is_none() && free.is_none() && partner.is_none() {
            return None;
        }
        let mode = match free {
            Some(true) => SubscriptionMode::Sandbox,
            Some(false) => SubscriptionMode::Live,
            None => SubscriptionMode::Other,
        };
        let renewal = match (free, partner) {
            (_, Some(true)) => Renewal::Automatic,
            (Some(false), Some(false)) => Renewal::Manual,
            _ => Renewal::Unknown,
        };
        // Nobody pays for a free one, so its date ends nothing.
        let expiry = expiry.filter(|_| free != Some(true));
        Some(Subscription { expiry, mode, renewal })
    }
}

/// `2026-01-01T00:00:00`, perhaps with parts of a second or a `Z`; `0001-01-01T00:00:00` stands for
/// none.
fn date(text: &str) -> Option<Timestamp> {
    let at = humantime::parse_rfc3339_weak(text.trim()).ok()?;
    let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok().map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(row: &str) -> Option<Subscription> {
        serde_json::from_str::<Instance>(row).unwrap().subscription()
    }

    #[test]
    fn a_row_tells_until_when_an_instance_is_paid_for_and_who_renews_it() {
        let new_year = Some(Expiry::At(Timestamp::from_secs(1_767_225_600)));
        let told = |expiry, mode, renewal| Some(Subscription { expiry, mode, renewal });
        for (row, expected) in [
            (
                r#"{"expirationDate":"2026-01-01T00:00:00","isFree":false,"isPartner":true}"#,
                told(new_year, SubscriptionMode::Live, Renewal::Automatic),
            ),
            (
                r#"{"expirationDate":"2026-01-01T00:00:00.000Z","isFree":"false","isPartner":0}"#,
                told(new_year, SubscriptionMode::Live, Renewal::Manual),
            ),
            (
                r#"{"expirationDate":"2026-01-01T00:00:00","isFree":true,"isPartner":false}"#,
                told(None, SubscriptionMode::Sandbox, Renewal::Unknown),
            ),
            (
                r#"{"expirationDate":"2026-01-01T00:00:00"}"#,
                told(new_year, SubscriptionMode::Other, Renewal::Unknown),
            ),
            (
                r#"{"expirationDate":"0001-01-01T00:00:00","isFree":false}"#,
                told(None, SubscriptionMode::Live, Renewal::Unknown),
            ),
            (r#"{"expirationDate":"soon"}"#, None),
            (r#"{"expirationDate":null,"isFree":null,"isPartner":{}}"#, None),
            ("{}", None),
        ] {
            assert_eq!(read(row), expected, "{row}");
        }
    }
}
