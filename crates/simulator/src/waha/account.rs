//! What WhatsApp lets the account of a simulated session do. Not the account itself.

use serde_json::{Value, json};

/// `me.reachoutTimelock`: whether the account may begin chats.
#[derive(Debug, Clone, Copy)]
pub struct WahaTimelock {
    /// `isActive`.
    pub active: bool,
    /// `timeEnforcementEnds`, in seconds since 1970.
    pub ends: u64,
}

/// `me.messageCapping`: how many chats it may begin.
#[derive(Debug, Clone)]
pub struct WahaCapping {
    /// `cappingStatus`: `NONE`, `FIRST_WARNING`, `SECOND_WARNING`, `CAPPED`.
    pub status: String,
    /// `totalQuota`; -1 for any number.
    pub total: i64,
    /// `usedQuota`.
    pub used: u64,
    /// `cycleEnd`, in seconds since 1970.
    pub cycle_end: u64,
}

/// What an account may do. Both are null where WAHA does not know.
#[derive(Debug, Clone, Default)]
pub struct WahaLimits {
    /// `me.reachoutTimelock`.
    pub timelock: Option<WahaTimelock>,
    /// `me.messageCapping`.
    pub capping: Option<WahaCapping>,
}

impl WahaLimits {
    pub(super) fn timelock(&self) -> Value {
        self.timelock.map_or(Value::Null, |timelock| {
            json!({
                "enforcementType": "RESTRICT_ALL_COMPANIONS",
                "isActive": timelock.active,
                "timeEnforcementEnds": timelock.ends,
            })
        })
    }

    pub(super) fn capping(&self) -> Value {
        self.capping.as_ref().map_or(Value::Null, |capping| {
            json!({
                "cappingStatus": capping.status,
                "totalQuota": capping.total,
                "usedQuota": capping.used,
                "cycleStart": capping.cycle_end.saturating_sub(2_600_000),
                "cycleEnd": capping.cycle_end,
                "mvStatus": "NOT_ELIGIBLE",
                "oteStatus": "NOT_ELIGIBLE",
            })
        })
    }
}
