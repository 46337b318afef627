//! The environment's variables: those that are ours, as texts, read into typed structs by `envy`.
//!
//! Not here: which variables there are. Others are never looked at, so theirs can hold anything.

use std::ffi::OsString;

use serde::de::DeserializeOwned;

use super::Problems;

/// A variable: what `--help` and the documents say of it.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Its default; empty where there is none.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

impl Variable {
    /// A variable with a default, or `""` for none.
    pub const fn new(name: &'static str, default: &'static str, meaning: &'static str) -> Self {
        Self { name, default, meaning }
    }

    /// The default of the variable of this name in a list.
    pub fn default_in(list: &[Self], name: &str) -> &'static str {
        let found = list.iter().find(|variable| variable.name == name);
        debug_assert!(found.is_some(), "{name} is not in the list");
        found.map_or("", |variable| variable.default)
    }
}

/// The variables that are ours and not empty.
#[derive(Debug, Default)]
pub struct Variables(Vec<(&'static str, String)>);

impl Variables {
    /// Picks the `known` variables out of these. An empty variable counts as unset, and of one that
    /// is there twice the first counts, as for every program that asks the C library.
    pub fn pick(
        all: impl IntoIterator<Item = (OsString, OsString)>,
        known: &[Variable],
        problems: &mut Problems,
    ) -> Self {
        let mut ours = Vec::new();
        for (name, value) in all {
            let Some(known) = known.iter().find(|known| name == known.name) else { continue };
            match value.into_string() {
                Ok(value) if value.trim().is_empty() => {}
                Ok(_) if ours.iter().any(|(name, _)| *name == known.name) => {}
                Ok(value) => ours.push((known.name, value)),
                Err(_) => problems.add(format!("{}: is not UTF-8 text", known.name)),
            }
        }
        Self(ours)
    }

    /// What a variable is set to.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The variables of this list as a struct whose fields are [`super::Setting`]s named like them,
    /// in small letters.
    pub fn read<T: DeserializeOwned + Default>(&self, list: &[Variable]) -> T {
        let is_in_list = |name: &str| list.iter().any(|variable| variable.name == name);
        let ours = self.0.iter().filter(|(name, _)| is_in_list(name));
        let read = envy::from_iter(ours.map(|(name, value)| ((*name).to_owned(), value.clone())));
        // Settings take any text, so only a variable without a field could fail, which a test would
        // show. envy's own error would repeat the value.
        debug_assert!(read.is_ok(), "a variable of the list has no field");
        read.unwrap_or_default()
    }
}
