//! The settings file: YAML with channels and tokens.
//!
//! Not here: the environment. The file never holds a secret, only the names of files that do.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::target::{App, ChannelOptions, Targets, TokenOptions};
use super::{Defaults, Name, Problems, SecretSource, value};
use crate::domain::{Limits, Provider};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    channels: Option<Vec<Channel>>,
    #[serde(default)]
    tokens: Option<Vec<Token>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Channel {
    name: Option<Scalar>,
    provider: Option<Scalar>,
    token_file: Option<Scalar>,
    poll_interval: Option<Scalar>,
    api_url: Option<Scalar>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    name: Option<Scalar>,
    provider: Option<Scalar>,
    token_file: Option<Scalar>,
    app_id: Option<Scalar>,
    app_secret_file: Option<Scalar>,
    required_scopes: Option<Vec<Scalar>>,
    poll_interval: Option<Scalar>,
    api_url: Option<Scalar>,
    api_version: Option<Scalar>,
}

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
    match parse(&text) {
        Ok(file) => Reader { place: &place, directory: path.parent(), defaults, targets, problems }
            .file(file),
        Err(what) => problems.add(format!("{place}{what}")),
    }
}

fn parse(text: &str) -> Result<File, String> {
    if text.trim().is_empty() {
        return Ok(File { channels: None, tokens: None });
    }
    // The default budget stops at documents far smaller than a file of many thousand channels.
    let options = serde_saphyr::options! { budget: None, with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map_or_else(String::new, |at| format!(", line {}", at.line()));
        format!("{line}: {}", without_values(&error))
    })
}

/// The parser's message up to where it would repeat a value: a value may be a secret put in the wrong place.
fn without_values(error: &serde_saphyr::Error) -> String {
    let message = error.without_snippet().to_string();
    let hint =
        "; secrets belong in a file of their own, named by `token_file` or `app_secret_file`";
    if let Some((_, rest)) = message.split_once("unknown field `")
        && let Some((field, rest)) = rest.split_once('`')
        && field.len() <= 32
        && field.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    {
        let known =
            rest.split(" (").next().unwrap_or(rest).split(" at line").next().unwrap_or(rest);
        let hint = if field.contains("token") || field.contains("secret") { hint } else { "" };
        return format!("unknown key `{field}`{known}{hint}");
    }
    if message.contains("unknown field") {
        return format!("unknown key{hint}");
    }
    if message.contains("duplicate") {
        return "a key is given twice".to_owned();
    }
    if message.contains("invalid type")
        || message.contains("expected")
        || message.contains("unexpected")
    {
        return "a value of the wrong kind; `channels`, `tokens` and `required_scopes` are lists, and each channel or token is a set of `key: value` lines".to_owned();
    }
    "is not YAML that can be read; look at the quotes and the indentation, which is made of blanks and never of tabs".to_owned()
}

struct Reader<'a> {
    place: &'a str,
    directory: Option<&'a Path>,
    defaults: &'a Defaults,
    targets: &'a mut Targets,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn file(&mut self, file: File) {
        for (at, channel) in file.channels.into_iter().flatten().enumerate() {
            self.channel(at, channel);
        }
        for (at, token) in file.tokens.into_iter().flatten().enumerate() {
            self.token(at, token);
        }
    }

    fn channel(&mut self, at: usize, channel: Channel) {
        let entry = Entry::new("channels", at, channel.name.as_ref());
        let name = self.required(&entry, "name", channel.name, Name::new);
        self.provider(&entry, channel.provider, Provider::Whapi);
        let credential = self.required(&entry, "token_file", channel.token_file, |_| Ok(()));
        let api_url = self.optional(&entry, "api_url", channel.api_url, value::api_url);
        let limits = self.limits(&entry, channel.poll_interval, self.defaults.whapi_poll_interval);
        if let (Some(name), Some((credential, ()))) = (name, credential) {
            let options = ChannelOptions {
                provider: Provider::Whapi,
                api_url: api_url.unwrap_or_else(|| self.defaults.whapi_api_url.clone()),
                limits,
            };
            let credential = self.secret_file(&credential);
            self.targets.add_channel(name.1, credential, options);
        }
    }

    fn token(&mut self, at: usize, token: Token) {
        let entry = Entry::new("tokens", at, token.name.as_ref());
        let name = self.required(&entry, "name", token.name, Name::new);
        self.provider(&entry, token.provider, Provider::Meta);
        let credential = self.required(&entry, "token_file", token.token_file, |_| Ok(()));
        let app = self.app(&entry, token.app_id, token.app_secret_file);
        let api_url = self.optional(&entry, "api_url", token.api_url, value::api_url);
        let api_version =
            self.optional(&entry, "api_version", token.api_version, value::api_version);
        let limits = self.limits(&entry, token.poll_interval, self.defaults.meta_poll_interval);
        let required_scopes = token.required_scopes.and_then(|scopes| {
            let words: Option<Vec<&str>> = scopes.iter().map(Scalar::text).collect();
            let read =
                words.ok_or_else(|| "must be a list of words".to_owned()).and_then(value::scopes);
            self.taken(&entry, "required_scopes", read)
        });
        if let (Some(name), Some((credential, ()))) = (name, credential) {
            let options = TokenOptions {
                provider: Provider::Meta,
                api_url: api_url.unwrap_or_else(|| self.defaults.meta_api_url.clone()),
                api_version: api_version.unwrap_or_else(|| self.defaults.meta_api_version.clone()),
                required_scopes: required_scopes
                    .unwrap_or_else(|| self.defaults.meta_required_scopes.clone()),
                limits,
            };
            let credential = self.secret_file(&credential);
            self.targets.add_token(name.1, credential, app, options);
        }
    }

    fn app(
        &mut self,
        entry: &Entry,
        id: Option<Scalar>,
        secret_file: Option<Scalar>,
    ) -> Option<App> {
        match (&id, &secret_file) {
            (None, None) => return None,
            (Some(_), None) => self.problem(entry, "`app_id` needs `app_secret_file` beside it"),
            (None, Some(_)) => self.problem(entry, "`app_secret_file` needs `app_id` beside it"),
            (Some(_), Some(_)) => {}
        }
        let id = self.optional(entry, "app_id", id, value::app_id);
        let path = self.optional(entry, "app_secret_file", secret_file, |path| Ok(path.to_owned()));
        Some(App { id: id?, secret: self.secret_file(&path?) })
    }

    fn provider(&mut self, entry: &Entry, provider: Option<Scalar>, only: Provider) {
        self.optional(entry, "provider", provider, |word| {
            if word == only.word() { Ok(()) } else { Err(format!("must be `{}`", only.word())) }
        });
    }

    fn limits(&mut self, entry: &Entry, interval: Option<Scalar>, default: Duration) -> Limits {
        // The default's own mistakes are told where the default is set.
        match self.optional(entry, "poll_interval", interval, value::duration) {
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
        entry: &Entry,
        key: &str,
        value: Option<Scalar>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<(String, T)> {
        if value.is_none() {
            self.problem(entry, &format!("`{key}` is missing"));
        }
        self.optional(entry, key, value, |text| parse(text).map(|parsed| (text.to_owned(), parsed)))
    }

    fn optional<T>(
        &mut self,
        entry: &Entry,
        key: &str,
        value: Option<Scalar>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = value?;
        let parsed = match value.text() {
            None => Err("must be one value, neither a list nor a set of keys".to_owned()),
            Some("") => Err("is empty".to_owned()),
            Some(text) => parse(text),
        };
        self.taken(entry, key, parsed)
    }

    fn taken<T>(&mut self, entry: &Entry, key: &str, parsed: Result<T, String>) -> Option<T> {
        parsed.map_err(|what| self.problem(entry, &format!("`{key}`: {what}"))).ok()
    }

    fn problem(&mut self, entry: &Entry, what: &str) {
        self.problems.add(format!("{}, {entry}: {what}", self.place));
    }
}

/// The place of an entry in the file, for sentences.
struct Entry {
    list: &'static str,
    at: usize,
    name: Option<Name>,
}

impl Entry {
    fn new(list: &'static str, at: usize, name: Option<&Scalar>) -> Self {
        Self { list, at, name: name.and_then(Scalar::text).and_then(|name| Name::new(name).ok()) }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.list, self.at)?;
        match &self.name {
            Some(name) => write!(f, " (`{name}`)"),
            None => Ok(()),
        }
    }
}

/// One value of any kind: its text, or that it is not one value. So no mistake in it can make the parser repeat it.
struct Scalar(Option<String>);

impl Scalar {
    fn text(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyKind;
        impl<'de> Visitor<'de> for AnyKind {
            type Value = Scalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one value")
            }
            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(Some(text.to_owned())))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(Some(number.to_string())))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar(Some(number.to_string())))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar(Some(number.to_string())))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(Some(value.to_string())))
            }
            fn visit_unit<E>(self) -> Result<Scalar, E> {
                Ok(Scalar(Some(String::new())))
            }
            fn visit_none<E>(self) -> Result<Scalar, E> {
                Ok(Scalar(Some(String::new())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar(None))
            }
        }
        deserializer.deserialize_any(AnyKind)
    }
}
