//! A source file as text: which bytes are code, comment or literal, and where its tests are.
//!
//! Not a parser: it knows just enough of Rust to tell these apart.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::peers::repository;

/// What a byte belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// A file.
pub struct Source {
    /// From the root of the repository.
    pub path: PathBuf,
    pub text: String,
    kinds: Vec<Kind>,
}

impl Source {
    pub fn new(path: PathBuf, text: String) -> Self {
        let kinds = match path.extension().is_some_and(|extension| extension == "rs") {
            true => kinds(&text),
            false => vec![Kind::Code; text.len()],
        };
        Self { path, text, kinds }
    }

    /// All files below a folder of the repository, or that file.
    pub fn all(below: &str) -> Vec<Self> {
        let mut paths = vec![];
        walk(&repository(below), &mut paths);
        paths.sort();
        let root = repository("");
        let read = paths.into_iter().map(|path| {
            let text = fs::read_to_string(&path).expect("a text file");
            Self::new(path.strip_prefix(&root).expect("a path below the root").to_owned(), text)
        });
        read.collect()
    }

    /// The Rust files below a folder of the repository.
    pub fn rust(below: &str) -> Vec<Self> {
        let mut all = Self::all(below);
        all.retain(|source| source.path.extension().is_some_and(|extension| extension == "rs"));
        all
    }

    pub fn is(&self, path: &str) -> bool {
        self.path == Path::new(path)
    }

    pub fn is_below(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }

    /// The text with spaces in place of comments, literals and tests.
    pub fn code(&self) -> String {
        let mut code = self.only(|kind| kind == Kind::Code);
        for test in tests(&code) {
            code.replace_range(test.clone(), &blank(&code[test]));
        }
        code
    }

    /// The text without its tests.
    pub fn without_tests(&self) -> String {
        let mut text = self.text.clone();
        let code = self.only(|kind| kind == Kind::Code);
        for test in tests(&code).into_iter().rev() {
            text.replace_range(test, "");
        }
        text
    }

    fn only(&self, wanted: impl Fn(Kind) -> bool) -> String {
        let letters = self.text.char_indices().map(|(at, letter)| {
            if wanted(self.kinds[at]) || letter == '\n' {
                letter.to_string()
            } else {
                " ".repeat(letter.len_utf8())
            }
        });
        letters.collect()
    }
}

fn walk(path: &Path, found: &mut Vec<PathBuf>) {
    if !path.is_dir() {
        return found.push(path.to_owned());
    }
    for entry in fs::read_dir(path).expect("a folder") {
        walk(&entry.expect("an entry").path(), found);
    }
}

fn blank(text: &str) -> String {
    text.chars()
        .map(|letter| if letter == '\n' { "\n".into() } else { " ".repeat(letter.len_utf8()) })
        .collect()
}

/// The items that are compiled for tests alone.
fn tests(code: &str) -> Vec<Range<usize>> {
    const MARK: &str = "#[cfg(test)]";
    let mut found = vec![];
    let mut from = 0;
    while let Some(at) = code[from..].find(MARK).map(|at| from + at) {
        let item = at + MARK.len();
        let opens = code[item..].find(['{', ';']).map_or(code.len(), |end| item + end);
        let mut depth = 0;
        let mut end = opens;
        for (offset, letter) in code[opens..].char_indices() {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                end = opens + offset + 1;
                break;
            }
        }
        found.push(at..end);
        from = end;
    }
    found
}

fn kinds(text: &str) -> Vec<Kind> {
    let bytes = text.as_bytes();
    let mut kinds = vec![Kind::Code; bytes.len()];
    let mut at = 0;
    let mut mark = |from: usize, to: usize, kind| {
        let to = to.min(bytes.len());
        kinds[from..to].fill(kind);
        to
    };
    let find = |from: usize, what: &str| text[from..].find(what).map(|end| from + end);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let in_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        at = if rest.starts_with(b"//") {
            mark(at, find(at, "\n").unwrap_or(bytes.len()), Kind::Comment)
        } else if rest.starts_with(b"/*") {
            mark(at, find(at, "*/").map_or(bytes.len(), |end| end + 2), Kind::Comment)
        } else if !in_word && let Some((opening, hashes)) = raw_string(rest) {
            let closing = format!("\"{}", "#".repeat(hashes));
            let end = find(at + opening, &closing).map_or(bytes.len(), |end| end + closing.len());
            mark(at, end, Kind::Literal)
        } else if rest[0] == b'"' {
            let mut end = at + 1;
            while end < bytes.len() && bytes[end] != b'"' {
                end += if bytes[end] == b'\\' { 2 } else { 1 };
            }
            mark(at, end + 1, Kind::Literal)
        } else if rest[0] == b'\''
            && let Some(length) = letter(&text[at..])
        {
            mark(at, at + length, Kind::Literal)
        } else {
            at + 1
        };
    }
    kinds
}

/// The length of what opens a raw string here, and its number of hashes.
fn raw_string(rest: &[u8]) -> Option<(usize, usize)> {
    let rest = rest.strip_prefix(b"b").map_or((0, rest), |rest| (1, rest));
    let hashes = rest.1.strip_prefix(b"r")?.iter().take_while(|byte| **byte == b'#').count();
    (rest.1.get(1 + hashes) == Some(&b'"')).then_some((rest.0 + 2 + hashes, hashes))
}

/// The length of the character literal that begins here; a lifetime is none.
fn letter(text: &str) -> Option<usize> {
    let mut letters = text.char_indices().skip(1);
    match letters.next()?.1 {
        '\\' => text[3..].find('\'').map(|end| end + 4),
        _ => letters.next().filter(|(_, letter)| *letter == '\'').map(|(at, _)| at + 1),
    }
}
