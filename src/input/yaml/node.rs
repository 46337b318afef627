//! A value of a YAML document.
//!
//! Not here: how it is parsed.

/// A value of a YAML document.
#[derive(Clone)]
pub(crate) enum Node {
    /// One value, as text; empty for null.
    Scalar(Box<str>),
    /// A list.
    List(Vec<Node>),
    /// Keys with values, in their order.
    Map(Vec<(Box<str>, Node)>),
}

impl Node {
    /// The text of one value.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// What a map's key has.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(keys) = self else { return None };
        keys.iter().find(|(name, _)| **name == *key).map(|(_, value)| value)
    }

    /// The text of a map's key.
    pub(crate) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Self::text)
    }
}
