//! A channel's status as Whapi writes it. Not when a channel has which: see `channel.rs`.

use std::borrow::Cow;

/// A status as Whapi writes it: a word and, mostly, a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhapiStatus {
    text: Cow<'static, str>,
    pub(super) code: Option<i64>,
}

impl WhapiStatus {
    /// Never launched, or asleep.
    pub const NOT_INIT: WhapiStatus = WhapiStatus::constant("NOT_INIT", Some(0));
    /// Booting.
    pub const INIT: WhapiStatus = WhapiStatus::constant("INIT", Some(1));
    /// Connecting.
    pub const LAUNCH: WhapiStatus = WhapiStatus::constant("LAUNCH", Some(2));
    /// Logged out: waits for the QR code to be scanned.
    pub const QR: WhapiStatus = WhapiStatus::constant("QR", Some(3));
    /// Healthy.
    pub const AUTH: WhapiStatus = WhapiStatus::constant("AUTH", Some(4));
    /// In error.
    pub const ERROR: WhapiStatus = WhapiStatus::constant("ERROR", Some(5));
    /// Sends, but cannot read chats and messages.
    pub const SYNC_ERROR: WhapiStatus = WhapiStatus::constant("SYNC_ERROR", Some(6));
    /// Deactivated; its number is not documented, so none is sent.
    pub const STOP: WhapiStatus = WhapiStatus::constant("STOP", None);

    /// The documented statuses.
    pub const ALL: &[WhapiStatus] = &[
        WhapiStatus::NOT_INIT,
        WhapiStatus::INIT,
        WhapiStatus::LAUNCH,
        WhapiStatus::QR,
        WhapiStatus::AUTH,
        WhapiStatus::ERROR,
        WhapiStatus::SYNC_ERROR,
        WhapiStatus::STOP,
    ];

    pub(crate) const fn constant(text: &'static str, code: Option<i64>) -> WhapiStatus {
        WhapiStatus { text: Cow::Borrowed(text), code }
    }

    /// Any word, with any number or none.
    pub fn new(text: impl Into<Cow<'static, str>>, code: Option<i64>) -> WhapiStatus {
        WhapiStatus { text: text.into(), code }
    }

    /// The word.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn has_session(&self) -> bool {
        matches!(self.text(), "AUTH" | "SYNC_ERROR")
    }
}
