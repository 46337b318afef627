//! JSON values read without insisting on their kind: a number may be a string, an optional field null.
//!
//! Not here: which fields there are.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::domain::Timestamp;

/// One value of any kind. What is neither a number, a text nor a flag is dropped unread.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Loose {
    /// Missing, null, or of a kind that no field of ours has.
    #[default]
    Nothing,
    Flag(bool),
    Number(f64),
    Text(String),
    /// The texts of a list.
    List(Vec<String>),
}

/// The longest text that is kept of an upstream's: it may become a label value.
const LONGEST_TEXT: usize = 128;

/// Later than this, a number of seconds is one of milliseconds (the year 5138).
const SECONDS_END: f64 = 100_000_000_000.0;

impl Loose {
    /// The number, also out of a text.
    pub(super) fn number(&self) -> Option<f64> {
        let number = match self {
            Self::Number(number) => *number,
            Self::Text(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    /// A whole number.
    pub(super) fn integer(&self) -> Option<i64> {
        self.number().filter(|number| number.abs() < 9e15).map(|number| number as i64)
    }

    /// The flag, also out of a text or a number.
    pub(super) fn flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(*flag),
            Self::Number(number) => Some(*number != 0.0),
            Self::Text(text) => text.trim().to_ascii_lowercase().parse().ok(),
            _ => None,
        }
    }

    /// The text as it is.
    pub(super) fn raw_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text, or a number's digits, printable and short enough for a label.
    pub(super) fn label(&self) -> Option<Box<str>> {
        let text = match self {
            Self::Text(text) => printable(text),
            Self::Number(number) => number.to_string(),
            _ => return None,
        };
        (!text.is_empty()).then(|| text.into())
    }

    /// A point in time, in seconds or, told apart by magnitude, milliseconds. Zero is a time here; negative is none.
    pub(super) fn timestamp(&self) -> Option<Timestamp> {
        let number = self.number().filter(|number| *number >= 0.0)?;
        let millis = if number > SECONDS_END { number } else { number * 1000.0 };
        (millis < 9e15).then(|| Timestamp::from_millis(millis.round() as i64))
    }

    /// A number of seconds, as milliseconds.
    pub(super) fn seconds_as_millis(&self) -> Option<i64> {
        self.number()
            .filter(|seconds| (0.0..9e12).contains(seconds))
            .map(|seconds| (seconds * 1000.0).round() as i64)
    }

    /// The texts of a list.
    pub(super) fn list(self) -> Option<Vec<String>> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }
}

/// The text without control characters, cut to a length that a label can have.
pub(super) fn printable(text: &str) -> String {
    text.trim().chars().filter(|letter| !letter.is_control()).take(LONGEST_TEXT).collect()
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyKind)
    }
}

struct AnyKind;

impl<'de> Visitor<'de> for AnyKind {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_bool<E>(self, flag: bool) -> Result<Loose, E> {
        Ok(Loose::Flag(flag))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Loose, E> {
        Ok(Loose::Number(number as f64))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Loose, E> {
        Ok(Loose::Number(number as f64))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Loose, E> {
        Ok(Loose::Number(number))
    }
    fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
        Ok(Loose::Text(text.to_owned()))
    }
    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose::Nothing)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Loose, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Item>()? {
            list.extend(item.0);
        }
        Ok(Loose::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::Nothing)
    }
}

/// An item of a list: a text, or the `scope` of an object, as in Meta's `granular_scopes`.
struct Item(Option<String>);

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemKind;
        impl<'de> Visitor<'de> for ItemKind {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_bool<E>(self, _: bool) -> Result<Item, E> {
                Ok(Item(None))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Item, E> {
                Ok(Item(None))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Item, E> {
                Ok(Item(None))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Item, E> {
                Ok(Item(None))
            }
            fn visit_unit<E>(self) -> Result<Item, E> {
                Ok(Item(None))
            }
            fn visit_str<E>(self, text: &str) -> Result<Item, E> {
                Ok(Item(Some(text.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Item, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Item(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
                let mut scope = None;
                while let Some(key) = map.next_key::<String>()? {
                    if key == "scope" {
                        scope = map.next_value::<Loose>()?.raw_text().map(str::to_owned);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Item(scope))
            }
        }
        deserializer.deserialize_any(ItemKind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loose(json: &str) -> Loose {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn numbers_come_in_any_dress() {
        for json in
            ["1713774883", "1713774883.0", "\"1713774883\"", "1713774883000", "\"1713774883000\""]
        {
            assert_eq!(
                loose(json).timestamp(),
                Some(Timestamp::from_secs(1_713_774_883)),
                "{json}"
            );
        }
        for json in ["null", "{}", "[]", "\"soon\"", "-5", "\"NaN\"", "1e300", "true"] {
            assert_eq!(loose(json).timestamp(), None, "{json}");
        }
        assert_eq!(loose("77.5").seconds_as_millis(), Some(77_500));
    }

    #[test]
    fn lists_keep_their_texts_and_scopes() {
        let list =
            loose(r#"["a", 1, null, {"scope":"b","target_ids":["1"]}, {"x":{}}, [true], false]"#)
                .list();
        assert_eq!(list, Some(vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn a_label_is_printable_and_short() {
        assert_eq!(loose("\"a\\nb\\u0000c\"").label().as_deref(), Some("abc"));
        assert_eq!(loose("634974688087057").label().as_deref(), Some("634974688087057"));
        assert_eq!(loose(&format!("\"{}\"", "x".repeat(500))).label().unwrap().len(), 128);
        assert_eq!(loose("\"\"").label(), None);
    }
}
