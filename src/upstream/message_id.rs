//! Hashes messages' ids, with a key that this process made up and never tells.
//!
//! Not here: what is kept of a message (`domain/`).

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use crate::domain::MessageId;

/// The id that an upstream gave a message.
pub fn message_id(id: &str) -> MessageId {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    MessageId::from_hash(KEY.hash_one(id))
}
