//! What webhooks are received with: the secret they must carry, and room to read them.
//!
//! Not here: receiving one (`webhook.rs`).

use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::SecretString;
use tracing::{error, info};

use super::webhook_body::BodyRoom;
use crate::config::Webhooks;

/// Receives webhooks, if the settings give it a secret.
pub(super) struct Receiver {
    pub(super) settings: Webhooks,
    pub(super) room: BodyRoom,
    /// Whether the secret could not be read when it was last needed, so that it is logged once.
    unreadable: AtomicBool,
}

impl Receiver {
    pub(super) fn new(settings: Webhooks, connections: usize) -> Self {
        Self { settings, room: BodyRoom::new(connections), unreadable: AtomicBool::new(false) }
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
