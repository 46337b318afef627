//! The terms of a channel, as polls, webhooks and lists tell of them.
//!
//! Not here: what its upstream counted of its messages; that is in `channel_delivery.rs`.

use super::{
    ChannelState, NewChatQuota, Now, PollPolicy, Restrictions, Standing, Subscription, Timestamp,
};

impl ChannelState {
    /// Takes what the line may do, and how it is rated, by the newest answer.
    pub(super) fn limit(
        &mut self,
        restrictions: Option<Restrictions>,
        quota: Option<NewChatQuota>,
        standing: Option<Box<Standing>>,
    ) {
        let told = restrictions.is_some() || quota.is_some() || standing.is_some();
        if self.terms.is_some() || told {
            let terms = self.terms.get_or_insert_default();
            (terms.restrictions, terms.quota, terms.standing) = (restrictions, quota, standing);
        }
    }

    /// Takes what a list says of the channel's subscription.
    pub fn subscribed(&mut self, now: Now, subscription: Subscription) {
        self.terms.get_or_insert_default().subscribed(now, subscription);
    }

    /// What the line may not do; `None` when the newest answer said nothing of that, and once it is
    /// stale.
    pub fn restrictions(&self, now: Now, policy: PollPolicy) -> Option<Restrictions> {
        self.terms.as_ref()?.restrictions.filter(|_| self.polls.stale_since(now, policy).is_none())
    }

    /// How many new chats it may begin; `None` as for [`Self::restrictions`].
    pub fn new_chat_quota(&self, now: Now, policy: PollPolicy) -> Option<NewChatQuota> {
        self.terms.as_ref()?.quota.filter(|_| self.polls.stale_since(now, policy).is_none())
    }

    /// How WhatsApp rates it; `None` as for [`Self::restrictions`].
    pub fn standing(&self, now: Now, policy: PollPolicy) -> Option<&Standing> {
        let standing = self.terms.as_ref()?.standing.as_deref();
        standing.filter(|_| self.polls.stale_since(now, policy).is_none())
    }

    /// Whether anything was told of its terms: restrictions, quota, standing, subscription, counts.
    pub const fn has_terms(&self) -> bool {
        self.terms.is_some()
    }

    /// Until when it is paid for. Stays known after that and while lists fail.
    pub fn subscription(&self) -> Option<Subscription> {
        self.terms.as_ref()?.subscription
    }

    /// When the end of the subscription was last seen to move to a later time.
    pub fn extended(&self) -> Option<Timestamp> {
        self.terms.as_ref()?.extended
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::time::at;
    use crate::domain::{
        ChannelEvent, ChannelObservation, Expiry, Failure, FailureReason, Renewal, Reported,
        RestrictionReason, Status, SubscriptionMode,
    };

    const POLICY: PollPolicy =
        PollPolicy { interval: Duration::from_secs(30), stale_after: Duration::from_secs(300) };

    fn observed(restrictions: Option<Restrictions>) -> ChannelObservation {
        ChannelObservation {
            restrictions,
            quota: restrictions.map(|_| NewChatQuota { used: Some(7), ..NewChatQuota::default() }),
            ..ChannelObservation::new(Reported::Known(Status::Auth))
        }
    }

    fn locked() -> Option<Restrictions> {
        Some(Restrictions::NONE.with(RestrictionReason::NewChats, None))
    }

    #[test]
    fn restrictions_are_what_the_newest_answer_says_until_it_is_stale() {
        let mut channel = ChannelState::new(at(0));
        assert_eq!(channel.restrictions(at(0), POLICY), None);
        channel.apply(at(0), POLICY, Ok(observed(None)));
        assert_eq!(channel.restrictions(at(0), POLICY), None);
        channel.apply(at(30), POLICY, Ok(observed(locked())));
        assert_eq!(channel.restrictions(at(30), POLICY), locked());
        channel.apply(at(60), POLICY, Err(Failure::new(FailureReason::Timeout, "x")));
        assert_eq!(channel.restrictions(at(60), POLICY), locked());
        assert!(channel.new_chat_quota(at(60), POLICY).is_some());
        assert_eq!(channel.restrictions(at(360), POLICY), None, "the answer is stale");
        assert_eq!(channel.new_chat_quota(at(360), POLICY), None);
        channel.apply(at(370), POLICY, Ok(observed(Some(Restrictions::NONE))));
        assert_eq!(channel.restrictions(at(370), POLICY), Some(Restrictions::NONE));
        channel.apply(at(400), POLICY, Ok(observed(None)));
        assert_eq!(channel.restrictions(at(400), POLICY), None, "the answer says nothing of them");
    }

    #[test]
    fn a_webhook_adds_what_it_tells_and_takes_nothing_away() {
        let mut channel = ChannelState::new(at(0)).with_webhooks();
        let event = |secs, restrictions| {
            let at = Some(Timestamp::from_secs(secs));
            ChannelEvent::Status(ChannelObservation { at, ..observed(restrictions) })
        };
        channel.apply_event(at(10), POLICY, event(10, locked()));
        assert_eq!(channel.restrictions(at(10), POLICY), locked());
        channel.apply_event(at(20), POLICY, event(20, None));
        assert_eq!(channel.restrictions(at(20), POLICY), locked());
        channel.apply_event(at(30), POLICY, event(15, Some(Restrictions::NONE)));
        assert_eq!(channel.restrictions(at(30), POLICY), locked(), "older than what is known");
    }

    #[test]
    fn the_end_of_a_subscription_stays_when_a_list_leaves_it_out_and_a_later_one_extends_it() {
        let mut channel = ChannelState::new(at(0));
        let told = |end: Option<i64>| Subscription {
            expiry: end.map(|secs| Expiry::At(Timestamp::from_secs(secs))),
            mode: SubscriptionMode::Live,
            renewal: Renewal::Automatic,
        };
        assert_eq!(channel.subscription(), None);
        channel.subscribed(at(1), told(Some(100)));
        channel.subscribed(at(2), told(None));
        assert_eq!(channel.subscription(), Some(told(Some(100))));
        channel.apply(at(400), POLICY, Ok(observed(None)));
        channel.subscribed(at(401), told(Some(90)));
        assert_eq!((channel.subscription(), channel.extended()), (Some(told(Some(90))), None));
        channel.subscribed(at(402), told(Some(500)));
        assert_eq!(channel.extended(), Some(Timestamp::from_secs(402)));
    }
}
