//! Whapi's settings: one channel from the environment, and channels in the settings file.
//!
//! Not here: where the texts come from (`input/`).

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde::Deserialize;

use super::health::Health;
use crate::domain::TargetKind;
use crate::input::value::{ApiUrl, FilePath, Interval, Secret, TargetName, setting_values};
use crate::input::{Entry, FromSetting, Setting, Variable, secret_setting};
use crate::provider::{ProviderSettings, SettingsReader};
use crate::target::{Target, TargetOptions};
use crate::upstream::{Endpoint, ProviderId};

pub(super) const VARIABLES: &[Variable] = &[
    Variable::new("WHAPI_TOKEN", "", "token of one Whapi channel"),
    Variable::new("WHAPI_TOKEN_FILE", "", "file that contains it, read again before each use"),
    Variable::new("WHAPI_CHANNEL", "default", "that channel's name: the label `channel`"),
    Variable::new(
        "WHAPI_CHANNEL_ID",
        "",
        "that channel's id at Whapi, which its webhooks carry; taken from its first answer if not set",
    ),
    Variable::new("WHAPI_API_URL", "https://gate.whapi.cloud", "Whapi's address"),
    Variable::new("WHAPI_POLL_INTERVAL", "30s", "time between two polls of a channel"),
];

pub(super) const CHANNEL_KEYS: &[&str] =
    &["name", "provider", "token_file", "channel_id", "poll_interval", "api_url"];

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Environment {
    whapi_token: Setting<Secret>,
    whapi_token_file: Setting<FilePath>,
    whapi_channel: Setting<TargetName>,
    whapi_channel_id: Setting<ChannelId>,
    whapi_api_url: Setting<ApiUrl>,
    whapi_poll_interval: Setting<Interval>,
}

setting_values! {
    /// Whapi's id of a channel.
    ChannelId(Box<str>) = channel_id;
}

/// Such as `MANTIS-M72HC`. Its documented shape is not insisted on.
fn channel_id(text: &str) -> Result<Box<str>, String> {
    let text = text.trim();
    let good = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    good.then(|| text.into()).ok_or_else(|| {
        "is not a channel's id, which looks like `MANTIS-M72HC` and stands in Whapi's dashboard"
            .to_owned()
    })
}

/// One for all channels, over reloads too, so that equal options are the same.
static HEALTH: LazyLock<Arc<dyn Endpoint>> = LazyLock::new(|| Arc::new(Health));

/// What channels take when they do not say otherwise.
pub(super) struct WhapiSettings {
    provider: ProviderId,
    api_url: Arc<str>,
    poll_interval: Duration,
}

impl WhapiSettings {
    pub(super) fn read(reader: SettingsReader<'_>) -> Self {
        let SettingsReader { provider, variables, policies, problems, targets } = reader;
        let environment: Environment = variables.read(VARIABLES);
        let default = |name| Variable::default_in(VARIABLES, name);
        let url =
            environment.whapi_api_url.get_or("WHAPI_API_URL", default("WHAPI_API_URL"), problems);
        let interval = environment.whapi_poll_interval.get_or(
            "WHAPI_POLL_INTERVAL",
            default("WHAPI_POLL_INTERVAL"),
            problems,
        );
        let settings = Self {
            provider,
            api_url: url.map_or_else(|| "".into(), |ApiUrl(url)| url),
            poll_interval: interval.map_or_else(Duration::default, |Interval(interval)| interval),
        };
        let credential = secret_setting(
            "WHAPI_TOKEN",
            environment.whapi_token,
            environment.whapi_token_file,
            problems,
        );
        let name =
            environment.whapi_channel.get_or("WHAPI_CHANNEL", default("WHAPI_CHANNEL"), problems);
        let id = environment.whapi_channel_id.get("WHAPI_CHANNEL_ID", problems);
        // Also checked when only the file has channels, since they take it as their default.
        let policy = policies.checked("WHAPI_POLL_INTERVAL", settings.poll_interval, problems);
        if let (Some(credential), Some(TargetName(name))) = (credential, name) {
            targets.push(Target {
                kind: TargetKind::Channel,
                name,
                id: id.map(|ChannelId(id)| id),
                credential,
                options: Arc::new(settings.options(Arc::clone(&settings.api_url), policy)),
                source: None,
            });
        }
        settings
    }

    fn options(&self, api_url: Arc<str>, policy: crate::domain::PollPolicy) -> TargetOptions {
        TargetOptions {
            provider: self.provider,
            api_url,
            policy,
            required_scopes: Arc::new([]),
            endpoint: Some(Arc::clone(&HEALTH)),
            listing: None,
        }
    }
}

impl ProviderSettings for WhapiSettings {
    fn gateway_url(&self) -> Option<&Arc<str>> {
        Some(&self.api_url)
    }

    fn target(&self, kind: TargetKind, entry: &mut Entry<'_>) -> Option<Target> {
        let name = entry.name();
        let credential = entry.token_file();
        let id = entry.optional("channel_id", channel_id);
        let api_url = entry.api_url().unwrap_or_else(|| Arc::clone(&self.api_url));
        let policy = entry.policy(self.poll_interval);
        Some(Target {
            kind,
            name: name?,
            id,
            credential: credential?,
            options: Arc::new(self.options(api_url, policy)),
            source: None,
        })
    }
}
