//! Secrets: where they come from, and what can be said about them without saying them.
//!
//! Not here: sending them anywhere.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::fs::File;
use std::hash::BuildHasher;
use std::io::Read;
use std::path::Path;
use std::sync::OnceLock;

use secrecy::{ExposeSecret, SecretString};

/// Where a secret comes from.
#[derive(Debug, Clone)]
pub enum SecretSource {
    /// It was given as a value. Prints as `[REDACTED]`.
    Value(SecretString),
    /// It is read from this file before each use, so that a rotated one needs no restart.
    File(Box<Path>),
}

/// Two readings of a secret have the same fingerprint when they are the same; keyed anew in each process, never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    credential: u64,
    app: u64,
}

impl Fingerprint {
    /// Whether the target's own secret is the same, whatever became of the app's that inspects it.
    pub const fn same_credential(self, other: Self) -> bool {
        self.credential == other.credential
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint")
    }
}

/// Why a secret cannot be used, in words that do not repeat it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretError(String);

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SecretError {}

/// No token of either upstream comes near this.
const LONGEST: u64 = 16 * 1024;

impl SecretSource {
    /// Reads the secret. White space around it is dropped: editors and `echo` leave a newline.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is empty, or holds what no HTTP header can carry.
    pub fn read(&self) -> Result<SecretString, SecretError> {
        match self {
            Self::Value(secret) => Ok(secret.clone()),
            Self::File(path) => read_file(path)
                .and_then(|text| check(&text))
                .map_err(|what| SecretError(format!("{}: {what}", shown(path)))),
        }
    }

    /// A secret given as a value.
    ///
    /// # Errors
    ///
    /// When it holds what no HTTP header can carry.
    pub fn from_value(text: &str) -> Result<Self, SecretError> {
        check(text).map(Self::Value).map_err(SecretError)
    }
}

/// The path, without a last part that may be the secret itself, put where the name of its file belongs.
pub(crate) fn shown(path: &Path) -> String {
    let last = path.file_name().unwrap_or_default().to_string_lossy();
    let runs = last.split(|letter: char| !letter.is_ascii_alphanumeric());
    let like_a_secret = runs.into_iter().any(|run| {
        run.len() >= 20
            && run.bytes().any(|byte| byte.is_ascii_digit())
            && run.bytes().any(|byte| byte.is_ascii_alphabetic())
    });
    if like_a_secret {
        let hidden = path.with_file_name("[REDACTED]");
        format!("{} (the name of the file looks like a secret)", hidden.display())
    } else {
        path.display().to_string()
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    // Opening a pipe would wait for its writer; so look before opening.
    let metadata = std::fs::metadata(path).map_err(|error| describe(&error))?;
    if !metadata.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| describe(&error))?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes, so it is not a token"));
    }
    String::from_utf8(bytes).map_err(|_| "is not text".to_owned())
}

fn describe(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "does not exist".to_owned(),
        std::io::ErrorKind::PermissionDenied => {
            "may not be read by this user (permission denied)".to_owned()
        }
        _ => format!("cannot be read: {error}"),
    }
}

fn check(text: &str) -> Result<SecretString, String> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    match text.chars().position(|letter| !letter.is_ascii_graphic()) {
        None => Ok(SecretString::from(text)),
        Some(at) => Err(format!(
            "character {} is white space or not ASCII; nothing but the secret belongs there",
            at + 1
        )),
    }
}

/// The fingerprint of a target's secret and of the app's that inspects it.
pub fn fingerprint(credential: &SecretString, app: Option<&SecretString>) -> Fingerprint {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    let key = KEY.get_or_init(RandomState::new);
    Fingerprint {
        credential: key.hash_one(credential.expose_secret()),
        app: app.map_or(0, |app| key.hash_one(app.expose_secret())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read(content: &[u8]) -> Result<String, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, content).unwrap();
        SecretSource::File(path.clone().into())
            .read()
            .map(|secret| secret.expose_secret().to_owned())
            .map_err(|error| error.to_string().replace(&path.display().to_string(), "FILE"))
    }

    #[test]
    fn a_trailing_newline_is_not_part_of_a_token() {
        assert_eq!(read(b"abc\n").as_deref(), Ok("abc"));
        assert_eq!(read(b"  abc\r\n").as_deref(), Ok("abc"));
        assert_eq!(read(b"\xef\xbb\xbfabc").as_deref(), Ok("abc"));
    }

    #[test]
    fn a_file_that_holds_no_token_is_refused_in_words() {
        assert_eq!(read(b"\n").unwrap_err(), "FILE: is empty");
        assert!(read(b"s3cret one").unwrap_err().starts_with("FILE: character 7 is white space"));
        assert_eq!(read(b"\xff\xfe").unwrap_err(), "FILE: is not text");
        assert!(read(&[b'x'; 20_000]).unwrap_err().contains("longer than 16384 bytes"));
        let missing = SecretSource::File(Path::new("/nonexistent/token").into());
        assert_eq!(missing.read().unwrap_err().to_string(), "/nonexistent/token: does not exist");
        let directory = SecretSource::File(Path::new("/").into());
        assert_eq!(directory.read().unwrap_err().to_string(), "/: is not a regular file");
    }

    #[test]
    fn a_secret_in_place_of_its_files_name_is_not_repeated() {
        for (path, said) in [
            ("/run/secrets/whatsapp-channel-sales-germany-2", None),
            ("/run/3f2a9c1b7d5e4f60812a3b4c5d6e7f80/token", None),
            ("Ab3dEf6hIj9lMn2pQr5tUv8xYz1bCd4f", Some("[REDACTED]")),
            ("/run/Ab3dEf6hIj9lMn2pQr5tUv8xYz1bCd4f", Some("/run/[REDACTED]")),
            ("/run/12345|Ab3dEf6hIj9lMn2pQr5t", Some("/run/[REDACTED]")),
        ] {
            let told = said.map_or_else(
                || path.to_owned(),
                |shown| format!("{shown} (the name of the file looks like a secret)"),
            );
            assert_eq!(shown(Path::new(path)), told);
        }
    }

    #[test]
    fn a_secret_cannot_print_itself() {
        let source = SecretSource::from_value("s3cret").unwrap();
        let secret = source.read().unwrap();
        let print = fingerprint(&secret, None);
        let printed = format!("{source:?} {secret:?} {print:?}");
        assert!(!printed.contains("s3cret"), "{printed}");
        assert_eq!(print, fingerprint(&SecretString::from("s3cret"), None));
        assert_ne!(print, fingerprint(&SecretString::from("s3cret2"), None));
    }
}
