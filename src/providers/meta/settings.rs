//! Meta's settings: one token from the environment, tokens and sources in the settings file. A
//! source is a token too, and discovers the accounts and numbers that it may see.
//!
//! Not here: where the texts come from (`input/`).

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::accounts::{Accounts, is_id};
use super::debug_token::{App, DebugToken};
use crate::domain::{PollPolicy, TargetKind};
use crate::input::value::{
    ApiUrl, FilePath, Flag, Interval, Secret, TargetName, flag, setting_values,
};
use crate::input::{Entry, FromSetting, Problems, Setting, Variable, Variables, secret_setting};
use crate::provider::{ProviderSettings, SettingsReader};
use crate::secret::SecretSource;
use crate::target::{ListingOptions, Name, Target, TargetOptions};
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
    Variable::new(
        "META_DISCOVER",
        "true",
        "whether the accounts and numbers that META_TOKEN may see are watched",
    ),
    Variable::new(
        "META_WABA_IDS",
        "",
        "the accounts to watch, separated by commas, where Meta does not say which a token may see",
    ),
    Variable::new(
        "META_ANALYTICS",
        "false",
        "whether accounts are asked how many messages each number sent and had delivered",
    ),
    Variable::new(
        "META_WEBHOOK_APP_SECRET",
        "",
        "secret of the app whose webhooks are received; META_APP_SECRET if not set",
    ),
    Variable::new(
        "META_WEBHOOK_APP_SECRET_FILE",
        "",
        "file that contains it, read again before each use",
    ),
];

/// How often an account is polled: numbers and account are one call each, which takes about 40 of
/// the 200 calls that Meta allows in an hour (`docs/providers/meta.md`).
const ACCOUNT_INTERVAL: Duration = Duration::from_secs(300);

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

pub(super) const SOURCE_KEYS: &[&str] = &[
    "name",
    "provider",
    "token_file",
    "app_id",
    "app_secret_file",
    "required_scopes",
    "waba_ids",
    "analytics",
    "poll_interval",
    "api_url",
    "api_version",
    "only",
    "except",
    "names",
    "max_channels",
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
    meta_discover: Setting<Flag>,
    meta_waba_ids: Setting<WabaIds>,
    meta_analytics: Setting<Flag>,
    meta_webhook_app_secret: Setting<Secret>,
    meta_webhook_app_secret_file: Setting<FilePath>,
}

setting_values! {
    /// The id of a Meta app.
    AppId(Box<str>) = app_id;
    /// A version of the Graph API.
    ApiVersion(Arc<str>) = api_version;
    /// Scopes, as Meta spells them.
    Scopes(Arc<[Box<str>]>) = |text: &str| scopes(text.split(','));
    /// Ids of accounts.
    WabaIds(Arc<[Box<str>]>) = |text: &str| waba_ids(text.split(','));
}

fn waba_ids<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Arc<[Box<str>]>, String> {
    let mut ids: Vec<Box<str>> = Vec::new();
    for word in words.into_iter().map(str::trim).filter(|word| !word.is_empty()) {
        if !is_id(word) {
            return Err(format!(
                "account {} is not an id of Meta's, which is made of digits only; it stands in \
                 https://business.facebook.com/wa/manage, under the account's settings",
                ids.len() + 1
            ));
        }
        if !ids.iter().any(|id| **id == *word) {
            ids.push(word.into());
        }
    }
    Ok(ids.into())
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
    waba_ids: Arc<[Box<str>]>,
    analytics: bool,
    webhook_secret: Option<SecretSource>,
}

impl MetaSettings {
    pub(super) fn read(reader: SettingsReader<'_>) -> Self {
        let SettingsReader { provider, variables, policies, problems, targets } = reader;
        let environment: MetaVariables = variables.read(VARIABLES);
        let ApiUrl(api_url) =
            environment.meta_api_url.get_or_default("META_API_URL", VARIABLES, problems);
        let ApiVersion(api_version) =
            environment.meta_api_version.get_or_default("META_API_VERSION", VARIABLES, problems);
        let Interval(poll_interval) = environment.meta_poll_interval.get_or_default(
            "META_POLL_INTERVAL",
            VARIABLES,
            problems,
        );
        let Scopes(required_scopes) = environment.meta_required_scopes.get_or_default(
            "META_REQUIRED_SCOPES",
            VARIABLES,
            problems,
        );
        let waba_ids = environment.meta_waba_ids.get("META_WABA_IDS", problems);
        let Flag(analytics) =
            environment.meta_analytics.get_or_default("META_ANALYTICS", VARIABLES, problems);
        let mut settings = Self {
            provider,
            api_url,
            api_version,
            poll_interval,
            required_scopes,
            waba_ids: waba_ids.map_or_else(|| [].into(), |WabaIds(ids)| ids),
            analytics,
            webhook_secret: None,
        };
        let credential = secret_setting(
            "META_TOKEN",
            environment.meta_token,
            environment.meta_token_file,
            problems,
        );
        let TargetName(name) =
            environment.meta_token_name.get_or_default("META_TOKEN_NAME", VARIABLES, problems);
        let id = environment.meta_app_id.get("META_APP_ID", problems);
        let secret = secret_setting(
            "META_APP_SECRET",
            environment.meta_app_secret,
            environment.meta_app_secret_file,
            problems,
        );
        let webhook_secret = secret_setting(
            "META_WEBHOOK_APP_SECRET",
            environment.meta_webhook_app_secret,
            environment.meta_webhook_app_secret_file,
            problems,
        );
        if webhook_secret.is_some() && !is_set(variables, "WEBHOOK_SECRET") {
            problems.add(
                "META_WEBHOOK_APP_SECRET or META_WEBHOOK_APP_SECRET_FILE is set, but neither \
                WEBHOOK_SECRET nor WEBHOOK_SECRET_FILE, without which no webhook is received",
            );
        }
        settings.webhook_secret = webhook_secret.or_else(|| secret.clone());
        let app = app(variables, id, secret, problems);
        let Flag(discovers) =
            environment.meta_discover.get_or_default("META_DISCOVER", VARIABLES, problems);
        // Also checked when only the file has tokens, since they take it as their default.
        let policy = policies.checked("META_POLL_INTERVAL", settings.poll_interval, problems);
        if let Some(credential) = credential {
            let token = TokenSettings {
                name,
                credential,
                app,
                api_url: Arc::clone(&settings.api_url),
                api_version: Arc::clone(&settings.api_version),
                policy,
                required_scopes: Arc::clone(&settings.required_scopes),
            };
            if discovers {
                let listing = ListingOptions {
                    account_policy: Some(policies.policy(ACCOUNT_INTERVAL)),
                    ..ListingOptions::default()
                };
                let asked = (Arc::clone(&settings.waba_ids), settings.analytics);
                targets.push(settings.source(&token, asked, listing));
            }
            targets.push(settings.token(token));
        }
        settings
    }

    fn token(&self, token: TokenSettings) -> Target {
        let TokenSettings { name, credential, app, api_url, api_version, policy, .. } = token;
        let endpoint = DebugToken { api_version, app };
        let required_scopes = token.required_scopes;
        let options = TargetOptions::new(self.provider, api_url, policy, endpoint);
        let options = TargetOptions { required_scopes, ..options };
        Target::new(TargetKind::Token, name, credential, options)
    }

    /// The source of what a token may see.
    fn source(
        &self,
        token: &TokenSettings,
        (waba_ids, analytics): (Arc<[Box<str>]>, bool),
        listing: ListingOptions,
    ) -> Target {
        let endpoint = Accounts {
            api_version: Arc::clone(&token.api_version),
            app: token.app.clone(),
            fallback: waba_ids,
            analytics,
            told: Arc::default(),
        };
        let api_url = Arc::clone(&token.api_url);
        let options = TargetOptions::new(self.provider, api_url, token.policy, endpoint);
        let (name, credential) = (token.name.clone(), token.credential.clone());
        Target::new(TargetKind::Source, name, credential, options.listing(listing))
    }
}

/// All that is set of one token.
struct TokenSettings {
    name: Name,
    credential: SecretSource,
    app: Option<App>,
    api_url: Arc<str>,
    api_version: Arc<str>,
    policy: PollPolicy,
    required_scopes: Arc<[Box<str>]>,
}

/// Whether a secret is set, in a variable or in a file.
fn is_set(variables: &Variables, name: &str) -> bool {
    variables.get(name).is_some() || variables.get(&format!("{name}_FILE")).is_some()
}

/// The app of the environment, which needs an id, a secret, and a token to inspect.
fn app(
    variables: &Variables,
    id: Option<AppId>,
    secret: Option<SecretSource>,
    problems: &mut Problems,
) -> Option<App> {
    let id_is_set = variables.get("META_APP_ID").is_some();
    if (id_is_set || secret.is_some()) && !is_set(variables, "META_TOKEN") {
        problems.add(
            "META_APP_ID and META_APP_SECRET inspect the token in META_TOKEN, which is not set; \
             for tokens in CONFIG_FILE \
             write `app_id` and `app_secret_file` there",
        );
    }
    match (id, secret) {
        (Some(AppId(id)), Some(secret)) => Some(App { id, secret }),
        (Some(_), None) if !is_set(variables, "META_APP_SECRET") => {
            problems.add(
                "META_APP_ID is set, but neither META_APP_SECRET nor \
                META_APP_SECRET_FILE; an app needs both to inspect a token",
            );
            None
        }
        (None, Some(_)) if !id_is_set => {
            problems.add(
                "META_APP_SECRET or META_APP_SECRET_FILE is set, but META_APP_ID is not; an app \
                needs both to inspect a token",
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

    fn webhook_secret(&self) -> Option<&SecretSource> {
        self.webhook_secret.as_ref()
    }

    fn target(&self, kind: TargetKind, entry: &mut Entry<'_>) -> Option<Target> {
        let name = entry.name();
        let credential = entry.token_file();
        let app = entry_app(entry);
        let api_url = entry.api_url().unwrap_or_else(|| Arc::clone(&self.api_url));
        let api_version = entry.optional("api_version", api_version);
        let required = entry.words("required_scopes", |words| scopes(words.iter().copied()));
        let (policy, listing) = match kind {
            TargetKind::Source => {
                let (policy, listing) =
                    entry.list_policy_and_listing(self.poll_interval, ACCOUNT_INTERVAL);
                let account_policy = listing.channel_policy;
                let listing = ListingOptions { account_policy, channel_policy: None, ..listing };
                (policy, Some(listing))
            }
            _ => (entry.policy(self.poll_interval), None),
        };
        let asked = listing.is_some().then(|| {
            let own = entry.words("waba_ids", |words| waba_ids(words.iter().copied()));
            let analytics = entry.optional("analytics", flag).unwrap_or(self.analytics);
            (own.unwrap_or_default(), analytics)
        });
        let token = TokenSettings {
            name: name?,
            credential: credential?,
            app,
            api_url,
            api_version: api_version.unwrap_or_else(|| Arc::clone(&self.api_version)),
            policy,
            required_scopes: required.unwrap_or_else(|| Arc::clone(&self.required_scopes)),
        };
        let Some((listing, asked)) = listing.zip(asked) else {
            return Some(self.token(token));
        };
        let source = self.source(&token, asked, listing);
        entry.add_target(self.token(token));
        Some(source)
    }
}
