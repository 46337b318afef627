//! Names that operators give to channels and tokens: always good label values and good parts of a
//! URL.
//!
//! Not for names that come from an upstream.

use std::fmt;

use crate::domain::ShortText;

/// A name of letters, digits, `.`, `_` and `-`, 1 to 63 long, that begins with a letter or a digit.
///
/// So it needs no escaping in a label, a URL or a page.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(ShortText);

const MAX_LENGTH: usize = 63;

impl Name {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without repeating it: it may be a secret put in the wrong place.
    pub fn new(name: &str) -> Result<Self, String> {
        if name.is_empty() {
            return Err("the name is empty".to_owned());
        }
        if name.len() > MAX_LENGTH {
            return Err(format!("the name is longer than {MAX_LENGTH} characters"));
        }
        for (at, letter) in name.chars().enumerate() {
            let good = letter.is_ascii_alphanumeric() || (at > 0 && ".-_".contains(letter));
            if !good {
                let which = match letter {
                    ' ' => "a space".to_owned(),
                    shown if shown.is_ascii_graphic() => format!("`{shown}`"),
                    other => format!("U+{:04X}", u32::from(other)),
                };
                return Err(format!(
                    "character {} of the name is {which}; a name is made of letters, digits, `.`, \
                     `_` and `-`, and begins with a \
                     letter or a digit",
                    at + 1
                ));
            }
        }
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_are_taken_as_they_are() {
        for name in ["sales", "Sales-DE", "a", "49.171_x", &"x".repeat(63)] {
            assert_eq!(Name::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn bad_names_are_refused_without_being_repeated() {
        for (name, said) in [
            ("", "the name is empty"),
            ("sales team", "character 6 of the name is a space"),
            ("-sales", "character 1 of the name is `-`"),
            ("a\"b", "character 2 of the name is `\"`"),
            ("a\nb", "character 2 of the name is U+000A"),
            ("vertrieb-süd", "character 11 of the name is U+00FC"),
            (&"s3cret".repeat(12), "longer than 63 characters"),
        ] {
            let error = Name::new(name).unwrap_err();
            assert!(error.contains(said), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
