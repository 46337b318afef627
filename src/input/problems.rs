//! The mistakes found in the settings, as sentences for a person.
//!
//! Not here: the search for them. No sentence ever holds a value that could be a secret.

use std::fmt;

/// So many are told. A wrong key in each of 100,000 entries is one mistake to whoever reads them.
const TOLD: usize = 50;

/// Mistakes in the settings, each one sentence that says where, what, and what to do.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Problems {
    count: usize,
    /// The first, and then one that says how many more there are.
    sentences: Vec<String>,
}

impl Problems {
    /// Adds a sentence.
    pub fn add(&mut self, sentence: impl Into<String>) {
        self.count += 1;
        self.sentences.truncate(TOLD);
        self.sentences.push(match self.count.checked_sub(TOLD) {
            None | Some(0) => sentence.into(),
            Some(1) => "there is one more mistake".to_owned(),
            Some(more) => format!("there are {more} more mistakes"),
        });
    }

    /// Both of two settings that are of use only together. Beside each stands what to say when it
    /// is there alone, and not because of a mistake told since there were `before` of them.
    pub fn both<A, B>(
        &mut self,
        before: usize,
        one: (Option<A>, &str),
        other: (Option<B>, &str),
    ) -> Option<(A, B)> {
        let alone = match (one, other) {
            ((Some(one), _), (Some(other), _)) => return Some((one, other)),
            ((Some(_), alone), (None, _)) | ((None, _), (Some(_), alone)) => alone,
            ((None, _), (None, _)) => return None,
        };
        if self.count() == before {
            self.add(alone);
        }
        None
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many mistakes there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The sentences.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.sentences.iter().map(String::as_str)
    }

    /// `value` if nothing is wrong.
    ///
    /// # Errors
    ///
    /// The problems themselves, if there are any.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.sentences.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            f.write_str(problem)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
