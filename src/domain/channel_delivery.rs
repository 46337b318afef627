//! What the upstream counted of a channel's messages, and how long that is known.
//!
//! Not here: messages that webhooks and the gateway tell of (`channel_messages.rs`).

use super::{ChannelState, DeliveryCount, Now};

/// Older half hours tell nothing of how a line delivers.
const DAY_MILLIS: i64 = 86_400_000;

impl ChannelState {
    /// Takes the newest half hour in which something was sent; `None` when in none was.
    pub fn delivery_counted(&mut self, count: Option<DeliveryCount>) {
        if self.terms.is_some() || count.is_some() {
            self.terms.get_or_insert_default().delivery = count;
        }
    }

    /// The newest half hour in which something was sent. It stays known while nothing newer is
    /// told, until it is a day old.
    pub fn delivery_count(&self, now: Now) -> Option<DeliveryCount> {
        let count = self.terms.as_ref()?.delivery;
        count.filter(|count| now.unix.millis_since(count.end) < DAY_MILLIS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::at;

    #[test]
    fn a_count_is_known_for_a_day_or_until_nothing_was_sent() {
        let mut channel = ChannelState::new(at(0));
        channel.delivery_counted(None);
        assert_eq!(channel.delivery_count(at(0)), None);
        let count = DeliveryCount { end: at(1800).unix, sent: 2, delivered: 1 };
        channel.delivery_counted(Some(count));
        assert_eq!(channel.delivery_count(at(1800 + 86_399)), Some(count));
        assert_eq!(channel.delivery_count(at(1800 + 86_400)), None);
        channel.delivery_counted(None);
        assert_eq!(channel.delivery_count(at(1800)), None);
    }
}
