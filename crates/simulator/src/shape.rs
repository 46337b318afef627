//! The form of a response's JSON fields: the liberties that the real APIs take with numbers and
//! optional fields. Not their values.

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
    /// Only what a response cannot be understood without: a channel's `status.text`, a token's
    /// `is_valid`.
    Bare,
}

/// The form of a response's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// How numbers are written.
    pub numbers: Numbers,
    /// Which of the optional fields are there.
    pub fields: Fields,
    /// Whether undocumented fields are there too.
    pub extras: bool,
}

impl Shape {
    /// A count, a code or a duration.
    pub(crate) fn number(&self, value: i64) -> Value {
        match self.numbers {
            Numbers::Integers | Numbers::Milliseconds => json!(value),
            Numbers::Floats => json!(value as f64),
            Numbers::Strings => json!(value.to_string()),
        }
    }

    /// A moment, given in seconds.
    pub(crate) fn moment(&self, seconds: u64) -> Value {
        match self.numbers {
            Numbers::Milliseconds => json!(seconds.saturating_mul(1000)),
            _ => self.number(i64::try_from(seconds).unwrap_or(i64::MAX)),
        }
    }

    /// Adds a field that the schema requires.
    pub(crate) fn required(&self, into: &mut Map<String, Value>, name: &str, value: Value) {
        if self.fields != Fields::Bare {
            into.insert(name.to_owned(), value);
        }
    }

    /// Adds a field that may be missing.
    pub(crate) fn optional(&self, into: &mut Map<String, Value>, name: &str, value: Value) {
        match self.fields {
            Fields::All => into.insert(name.to_owned(), value),
            Fields::Null => into.insert(name.to_owned(), Value::Null),
            Fields::Required | Fields::Bare => None,
        };
    }

    /// Adds undocumented fields.
    pub(crate) fn extra(&self, into: &mut Map<String, Value>) {
        if self.extras {
            into.insert(
                "x_added_yesterday".to_owned(),
                json!({ "list": [1, "two", null, 3.5], "flag": true }),
            );
        }
    }
}
