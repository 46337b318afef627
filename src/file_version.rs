//! Whether a file was written or replaced since it was last read, by one look at its metadata.
//!
//! Not here: reading it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::clock;

/// What changes whenever a file is written or another is put in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileVersion {
    device: u64,
    inode: u64,
    size: u64,
    /// Nanoseconds since the epoch, as the next.
    modified: i64,
    changed: i64,
}

/// Longer than any file system's time step, network file systems included.
const SETTLED_AFTER: Duration = Duration::from_secs(3);

impl FileVersion {
    /// The version of the file at this path, if there is one.
    #[expect(clippy::disallowed_methods, reason = "one look, for which a thread would cost more")]
    pub fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|metadata| Self::from_metadata(&metadata))
    }

    /// The version of the file that this is the metadata of.
    pub fn from_metadata(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: nanos(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanos(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether a write that follows is sure to give another version. File systems count time in
    /// steps of some milliseconds, so two writes within one step look alike.
    pub fn has_settled(&self) -> bool {
        let now = clock::system_time().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let changed = Duration::from_nanos(u64::try_from(self.changed).unwrap_or_default());
        now.checked_sub(changed).is_some_and(|age| age > SETTLED_AFTER)
    }
}

/// Until the year 2262.
const fn nanos(secs: i64, nanos: i64) -> i64 {
    secs.saturating_mul(1_000_000_000).saturating_add(nanos)
}
