//! JSON values read without insisting on their kind: a number may be a string, an optional field
//! null.
//!
//! Not here: which fields there are. Only declared fields are read at all.

use std::fmt;
use std::marker::PhantomData;

use secrecy::SecretString;
use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::domain::Timestamp;

/// Whether a body begins as a JSON object does; serde reads structs from lists too.
pub(crate) fn is_object(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

/// Whether a body is a JSON object, whatever is in it.
pub(crate) fn is_whole_object(body: &[u8]) -> bool {
    is_object(body) && serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

/// One value of any kind.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Lenient(Value);

/// The longest text that is kept of an upstream's: it may become a label value.
const MAX_TEXT_CHARS: usize = 128;

/// Later than this, a number of seconds is one of milliseconds (the year 5138).
const SECONDS_END: f64 = 100_000_000_000.0;

impl Lenient {
    /// The number, also out of a text.
    pub(crate) fn number(&self) -> Option<f64> {
        let number = match &self.0 {
            Value::Number(number) => number.as_f64()?,
            Value::String(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    /// A whole number.
    pub(crate) fn integer(&self) -> Option<i64> {
        self.number().filter(|number| number.abs() < 9e15).map(|number| number as i64)
    }

    /// The flag, also out of a text or a number.
    pub(crate) fn flag(&self) -> Option<bool> {
        match &self.0 {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) => Some(number.as_f64()? != 0.0),
            Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
            _ => None,
        }
    }

    /// The text as it is.
    pub(crate) fn raw_text(&self) -> Option<&str> {
        self.0.as_str()
    }

    /// The text, or a number's digits, printable and short enough for a label.
    pub(crate) fn label(&self) -> Option<Box<str>> {
        label(&self.0)
    }

    /// The values of a list; none where no list stands.
    pub(crate) fn parts(&self) -> Vec<Self> {
        self.0.as_array().into_iter().flatten().cloned().map(Self).collect()
    }

    /// The labels of a list; none where no list stands.
    pub(crate) fn labels(&self) -> Vec<Box<str>> {
        self.0.as_array().into_iter().flatten().filter_map(label).collect()
    }

    /// A point in time, in seconds or, told apart by magnitude, milliseconds. Zero is a time here;
    /// negative is none.
    pub(crate) fn timestamp(&self) -> Option<Timestamp> {
        let number = self.number().filter(|number| *number >= 0.0)?;
        let millis = if number > SECONDS_END { number } else { number * 1000.0 };
        (millis < 9e15).then(|| Timestamp::from_millis(millis.round() as i64))
    }

    /// A number of seconds, as milliseconds.
    pub(crate) fn seconds_as_millis(&self) -> Option<i64> {
        self.number()
            .filter(|seconds| (0.0..9e12).contains(seconds))
            .map(|seconds| (seconds * 1000.0).round() as i64)
    }

    /// The texts of a list; of an object in it, the text of `key`.
    pub(crate) fn texts(&self, key: &str) -> Option<Vec<String>> {
        let list = self.0.as_array()?;
        let texts =
            list.iter().filter_map(|item| item.as_str().or_else(|| item.get(key)?.as_str()));
        Some(texts.map(str::to_owned).collect())
    }
}

fn label(value: &Value) -> Option<Box<str>> {
    let text = match value {
        Value::String(text) => printable(text),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then(|| text.into())
}

/// A secret in an answer: a text that is not empty, or none.
#[derive(Debug, Default)]
pub(crate) struct LenientSecret(pub(crate) Option<SecretString>);

impl<'de> Deserialize<'de> for LenientSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Lenient(value) = Lenient::deserialize(deserializer)?;
        let Value::String(text) = value else { return Ok(Self(None)) };
        let text = text.trim();
        Ok(Self((!text.is_empty()).then(|| text.into())))
    }
}

/// An object whose declared fields are read, and nothing where something else stands in its place.
/// All else of it is skipped unread.
#[derive(Debug)]
pub(crate) struct LenientObject<T>(pub(crate) Option<T>);

impl<T> Default for LenientObject<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for LenientObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ObjectVisitor(PhantomData)).map(Self)
    }
}

/// An object in a [`LenientList`].
pub(crate) trait ListItem {
    /// Whether it has to be kept. There may be a million that say nothing.
    fn says_anything(&self) -> bool;
}

/// The objects of a list, and none where no list stands. What is no object in it is skipped, and so
/// is what says nothing.
#[derive(Debug)]
pub(crate) struct LenientList<T>(pub(crate) Vec<T>);

impl<T> Default for LenientList<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de> + ListItem> Deserialize<'de> for LenientList<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData)).map(Self)
    }
}

struct ListVisitor<T>(PhantomData<T>);

/// Visitors of what is none of what is looked for.
macro_rules! nothing_else {
    ($nothing:expr, $value:ty) => {
        fn visit_unit<E>(self) -> Result<$value, E> {
            Ok($nothing)
        }

        fn visit_bool<E>(self, _: bool) -> Result<$value, E> {
            Ok($nothing)
        }

        fn visit_i64<E>(self, _: i64) -> Result<$value, E> {
            Ok($nothing)
        }

        fn visit_u64<E>(self, _: u64) -> Result<$value, E> {
            Ok($nothing)
        }

        fn visit_f64<E>(self, _: f64) -> Result<$value, E> {
            Ok($nothing)
        }

        fn visit_str<E>(self, _: &str) -> Result<$value, E> {
            Ok($nothing)
        }
    };
}
pub(super) use nothing_else;

impl<'de, T: Deserialize<'de> + ListItem> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut objects = Vec::new();
        while let Some(LenientObject(object)) = list.next_element::<LenientObject<T>>()? {
            objects.extend(object.filter(T::says_anything));
        }
        Ok(objects)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<T>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Vec::new())
    }

    nothing_else!(Vec::new(), Vec<T>);
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<T>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    nothing_else!(None, Option<T>);
}

/// The text without control characters, cut to a length that a label can have.
pub(crate) fn printable(text: &str) -> String {
    let text = text.trim();
    if text.len() <= MAX_TEXT_CHARS && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    text.chars().filter(|letter| !letter.is_control()).take(MAX_TEXT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lenient(json: &str) -> Lenient {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn numbers_come_in_any_dress() {
        for json in
            ["1713774883", "1713774883.0", "\"1713774883\"", "1713774883000", "\"1713774883000\""]
        {
            assert_eq!(
                lenient(json).timestamp(),
                Some(Timestamp::from_secs(1_713_774_883)),
                "{json}"
            );
        }
        for json in ["null", "{}", "[]", "\"soon\"", "-5", "\"NaN\"", "1e300", "true"] {
            assert_eq!(lenient(json).timestamp(), None, "{json}");
        }
        assert_eq!(lenient("77.5").seconds_as_millis(), Some(77_500));
    }

    #[test]
    fn what_stands_in_an_objects_place_is_nothing_and_harms_nothing() {
        #[derive(Deserialize)]
        struct One {
            #[serde(default)]
            number: Lenient,
        }
        let number = |json: &str| {
            let LenientObject(one) = serde_json::from_str::<LenientObject<One>>(json).unwrap();
            one.map(|one| one.number.integer())
        };
        assert_eq!(number(r#"{"number":7,"more":[{"x":null}]}"#), Some(Some(7)));
        assert_eq!(number("{}"), Some(None));
        for json in ["null", "true", "1", "-1", "1.5", "\"text\"", "\"\\n\"", "[1,{},[]]"] {
            assert_eq!(number(json), None, "{json}");
        }
    }

    #[test]
    fn what_is_no_object_in_a_list_is_skipped_and_what_is_no_list_is_empty() {
        #[derive(Deserialize)]
        struct One {
            #[serde(default)]
            id: Lenient,
        }
        impl ListItem for One {
            fn says_anything(&self) -> bool {
                self.id != Lenient::default()
            }
        }
        let ids = |json: &str| {
            let LenientList(list) = serde_json::from_str::<LenientList<One>>(json).unwrap();
            list.iter().map(|one| one.id.integer()).collect::<Vec<_>>()
        };
        assert_eq!(ids(r#"[{"id":1},null,[2],"x",{},{"id":"3"}]"#), [Some(1), Some(3)]);
        for json in ["null", "true", "1", "-1", "1.5", "\"text\"", r#"{"id":[{}]}"#] {
            assert!(ids(json).is_empty(), "{json}");
        }
    }

    #[test]
    fn lists_keep_their_texts_and_scopes() {
        let list =
            lenient(r#"["a", 1, null, {"scope":"b","target_ids":["1"]}, {"x":{}}, [true], false]"#)
                .texts("scope");
        assert_eq!(list, Some(vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn a_label_is_printable_and_short() {
        assert_eq!(lenient("\"a\\nb\\u0000c\"").label().as_deref(), Some("abc"));
        assert_eq!(lenient("634974688087057").label().as_deref(), Some("634974688087057"));
        assert_eq!(lenient(&format!("\"{}\"", "x".repeat(500))).label().unwrap().len(), 128);
        assert_eq!(lenient("\"\"").label(), None);
    }
}
