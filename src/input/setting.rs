//! One setting that may be unset, wrong or right. Wrong ones are collected, so that all mistakes of
//! a file or an environment are told at once.
//!
//! Not here: which settings there are.

use serde::{Deserialize, Deserializer};

use super::{Problems, Variable};

/// A value that can be read from a setting's text.
pub trait FromSetting: Sized {
    /// Reads the text.
    ///
    /// # Errors
    ///
    /// What is wrong and what to write instead, without repeating the text: it may be a secret put
    /// in the wrong place.
    fn from_setting(text: &str) -> Result<Self, String>;
}

/// What a variable is set to.
#[derive(Debug, Clone)]
pub struct Setting<T>(Option<Result<T, String>>);

impl<T> Default for Setting<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: FromSetting> Deserialize<'de> for Setting<T> {
    /// Never fails on a text, so that one mistake does not hide the next.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self(Some(T::from_setting(&text))))
    }
}

impl<T: FromSetting> Setting<T> {
    /// Whether it is set, rightly or not.
    pub const fn is_set(&self) -> bool {
        self.0.is_some()
    }

    /// The value; `None` when it is unset or wrong, which is then a problem of the setting `name`.
    pub fn get(self, name: &str, problems: &mut Problems) -> Option<T> {
        match self.0? {
            Ok(value) => Some(value),
            Err(what) => {
                problems.add(format!("{name}: {what}"));
                None
            }
        }
    }

    /// The value, or the default that the variable of this name has in this list. A wrong one is a
    /// problem, and the default stands in for it so that the search for mistakes can go on.
    pub fn get_or_default(self, name: &str, list: &[Variable], problems: &mut Problems) -> T {
        self.get(name, problems).unwrap_or_else(|| {
            let default = Variable::default_in(list, name);
            T::from_setting(default).expect("a good default: each start without variables reads it")
        })
    }
}
