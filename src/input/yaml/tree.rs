//! A parser's events put together as a tree: kinds of values, keys given twice, anchors and
//! aliases, merge keys (`<<`).
//!
//! Not here: the syntax, which is `granit-parser`'s, or what a value means. Events come one by one,
//! and only what has an anchor is copied, within bounds: a hostile document gets an error, and
//! neither the stack nor the memory.

use std::borrow::Cow;
use std::collections::HashSet;

use granit_parser::{Event, ScalarStyle, Tag};

use super::node::Node;

/// What anchors and aliases may copy in one document, in bytes. Three merged keys in each of
/// 100,000 channels take 45 MB.
const COPIED_AT_MOST: usize = 64 * 1024 * 1024;

/// What an allocation takes beside its contents, about.
const ALLOCATION: usize = 24;

/// The deepest tree that aliases may make. Without them the parser's own bounds hold, 255 brackets
/// and 255 indentations.
const DEEPEST: usize = 512;

/// What is wrong, and in which line.
pub(super) struct Mistake {
    pub(super) line: usize,
    pub(super) what: &'static str,
}

type Taken = Result<(), Mistake>;

/// Takes an item of a top-level list: the list, the item's position, and the item.
type Item<'a> = &'a mut dyn FnMut(&'static str, usize, Node);

/// A document that is being read.
#[derive(Default)]
pub(super) struct Tree<'a> {
    /// The lists and maps that are open, the innermost last, each with the number of its anchor, or
    /// 0.
    open: Vec<(OpenNode, usize)>,
    /// Nodes by the number of their anchor; one that is still open is not there yet.
    anchors: Vec<Option<Node>>,
    /// How many bytes were copied.
    copied: usize,
    begun: bool,
    root: Option<Node>,
    /// Top-level lists whose items are handed over one by one, and who takes them.
    handed_over: Vec<&'static str>,
    item: Option<Item<'a>>,
}

enum OpenNode {
    List(Vec<Node>),
    /// A list whose items are handed over, of which so many were.
    HandedOver(&'static str, usize),
    Map(Map),
}

impl<'a> Tree<'a> {
    /// A document of which the items of these top-level lists are handed over.
    pub(super) fn handing_over(lists: &[&'static str], item: Item<'a>) -> Self {
        Self { handed_over: lists.to_vec(), item: Some(item), ..Self::default() }
    }

    /// What a list that begins now is. One with an anchor is needed whole.
    fn open_list(&self, anchor: usize) -> OpenNode {
        let key = match self.open.as_slice() {
            [(OpenNode::Map(map), _)] if anchor == 0 => map.key.as_ref(),
            _ => None,
        };
        let Some((Key::Word(word), _)) = key else { return OpenNode::List(Vec::new()) };
        match self.handed_over.iter().find(|list| ***list == **word) {
            Some(list) => OpenNode::HandedOver(list, 0),
            None => OpenNode::List(Vec::new()),
        }
    }

    /// The document, if there was one.
    pub(super) fn finish(self) -> Option<Node> {
        self.root
    }

    /// Takes in the next event, which is in this line.
    pub(super) fn take(&mut self, event: Event<'_>, line: usize) -> Taken {
        let wrong = |what| Mistake { line, what };
        match event {
            Event::DocumentStart(..) if self.begun => Err(wrong(
                "a second document begins; everything belongs into one, without `---` in between",
            )),
            Event::DocumentStart(..) => {
                self.begun = true;
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let literal = is_text(tag).map_err(wrong)? || style != ScalarStyle::Plain;
                if !literal && *text == *"<<" && self.opens_merge(line) {
                    return Ok(());
                }
                let null = !literal && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let text = if null { Cow::Borrowed("") } else { text };
                self.put(Node::Scalar(text.into()), anchor, line)
            }
            Event::SequenceStart(_, anchor, tag) => {
                is_text(tag).map_err(wrong)?;
                self.open.push((self.open_list(anchor), anchor));
                Ok(())
            }
            Event::MappingStart(_, anchor, tag) => {
                is_text(tag).map_err(wrong)?;
                self.open.push((OpenNode::Map(Map::default()), anchor));
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some((OpenNode::List(list), anchor)) => self.put(Node::List(list), anchor, line),
                Some((OpenNode::HandedOver(..), _)) => self.put(Node::List(Vec::new()), 0, line),
                Some((OpenNode::Map(map), anchor)) => self.put(map.close()?, anchor, line),
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let node = self.copy_of(anchor).map_err(wrong)?;
                self.put(node, 0, line)
            }
            _ => Ok(()),
        }
    }

    /// Whether a `<<` stands where a key belongs.
    fn opens_merge(&mut self, line: usize) -> bool {
        match self.open.last_mut() {
            Some((OpenNode::Map(map), _)) if map.key.is_none() => {
                map.key = Some((Key::Merge, line));
                true
            }
            _ => false,
        }
    }

    /// Puts a whole node where it belongs.
    fn put(&mut self, node: Node, anchor: usize, line: usize) -> Taken {
        if anchor != 0 {
            let copy = self.copy(&node).map_err(|what| Mistake { line, what })?;
            if self.anchors.len() <= anchor {
                self.anchors.resize_with(anchor + 1, || None);
            }
            self.anchors[anchor] = Some(copy);
        }
        match self.open.last_mut() {
            Some((OpenNode::List(list), _)) => list.push(node),
            Some((OpenNode::HandedOver(list, at), _)) => {
                if let Some(item) = &mut self.item {
                    item(list, *at, node);
                }
                *at += 1;
            }
            Some((OpenNode::Map(map), _)) => return map.put(node, line),
            None => self.root = Some(node),
        }
        Ok(())
    }

    fn copy_of(&mut self, anchor: usize) -> Result<Node, &'static str> {
        // Taken out and put back, so that the copy may be counted meanwhile.
        let Some(node) = self.anchors.get_mut(anchor).and_then(Option::take) else {
            return Err("an alias (`*…`) stands inside of what it names");
        };
        let copy = self.copy(&node);
        self.anchors[anchor] = Some(node);
        copy
    }

    fn copy(&mut self, node: &Node) -> Result<Node, &'static str> {
        let (bytes, depth) = extent(node);
        self.copied = self.copied.saturating_add(bytes);
        if self.copied > COPIED_AT_MOST || self.open.len() + depth > DEEPEST {
            return Err("the anchors (`&…`) and aliases (`*…`) make too much of this file");
        }
        Ok(node.clone())
    }
}

/// A map that is being read.
#[derive(Default)]
struct Map {
    keys: Vec<(Box<str>, Node)>,
    /// The line of each key.
    lines: Vec<usize>,
    /// The key whose value comes next.
    key: Option<(Key, usize)>,
    /// What merge keys bring.
    merged: Vec<(Box<str>, Node)>,
}

enum Key {
    Word(Box<str>),
    Merge,
}

impl Map {
    fn put(&mut self, node: Node, line: usize) -> Taken {
        match (self.key.take(), node) {
            (None, Node::Scalar(word)) => self.key = Some((Key::Word(word), line)),
            (None, _) => {
                let what = "a key must be one word, neither a list nor a set of keys";
                return Err(Mistake { line, what });
            }
            (Some((Key::Word(word), line)), node) => {
                self.keys.push((word, node));
                self.lines.push(line);
            }
            (Some((Key::Merge, line)), node) => self.merge(node).map_err(|()| Mistake {
                line,
                what: "`<<` takes a set of keys, or a list of such sets",
            })?,
        }
        Ok(())
    }

    fn merge(&mut self, node: Node) -> Result<(), ()> {
        match node {
            Node::Map(keys) => self.merged.extend(keys),
            Node::List(sets) => {
                for set in sets {
                    let Node::Map(keys) = set else { return Err(()) };
                    self.merged.extend(keys);
                }
            }
            Node::Scalar(text) if text.is_empty() => {}
            Node::Scalar(_) => return Err(()),
        }
        Ok(())
    }

    /// The whole map: its own keys, of which none may be there twice, and then what was merged, of
    /// which the first counts.
    fn close(mut self) -> Result<Node, Mistake> {
        let mut seen = HashSet::with_capacity(self.keys.len());
        for ((key, _), line) in self.keys.iter().zip(&self.lines) {
            if !seen.insert(&**key) {
                return Err(Mistake { line: *line, what: "a key is given twice" });
            }
        }
        if !self.merged.is_empty() {
            let new: Vec<bool> = self.merged.iter().map(|(key, _)| seen.insert(&**key)).collect();
            drop(seen);
            let merged = std::mem::take(&mut self.merged).into_iter().zip(new);
            self.keys.extend(merged.filter_map(|(entry, new)| new.then_some(entry)));
        }
        // Not shrunk: what was cut off would be a hole between the targets made of such maps.
        Ok(Node::Map(self.keys))
    }
}

/// Whether a tag says that a value is text as it stands. Others ask for what is not done here, such
/// as `!include`.
fn is_text(tag: Option<Cow<'_, Tag>>) -> Result<bool, &'static str> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.is_yaml_core_schema_tag("str") || tag.suffix() == "!" => Ok(true),
        Some(_) => {
            Err("a tag (`!…`) means nothing here; a value that begins with `!` needs quotes")
        }
    }
}

/// About how many bytes a node takes on the heap, and how deep it is.
fn extent(node: &Node) -> (usize, usize) {
    let heap = |text: &str| if text.is_empty() { 0 } else { text.len() + ALLOCATION };
    let add = |(bytes, depth): (usize, usize), entry: usize, inner: &Node| {
        let (more, deep) = extent(inner);
        (bytes + entry + more, depth.max(deep + 1))
    };
    let start = (ALLOCATION, 1);
    match node {
        Node::Scalar(text) => (heap(text), 0),
        Node::List(list) => list.iter().fold(start, |sum, node| add(sum, size_of::<Node>(), node)),
        Node::Map(keys) => keys.iter().fold(start, |sum, (key, node)| {
            add(sum, size_of::<(Box<str>, Node)>() + heap(key), node)
        }),
    }
}
