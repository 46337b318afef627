//! The terms on which a line works: what it may not do, how much it may, and until when; and what
//! the upstream counted of its messages.
//!
//! Kept apart from the rest of a channel's state, since most providers tell nothing of the kind.

use super::{
    DeliveryCount, Expiry, NewChatQuota, Now, Restrictions, Standing, Subscription, Timestamp,
};

/// What was last told of each; `None` while nothing was.
#[derive(Debug, Clone, Default)]
pub(super) struct ChannelTerms {
    pub(super) restrictions: Option<Restrictions>,
    pub(super) quota: Option<NewChatQuota>,
    pub(super) standing: Option<Box<Standing>>,
    pub(super) subscription: Option<Subscription>,
    /// When its end was last seen to move to a later time.
    pub(super) extended: Option<Timestamp>,
    pub(super) delivery: Option<DeliveryCount>,
}

impl ChannelTerms {
    /// Takes what a list says of the subscription. An end that it leaves out is kept.
    pub(super) fn subscribed(&mut self, now: Now, told: Subscription) {
        let before = self.subscription.and_then(|before| before.expiry);
        if let (Some(Expiry::At(before)), Some(Expiry::At(after))) = (before, told.expiry)
            && after > before
        {
            self.extended = Some(now.unix);
        }
        self.subscription = Some(Subscription { expiry: told.expiry.or(before), ..told });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{
        ChannelEvent, ChannelObservation, ChannelState, Failure, FailureReason, PollPolicy,
        Renewal, Reported, RestrictionReason, Status, SubscriptionMode,
    };

    const POLICY: PollPolicy =
        PollPolicy { interval: Duration::from_secs(30), stale_after: Duration::from_secs(300) };

    fn at(secs: i64) -> Now {
        Now { unix: Timestamp::from_secs(secs), steady: secs * 1000 }
    }

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
