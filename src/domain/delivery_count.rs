//! What the upstream itself counted of a line's messages in half an hour: sent and delivered.
//!
//! Not here: how long it is known (`channel_delivery.rs`), and single messages, of which webhooks
//! and the gateway tell (`message_state.rs`).

use super::Timestamp;

/// The newest half hour in which a line sent something, as the upstream counted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryCount {
    /// When the half hour ended.
    pub end: Timestamp,
    /// Messages that were sent in it; never 0.
    pub sent: u32,
    /// Messages that were delivered in it.
    pub delivered: u32,
}

impl DeliveryCount {
    /// Delivered of sent in thousandths, rounded down, so that only all are 1. A message counts as
    /// delivered when it arrives, which may be in a later half hour: more than all are all.
    pub fn ratio_millis(&self) -> i64 {
        let sent = i64::from(self.sent.max(1));
        (i64::from(self.delivered) * 1000 / sent).min(1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_rounded_down_and_never_more_than_all() {
        for (sent, delivered, ratio) in
            [(120, 117, 975), (9999, 9998, 999), (3, 3, 1000), (3, 4, 1000), (7, 0, 0)]
        {
            let count = DeliveryCount { end: Timestamp::default(), sent, delivered };
            assert_eq!(count.ratio_millis(), ratio, "{delivered} of {sent}");
        }
    }
}
