//! Hashes messages' ids, with a key that this process made up and never tells.
//!
//! Not here: what is kept of a message (`domain/`).

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use super::lenient::Lenient;
use crate::domain::MessageId;

/// The id that an upstream gave a message.
pub fn message_id(id: &str) -> MessageId {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    MessageId::from_hash(KEY.hash_one(id))
}

/// The same of a field that may hold it; `None` if it holds none.
pub(crate) fn lenient_message_id(told: &Lenient) -> Option<MessageId> {
    told.raw_text().filter(|id| !id.is_empty()).map(message_id)
}
