//! The field `messages`: which number it is about. The statuses of its messages (sent, delivered,
//! read, failed) are to be read here.
//!
//! Not here, nor anywhere: what customers write. Their messages are skipped unread.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::ChannelEvent;
use crate::provider::Webhook;
use crate::upstream::lenient::{Lenient, LenientObject};

#[derive(Deserialize, Default)]
struct Messages {
    #[serde(default)]
    metadata: LenientObject<NumberMetadata>,
}

#[derive(Deserialize)]
struct NumberMetadata {
    #[serde(default)]
    phone_number_id: Lenient,
}

/// What a change of this field says: so far, that something came.
pub(super) fn read(value: &RawValue) -> Webhook {
    let messages: Messages = serde_json::from_str(value.get()).unwrap_or_default();
    let id = messages.metadata.0.and_then(|metadata| metadata.phone_number_id.label());
    Webhook { source: None, channel_id: id, event: ChannelEvent::Other }
}
