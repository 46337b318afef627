//! YAML as a tree of values, and a reader that finds what is missing, unknown, or of the wrong
//! kind.
//!
//! Not here: what any key means. Nothing here ever repeats a value: it may be a secret put in the
//! wrong place. One small tree for every file, and not a type for each, keeps generic code out of
//! the program.

mod node;
mod tree;

use granit_parser::{ErrorKind, Parser, ScanError};

pub(crate) use node::Node;
use tree::{Mistake, Tree};

use crate::input::nearest;

/// Reads a document.
///
/// # Errors
///
/// The place and what is wrong, as `, line 3: …`. An empty document is a mistake: it may be one
/// that is being written.
pub(crate) fn parse(text: &str) -> Result<Node, String> {
    read(&mut text.chars(), Tree::default())
}

/// Reads a document whose top level has some of these `lists`, and hands each of their items to
/// `item` as soon as it is read. In the document that is returned these lists are empty.
///
/// # Errors
///
/// The place and what is wrong, as `, line 3: …`.
pub(crate) fn parse_lists(
    text: &mut dyn Iterator<Item = char>,
    lists: &[&'static str],
    item: &mut dyn FnMut(&'static str, usize, Node),
) -> Result<Node, String> {
    read(text, Tree::handing_over(lists, item))
}

const EMPTY: &str = ": is empty; if it is to set nothing, write `{}`";

/// One kind of text for all, so that the parser is in the program once.
fn read(text: &mut dyn Iterator<Item = char>, mut tree: Tree<'_>) -> Result<Node, String> {
    let sentence = |Mistake { line, what }: Mistake| format!(", line {line}: {what}");
    for event in Parser::new_from_iter(text) {
        let (event, place) = event.map_err(|error| sentence(syntax(&error)))?;
        tree.take(event, place.start.line()).map_err(sentence)?;
    }
    match tree.finish() {
        None => Err(EMPTY.to_owned()),
        Some(Node::Scalar(text)) if text.is_empty() => Err(EMPTY.to_owned()),
        Some(other) => Ok(other),
    }
}

fn syntax(error: &ScanError) -> Mistake {
    let what = match error.kind() {
        ErrorKind::UnknownAnchor => {
            "an alias (`*…`) names what is not above it; a value that begins with `*` needs \
                quotes"
        }
        ErrorKind::RecursionLimitExceeded => "is nested too deep",
        _ => {
            "is not YAML that can be read; look at the quotes and the indentation, which is made \
             of blanks and never of tabs"
        }
    };
    Mistake { line: error.marker().line(), what }
}

/// What is said of a key that has a list or a map in the place of one value.
pub(crate) fn not_one_value(key: &str) -> String {
    format!("`{key}`: must be one value, neither a list nor a set of keys")
}

/// A map whose keys are taken out one by one; what is left over is unknown.
pub(crate) struct Section<'k> {
    keys: Vec<(Box<str>, Node)>,
    known: &'k [&'static str],
}

impl<'k> Section<'k> {
    /// A section that may hold these keys.
    ///
    /// # Errors
    ///
    /// When it is no map, or holds other keys.
    pub(crate) fn new(node: Node, known: &'k [&'static str]) -> Result<Self, String> {
        let Node::Map(keys) = node else {
            return Err("must be a set of `key: value` lines".to_owned());
        };
        for (key, _) in &keys {
            if !known.contains(&&**key) {
                let named = key.len() <= 32
                    && key.bytes().all(|byte| byte.is_ascii_alphabetic() || b"_-".contains(&byte));
                let name = if named && !key.is_empty() {
                    format!("unknown key `{key}`")
                } else {
                    "unknown key".to_owned()
                };
                let secret = ["token", "secret", "password"].iter().any(|word| key.contains(word));
                let meant = nearest(&key.to_ascii_lowercase(), known.iter().copied());
                let hint = match meant.filter(|_| named) {
                    Some(meant) => format!("; did you mean `{meant}`?"),
                    None if secret || !named => "; secrets belong in files of their own".to_owned(),
                    None => String::new(),
                };
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
            Some(_) => Err(not_one_value(key)),
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
