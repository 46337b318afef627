//! Settings files for the exporter: what an operator would write, with secrets in files of their
//! own.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A token to watch: its name, its secret and the app that inspects it, as id and secret.
pub type Token<'a> = (&'a str, &'a str, Option<(&'a str, &'a str)>);

/// Writes a settings file for these channels (name and secret) and tokens into `directory`, and
/// returns its path.
pub fn write(directory: &Path, channels: &[(&str, &str)], tokens: &[Token<'_>]) -> PathBuf {
    let secret = |kind: &str, name: &str, secret: &str| {
        let file = format!("{kind}-{name}");
        std::fs::write(directory.join(&file), secret).expect("a secret's file");
        file
    };
    let mut yaml = "channels:\n".to_owned();
    for (name, credential) in channels {
        let file = secret("channel", name, credential);
        let _ = write!(yaml, "  - name: {name}\n    token_file: {file}\n");
    }
    yaml.push_str("tokens:\n");
    for (name, credential, app) in tokens {
        let file = secret("token", name, credential);
        let _ = write!(yaml, "  - name: {name}\n    token_file: {file}\n");
        if let Some((id, credential)) = app {
            let file = secret("app-of", name, credential);
            let _ = write!(yaml, "    app_id: \"{id}\"\n    app_secret_file: {file}\n");
        }
    }
    let path = directory.join("settings.yaml");
    std::fs::write(&path, yaml).expect("the settings file");
    path
}
