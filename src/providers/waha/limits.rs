//! What WhatsApp lets a session's account do, as WAHA's `me` tells it: the reach-out time lock and
//! the quota of new chats.
//!
//! Not here: the account's id and name, which are skipped unread.
//!
//! Source: WAHA's `sessions.dto.ts` at 6aa4282 (`reachoutTimelock`, `messageCapping`, since
//! 2026.7). Both may be null, which says nothing: WhatsApp was seen to refuse new chats meanwhile
//! (WAHA's issue #2219).

use serde::Deserialize;

use crate::domain::{Expiry, NewChatQuota, QuotaLimit, RestrictionReason, Restrictions, Timestamp};
use crate::upstream::lenient::{Lenient, LenientObject};

/// Only what is needed of the account.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
pub(super) struct Me {
    #[serde(default)]
    reachout_timelock: LenientObject<ReachoutTimelock>,
    #[serde(default)]
    message_capping: LenientObject<MessageCapping>,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
struct ReachoutTimelock {
    #[serde(default)]
    is_active: Lenient,
    #[serde(default)]
    time_enforcement_ends: Lenient,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
struct MessageCapping {
    #[serde(default)]
    capping_status: Lenient,
    #[serde(default)]
    total_quota: Lenient,
    #[serde(default)]
    used_quota: Lenient,
    #[serde(default)]
    cycle_end: Lenient,
}

impl Me {
    /// What the account may not do; `None` when neither is told.
    pub(super) fn restrictions(&self) -> Option<Restrictions> {
        let (timelock, capping) = (&self.reachout_timelock.0, &self.message_capping.0);
        if timelock.is_none() && capping.is_none() {
            return None;
        }
        let mut told = Restrictions::NONE;
        if let Some(timelock) = timelock {
            let end = time(&timelock.time_enforcement_ends);
            // Without a word on whether it is active, its end decides.
            if timelock.is_active.flag().unwrap_or(end.is_some()) {
                told = told.with(RestrictionReason::NewChats, end.map(Expiry::At));
            }
        }
        if let Some(capping) = capping
            && capping.capping_status.raw_text() == Some("CAPPED")
        {
            let end = time(&capping.cycle_end).map(Expiry::At);
            told = told.with(RestrictionReason::Quota, end);
        }
        Some(told)
    }

    /// How many new chats it may begin.
    pub(super) fn quota(&self) -> Option<NewChatQuota> {
        let MessageCapping { total_quota, used_quota, cycle_end, .. } =
            self.message_capping.0.as_ref()?;
        let limit = match total_quota.integer() {
            Some(-1) => Some(QuotaLimit::Unlimited),
            Some(total) => u32::try_from(total).ok().map(QuotaLimit::Chats),
            None => None,
        };
        let used = used_quota.integer().and_then(|used| u32::try_from(used).ok());
        Some(NewChatQuota { limit, used, resets: time(cycle_end) })
    }
}

/// A time that is one: 0 stands for none.
fn time(value: &Lenient) -> Option<Timestamp> {
    value.timestamp().filter(|at| at.millis() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Now;

    fn me(json: &str) -> Me {
        serde_json::from_str(json).unwrap()
    }

    /// The reasons in force at a time, with their ends in seconds.
    fn active(json: &str, secs: i64) -> Option<Vec<(&'static str, Option<i64>)>> {
        let now = Now { unix: Timestamp::from_secs(secs), steady: 0 };
        let told = me(json).restrictions()?;
        let end = |reason| match told.end(reason, now) {
            Some(Expiry::At(at)) => Some(at.millis() / 1000),
            _ => None,
        };
        let active = RestrictionReason::ALL.iter().filter(|reason| told.is_active(**reason, now));
        Some(active.map(|reason| (reason.as_str(), end(*reason))).collect())
    }

    #[test]
    fn a_time_lock_and_a_used_up_quota_are_restrictions_until_they_end() {
        let locked = r#"{"id":"1@c.us",
            "reachoutTimelock":{"enforcementType":"RESTRICT_ALL_COMPANIONS",
            "isActive":true,"timeEnforcementEnds":1795600000}}"#;
        assert_eq!(active(locked, 1_795_000_000), Some(vec![("new_chats", Some(1_795_600_000))]));
        assert_eq!(active(locked, 1_795_600_000), Some(vec![]));
        let capped = r#"{"messageCapping":{"cappingStatus":"CAPPED","totalQuota":10,"usedQuota":10,
            "cycleEnd":1796100000}}"#;
        assert_eq!(active(capped, 1_795_000_000), Some(vec![("quota", Some(1_796_100_000))]));
    }

    #[test]
    fn what_is_not_told_is_not_known() {
        for nothing in [
            "{}",
            r#"{"reachoutTimelock":null,"messageCapping":null}"#,
            r#"{"reachoutTimelock":7,"messageCapping":"NONE"}"#,
        ] {
            assert_eq!(active(nothing, 0), None, "{nothing}");
            assert_eq!(me(nothing).quota(), None, "{nothing}");
        }
        for (free, expected) in [
            (r#"{"reachoutTimelock":{}}"#, vec![]),
            (r#"{"reachoutTimelock":{"isActive":false,"timeEnforcementEnds":1795600000}}"#, vec![]),
            (
                r#"{"reachoutTimelock":{"isActive":"true","timeEnforcementEnds":0}}"#,
                vec![("new_chats", None)],
            ),
            (
                r#"{"reachoutTimelock":{"timeEnforcementEnds":"1795600000"}}"#,
                vec![("new_chats", Some(1_795_600_000))],
            ),
            (r#"{"messageCapping":{"cappingStatus":"SECOND_WARNING"}}"#, vec![]),
            (r#"{"messageCapping":{"cappingStatus":"SOMETHING_NEW"}}"#, vec![]),
        ] {
            assert_eq!(active(free, 0), Some(expected), "{free}");
        }
    }

    #[test]
    fn a_quota_is_read_as_far_as_it_goes() {
        let quota = |json: &str| me(&format!(r#"{{"messageCapping":{json}}}"#)).quota();
        let resets = Some(Timestamp::from_secs(1_796_100_000));
        let read = NewChatQuota { limit: Some(QuotaLimit::Chats(1000)), used: Some(640), resets };
        let told = r#"{"cappingStatus":"FIRST_WARNING","totalQuota":1000,"usedQuota":640,
            "cycleEnd":1796100000}"#;
        assert_eq!(quota(told), Some(read));
        let uncapped =
            NewChatQuota { limit: Some(QuotaLimit::Unlimited), used: None, resets: None };
        let told = r#"{"cappingStatus":"NONE","totalQuota":-1,"usedQuota":null,"cycleEnd":0}"#;
        assert_eq!(quota(told), Some(uncapped));
        assert_eq!(quota(r#"{"totalQuota":-7,"usedQuota":"-1"}"#), Some(NewChatQuota::default()));
    }
}
