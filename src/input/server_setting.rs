//! A server that its operator runs, set by its address and its key.
//!
//! Not here: what it is asked.

use std::sync::Arc;

use super::value::{ApiUrl, FilePath, Secret};
use super::{Problems, Setting, secret_setting};
use crate::secret::SecretSource;

/// What a server's variables are called, and what to say when one is missing.
pub struct ServerNames {
    /// The variable of its address.
    pub url: &'static str,
    /// The variable of its key; with `_FILE` that of the key's file.
    pub key: &'static str,
    /// An address such as it may have.
    pub example: &'static str,
    /// Which key it takes.
    pub its_key: &'static str,
}

/// The values of these variables.
pub struct ServerValues {
    /// Of its address.
    pub url: Setting<ApiUrl>,
    /// Of its key.
    pub key: Setting<Secret>,
    /// Of the key's file.
    pub key_file: Setting<FilePath>,
}

/// The server's address and key; neither is of use alone.
pub fn server_setting(
    names: &ServerNames,
    values: ServerValues,
    problems: &mut Problems,
) -> Option<(Arc<str>, SecretSource)> {
    let ServerNames { url, key, example, its_key } = names;
    let before = problems.count();
    let address = values.url.get(url, problems).map(|ApiUrl(url)| url);
    let credential = secret_setting(key, values.key, values.key_file, problems);
    let without_key = format!("{url} is set, but neither {key} nor {key}_FILE; use {its_key}");
    let without_url = format!(
        "{key} or {key}_FILE is set, but {url} is not; write the server's address, such as \
         `{example}`"
    );
    problems.both(before, (address, &without_key), (credential, &without_url))
}
