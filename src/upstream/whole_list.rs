//! The rows of a list that counts only as a whole.
//!
//! Not here: what a row says.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::lenient::LenientObject;

/// A list with more rows is none: no server has so many, and those without anything in them would
/// take a hundred times the memory of the answer.
pub(crate) const MAX_ROWS: usize = 50_000;

/// A list of objects. With anything else in it, or with too many, it is none.
#[derive(Debug)]
pub(crate) struct WholeList<T>(pub(crate) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for WholeList<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(WholeListVisitor(PhantomData)).map(Self)
    }
}

struct WholeListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for WholeListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a list of at most {MAX_ROWS} objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut rows = Vec::new();
        while let Some(LenientObject(row)) = list.next_element()? {
            if rows.len() == MAX_ROWS {
                return Err(A::Error::invalid_length(MAX_ROWS + 1, &self));
            }
            rows.push(row.ok_or_else(|| A::Error::custom("a row is no object"))?);
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::lenient::Lenient;

    #[derive(Debug, Deserialize)]
    struct Row {
        #[serde(default)]
        name: Lenient,
    }

    fn names(json: &str) -> Option<Vec<Option<Box<str>>>> {
        let WholeList(rows) = serde_json::from_str::<WholeList<Row>>(json).ok()?;
        Some(rows.iter().map(|row| row.name.label()).collect())
    }

    #[test]
    fn a_list_of_objects_is_read_and_nothing_else() {
        assert_eq!(names(r#"[{"name":"a","x":[1]},{}]"#), Some(vec![Some("a".into()), None]));
        assert_eq!(names("[]"), Some(Vec::new()));
        for none in ["null", "{}", "3", "[null]", "[[]]", r#"["a"]"#, "[{}", r#"[{},3]"#] {
            assert_eq!(names(none), None, "{none}");
        }
    }

    #[test]
    fn too_many_rows_are_no_list() {
        let list = |rows: usize| format!("[{}]", vec!["{}"; rows].join(","));
        assert_eq!(names(&list(MAX_ROWS)).map(|names| names.len()), Some(MAX_ROWS));
        assert_eq!(names(&list(MAX_ROWS + 1)), None);
    }
}
