//! GREEN-API's settings: one instance or one partner from the environment, and both kinds in the
//! settings file.
//!
//! Not here: where the texts come from (`input/`).

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::instances::Instances;
use super::state::GreenApiState;
use crate::domain::{PollPolicy, TargetKind};
use crate::input::value::{ApiUrl, FilePath, Secret, setting_values};
use crate::input::{Entry, FromSetting, Setting, Variable, secret_setting};
use crate::provider::{ProviderSettings, SettingsReader, SourceSettings};
use crate::secret::SecretSource;
use crate::target::{ListingOptions, Name, Target, TargetOptions};
use crate::upstream::ProviderId;

pub(super) const VARIABLES: &[Variable] = &[
    Variable::new(
        "GREEN_API_INSTANCE_ID",
        "",
        "the id of one GREEN-API instance, which is also its name: the label `channel`",
    ),
    Variable::new("GREEN_API_TOKEN", "", "that instance's token"),
    Variable::new("GREEN_API_TOKEN_FILE", "", "file that contains it, read again before each use"),
    Variable::new(
        "GREEN_API_PARTNER_TOKEN",
        "",
        "the token of a GREEN-API partner, all of whose instances are watched",
    ),
    Variable::new(
        "GREEN_API_PARTNER_TOKEN_FILE",
        "",
        "file that contains it, read again before each use",
    ),
    Variable::new("GREEN_API_URL", "https://api.green-api.com", "GREEN-API's address"),
];

/// Instances are created and deleted seldom, and the list brings every token anew.
const LIST_INTERVAL: Duration = Duration::from_secs(600);
const POLL_INTERVAL: Duration = Duration::from_secs(30);

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct GreenApiVariables {
    green_api_instance_id: Setting<InstanceId>,
    green_api_token: Setting<Secret>,
    green_api_token_file: Setting<FilePath>,
    green_api_partner_token: Setting<Secret>,
    green_api_partner_token_file: Setting<FilePath>,
    green_api_url: Setting<ApiUrl>,
}

setting_values! {
    /// GREEN-API's id of an instance.
    InstanceId(Box<str>) = instance_id;
}

fn instance_id(text: &str) -> Result<Box<str>, String> {
    let text = text.trim();
    let good = (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    good.then(|| text.into()).ok_or_else(|| {
        "is not an instance's id, which is made of digits only; it is idInstance in \
         https://console.green-api.com"
            .to_owned()
    })
}

/// What entries take when they do not say otherwise.
pub(super) struct GreenApiSettings {
    provider: ProviderId,
    api_url: Arc<str>,
}

impl GreenApiSettings {
    pub(super) fn read(reader: SettingsReader<'_>) -> Self {
        let SettingsReader { provider, variables, policies, problems, targets } = reader;
        let GreenApiVariables {
            green_api_instance_id,
            green_api_token,
            green_api_token_file,
            green_api_partner_token,
            green_api_partner_token_file,
            green_api_url,
        } = variables.read(VARIABLES);
        let ApiUrl(api_url) = green_api_url.get_or_default("GREEN_API_URL", VARIABLES, problems);
        let settings = Self { provider, api_url };
        let before = problems.count();
        let id = green_api_instance_id.get("GREEN_API_INSTANCE_ID", problems);
        let token =
            secret_setting("GREEN_API_TOKEN", green_api_token, green_api_token_file, problems);
        let instance = problems.both(
            before,
            (
                id,
                "GREEN_API_INSTANCE_ID is set, but neither GREEN_API_TOKEN nor \
                 GREEN_API_TOKEN_FILE; use apiTokenInstance of https://console.green-api.com",
            ),
            (
                token,
                "GREEN_API_TOKEN or GREEN_API_TOKEN_FILE is set, but GREEN_API_INSTANCE_ID is not; \
                 use idInstance of https://console.green-api.com",
            ),
        );
        if let Some((InstanceId(id), token)) = instance
            && let Ok(name) = Name::new(&id)
        {
            let url = Arc::clone(&settings.api_url);
            let policy = policies.policy(POLL_INTERVAL);
            targets.push(settings.channel(name, id, token, url, policy));
        }
        let partner_token = secret_setting(
            "GREEN_API_PARTNER_TOKEN",
            green_api_partner_token,
            green_api_partner_token_file,
            problems,
        );
        if let (Some(token), Ok(name)) = (partner_token, Name::new(provider.label())) {
            let listing = ListingOptions::polled_by(policies.policy(POLL_INTERVAL));
            let (api_url, credential) = (Arc::clone(&settings.api_url), token);
            let policy = policies.policy(LIST_INTERVAL);
            let source = SourceSettings { name, credential, api_url, policy, listing };
            targets.push(source.target(provider, Instances));
        }
        settings
    }

    fn channel(
        &self,
        name: Name,
        id: Box<str>,
        credential: SecretSource,
        api_url: Arc<str>,
        policy: PollPolicy,
    ) -> Target {
        let options = TargetOptions::new(self.provider, api_url, policy, GreenApiState);
        Target {
            id: Some(id.into()),
            ..Target::new(TargetKind::Channel, name, credential, options)
        }
    }
}

impl ProviderSettings for GreenApiSettings {
    fn gateway_url(&self) -> Option<&Arc<str>> {
        None
    }

    fn target(&self, kind: TargetKind, entry: &mut Entry<'_>) -> Option<Target> {
        let name = entry.name();
        let credential = entry.token_file();
        let api_url = entry.api_url().unwrap_or_else(|| Arc::clone(&self.api_url));
        if kind == TargetKind::Source {
            let (policy, listing) = entry.list_policy_and_listing(LIST_INTERVAL, POLL_INTERVAL);
            let (name, credential) = (name?, credential?);
            let source = SourceSettings { name, credential, api_url, policy, listing };
            return Some(source.target(self.provider, Instances));
        }
        let id = entry.required("channel_id", instance_id);
        let policy = entry.policy(POLL_INTERVAL);
        Some(self.channel(name?, id?, credential?, api_url, policy))
    }
}
