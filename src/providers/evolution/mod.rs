//! Evolution API: the instances of a self-hosted server. A list discovers them and says why they
//! were disconnected; each is then asked for its connection's state.
//!
//! Not here: any call that connects, restarts or logs out an instance, as `/instance/connect` does.
//!
//! Source: Evolution API's own source at fa09d37 (2.3.7), and that version watched without a linked
//! phone, with its network and its database taken away.

mod advice;
mod connection_state;
mod instances;
mod messages;
mod refusal;
mod settings;
mod status;
mod webhook;
mod webhook_check;

use crate::domain::TargetKind;
use crate::input::{SOURCE_KEYS, Variable};
use crate::provider::{
    AdviceTexts, GatewayApi, Provider, ProviderSettings, SettingsReader, WebhookApi,
};

/// The provider.
pub(super) struct Evolution;

impl Provider for Evolution {
    fn display_name(&self) -> &'static str {
        "Evolution API"
    }

    fn variables(&self) -> &'static [Variable] {
        settings::VARIABLES
    }

    fn first_step(&self) -> &'static str {
        "EVOLUTION_URL and EVOLUTION_API_KEY (or EVOLUTION_API_KEY_FILE) for the instances of an \
         Evolution API server"
    }

    fn entry_keys(&self, kind: TargetKind) -> Option<&'static [&'static str]> {
        (kind == TargetKind::Source).then_some(SOURCE_KEYS)
    }

    fn read_settings(&self, reader: SettingsReader<'_>) -> Box<dyn ProviderSettings> {
        Box::new(settings::EvolutionSettings::read(reader))
    }

    fn advice(&self) -> &'static dyn AdviceTexts {
        &advice::EvolutionAdvice
    }

    fn webhooks(&self) -> Option<&'static dyn WebhookApi> {
        Some(&webhook::EvolutionWebhooks)
    }

    fn gateway(&self) -> Option<&'static dyn GatewayApi> {
        None
    }
}
