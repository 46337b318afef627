//! The characters of a text file, read line by line, so that a large one is never in memory whole.
//!
//! Not here: what they mean.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::regular_file;

/// The characters of a file, up to its end or to the first error.
pub(crate) struct Characters {
    reader: Box<dyn BufRead>,
    line: String,
    /// How much of the line was taken.
    taken: usize,
    ended_by: Option<io::Error>,
}

impl Characters {
    /// The characters of a regular file of at most `most` bytes.
    ///
    /// # Errors
    ///
    /// When there is no such file, it may not be read, or it is larger.
    pub(crate) fn of(path: &Path, most: u64) -> io::Result<Self> {
        let (file, metadata) = regular_file::open(path)?;
        if metadata.len() > most {
            let what = format!("it is larger than {most} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
        }
        // One that grows meanwhile is read no further.
        Ok(Self::new(BufReader::new(file.take(most))))
    }

    fn new(reader: impl BufRead + 'static) -> Self {
        Self { reader: Box::new(reader), line: String::new(), taken: 0, ended_by: None }
    }

    /// The error that the characters ended with, if any; of the kind `InvalidData` where the file
    /// is not UTF-8.
    pub(crate) fn ended_by(self) -> Option<io::Error> {
        self.ended_by
    }
}

impl Iterator for Characters {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        if self.ended_by.is_some() {
            return None;
        }
        if self.taken == self.line.len() {
            self.line.clear();
            self.taken = 0;
            if let Err(error) = self.reader.read_line(&mut self.line) {
                self.ended_by = Some(error);
                return None;
            }
        }
        let next = self.line[self.taken..].chars().next()?;
        self.taken += next.len_utf8();
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_comes_whatever_ends_a_line() {
        for text in ["", "a", "a\n", "\r\nä\n\n€\u{1f600}", "no end"] {
            let mut characters = Characters::new(BufReader::with_capacity(3, text.as_bytes()));
            assert_eq!(characters.by_ref().collect::<String>(), text);
            assert!(characters.next().is_none());
            assert!(characters.ended_by().is_none());
        }
    }

    #[test]
    fn what_is_not_utf_8_ends_them_with_an_error() {
        let mut characters = Characters::new(&b"good\n\xff\nafter\n"[..]);
        assert_eq!(characters.by_ref().collect::<String>(), "good\n");
        assert!(characters.next().is_none());
        assert_eq!(characters.ended_by().unwrap().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_file_that_is_too_large_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(Characters::of(&path, 5).unwrap().collect::<String>(), "12345");
        let refused = Characters::of(&path, 4).err().unwrap();
        assert_eq!(refused.to_string(), "it is larger than 4 bytes");
        assert!(Characters::of(&folder.path().join("none"), 4).is_err());
    }
}
