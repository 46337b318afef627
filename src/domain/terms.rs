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
