//! YAML as a tree of values, and a reader that finds what is missing, unknown, or of the wrong kind.
//!
//! Not here: what any key means. Nothing here ever repeats a value: it may be a secret put in the wrong place.
//! One small tree for every file keeps the parser's generic code in the program once.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value of a YAML document.
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

    /// The text of a map's key.
    pub(crate) fn text_of(&self, key: &str) -> Option<&str> {
        let Self::Map(keys) = self else { return None };
        keys.iter().find(|(name, _)| **name == *key).and_then(|(_, value)| value.text())
    }
}

/// Reads a document; an empty one is an empty map.
///
/// # Errors
///
/// The place and what is wrong, as `, line 3: …`.
pub(crate) fn parse(text: &str) -> Result<Node, String> {
    // The default budget stops at documents far smaller than a file of many thousand channels.
    let options = serde_saphyr::options! { budget: None, with_snippet: false };
    let node: Node = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map_or_else(String::new, |at| format!(", line {}", at.line()));
        let twice = error.without_snippet().to_string().contains("duplicate");
        let what = match twice {
            true => "a key is given twice",
            false => "is not YAML that can be read; look at the quotes and the indentation, which is made of blanks and never of tabs",
        };
        format!("{line}: {what}")
    })?;
    match node {
        Node::Scalar(text) if text.is_empty() => Ok(Node::Map(Vec::new())),
        other => Ok(other),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyKind)
    }
}

struct AnyKind;

impl<'de> Visitor<'de> for AnyKind {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Scalar(text.into()))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Scalar(number.to_string().into()))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Scalar(number.to_string().into()))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Scalar(number.to_string().into()))
    }
    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string().into()))
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar("".into()))
    }
    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar("".into()))
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Node, Node>()? {
            let key = match key {
                Node::Scalar(key) => key,
                _ => "".into(),
            };
            map.push((key, value));
        }
        map.shrink_to_fit();
        Ok(Node::Map(map))
    }
}

/// A map whose keys are taken out one by one; what is left over is unknown.
pub(crate) struct Section {
    keys: Vec<(Box<str>, Node)>,
    known: &'static [&'static str],
}

impl Section {
    /// A section that may hold these keys.
    ///
    /// # Errors
    ///
    /// When it is no map, or holds other keys.
    pub(crate) fn new(node: Node, known: &'static [&'static str]) -> Result<Self, String> {
        let Node::Map(keys) = node else {
            return Err("must be a set of `key: value` lines".to_owned());
        };
        for (key, _) in &keys {
            if !known.contains(&&**key) {
                let named = key.len() <= 32
                    && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
                let name = if named && !key.is_empty() {
                    format!("unknown key `{key}`")
                } else {
                    "unknown key".to_owned()
                };
                let secret = ["token", "secret", "password"].iter().any(|word| key.contains(word));
                let hint =
                    if secret || !named { "; secrets belong in files of their own" } else { "" };
                return Err(format!(
                    "{name}, expected one of {}{hint}",
                    known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
                ));
            }
        }
        Ok(Self { keys, known })
    }

    /// Takes a key's value out; a null is as good as none.
    pub(crate) fn take(&mut self, key: &str) -> Option<Node> {
        debug_assert!(self.known.contains(&key), "{key} is not declared");
        let at = self.keys.iter().position(|(name, _)| **name == *key)?;
        match self.keys.swap_remove(at).1 {
            Node::Scalar(text) if text.is_empty() => None,
            node => Some(node),
        }
    }

    /// Takes one value out.
    ///
    /// # Errors
    ///
    /// When it is a list or a map.
    pub(crate) fn text(&mut self, key: &str) -> Result<Option<Box<str>>, String> {
        match self.take(key) {
            None => Ok(None),
            Some(Node::Scalar(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{key}`: must be one value, neither a list nor a set of keys")),
        }
    }

    /// Takes a list out.
    ///
    /// # Errors
    ///
    /// When it is something else.
    pub(crate) fn list(&mut self, key: &str) -> Result<Option<Vec<Node>>, String> {
        match self.take(key) {
            None => Ok(None),
            Some(Node::List(list)) => Ok(Some(list)),
            Some(_) => Err(format!("`{key}`: must be a list")),
        }
    }
}
