//! The messages in a delivery, read one by one and kept as events alone.
//!
//! Not here: which fields a message has; each provider declares those that it needs, and all others
//! are skipped unread.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::lenient::{LenientObject, nothing_else};
use crate::domain::MessageEvent;

/// What one item of a list tells.
pub(crate) trait MessageItem {
    /// The event; `None` if it tells nothing that is counted.
    fn event(self) -> Option<MessageEvent>;
}

/// The events of a list of items, or of one item that stands in its place. Anything else is no
/// event.
#[derive(Debug)]
pub(crate) struct MessageList<T> {
    pub(crate) events: Vec<MessageEvent>,
    item: PhantomData<T>,
}

impl<T> Default for MessageList<T> {
    fn default() -> Self {
        Self::of(Vec::new())
    }
}

impl<T> MessageList<T> {
    const fn of(events: Vec<MessageEvent>) -> Self {
        Self { events, item: PhantomData }
    }
}

impl<'de, T: Deserialize<'de> + MessageItem> Deserialize<'de> for MessageList<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MessageListVisitor(PhantomData::<T>)).map(Self::of)
    }
}

struct MessageListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + MessageItem> Visitor<'de> for MessageListVisitor<T> {
    type Value = Vec<MessageEvent>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut events = Vec::new();
        while let Some(LenientObject(item)) = list.next_element::<LenientObject<T>>()? {
            events.extend(item.and_then(T::event));
        }
        Ok(events)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let item = T::deserialize(MapAccessDeserializer::new(map))?;
        Ok(item.event().into_iter().collect())
    }

    nothing_else!(Vec::new(), Self::Value);
}
