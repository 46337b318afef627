//! What webhooks are received with: the secret they must carry, and room to read them.
//!
//! Not here: receiving one (`webhook.rs`).

use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::SecretString;
use tracing::{error, info, warn};

use super::webhook_body::BodyRoom;
use crate::config::Webhooks;
use crate::upstream::ProviderId;

/// Receives webhooks, if the settings give it a secret.
pub(super) struct Receiver {
    pub(super) settings: Webhooks,
    pub(super) room: BodyRoom,
    /// Whether the secret could not be read when it was last needed, so that it is logged once.
    unreadable: AtomicBool,
    own_unreadable: AtomicBool,
    /// Whether a webhook was of several sources' channels, so that it is logged once.
    was_ambiguous: AtomicBool,
}

impl Receiver {
    pub(super) fn new(settings: Webhooks, connections: usize) -> Self {
        let receiver = Self {
            settings,
            room: BodyRoom::new(connections),
            unreadable: AtomicBool::new(false),
            own_unreadable: AtomicBool::new(false),
            was_ambiguous: AtomicBool::new(false),
        };
        // What is wrong with them is logged now, and not with the first webhook that is lost.
        let _ = receiver.secret();
        for (provider, _) in &receiver.settings.own_secrets {
            let _ = receiver.own_secret(*provider);
        }
        receiver
    }

    /// The secret that a provider signs with itself; an error when it cannot be read.
    pub(super) fn own_secret(&self, provider: ProviderId) -> Option<Result<SecretString, ()>> {
        let secret = self.settings.read_own_secret(provider)?;
        if let Err(error) = &secret
            && !self.own_unreadable.swap(true, Ordering::Relaxed)
        {
            error!(provider = provider.label(), %error, "the secret of a provider's webhooks \
                cannot be read, so none of them can be taken");
        }
        if secret.is_ok() {
            self.own_unreadable.store(false, Ordering::Relaxed);
        }
        Some(secret.map_err(drop))
    }

    /// Logs, the first time, that a webhook was not taken since it may be of several channels.
    pub(super) fn tell_of_ambiguous(&self, provider: ProviderId, channel_id: &str) {
        if !self.was_ambiguous.swap(true, Ordering::Relaxed) {
            warn!(
                provider = provider.label(),
                channel_id,
                todo = "Add /<source> to the address that each server sends webhooks to.",
                "several sources have a channel of this id, so webhooks that name no source are \
                 not taken"
            );
        }
    }

    /// The secret; `None` when it cannot be read.
    pub(super) fn secret(&self) -> Option<SecretString> {
        match self.settings.read_secret() {
            Ok(secret) => {
                if self.unreadable.swap(false, Ordering::Relaxed) {
                    info!("WEBHOOK_SECRET_FILE can be used again");
                }
                Some(secret)
            }
            Err(error) => {
                if !self.unreadable.swap(true, Ordering::Relaxed) {
                    error!(%error, "WEBHOOK_SECRET_FILE cannot be used, so no webhook can be \
                        taken");
                }
                None
            }
        }
    }
}
