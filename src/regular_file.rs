//! Opening files that somebody else may replace: regular files only, so that a pipe cannot freeze
//! the program, and no link is followed where one is written.
//!
//! Not here: what is in them, and whether they have changed.
#![expect(clippy::disallowed_methods, reason = "its callers choose the thread")]

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a regular file to read it.
///
/// # Errors
///
/// When it does not exist, may not be read, or is anything else, such as a pipe.
pub fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let regular = |metadata: Metadata| match metadata.is_file() {
        true => Ok(metadata),
        false => Err(io::Error::other("it is not a regular file")),
    };
    // Some files do something when they are opened, so this looks before.
    regular(fs::metadata(path)?)?;
    // Should a pipe take its place at this moment, opening does not wait for a writer.
    let file = OpenOptions::new().read(true).custom_flags(flags(OFlags::NONBLOCK)).open(path)?;
    let metadata = regular(file.metadata()?)?;
    Ok((file, metadata))
}

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
///
/// As [`open`], and when it is larger.
pub fn read(path: &Path, most: u64) -> io::Result<(Vec<u8>, Metadata)> {
    let (file, metadata) = open(path)?;
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(too_large(most));
    }
    Ok((bytes, metadata))
}

/// The error of a file that is larger than is read.
pub fn too_large(most: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("the file exceeds {most} bytes"))
}

/// Creates a file that only its owner may read. What has its name is removed first, and no link is
/// followed.
///
/// # Errors
///
/// When it cannot be created, or something is put in its place in this very moment.
pub fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).custom_flags(flags(OFlags::NOFOLLOW));
    options.open(path)
}

/// Whether a path is a symbolic link.
pub fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn only_regular_files_are_read_and_only_up_to_a_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap().0, b"12345");
        assert_eq!(read(&path, 4).unwrap_err().to_string(), "the file exceeds 4 bytes");
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        assert_eq!(read(&link, 5).unwrap().0, b"12345", "a ConfigMap is made of links");
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for other in [&pipe, folder.path(), Path::new("/dev/zero")] {
            let refused = read(other, 5).unwrap_err();
            assert_eq!(refused.to_string(), "it is not a regular file", "{}", other.display());
        }
    }

    #[test]
    fn a_file_is_created_in_place_of_whatever_has_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let (path, victim) = (folder.path().join("new"), folder.path().join("victim"));
        fs::write(&victim, "precious").unwrap();
        for _ in 0..2 {
            drop(create(&path).unwrap());
            symlink(&victim, folder.path().join("link")).unwrap();
            fs::rename(folder.path().join("link"), &path).unwrap();
        }
        drop(create(&path).unwrap());
        let metadata = fs::symlink_metadata(&path).unwrap();
        assert_eq!((metadata.is_file(), metadata.permissions().mode() & 0o777), (true, 0o600));
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        let directory = folder.path().join("directory");
        fs::create_dir(&directory).unwrap();
        assert!(create(&directory).is_err());
    }
}
