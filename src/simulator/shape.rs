//! How the fields of an answer look: the liberties that the real APIs take with numbers and optional fields. Not their values.

use serde_json::{Map, Value, json};

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Numbers {
    /// `1795000000`
    #[default]
    Integers,
    /// `1795000000.0`: Whapi's schema says `number`.
    Floats,
    /// `"1795000000"`, as proxies do.
    Strings,
    /// Moments in milliseconds, `1795000000000`; 0 stays 0, durations and codes stay as they are.
    Milliseconds,
}

/// Which of the optional fields are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fields {
    /// All of them.
    #[default]
    All,
    /// All of them, but `null`.
    Null,
    /// None; what the vendor's schema requires is there.
    Required,
    /// Only what an answer cannot be understood without: a channel's `status.text`, a token's `is_valid`.
    Bare,
}

/// The looks of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// How numbers are written.
    pub numbers: Numbers,
    /// Which of the optional fields are there.
    pub fields: Fields,
    /// Also fields that nobody has documented.
    pub extras: bool,
}

impl Shape {
    /// A count, a code or a duration.
    pub(super) fn number(&self, value: i64) -> Value {
        match self.numbers {
            Numbers::Integers | Numbers::Milliseconds => json!(value),
            Numbers::Floats => json!(value as f64),
            Numbers::Strings => json!(value.to_string()),
        }
    }

    /// A moment, given in seconds.
    pub(super) fn moment(&self, seconds: u64) -> Value {
        match self.numbers {
            Numbers::Milliseconds => json!(seconds.saturating_mul(1000)),
            _ => self.number(i64::try_from(seconds).unwrap_or(i64::MAX)),
        }
    }

    /// Puts in a field that the schema requires.
    pub(super) fn required(&self, into: &mut Map<String, Value>, name: &str, value: Value) {
        if self.fields != Fields::Bare {
            into.insert(name.to_owned(), value);
        }
    }

    /// Puts in a field that may be missing.
    pub(super) fn optional(&self, into: &mut Map<String, Value>, name: &str, value: Value) {
        match self.fields {
            Fields::All => into.insert(name.to_owned(), value),
            Fields::Null => into.insert(name.to_owned(), Value::Null),
            Fields::Required | Fields::Bare => None,
        };
    }

    /// Puts in what nobody has documented.
    pub(super) fn extra(&self, into: &mut Map<String, Value>) {
        if self.extras {
            into.insert(
                "x_added_yesterday".to_owned(),
                json!({ "list": [1, "two", null, 3.5], "flag": true }),
            );
        }
    }
}
