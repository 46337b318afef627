//! Whapi's settings: one channel or one partner account from the environment, and both kinds in the
//! settings file.
//!
//! Not here: where the texts come from (`input/`).

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::health::Health;
use super::partner::ChannelList;
use crate::domain::{PollPolicy, TargetKind};
use crate::input::value::{ApiUrl, FilePath, Interval, Secret, TargetName, setting_values};
use crate::input::{Entry, FromSetting, Setting, Variable, secret_setting};
use crate::provider::{ProviderSettings, SettingsReader, SourceSettings};
use crate::secret::SecretSource;
use crate::target::{ListingOptions, Name, Target, TargetOptions};
use crate::upstream::ProviderId;

pub(super) const VARIABLES: &[Variable] = &[
    Variable::new("WHAPI_TOKEN", "", "token of one Whapi channel"),
    Variable::new("WHAPI_TOKEN_FILE", "", "file that contains it, read again before each use"),
    Variable::new("WHAPI_CHANNEL", "default", "that channel's name: the label `channel`"),
    Variable::new(
        "WHAPI_CHANNEL_ID",
        "",
        "that channel's id at Whapi, which its webhooks carry; taken from its first answer if not \
         set",
    ),
    Variable::new("WHAPI_API_URL", "https://gate.whapi.cloud", "Whapi's address"),
    Variable::new("WHAPI_POLL_INTERVAL", "30s", "time between two polls of a channel"),
    Variable::new(
        "WHAPI_PARTNER_TOKEN",
        "",
        "token of a Whapi partner account, all of whose channels are watched",
    ),
    Variable::new(
        "WHAPI_PARTNER_TOKEN_FILE",
        "",
        "file that contains it, read again before each use",
    ),
    Variable::new(
        "WHAPI_PARTNER_URL",
        "https://manager.whapi.cloud",
        "the address of Whapi's partner API",
    ),
];

/// Channels are created and deleted seldom, and the list brings every token anew.
const LIST_INTERVAL: Duration = Duration::from_secs(600);

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct WhapiVariables {
    whapi_token: Setting<Secret>,
    whapi_token_file: Setting<FilePath>,
    whapi_channel: Setting<TargetName>,
    whapi_channel_id: Setting<ChannelId>,
    whapi_api_url: Setting<ApiUrl>,
    whapi_poll_interval: Setting<Interval>,
    whapi_partner_token: Setting<Secret>,
    whapi_partner_token_file: Setting<FilePath>,
    whapi_partner_url: Setting<ApiUrl>,
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

/// What entries take when they do not say otherwise.
pub(super) struct WhapiSettings {
    provider: ProviderId,
    api_url: Arc<str>,
    partner_url: Arc<str>,
    poll_interval: Duration,
}

impl WhapiSettings {
    pub(super) fn read(reader: SettingsReader<'_>) -> Self {
        let SettingsReader { provider, variables, policies, problems, targets } = reader;
        let environment: WhapiVariables = variables.read(VARIABLES);
        let ApiUrl(api_url) =
            environment.whapi_api_url.get_or_default("WHAPI_API_URL", VARIABLES, problems);
        let ApiUrl(partner_url) =
            environment.whapi_partner_url.get_or_default("WHAPI_PARTNER_URL", VARIABLES, problems);
        let Interval(poll_interval) = environment.whapi_poll_interval.get_or_default(
            "WHAPI_POLL_INTERVAL",
            VARIABLES,
            problems,
        );
        let settings = Self { provider, api_url, partner_url, poll_interval };
        let credential = secret_setting(
            "WHAPI_TOKEN",
            environment.whapi_token,
            environment.whapi_token_file,
            problems,
        );
        let TargetName(name) =
            environment.whapi_channel.get_or_default("WHAPI_CHANNEL", VARIABLES, problems);
        let id = environment.whapi_channel_id.get("WHAPI_CHANNEL_ID", problems);
        // Also checked when only the file has channels, since they take it as their default.
        let policy = policies.checked("WHAPI_POLL_INTERVAL", settings.poll_interval, problems);
        if let Some(credential) = credential {
            let id = id.map(|ChannelId(id)| id);
            let api_url = Arc::clone(&settings.api_url);
            targets.push(settings.channel(name, id, credential, api_url, policy));
        }
        let partner_token = secret_setting(
            "WHAPI_PARTNER_TOKEN",
            environment.whapi_partner_token,
            environment.whapi_partner_token_file,
            problems,
        );
        if let (Some(token), Ok(name)) = (partner_token, Name::new(provider.label())) {
            let listing = ListingOptions::polled_by(policy);
            let (api_url, credential) = (Arc::clone(&settings.partner_url), token);
            let policy = policies.policy(LIST_INTERVAL);
            let source = SourceSettings { name, credential, api_url, policy, listing };
            targets.push(source.target(provider, settings.list()));
        }
        settings
    }

    fn channel(
        &self,
        name: Name,
        id: Option<Box<str>>,
        credential: SecretSource,
        api_url: Arc<str>,
        policy: PollPolicy,
    ) -> Target {
        let options = TargetOptions::new(self.provider, api_url, policy, Health);
        Target {
            id: id.map(Into::into),
            ..Target::new(TargetKind::Channel, name, credential, options)
        }
    }

    fn list(&self) -> ChannelList {
        ChannelList { gate_url: Arc::clone(&self.api_url) }
    }
}

impl ProviderSettings for WhapiSettings {
    fn gateway_url(&self) -> Option<&Arc<str>> {
        Some(&self.api_url)
    }

    fn target(&self, kind: TargetKind, entry: &mut Entry<'_>) -> Option<Target> {
        let name = entry.name();
        let credential = entry.token_file();
        if kind == TargetKind::Source {
            let api_url = entry.api_url().unwrap_or_else(|| Arc::clone(&self.partner_url));
            let (policy, listing) =
                entry.list_policy_and_listing(LIST_INTERVAL, self.poll_interval);
            let (name, credential) = (name?, credential?);
            let source = SourceSettings { name, credential, api_url, policy, listing };
            return Some(source.target(self.provider, self.list()));
        }
        let id = entry.optional("channel_id", channel_id);
        let api_url = entry.api_url().unwrap_or_else(|| Arc::clone(&self.api_url));
        let policy = entry.policy(self.poll_interval);
        Some(self.channel(name?, id, credential?, api_url, policy))
    }
}
