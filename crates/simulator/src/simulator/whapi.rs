//! The controls of the simulated Whapi. Not its routes: see `whapi/`.

use super::Simulator;
use crate::whapi::channel::WhapiChannel;
use crate::whapi::partner::WhapiPartner;
use crate::whapi::status::WhapiStatus;

impl Simulator {
    /// A Whapi channel with this bearer token; replaces the one it had.
    pub fn set_channel(&self, secret: &str, channel: WhapiChannel) {
        self.state.lock().whapi.channels.insert(secret.to_owned(), channel);
    }

    /// Changes a channel in place; `false` when there is none with this bearer token.
    pub fn update_channel(&self, secret: &str, change: impl FnOnce(&mut WhapiChannel)) -> bool {
        let mut state = self.state.lock();
        let Some(channel) = state.whapi.channels.get_mut(secret) else { return false };
        change(channel);
        let has_webhooks = !channel.webhooks.is_empty();
        drop(state);
        if has_webhooks {
            self.state.changed.notify_waiters();
        }
        true
    }

    /// A Whapi partner account with this bearer token; replaces the one it had.
    pub fn set_whapi_partner(&self, secret: &str, partner: WhapiPartner) {
        self.state.lock().whapi.partners.insert(secret.to_owned(), partner);
    }

    /// Changes a partner account in place; `false` when there is none with this bearer token.
    pub fn update_whapi_partner(
        &self,
        secret: &str,
        change: impl FnOnce(&mut WhapiPartner),
    ) -> bool {
        self.state.lock().whapi.partners.get_mut(secret).map(change).is_some()
    }

    /// The status a channel has now.
    pub fn status(&self, secret: &str) -> Option<WhapiStatus> {
        self.state.lock().whapi.channels.get(secret).map(WhapiChannel::status)
    }

    /// How many `/health` requests for this channel lacked `wakeup=false`, each of which launches
    /// the real channel.
    pub fn woken(&self, secret: &str) -> u64 {
        self.state.lock().whapi.channels.get(secret).map_or(0, |channel| channel.woken)
    }
}
