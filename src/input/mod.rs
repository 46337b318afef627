//! How settings are read: variables, entries of the settings file, and the values in both.
//!
//! Not here: which settings there are; `config/` and each provider have their own.

mod characters;
mod entry;
mod nearest;
mod policies;
mod problems;
mod secret_setting;
mod server_setting;
mod setting;
pub mod value;
mod variables;
pub(crate) mod yaml;

pub(crate) use characters::Characters;
pub use entry::{CHANNEL_KEYS, Entry, EntryPlace, SOURCE_KEYS};
pub use nearest::nearest;
pub use policies::Policies;
pub use problems::Problems;
pub use secret_setting::secret_setting;
pub use server_setting::{ServerNames, ServerValues, server_setting};
pub use setting::{FromSetting, Setting};
pub use variables::{Variable, Variables};
