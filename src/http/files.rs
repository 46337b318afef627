//! The files of the web configuration: reading them, and whether one has changed since.
//!
//! Not here: what is in them.

use std::io;
use std::path::{Path, PathBuf};

use crate::file_version::FileVersion;
use crate::regular_file;

/// No file of settings or certificates comes near this.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    path: PathBuf,
    /// `None` when there is no such file.
    version: Option<FileVersion>,
    /// Whether every later write shows.
    settled: bool,
}

impl Stamp {
    fn new(path: &Path, version: Option<FileVersion>) -> Self {
        let settled = version.is_some_and(|version| version.has_settled());
        Self { path: path.to_owned(), version, settled }
    }

    /// Whether the file may have changed since.
    pub(super) fn is_old(&self) -> bool {
        !self.settled || FileVersion::of(&self.path) != self.version
    }
}

/// Reads a regular file, and stamps what was read.
pub(super) fn read(path: &Path, stamps: &mut Vec<Stamp>) -> io::Result<Vec<u8>> {
    let read = regular_file::read(path, MAX_FILE_BYTES);
    let version = match &read {
        Ok((_, metadata)) => Some(FileVersion::from_metadata(metadata)),
        Err(_) => FileVersion::of(path),
    };
    stamps.push(Stamp::new(path, version));
    read.map(|(bytes, _)| bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::thread::sleep;
    use std::time::Duration;

    #[test]
    fn a_file_is_old_once_it_was_changed_replaced_or_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let stamp = || {
            let mut stamps = Vec::new();
            let _ = read(&path, &mut stamps);
            stamps.pop().unwrap()
        };
        let settled = || Stamp { settled: true, ..stamp() };
        fs::write(&path, "a").unwrap();
        assert!(stamp().is_old(), "it may change again within the same tick of the clock");
        let first = settled();
        assert!(!first.is_old());
        sleep(Duration::from_millis(20));
        fs::write(&path, "b").unwrap();
        assert!(first.is_old());
        let second = settled();
        assert!(!second.is_old());
        fs::write(folder.path().join("other"), "c").unwrap();
        fs::rename(folder.path().join("other"), &path).unwrap();
        assert!(second.is_old());
        let third = settled();
        fs::remove_file(&path).unwrap();
        assert!(third.is_old());
        assert!(stamp().is_old(), "a file that is missing is looked for each time");
    }
}
