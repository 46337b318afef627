//! Reading a file of settings: regular files only, and only when it has changed.
//!
//! Not here: what is in it.
#![expect(clippy::disallowed_methods, reason = "this is the place")]

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock;

/// No file of settings or certificates comes near this.
const LARGEST: u64 = 1024 * 1024;
/// A file that changed so lately may change again without its time showing it.
const SETTLED: Duration = Duration::from_secs(2);

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    path: PathBuf,
    /// Device, inode, length, and the times of the last change of content and of the rest; `None`
    /// when there is no such file.
    seen: Option<[i64; 7]>,
    settled: bool,
}

impl Stamp {
    fn new(path: &Path, metadata: Option<&Metadata>) -> Self {
        let changed = metadata.and_then(|metadata| metadata.modified().ok());
        let age = changed.map(|changed| clock::system_time().duration_since(changed));
        Self {
            path: path.to_owned(),
            seen: metadata.map(|file| {
                [
                    file.dev().cast_signed(),
                    file.ino().cast_signed(),
                    file.len().cast_signed(),
                    file.mtime(),
                    file.mtime_nsec(),
                    file.ctime(),
                    file.ctime_nsec(),
                ]
            }),
            settled: age.is_some_and(|age| age.is_ok_and(|age| age >= SETTLED)),
        }
    }

    /// Whether the file may have changed since.
    pub(super) fn is_old(&self) -> bool {
        let now = std::fs::metadata(&self.path).ok();
        !self.settled || Self::new(&self.path, now.as_ref()).seen != self.seen
    }
}

/// Reads a regular file. A pipe, which would keep its reader waiting, is refused.
pub(super) fn read(path: &Path, stamps: &mut Vec<Stamp>) -> io::Result<Vec<u8>> {
    // Opened so, a pipe that takes the file's place in this moment does not hold us up either.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let opened = match std::fs::metadata(path) {
        Ok(file) if !file.is_file() => Err(io::Error::other("it is not a regular file")),
        Ok(_) => OpenOptions::new().read(true).custom_flags(flags).open(path),
        Err(error) => Err(error),
    };
    let mut look = |file: &File| {
        let metadata = file.metadata()?;
        stamps.push(Stamp::new(path, Some(&metadata)));
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            return Err(io::Error::other("it is larger than 1 MiB"));
        }
        Ok(bytes)
    };
    match opened {
        Ok(file) => look(&file),
        Err(error) => {
            stamps.push(Stamp::new(path, std::fs::metadata(path).ok().as_ref()));
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipe(path: &Path) {
        let made = std::process::Command::new("mkfifo").arg(path).status();
        assert!(made.unwrap().success());
    }

    #[test]
    fn a_pipe_is_refused_at_once_and_so_is_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        pipe(&path);
        for path in [&path, folder.path()] {
            let refused = read(path, &mut Vec::new()).unwrap_err();
            assert!(refused.to_string().contains("not a regular file"), "{refused}");
        }
    }

    #[test]
    fn a_file_is_old_once_it_was_changed_replaced_or_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let stamp = || {
            let mut stamps = Vec::new();
            let _ = read(&path, &mut stamps);
            stamps.pop().unwrap()
        };
        let long_ago = clock::system_time() - Duration::from_secs(100);
        let write = |text: &str| {
            std::fs::write(&path, text).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        };
        write("a");
        let first = stamp();
        assert!(!first.is_old());
        // The same length and time, as of a file that a careful hand has put there.
        std::thread::sleep(Duration::from_millis(20));
        write("b");
        assert!(first.is_old());
        let second = stamp();
        assert!(!second.is_old());
        std::fs::remove_file(&path).unwrap();
        assert!(second.is_old());
        std::fs::write(&path, "c").unwrap();
        assert!(stamp().is_old(), "it may change again within the same tick of the clock");
    }

    #[test]
    fn a_file_without_end_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        File::create(&path).unwrap().set_len(LARGEST + 1).unwrap();
        assert!(read(&path, &mut Vec::new()).is_err());
    }
}
