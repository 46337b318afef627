//! WAHA's settings: one server from the environment, and servers in the settings file.
//!
//! Not here: where the texts come from (`input/`).

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::sessions;
use crate::domain::{PollPolicy, TargetKind};
use crate::input::value::{self, ApiUrl, FilePath, Secret};
use crate::input::{Entry, Setting, Variable, secret_setting};
use crate::provider::{ProviderSettings, SettingsReader};
use crate::target::{ListingOptions, Name, Target, TargetOptions};
use crate::upstream::ProviderId;

pub(super) const VARIABLES: &[Variable] = &[
    Variable::new(
        "WAHA_URL",
        "",
        "the address of one WAHA server, all of whose sessions are watched",
    ),
    Variable::new("WAHA_API_KEY", "", "that server's API key"),
    Variable::new("WAHA_API_KEY_FILE", "", "file that contains it, read again before each use"),
];

pub(super) const SOURCE_KEYS: &[&str] = &[
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

/// One request lists all sessions from memory, so it may come as often as for one channel.
const POLL_INTERVAL: Duration = Duration::from_secs(30);

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct WahaVariables {
    waha_url: Setting<ApiUrl>,
    waha_api_key: Setting<Secret>,
    waha_api_key_file: Setting<FilePath>,
}

pub(super) struct WahaSettings {
    provider: ProviderId,
}

impl WahaSettings {
    pub(super) fn read(reader: SettingsReader<'_>) -> Self {
        let SettingsReader { provider, variables, policies, problems, targets } = reader;
        let settings = Self { provider };
        let environment: WahaVariables = variables.read(VARIABLES);
        let (has_url, before) = (environment.waha_url.is_set(), problems.count());
        let url = environment.waha_url.get("WAHA_URL", problems);
        let key = secret_setting(
            "WAHA_API_KEY",
            environment.waha_api_key,
            environment.waha_api_key_file,
            problems,
        );
        match (url, key, Name::new(provider.label())) {
            (Some(ApiUrl(url)), Some(key), Ok(name)) => {
                let policy = policies.policy(POLL_INTERVAL);
                let options = settings.options(url, policy, ListingOptions::default());
                targets.push(source(name, key, options));
            }
            (None, Some(_), _) if !has_url => {
                problems.add("WAHA_API_KEY is set, but WAHA_URL is not; write the server's address, such as `http://waha:3000`");
            }
            (Some(_), None, _) if problems.count() == before => {
                problems.add("WAHA_URL is set, but neither WAHA_API_KEY nor WAHA_API_KEY_FILE; use the key that the server has");
            }
            _ => {}
        }
        settings
    }

    fn options(
        &self,
        api_url: Arc<str>,
        policy: PollPolicy,
        listing: ListingOptions,
    ) -> TargetOptions {
        TargetOptions {
            provider: self.provider,
            api_url,
            policy,
            required_scopes: Arc::new([]),
            endpoint: Some(sessions::endpoint()),
            listing: Some(Arc::new(listing)),
        }
    }
}

fn source(name: Name, credential: crate::secret::SecretSource, options: TargetOptions) -> Target {
    Target {
        kind: TargetKind::Source,
        name,
        id: None,
        credential,
        options: Arc::new(options),
        source: None,
    }
}

impl ProviderSettings for WahaSettings {
    fn gateway_url(&self) -> Option<&Arc<str>> {
        None
    }

    fn target(&self, _: TargetKind, entry: &mut Entry<'_>) -> Option<Target> {
        let name = entry.name();
        let credential = entry.token_file();
        // A WAHA server is where its operator runs it.
        let api_url = entry.required("api_url", value::api_url);
        let policy = entry.policy(POLL_INTERVAL);
        let listing = entry.listing();
        Some(source(name?, credential?, self.options(api_url?, policy, listing)))
    }
}
