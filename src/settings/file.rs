//! The settings file: YAML with channels and tokens.
//!
//! Not here: the environment. The file never holds a secret, only the names of files that do.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::target::{App, ChannelOptions, Targets, TokenOptions};
use super::yaml::{self, Node, Section};
use super::{Defaults, Name, Problems, SecretSource, value};
use crate::domain::{Limits, Provider};

const FILE: &[&str] = &["channels", "tokens"];
const CHANNEL: &[&str] =
    &["name", "provider", "token_file", "channel_id", "poll_interval", "api_url"];
const TOKEN: &[&str] = &[
    "name",
    "provider",
    "token_file",
    "app_id",
    "app_secret_file",
    "required_scopes",
    "poll_interval",
    "api_url",
    "api_version",
];

/// Reads the file into `targets`.
pub(super) fn read(
    path: &Path,
    defaults: &Defaults,
    targets: &mut Targets,
    problems: &mut Problems,
) {
    let place = format!("CONFIG_FILE {}", path.display());
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return problems.add(format!("{place}: cannot be read: {error}")),
    };
    let parsed = yaml::parse(&text).map_err(|what| format!("{place}{what}"));
    // Of a large file the text is as large as what is made of it.
    drop(text);
    match parsed {
        Ok(node) => Reader { place: &place, directory: path.parent(), defaults, targets, problems }
            .file(node),
        Err(sentence) => problems.add(sentence),
    }
}

struct Reader<'a> {
    place: &'a str,
    directory: Option<&'a Path>,
    defaults: &'a Defaults,
    targets: &'a mut Targets,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn file(&mut self, node: Node) {
        let lists = || -> Result<_, String> {
            let mut file = Section::new(node, FILE)?;
            Ok((file.list("channels")?, file.list("tokens")?))
        };
        match lists() {
            Ok((channels, tokens)) => {
                for (at, node) in channels.into_iter().flatten().enumerate() {
                    self.entry("channels", at, node, CHANNEL, Self::channel);
                }
                for (at, node) in tokens.into_iter().flatten().enumerate() {
                    self.entry("tokens", at, node, TOKEN, Self::token);
                }
            }
            Err(what) => self.problems.add(format!("{}: {what}", self.place)),
        }
    }

    fn entry(
        &mut self,
        list: &'static str,
        at: usize,
        node: Node,
        known: &'static [&'static str],
        read: fn(&mut Self, &mut Entry),
    ) {
        let name = node.text_of("name").and_then(|name| Name::new(name).ok());
        match Section::new(node, known) {
            Ok(section) => read(self, &mut Entry { list, at, name, section }),
            Err(what) => {
                let place = Place { list, at, name: name.as_ref() };
                self.problems.add(format!("{}, {place}: {what}", self.place));
            }
        }
    }

    fn channel(&mut self, entry: &mut Entry) {
        let name = self.required(entry, "name", Name::new);
        self.provider(entry, Provider::Whapi);
        let credential = self.required(entry, "token_file", path);
        let id = self.optional(entry, "channel_id", value::channel_id);
        let api_url = self.optional(entry, "api_url", value::api_url);
        let limits = self.limits(entry, self.defaults.whapi_poll_interval);
        if let (Some(name), Some(credential)) = (name, credential) {
            let options = ChannelOptions {
                provider: Provider::Whapi,
                api_url: api_url.unwrap_or_else(|| self.defaults.whapi_api_url.clone()),
                limits,
            };
            let credential = self.secret_file(&credential);
            self.targets.add_channel(name, id, credential, options);
        }
    }

    fn token(&mut self, entry: &mut Entry) {
        let name = self.required(entry, "name", Name::new);
        self.provider(entry, Provider::Meta);
        let credential = self.required(entry, "token_file", path);
        let app = self.app(entry);
        let api_url = self.optional(entry, "api_url", value::api_url);
        let api_version = self.optional(entry, "api_version", value::api_version);
        let limits = self.limits(entry, self.defaults.meta_poll_interval);
        let required_scopes = self.scopes(entry);
        if let (Some(name), Some(credential)) = (name, credential) {
            let options = TokenOptions {
                provider: Provider::Meta,
                api_url: api_url.unwrap_or_else(|| self.defaults.meta_api_url.clone()),
                api_version: api_version.unwrap_or_else(|| self.defaults.meta_api_version.clone()),
                required_scopes: required_scopes
                    .unwrap_or_else(|| self.defaults.meta_required_scopes.clone()),
                limits,
            };
            let credential = self.secret_file(&credential);
            self.targets.add_token(name, credential, app, options);
        }
    }

    fn scopes(&mut self, entry: &mut Entry) -> Option<Arc<[Box<str>]>> {
        let list = match entry.section.list("required_scopes") {
            Ok(list) => list?,
            Err(what) => {
                self.problem(entry, &what);
                return None;
            }
        };
        let words: Option<Vec<&str>> = list.iter().map(Node::text).collect();
        let read =
            words.ok_or_else(|| "must be a list of words".to_owned()).and_then(value::scopes);
        read.map_err(|what| self.problem(entry, &format!("`required_scopes`: {what}"))).ok()
    }

    fn app(&mut self, entry: &mut Entry) -> Option<App> {
        let before = self.problems.count();
        let id = self.optional(entry, "app_id", value::app_id);
        let secret = self.optional(entry, "app_secret_file", path);
        match (id, secret) {
            (Some(id), Some(secret)) => Some(App { id, secret: self.secret_file(&secret) }),
            (Some(_), None) if self.problems.count() == before => {
                self.problem(entry, "`app_id` needs `app_secret_file` beside it");
                None
            }
            (None, Some(_)) if self.problems.count() == before => {
                self.problem(entry, "`app_secret_file` needs `app_id` beside it");
                None
            }
            _ => None,
        }
    }

    fn provider(&mut self, entry: &mut Entry, only: Provider) {
        self.optional(entry, "provider", |word| {
            if word == only.word() { Ok(()) } else { Err(format!("must be `{}`", only.word())) }
        });
    }

    fn limits(&mut self, entry: &mut Entry, default: Duration) -> Limits {
        // The default's own mistakes are told where the default is set.
        match self.optional(entry, "poll_interval", value::duration) {
            Some(own) => {
                let place = format!("{}, {entry}.poll_interval", self.place);
                self.targets.limits(&place, own, self.problems)
            }
            None => self.targets.limits("", default, &mut Problems::default()),
        }
    }

    /// Relative paths start at the settings file, as in Prometheus' own.
    fn secret_file(&self, path: &str) -> SecretSource {
        let path = self.directory.map_or_else(|| path.into(), |directory| directory.join(path));
        SecretSource::File(path.into())
    }

    fn required<T>(
        &mut self,
        entry: &mut Entry,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let before = self.problems.count();
        let value = self.optional(entry, key, parse);
        if value.is_none() && self.problems.count() == before {
            self.problem(entry, &format!("`{key}` is missing"));
        }
        value
    }

    fn optional<T>(
        &mut self,
        entry: &mut Entry,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let parsed = match entry.section.text(key) {
            Ok(text) => text.map(|text| parse(&text).map_err(|what| format!("`{key}`: {what}"))),
            Err(what) => Some(Err(what)),
        };
        parsed?.map_err(|what| self.problem(entry, &what)).ok()
    }

    fn problem(&mut self, entry: &Entry, what: &str) {
        self.problems.add(format!("{}, {entry}: {what}", self.place));
    }
}

fn path(text: &str) -> Result<Box<str>, String> {
    Ok(text.into())
}

/// An entry of a list.
struct Entry {
    list: &'static str,
    at: usize,
    name: Option<Name>,
    section: Section,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Place { list: self.list, at: self.at, name: self.name.as_ref() }.fmt(f)
    }
}

/// Where an entry is, for sentences.
struct Place<'a> {
    list: &'static str,
    at: usize,
    name: Option<&'a Name>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.list, self.at)?;
        match self.name {
            Some(name) => write!(f, " (`{name}`)"),
            None => Ok(()),
        }
    }
}
