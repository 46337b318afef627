//! `account_update`: bans and restrictions of an account, and their end.
//!
//! Not here: what else may happen to an account; the poll that follows tells it.

use serde::Deserialize;

use crate::domain::{AccountFact, AccountRestriction, Expiry};
use crate::upstream::lenient::{Lenient, LenientList, LenientObject, ListItem};

#[derive(Deserialize, Default)]
struct AccountUpdate {
    #[serde(default)]
    event: Lenient,
    #[serde(default)]
    ban_info: LenientObject<Ban>,
    #[serde(default)]
    restriction_info: LenientList<RestrictionInfo>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(default)]
    waba_ban_state: Lenient,
}

#[derive(Deserialize)]
struct RestrictionInfo {
    #[serde(default)]
    restriction_type: Lenient,
    /// Seconds; a date in words at resellers.
    #[serde(default)]
    expiration: Lenient,
}

impl ListItem for RestrictionInfo {
    fn says_anything(&self) -> bool {
        self.restriction_type != Lenient::default()
    }
}

pub(super) fn read(value: &[u8]) -> AccountFact {
    let update: AccountUpdate = serde_json::from_slice(value).unwrap_or_default();
    let ban = update.ban_info.0.as_ref().map(|ban| &ban.waba_ban_state);
    // Seen as one word and as a list of one.
    let ban = ban.and_then(|state| state.label().or_else(|| state.labels().into_iter().next()));
    match ban.as_deref() {
        Some("DISABLE") => {
            return AccountFact::Restricted(vec![(AccountRestriction::Banned, None)]);
        }
        Some("SCHEDULE_FOR_DISABLE") => {
            return AccountFact::Restricted(vec![(AccountRestriction::BanScheduled, None)]);
        }
        Some("REINSTATE") => return AccountFact::Reinstated,
        _ => {}
    }
    let LenientList(restrictions) = &update.restriction_info;
    let told: Vec<_> = restrictions.iter().map(RestrictionInfo::read).collect();
    match (told.is_empty(), update.event.raw_text()) {
        (false, _) => AccountFact::Restricted(told),
        (true, Some(_)) => AccountFact::Changed,
        (true, None) => AccountFact::Malformed,
    }
}

impl RestrictionInfo {
    fn read(&self) -> (AccountRestriction, Option<Expiry>) {
        let reason = match self.restriction_type.raw_text().unwrap_or_default() {
            "RESTRICTED_BIZ_INITIATED_MESSAGING" => AccountRestriction::BusinessInitiated,
            "RESTRICTED_CUSTOMER_INITIATED_MESSAGING" => AccountRestriction::CustomerInitiated,
            "RESTRICTED_ADD_PHONE_NUMBER_ACTION" => AccountRestriction::PhoneNumbers,
            word if word.contains("CALLING") => AccountRestriction::Calling,
            word if word.contains("TEMPLATES") => AccountRestriction::Templates,
            _ => AccountRestriction::Other,
        };
        let end = self.expiration.timestamp().filter(|end| end.millis() > 0);
        (reason, end.map(Expiry::At))
    }
}
