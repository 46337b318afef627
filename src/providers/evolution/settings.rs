//! Evolution's settings: one server from the environment, and servers in the settings file.
//!
//! Not here: where the texts come from (`input/`).

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::instances::Instances;
use crate::domain::TargetKind;
use crate::input::value::{self, ApiUrl, FilePath, Secret};
use crate::input::{Entry, ServerNames, ServerValues, Setting, Variable, server_setting};
use crate::provider::{ProviderSettings, SettingsReader, SourceSettings};
use crate::target::{ListingOptions, Name, Target};
use crate::upstream::ProviderId;

pub(super) const VARIABLES: &[Variable] = &[
    Variable::new(
        "EVOLUTION_URL",
        "",
        "the address of one Evolution API server, all of whose instances are watched",
    ),
    Variable::new("EVOLUTION_API_KEY", "", "that server's API key"),
    Variable::new(
        "EVOLUTION_API_KEY_FILE",
        "",
        "file that contains it, read again before each use",
    ),
];

/// The list counts every instance's messages in the database (`monitor.service.ts`).
const LIST_INTERVAL: Duration = Duration::from_secs(300);

/// An instance's state comes from the server's memory within milliseconds (observed).
const CHANNEL_INTERVAL: Duration = Duration::from_secs(30);

const NAMES: ServerNames = ServerNames {
    url: "EVOLUTION_URL",
    key: "EVOLUTION_API_KEY",
    example: "http://evolution:8080",
    its_key: "the server's AUTHENTICATION_API_KEY",
};

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct EvolutionVariables {
    evolution_url: Setting<ApiUrl>,
    evolution_api_key: Setting<Secret>,
    evolution_api_key_file: Setting<FilePath>,
}

pub(super) struct EvolutionSettings {
    provider: ProviderId,
}

impl EvolutionSettings {
    pub(super) fn read(reader: SettingsReader<'_>) -> Self {
        let SettingsReader { provider, variables, policies, problems, targets } = reader;
        let environment: EvolutionVariables = variables.read(VARIABLES);
        let values = ServerValues {
            url: environment.evolution_url,
            key: environment.evolution_api_key,
            key_file: environment.evolution_api_key_file,
        };
        let server = server_setting(&NAMES, values, problems);
        if let (Some((url, key)), Ok(name)) = (server, Name::new(provider.label())) {
            let listing = ListingOptions::polled_by(policies.policy(CHANNEL_INTERVAL));
            let policy = policies.policy(LIST_INTERVAL);
            let source = SourceSettings { name, credential: key, api_url: url, policy, listing };
            targets.push(source.target(provider, Instances::default()));
        }
        Self { provider }
    }
}

impl ProviderSettings for EvolutionSettings {
    fn gateway_url(&self) -> Option<&Arc<str>> {
        None
    }

    fn target(&self, _: TargetKind, entry: &mut Entry<'_>) -> Option<Target> {
        let (name, credential) = (entry.name(), entry.token_file());
        // An Evolution server is where its operator runs it.
        let api_url = entry.required("api_url", value::api_url);
        let (policy, listing) = entry.list_policy_and_listing(LIST_INTERVAL, CHANNEL_INTERVAL);
        let (name, credential, api_url) = (name?, credential?, api_url?);
        let source = SourceSettings { name, credential, api_url, policy, listing };
        Some(source.target(self.provider, Instances::default()))
    }
}
