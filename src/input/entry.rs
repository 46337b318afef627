//! An entry of a list in the settings file, whose keys are taken out one by one.
//!
//! Not here: the document around it (`config/file.rs`), and which keys mean what to a provider.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wildmatch::WildMatch;

use super::value;
use super::yaml::{Node, Section};
use super::{Policies, Problems};
use crate::domain::PollPolicy;
use crate::secret::SecretSource;
use crate::target::{DEFAULT_MAX_CHANNELS, ListingOptions, Name, Target};

/// The keys of a channel's entry, for a provider that needs no others.
pub const CHANNEL_KEYS: &[&str] =
    &["name", "provider", "token_file", "channel_id", "poll_interval", "api_url"];

/// The keys of a source's entry, for a provider that needs no others.
pub const SOURCE_KEYS: &[&str] = &[
    "name",
    "provider",
    "token_file",
    "api_url",
    "poll_interval",
    "only",
    "except",
    "names",
    "max_channels",
];

/// An entry, and where its mistakes are told.
pub struct Entry<'a> {
    pub(crate) place: EntryPlace<'a>,
    pub(crate) section: Section<'a>,
    pub(crate) policies: &'a Policies,
    pub(crate) problems: &'a mut Problems,
    /// Targets that the entry stands for beside its own.
    pub(crate) further: Vec<Target>,
}

/// Where an entry is, for sentences.
#[derive(Debug, Clone)]
pub struct EntryPlace<'a> {
    /// The file, with the variable that names it.
    pub file: &'a str,
    /// The directory that relative paths start at.
    pub directory: Option<&'a Path>,
    /// The list.
    pub list: &'static str,
    /// The position in the list.
    pub at: usize,
    /// The entry's name, if it has one.
    pub name: Option<Name>,
}

impl fmt::Display for EntryPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}[{}]", self.file, self.list, self.at)?;
        match &self.name {
            Some(name) => write!(f, " (`{name}`)"),
            None => Ok(()),
        }
    }
}

impl Entry<'_> {
    /// Adds a target that the entry stands for beside its own: a source may be a token as well.
    pub fn add_target(&mut self, target: Target) {
        self.further.push(target);
    }

    /// The name, which every entry has.
    pub fn name(&mut self) -> Option<Name> {
        self.required("name", Name::new)
    }

    /// The file of the entry's credential, which every entry has.
    pub fn token_file(&mut self) -> Option<SecretSource> {
        let path = self.required("token_file", |text| Ok(text.to_owned()))?;
        Some(self.secret_file(&path))
    }

    /// `poll_interval`, or the default.
    pub fn policy(&mut self, default: Duration) -> PollPolicy {
        let own = self.own_policy();
        // The default's own mistakes are told where the default is set.
        own.unwrap_or_else(|| self.policies.policy(default))
    }

    /// `poll_interval` for a source's list and for its channels, or the default of each; and which
    /// channels are watched.
    pub fn list_policy_and_listing(
        &mut self,
        list: Duration,
        channel: Duration,
    ) -> (PollPolicy, ListingOptions) {
        let own = self.own_policy();
        let policy = |default| own.unwrap_or_else(|| self.policies.policy(default));
        let (list, channel) = (policy(list), policy(channel));
        (list, ListingOptions { channel_policy: Some(channel), ..self.listing() })
    }

    fn own_policy(&mut self) -> Option<PollPolicy> {
        let own = self.optional("poll_interval", value::duration)?;
        let place = format!("{}.poll_interval", self.place);
        Some(self.policies.checked(&place, own, self.problems))
    }

    /// `api_url`, if it is there.
    pub fn api_url(&mut self) -> Option<Arc<str>> {
        self.optional("api_url", value::api_url)
    }

    /// A secret in a file. Relative paths start at the settings file, as in Prometheus' own.
    pub fn secret_file(&self, path: &str) -> SecretSource {
        match self.place.directory {
            Some(directory) => SecretSource::file(&directory.join(path)),
            None => SecretSource::file(Path::new(path)),
        }
    }

    /// A value that must be there.
    pub fn required<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let before = self.problems.count();
        let value = self.optional(key, parse);
        if value.is_none() && self.problems.count() == before {
            self.problem(&format!("`{key}` is missing"));
        }
        value
    }

    /// A value that may be there.
    pub fn optional<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let parsed = match self.section.text(key) {
            Ok(text) => text.map(|text| parse(&text).map_err(|what| format!("`{key}`: {what}"))),
            Err(what) => Some(Err(what)),
        };
        parsed?.map_err(|what| self.problem(&what)).ok()
    }

    /// A list of words that may be there.
    pub fn words<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&[&str]) -> Result<T, String>,
    ) -> Option<T> {
        let list = match self.section.list(key) {
            Ok(list) => list?,
            Err(what) => {
                self.problem(&what);
                return None;
            }
        };
        let words: Option<Vec<&str>> = list.iter().map(Node::text).collect();
        let words = words.ok_or_else(|| "must be a list of words".to_owned());
        let parsed = words.and_then(|words| parse(&words));
        parsed.map_err(|what| self.problem(&format!("`{key}`: {what}"))).ok()
    }

    /// Which of a source's channels are watched: `only`, `except`, `names` and `max_channels`.
    pub fn listing(&mut self) -> ListingOptions {
        let globs = |words: &[&str]| Ok(words.iter().map(|word| WildMatch::new(word)).collect());
        let only = self.words("only", globs).unwrap_or_default();
        let except = self.words("except", globs).unwrap_or_default();
        let max_channels = self.optional("max_channels", |text| {
            let number = text.parse().ok().filter(|number| (1..=1_000_000).contains(number));
            number.ok_or_else(|| "must be a number from 1 to 1000000".to_owned())
        });
        ListingOptions {
            only,
            except,
            names: self.names(),
            max_channels: max_channels.unwrap_or(DEFAULT_MAX_CHANNELS),
            channel_policy: None,
            account_policy: None,
        }
    }

    fn names(&mut self) -> BTreeMap<Box<str>, Name> {
        let keys = match self.section.take("names") {
            None => return BTreeMap::new(),
            Some(Node::Map(keys)) => keys,
            Some(_) => {
                self.problem("`names`: must be a set of `id: name` lines");
                return BTreeMap::new();
            }
        };
        let mut names = BTreeMap::new();
        for (id, node) in keys {
            let name = node.text().ok_or_else(|| "must be one name".to_owned());
            match name.and_then(Name::new) {
                Ok(name) if names.values().any(|other| *other == name) => {
                    self.problem(&format!("`names`: two ids are named `{name}`"));
                }
                Ok(name) => drop(names.insert(id, name)),
                Err(what) => self.problem(&format!("`names`: {what}")),
            }
        }
        names
    }

    /// How many mistakes were found so far, in all of the settings.
    pub fn problem_count(&self) -> usize {
        self.problems.count()
    }

    /// Adds a mistake of this entry.
    pub fn problem(&mut self, what: &str) {
        self.problems.add(format!("{}: {what}", self.place));
    }
}
