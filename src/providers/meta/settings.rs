//! Meta's settings: one token from the environment, and tokens in the settings file.
//!
//! Not here: where the texts come from (`input/`).

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::debug_token::{App, DebugToken};
use crate::domain::{PollPolicy, TargetKind};
use crate::input::value::{ApiUrl, FilePath, Interval, Secret, TargetName, setting_values};
use crate::input::{Entry, FromSetting, Problems, Setting, Variable, Variables, secret_setting};
use crate::provider::{ProviderSettings, SettingsReader};
use crate::target::{Target, TargetOptions};
use crate::upstream::ProviderId;

pub(super) const VARIABLES: &[Variable] = &[
    Variable::new("META_TOKEN", "", "one Meta access token"),
    Variable::new("META_TOKEN_FILE", "", "file that contains it, read again before each use"),
    Variable::new("META_TOKEN_NAME", "default", "that token's name: the label `token`"),
    Variable::new(
        "META_APP_ID",
        "",
        "the app that inspects the token; without it the token inspects itself",
    ),
    Variable::new("META_APP_SECRET", "", "that app's secret"),
    Variable::new("META_APP_SECRET_FILE", "", "file that contains it, read again before each use"),
    Variable::new("META_API_URL", "https://graph.facebook.com", "the Graph API's address"),
    Variable::new("META_API_VERSION", "v25.0", "version of the Graph API"),
    Variable::new("META_POLL_INTERVAL", "10m", "time between two inspections of a token"),
    Variable::new(
        "META_REQUIRED_SCOPES",
        "whatsapp_business_messaging,whatsapp_business_management",
        "scopes a token must have, separated by commas",
    ),
];

pub(super) const TOKEN_KEYS: &[&str] = &[
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

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct MetaVariables {
    meta_token: Setting<Secret>,
    meta_token_file: Setting<FilePath>,
    meta_token_name: Setting<TargetName>,
    meta_app_id: Setting<AppId>,
    meta_app_secret: Setting<Secret>,
    meta_app_secret_file: Setting<FilePath>,
    meta_api_url: Setting<ApiUrl>,
    meta_api_version: Setting<ApiVersion>,
    meta_poll_interval: Setting<Interval>,
    meta_required_scopes: Setting<Scopes>,
}

setting_values! {
    /// The id of a Meta app.
    AppId(Box<str>) = app_id;
    /// A version of the Graph API.
    ApiVersion(Arc<str>) = api_version;
    /// Scopes, as Meta spells them.
    Scopes(Arc<[Box<str>]>) = |text: &str| scopes(text.split(','));
}

fn app_id(text: &str) -> Result<Box<str>, String> {
    let text = text.trim();
    let good = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    good.then(|| text.into()).ok_or_else(|| {
        "is not an app id, which is made of digits only; it stands at the top of the app's \
         dashboard at Meta"
            .to_owned()
    })
}

fn api_version(text: &str) -> Result<Arc<str>, String> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let numbers = text.trim().strip_prefix('v').and_then(|rest| rest.split_once('.'));
    match numbers {
        Some((major, minor)) if digits(major) && digits(minor) && text.len() < 12 => {
            Ok(text.trim().into())
        }
        _ => Err("is not a version of the Graph API; write for example `v25.0`".to_owned()),
    }
}

fn scopes<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Arc<[Box<str>]>, String> {
    let mut scopes: Vec<Box<str>> = Vec::new();
    for word in words.into_iter().map(str::trim).filter(|word| !word.is_empty()) {
        let good = word.len() <= 64
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !good {
            return Err(format!(
                "scope {} is not one of Meta's, which are made of a-z, 0-9 and `_`, such as \
                 `whatsapp_business_messaging`",
                scopes.len() + 1
            ));
        }
        if !scopes.iter().any(|scope| **scope == *word) {
            scopes.push(word.into());
        }
    }
    Ok(scopes.into())
}

/// What tokens take when they do not say otherwise.
pub(super) struct MetaSettings {
    provider: ProviderId,
    api_url: Arc<str>,
    api_version: Arc<str>,
    poll_interval: Duration,
    required_scopes: Arc<[Box<str>]>,
}

impl MetaSettings {
    pub(super) fn read(reader: SettingsReader<'_>) -> Self {
        let SettingsReader { provider, variables, policies, problems, targets } = reader;
        let environment: MetaVariables = variables.read(VARIABLES);
        let default = |name| Variable::default_in(VARIABLES, name);
        let url =
            environment.meta_api_url.get_or("META_API_URL", default("META_API_URL"), problems);
        let version = environment.meta_api_version.get_or(
            "META_API_VERSION",
            default("META_API_VERSION"),
            problems,
        );
        let interval = environment.meta_poll_interval.get_or(
            "META_POLL_INTERVAL",
            default("META_POLL_INTERVAL"),
            problems,
        );
        let required = environment.meta_required_scopes.get_or(
            "META_REQUIRED_SCOPES",
            default("META_REQUIRED_SCOPES"),
            problems,
        );
        let settings = Self {
            provider,
            api_url: url.map_or_else(|| "".into(), |ApiUrl(url)| url),
            api_version: version.map_or_else(|| "".into(), |ApiVersion(version)| version),
            poll_interval: interval.map_or_else(Duration::default, |Interval(interval)| interval),
            required_scopes: required.map_or_else(|| [].into(), |Scopes(scopes)| scopes),
        };
        let credential = secret_setting(
            "META_TOKEN",
            environment.meta_token,
            environment.meta_token_file,
            problems,
        );
        let name = environment.meta_token_name.get_or(
            "META_TOKEN_NAME",
            default("META_TOKEN_NAME"),
            problems,
        );
        let id = environment.meta_app_id.get("META_APP_ID", problems);
        let secret = secret_setting(
            "META_APP_SECRET",
            environment.meta_app_secret,
            environment.meta_app_secret_file,
            problems,
        );
        let app = app(variables, id, secret, problems);
        // Also checked when only the file has tokens, since they take it as their default.
        let policy = policies.checked("META_POLL_INTERVAL", settings.poll_interval, problems);
        if let (Some(credential), Some(TargetName(name))) = (credential, name) {
            let endpoint = DebugToken { api_version: Arc::clone(&settings.api_version), app };
            let api_url = Arc::clone(&settings.api_url);
            let scopes = Arc::clone(&settings.required_scopes);
            let options = settings.options(api_url, policy, scopes, endpoint);
            targets.push(Target::new(TargetKind::Token, name, credential, options));
        }
        settings
    }

    fn options(
        &self,
        api_url: Arc<str>,
        policy: PollPolicy,
        required_scopes: Arc<[Box<str>]>,
        endpoint: DebugToken,
    ) -> TargetOptions {
        let options = TargetOptions::new(self.provider, api_url, policy, endpoint);
        TargetOptions { required_scopes, ..options }
    }
}

/// The app of the environment, which needs an id, a secret, and a token to inspect.
fn app(
    variables: &Variables,
    id: Option<AppId>,
    secret: Option<crate::secret::SecretSource>,
    problems: &mut Problems,
) -> Option<App> {
    let is_set = |name: &str| {
        variables.get(name).is_some() || variables.get(&format!("{name}_FILE")).is_some()
    };
    let id_is_set = variables.get("META_APP_ID").is_some();
    if (id_is_set || secret.is_some()) && !is_set("META_TOKEN") {
        problems.add(
            "META_APP_ID and META_APP_SECRET inspect the token in META_TOKEN, which is not set; \
             for tokens in CONFIG_FILE \
             write `app_id` and `app_secret_file` there",
        );
    }
    match (id, secret) {
        (Some(AppId(id)), Some(secret)) => Some(App { id, secret }),
        (Some(_), None) if !is_set("META_APP_SECRET") => {
            problems.add(
                "META_APP_ID is set, but neither META_APP_SECRET nor \
                META_APP_SECRET_FILE; an app needs both to inspect a token",
            );
            None
        }
        (None, Some(_)) if !id_is_set => {
            problems.add(
                "META_APP_SECRET is set, but META_APP_ID is not; an app needs both to \
                inspect a token",
            );
            None
        }
        _ => None,
    }
}

/// The app of an entry.
fn entry_app(entry: &mut Entry<'_>) -> Option<App> {
    let before = entry.problem_count();
    let id = entry.optional("app_id", app_id);
    let secret = entry.optional("app_secret_file", |text| Ok(text.to_owned()));
    match (id, secret) {
        (Some(id), Some(secret)) => Some(App { id, secret: entry.secret_file(&secret) }),
        (Some(_), None) if entry.problem_count() == before => {
            entry.problem("`app_id` needs `app_secret_file` beside it");
            None
        }
        (None, Some(_)) if entry.problem_count() == before => {
            entry.problem("`app_secret_file` needs `app_id` beside it");
            None
        }
        _ => None,
    }
}

impl ProviderSettings for MetaSettings {
    fn gateway_url(&self) -> Option<&Arc<str>> {
        Some(&self.api_url)
    }

    fn target(&self, kind: TargetKind, entry: &mut Entry<'_>) -> Option<Target> {
        let name = entry.name();
        let credential = entry.token_file();
        let app = entry_app(entry);
        let api_url = entry.api_url().unwrap_or_else(|| Arc::clone(&self.api_url));
        let api_version = entry.optional("api_version", api_version);
        let policy = entry.policy(self.poll_interval);
        let required = entry.words("required_scopes", |words| scopes(words.iter().copied()));
        let endpoint = DebugToken {
            api_version: api_version.unwrap_or_else(|| Arc::clone(&self.api_version)),
            app,
        };
        let scopes = required.unwrap_or_else(|| Arc::clone(&self.required_scopes));
        let options = self.options(api_url, policy, scopes, endpoint);
        Some(Target::new(kind, name?, credential?, options))
    }
}
