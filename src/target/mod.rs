//! What is polled: targets of any kind, with their names and how they are asked.
//!
//! Not here: what is known of them (`domain/`, `fleet.rs`), and where settings come from
//! (`config/`).

mod candidate;
mod kept_names;
mod listing;
mod name;
mod named_targets;
mod other_shards;
mod shard;
mod shared_options;
#[expect(clippy::module_inception, reason = "the struct that the module is about")]
mod target;
mod target_set;

pub use kept_names::KeptNames;
pub use listing::{DEFAULT_MAX_CHANNELS, ListingOptions};
pub use name::Name;
pub use other_shards::OtherShards;
pub use shard::Shard;
pub use target::{Target, TargetOptions, UNKNOWN_CREDENTIAL};
pub use target_set::{Selection, TargetSet};
