//! Secrets: where they come from, and what can be said about them without saying them.
//!
//! Not here: sending them anywhere.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use secrecy::{ExposeSecret, SecretString};

use crate::file_version::FileVersion;
use crate::lock::lock;
use crate::regular_file;

/// Where a secret comes from.
#[derive(Debug, Clone)]
pub enum SecretSource {
    /// It was given as a value. Prints as `[REDACTED]`.
    Value(SecretString),
    /// It is in this file, which is looked at before each use, so that a rotated one needs no
    /// restart.
    File(Arc<SecretFile>),
}

impl PartialEq for SecretSource {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Value(one), Self::Value(other)) => one.expose_secret() == other.expose_secret(),
            (Self::File(one), Self::File(other)) => one.path == other.path,
            _ => false,
        }
    }
}

/// A file that holds a secret, and the secret as it was last read.
pub struct SecretFile {
    path: Box<Path>,
    cached: Mutex<Option<Cached>>,
}

struct Cached {
    version: FileVersion,
    secret: SecretString,
}

/// Secrets kept in memory, about 150 bytes each; further files are read at each use.
const MAX_CACHED: usize = 20_000;
static CACHED: AtomicUsize = AtomicUsize::new(0);

impl fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SecretFile").field(&printable_path(&self.path)).finish()
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        if self.cached.get_mut().unwrap_or_else(PoisonError::into_inner).is_some() {
            CACHED.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Two readings of a secret have the same fingerprint when they are the same; keyed anew in each
/// process, never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    own: u64,
    second: u64,
}

impl Fingerprint {
    /// The fingerprint of a target's secret and of a second one that its polls need.
    pub fn of(own: &SecretString, second: Option<&SecretString>) -> Self {
        static KEY: OnceLock<RandomState> = OnceLock::new();
        let key = KEY.get_or_init(RandomState::new);
        Self {
            own: key.hash_one(own.expose_secret()),
            second: second.map_or(0, |second| key.hash_one(second.expose_secret())),
        }
    }

    /// Whether the target's own secret is the same, whatever became of the second one.
    pub const fn same_own(self, other: Self) -> bool {
        self.own == other.own
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

/// No token of any upstream comes near this.
const MAX_BYTES: u64 = 16 * 1024;

impl SecretSource {
    /// A secret in a file.
    pub fn file(path: &Path) -> Self {
        Self::File(Arc::new(SecretFile { path: path.into(), cached: Mutex::new(None) }))
    }

    /// A secret given as a value.
    ///
    /// # Errors
    ///
    /// When it holds what no HTTP header can carry.
    pub fn from_value(text: &str) -> Result<Self, SecretError> {
        check(text).map(Self::Value).map_err(SecretError)
    }

    /// The secret. A file is read only if it changed since it was last read. White space around the
    /// secret is dropped: editors and `echo` leave a newline.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is empty, or holds what no HTTP header can carry.
    pub fn read(&self) -> Result<SecretString, SecretError> {
        match self {
            Self::Value(secret) => Ok(secret.clone()),
            Self::File(file) => file
                .read()
                .map_err(|what| SecretError(format!("{}: {what}", printable_path(&file.path)))),
        }
    }
}

impl SecretFile {
    /// The name of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "regular files of some bytes, for which a thread would cost more"
    )]
    fn read(&self) -> Result<SecretString, String> {
        let metadata = std::fs::metadata(&self.path).map_err(|error| describe(&error))?;
        if !metadata.is_file() {
            return Err("is not a regular file".to_owned());
        }
        let mut cached = lock(&self.cached);
        if let Some(cached) = cached.as_ref()
            && cached.version == FileVersion::from_metadata(&metadata)
        {
            return Ok(cached.secret.clone());
        }
        if cached.take().is_some() {
            CACHED.fetch_sub(1, Ordering::Relaxed);
        }
        let (version, text) = read_file(&self.path)?;
        let secret = check(&text)?;
        if version.has_settled() && CACHED.load(Ordering::Relaxed) < MAX_CACHED {
            CACHED.fetch_add(1, Ordering::Relaxed);
            *cached = Some(Cached { version, secret: secret.clone() });
        }
        Ok(secret)
    }
}

/// The path, without what may be the secret itself, put where the name of its file belongs.
pub fn printable_path(path: &Path) -> String {
    let last = path.file_name().unwrap_or_default().to_string_lossy();
    let whole = path.to_string_lossy();
    let hidden = if is_base64(&whole) && !path.parent().is_some_and(exists) {
        Path::new("[REDACTED]").to_owned()
    } else if looks_like_a_secret(&last) {
        path.with_file_name("[REDACTED]")
    } else {
        return path.display().to_string();
    };
    format!("{} (the name of the file looks like a secret)", hidden.display())
}

/// Whether a text has a part that may be a token: 20 letters and digits in a row, or a UUID.
pub fn looks_like_a_secret(text: &str) -> bool {
    let has = |run: &str, what: fn(&u8) -> bool| run.bytes().any(|byte| what(&byte));
    let mut runs = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let is_token = |run: &str| {
        run.len() >= 20 && has(run, u8::is_ascii_digit) && has(run, u8::is_ascii_alphabetic)
    };
    let mut words = text.split(|letter: char| !letter.is_ascii_hexdigit() && letter != '-');
    let is_uuid = |word: &str| word.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    runs.any(is_token) || words.any(is_uuid)
}

/// Whether a text may be one of base64, slashes and all.
fn is_base64(text: &str) -> bool {
    let has = |what: fn(&u8) -> bool| text.bytes().any(|byte| what(&byte));
    text.len() >= 20
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte))
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
}

fn exists(directory: &Path) -> bool {
    !directory.as_os_str().is_empty() && directory.is_dir()
}

/// The version is taken from the open file before it is read, so that a write in between shows.
fn read_file(path: &Path) -> Result<(FileVersion, String), String> {
    let (bytes, metadata) =
        regular_file::read(path, MAX_BYTES).map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => {
                format!("is longer than {MAX_BYTES} bytes, so it is not a token")
            }
            _ => describe(&error),
        })?;
    let text = String::from_utf8(bytes).map_err(|_| "is not text".to_owned())?;
    Ok((FileVersion::from_metadata(&metadata), text))
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    fn read(content: &[u8]) -> Result<String, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, content).unwrap();
        SecretSource::file(&path)
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
        let missing = SecretSource::file(Path::new("/nonexistent/token"));
        assert_eq!(missing.read().unwrap_err().to_string(), "/nonexistent/token: does not exist");
        let directory = SecretSource::file(Path::new("/"));
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
            ("B6D711FC-DE4D-4FD5-9365-44120E713976", Some("[REDACTED]")),
            ("Ab3dEf6hIj9lMn2p+Qr5/tUv8x/Yz1bCd4f", Some("[REDACTED]")),
            ("secrets/token-of-sales-and-support-2", None),
        ] {
            let told = said.map_or_else(
                || path.to_owned(),
                |shown| format!("{shown} (the name of the file looks like a secret)"),
            );
            assert_eq!(printable_path(Path::new(path)), told);
        }
    }

    #[test]
    fn a_secret_cannot_print_itself() {
        let source = SecretSource::from_value("s3cret").unwrap();
        let secret = source.read().unwrap();
        let print = Fingerprint::of(&secret, None);
        let printed = format!("{source:?} {secret:?} {print:?}");
        assert!(!printed.contains("s3cret"), "{printed}");
        assert_eq!(print, Fingerprint::of(&SecretString::from("s3cret"), None));
        assert_ne!(print, Fingerprint::of(&SecretString::from("s3cret2"), None));
    }

    #[test]
    fn a_file_is_read_again_when_it_was_written_or_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, "first").unwrap();
        let old = SystemTime::now() - Duration::from_secs(3600);
        File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        let source = SecretSource::file(&path);
        let read = || source.read().unwrap().expose_secret().to_owned();
        assert_eq!(read(), "first");
        fs::write(&path, "other").unwrap();
        assert_eq!(read(), "other");
        fs::write(directory.path().join("new"), "third").unwrap();
        fs::rename(directory.path().join("new"), &path).unwrap();
        assert_eq!(read(), "third");
        fs::write(&path, "again").unwrap();
        assert_eq!(read(), "again", "two writes within one step of the file system's clock");
    }
}
