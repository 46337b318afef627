//! WAHA's settings: one server from the environment, and servers in the settings file.
//!
//! Not here: where the texts come from (`input/`).

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::sessions::Sessions;
use crate::domain::TargetKind;
use crate::input::value::{self, ApiUrl, FilePath, Secret};
use crate::input::{Entry, ServerNames, ServerValues, Setting, Variable, server_setting};
use crate::provider::{ProviderSettings, SettingsReader, SourceSettings};
use crate::target::{ListingOptions, Name, Target};
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

/// One request lists all sessions from memory, so it may come as often as for one channel.
const POLL_INTERVAL: Duration = Duration::from_secs(30);

const NAMES: ServerNames = ServerNames {
    url: "WAHA_URL",
    key: "WAHA_API_KEY",
    example: "http://waha:3000",
    its_key: "the key that the server has",
};

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
        let environment: WahaVariables = variables.read(VARIABLES);
        let values = ServerValues {
            url: environment.waha_url,
            key: environment.waha_api_key,
            key_file: environment.waha_api_key_file,
        };
        let server = server_setting(&NAMES, values, problems);
        if let (Some((url, key)), Ok(name)) = (server, Name::new(provider.label())) {
            let policy = policies.policy(POLL_INTERVAL);
            let listing = ListingOptions::default();
            let source = SourceSettings { name, credential: key, api_url: url, policy, listing };
            targets.push(source.target(provider, Sessions));
        }
        Self { provider }
    }
}

impl ProviderSettings for WahaSettings {
    fn gateway_url(&self) -> Option<&Arc<str>> {
        None
    }

    fn target(&self, _: TargetKind, entry: &mut Entry<'_>) -> Option<Target> {
        let (name, credential) = (entry.name(), entry.token_file());
        // A WAHA server is where its operator runs it.
        let api_url = entry.required("api_url", value::api_url);
        let policy = entry.policy(POLL_INTERVAL);
        let listing = entry.listing();
        let (name, credential, api_url) = (name?, credential?, api_url?);
        let source = SourceSettings { name, credential, api_url, policy, listing };
        Some(source.target(self.provider, Sessions))
    }
}
