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
    most: u64,
    /// How many bytes more there may be.
    left: u64,
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
            return Err(regular_file::too_large(most));
        }
        // One byte more shows that it grew meanwhile.
        Ok(Self::new(BufReader::new(file.take(most.saturating_add(1))), most))
    }

    fn new(reader: impl BufRead + 'static, most: u64) -> Self {
        let reader = Box::new(reader);
        Self { reader, line: String::new(), taken: 0, most, left: most, ended_by: None }
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
            let read = self.reader.read_line(&mut self.line).and_then(|length| {
                let left = self.left.checked_sub(length as u64);
                left.ok_or_else(|| regular_file::too_large(self.most))
            });
            match read {
                Ok(left) => self.left = left,
                Err(error) => {
                    self.ended_by = Some(error);
                    return None;
                }
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
            let reader = BufReader::with_capacity(3, text.as_bytes());
            let mut characters = Characters::new(reader, text.len() as u64);
            assert_eq!(characters.by_ref().collect::<String>(), text);
            assert!(characters.next().is_none());
            assert!(characters.ended_by().is_none());
        }
    }

    #[test]
    fn what_is_not_utf_8_ends_them_with_an_error() {
        let mut characters = Characters::new(&b"good\n\xff\nafter\n"[..], 100);
        assert_eq!(characters.by_ref().collect::<String>(), "good\n");
        assert!(characters.next().is_none());
        assert_eq!(characters.ended_by().unwrap().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_file_that_grows_while_it_is_read_is_never_taken_for_whole() {
        let mut characters = Characters::new(&b"1\n2\n3\n"[..], 5);
        assert_eq!(characters.by_ref().collect::<String>(), "1\n2\n");
        assert_eq!(characters.ended_by().unwrap().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_file_that_is_too_large_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(Characters::of(&path, 5).unwrap().collect::<String>(), "12345");
        let refused = Characters::of(&path, 4).err().unwrap();
        assert_eq!(refused.to_string(), "the file exceeds 4 bytes");
        assert!(Characters::of(&folder.path().join("none"), 4).is_err());
    }
}
