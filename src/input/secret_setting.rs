//! A secret that is set as a value or as the name of a file.
//!
//! Not here: reading the file; that is `secret.rs`.

use std::path::Path;

use super::value::{FilePath, Secret};
use super::{Problems, Setting};
use crate::secret::SecretSource;

/// The secret in `X`, or in the file that `X_FILE` names, never in both.
pub fn secret_setting(
    name: &str,
    value: Setting<Secret>,
    file: Setting<FilePath>,
    problems: &mut Problems,
) -> Option<SecretSource> {
    if value.is_set() && file.is_set() {
        problems.add(format!("{name} and {name}_FILE are both set; set one of them"));
        return None;
    }
    if let Some(FilePath(path)) = file.get(&format!("{name}_FILE"), problems) {
        return Some(SecretSource::file(Path::new(&path)));
    }
    value.get(name, problems).map(|Secret(source)| source)
}
