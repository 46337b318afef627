//! A channel's messages, as webhooks and the gateway tell of them.
//!
//! Not here: what becomes of one message; that is `message_state.rs`.

use super::{
    ChannelState, MessageEvent, MessageId, MessageMemory, MessageState, Now, Origin, Timestamp,
    WebhookEvent, WebhookOutcome,
};

impl ChannelState {
    /// What is known of its messages; `None` before the first was told of.
    pub fn messages(&self) -> Option<&MessageState> {
        self.messages.as_deref()
    }

    /// Since when the oldest message waits for WhatsApp's acknowledgement, and how many do.
    pub fn waiting_messages(&self) -> Option<(Timestamp, usize)> {
        let messages = self.messages()?;
        Some((messages.oldest_unacknowledged()?, messages.unacknowledged()))
    }

    /// Has the message that waits longest give way to those of other channels.
    pub fn forget_oldest_message(&mut self, memory: &mut MessageMemory) {
        if let Some(messages) = &mut self.messages {
            messages.forget_oldest(memory);
        }
    }

    /// Takes what a webhook tells of a message; `memory` knows those of all channels.
    pub fn message_told(
        &mut self,
        now: Now,
        memory: &mut MessageMemory,
        event: &MessageEvent,
    ) -> WebhookOutcome {
        let messages = self.messages.get_or_insert_default();
        messages.is_told_by_webhooks = true;
        let outcome = messages.apply(now, memory, event);
        if let Some(webhooks) = &mut self.webhooks {
            webhooks.delivered(now.unix, WebhookEvent::Other, outcome);
        }
        outcome
    }

    /// Takes that the provider accepted a message which the application sent through the gateway,
    /// under this id.
    ///
    /// It waits for an acknowledgement only where webhooks tell of messages: who else would bring
    /// it?
    pub fn accepted_message(&mut self, now: Now, memory: &mut MessageMemory, id: MessageId) {
        let messages = self.messages.get_or_insert_default();
        if messages.was_told_by_webhooks() {
            messages.apply(now, memory, &MessageEvent::outbound(id, None, Origin::Api, None));
        } else {
            messages.accepted(now, memory, id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::MessageStatus;
    use crate::domain::time::at;

    fn sums(channel: &ChannelState) -> (u32, usize) {
        let messages = channel.messages().unwrap();
        (messages.message_counts().iter().sum(), messages.unacknowledged())
    }

    #[test]
    fn a_message_of_the_gateway_waits_once_webhooks_tell_of_messages() {
        let (mut channel, mut memory) = (ChannelState::new(at(0)), MessageMemory::default());
        let id = MessageId::from_hash;
        channel.accepted_message(at(1), &mut memory, id(1));
        channel.accepted_message(at(2), &mut memory, id(3));
        assert_eq!(sums(&channel), (2, 0), "nobody would acknowledge them");
        let sent = MessageEvent::status(id(1), None, Some(MessageStatus::Sent), None);
        channel.message_told(at(3), &mut memory, &sent);
        assert_eq!(sums(&channel), (2, 0), "it was counted");
        channel.accepted_message(at(4), &mut memory, id(2));
        assert_eq!(sums(&channel), (3, 1));
        let told = MessageEvent::outbound(id(2), None, Origin::Api, None);
        channel.message_told(at(5), &mut memory, &told);
        assert_eq!(sums(&channel), (3, 1));
        assert_eq!(channel.waiting_messages(), Some((Timestamp::from_secs(4), 1)));
    }
}
