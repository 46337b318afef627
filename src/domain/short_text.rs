//! A text that is mostly short, such as a name or an id. It is kept in place: a fleet has many, and
//! a piece of memory for each would take 32 bytes and a look elsewhere.
//!
//! Not here: what a text may hold.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// So many bytes are kept in place.
const IN_PLACE: usize = 22;

/// A text. Takes 24 bytes, and further ones only when it is longer than 22.
#[derive(Clone)]
pub struct ShortText(Repr);

#[derive(Clone)]
enum Repr {
    InPlace { length: u8, bytes: [u8; IN_PLACE] },
    OtherShards(Arc<str>),
}

impl From<&str> for ShortText {
    fn from(text: &str) -> Self {
        let mut bytes = [0; IN_PLACE];
        let Some(place) = bytes.get_mut(..text.len()) else {
            return Self(Repr::OtherShards(text.into()));
        };
        place.copy_from_slice(text.as_bytes());
        // At most 22.
        Self(Repr::InPlace { length: text.len() as u8, bytes })
    }
}

impl From<Box<str>> for ShortText {
    fn from(text: Box<str>) -> Self {
        Self::from(&*text)
    }
}

impl ShortText {
    /// Its bytes, which are at hand sooner than the text.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::InPlace { length, bytes } => &bytes[..usize::from(*length)],
            Repr::OtherShards(text) => text.as_bytes(),
        }
    }
}

impl Deref for ShortText {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            // It was a text when it was put there.
            Repr::InPlace { .. } => std::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Repr::OtherShards(text) => text,
        }
    }
}

impl PartialEq for ShortText {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for ShortText {}

impl PartialOrd for ShortText {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ShortText {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for ShortText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for ShortText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for ShortText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_stays_what_it_is_and_is_compared_as_such(one in ".{0,30}", other in ".{0,30}") {
            let (short, long) = (ShortText::from(&*one), ShortText::from(&*other));
            prop_assert_eq!(&*short, &*one);
            prop_assert_eq!(short.cmp(&long), one.cmp(&other));
            prop_assert_eq!(short == long, one == other);
            prop_assert_eq!(format!("{short} {short:?}"), format!("{one} {one:?}"));
        }
    }

    #[test]
    fn a_text_takes_three_words_whether_there_is_one_or_not() {
        assert_eq!(size_of::<ShortText>(), 24);
        assert_eq!(size_of::<Option<ShortText>>(), 24);
    }
}
