//! What a person should know of what moves on a channel: messages that wait, the last ones, and the
//! phone.
//!
//! Not here: whether the channel claims to be well; that is `status_report.rs`.

use serde::Serialize;

use super::advice::Advice;
use super::humanize;
use crate::domain::{DeliveryCount, Direction, Now, Timestamp};
use crate::fleet::Watched;

/// The messages of a channel. All times are `null` until something was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeliveryView {
    /// Messages that the API accepted and WhatsApp's server has not acknowledged.
    pub unacknowledged: usize,
    /// When the oldest of them was sent; null while none waits.
    pub oldest_unacknowledged: Option<String>,
    /// Whether it waits for more than ten minutes.
    pub stuck: bool,
    /// When the last message to the line was sent.
    pub last_inbound: Option<String>,
    /// When the last message from the line was sent.
    pub last_outbound: Option<String>,
    /// When the phone itself was last seen to send. It may have been opened since.
    pub phone_last_active: Option<String>,
    /// The same in words, for the page.
    #[serde(skip)]
    pub notes: Vec<String>,
}

/// What the provider counted in the newest half hour in which the channel sent something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeliveryCountView {
    /// When the half hour ended.
    pub until: String,
    /// Messages that were sent in it.
    pub sent: u32,
    /// Messages that were delivered in it; some may be of earlier half hours.
    pub delivered: u32,
    /// The same in words.
    #[serde(skip)]
    pub words: String,
}

/// What the provider counted; `None` when it is not asked, or the channel sent nothing for a day.
pub(super) fn count(watched: &Watched, now: Now) -> Option<DeliveryCountView> {
    let count = watched.channel()?.delivery_count(now)?;
    let DeliveryCount { end, sent, delivered } = count;
    let (ratio, messages) = (count.ratio_millis(), if sent == 1 { "message" } else { "messages" });
    let percent = match ratio % 10 {
        0 => (ratio / 10).to_string(),
        rest => format!("{}.{rest}", ratio / 10),
    };
    let words = format!(
        "{percent} % of {sent} {messages} delivered in the half hour that ended {}",
        ago(end, now)
    );
    Some(DeliveryCountView { until: humanize::rfc3339(end), sent, delivered, words })
}

/// Two days before the 14th; the alert rules hold the same.
const PHONE_NOTICE_MILLIS: i64 = 2 * 86_400_000;

/// What moves on a channel; `None` if nothing was told of messages.
pub fn view(watched: &Watched, now: Now) -> Option<DeliveryView> {
    let messages = watched.channel()?.messages()?;
    let (last_in, last_out) =
        (messages.last_message(Direction::Inbound), messages.last_message(Direction::Outbound));
    let oldest = messages.oldest_unacknowledged();
    let mut notes = Vec::new();
    if let Some(stuck) = stuck(watched, now) {
        notes.push(stuck);
    } else if let Some(waiting) = oldest.map(|at| ago(at, now)) {
        let count = messages.unacknowledged();
        notes.push(format!("{count} not acknowledged yet, the oldest sent {waiting}"));
    }
    let last = |what, at: Option<Timestamp>| at.map(|at| format!("last {what} {}", ago(at, now)));
    notes.extend([last("received", last_in), last("sent", last_out)].into_iter().flatten());
    if messages.phone_inactive_in_millis(now).is_some_and(|left| left <= PHONE_NOTICE_MILLIS)
        && let Some(at) = messages.phone_active()
    {
        notes.push(format!("phone last seen {}", ago(at, now)));
    }
    Some(DeliveryView {
        unacknowledged: messages.unacknowledged(),
        oldest_unacknowledged: oldest.map(humanize::rfc3339),
        stuck: messages.stuck_since(now).is_some(),
        last_inbound: last_in.map(humanize::rfc3339),
        last_outbound: last_out.map(humanize::rfc3339),
        phone_last_active: messages.phone_active().map(humanize::rfc3339),
        notes,
    })
}

/// That messages are stuck, in words; `None` while they are not.
pub fn stuck(watched: &Watched, now: Now) -> Option<String> {
    let messages = watched.channel()?.messages()?;
    let since = messages.stuck_since(now)?;
    let (what, wait) = match messages.unacknowledged() {
        1 => ("1 message".to_owned(), "waits"),
        many => (format!("{many} messages"), "wait"),
    };
    Some(format!(
        "{what} {wait} for WhatsApp's acknowledgement, the oldest since {}",
        humanize::rfc3339(since)
    ))
}

/// What to do about messages that do not arrive.
pub(super) fn stuck_advice(watched: &Watched, now: Now) -> Option<Advice> {
    watched.channel()?.messages()?.stuck_since(now)?;
    let todo = "Messages are accepted and not acknowledged. Send one to a phone of your own; if it \
        does not arrive, restart the channel at the provider. If it does, webhooks on statuses do \
        not reach the exporter.";
    Some(Advice::new(todo, "WhatsAppChannelMessagesStuck"))
}

/// What to do about a phone that was not seen for long.
pub(super) fn phone_advice(watched: &Watched, now: Now) -> Option<Advice> {
    let left = watched.channel()?.messages()?.phone_inactive_in_millis(now)?;
    let todo = "The phone was not seen for at least 12 days. Open WhatsApp on it and send a \
        message: after 14 days WhatsApp unlinks all devices.";
    (left <= PHONE_NOTICE_MILLIS).then(|| Advice::new(todo, "WhatsAppChannelPhoneInactive"))
}

fn ago(at: Timestamp, now: Now) -> String {
    humanize::distance(at.millis(), now)
}
