//! Meta's Graph API: access tokens, inspected by `debug_token`, with a route through the gateway;
//! the accounts that they may manage, and their numbers, which are channels.
//!
//! Not here: refreshing a token, or anything done with it but looking.

mod account;
mod accounts;
mod advice;
mod debug_token;
mod gateway;
mod graph_error;
mod message_statuses;
mod settings;
mod webhook;

use crate::domain::TargetKind;
use crate::input::Variable;
use crate::provider::{
    AdviceTexts, GatewayApi, Provider, ProviderSettings, SettingsReader, WebhookApi,
};

/// The provider.
pub(super) struct Meta;

impl Provider for Meta {
    fn display_name(&self) -> &'static str {
        "Meta"
    }

    fn variables(&self) -> &'static [Variable] {
        settings::VARIABLES
    }

    fn first_step(&self) -> &'static str {
        "META_TOKEN (or META_TOKEN_FILE) for a token"
    }

    fn entry_keys(&self, kind: TargetKind) -> Option<&'static [&'static str]> {
        match kind {
            TargetKind::Token => Some(settings::TOKEN_KEYS),
            TargetKind::Source => Some(settings::SOURCE_KEYS),
            TargetKind::Channel | TargetKind::Account => None,
        }
    }

    fn read_settings(&self, reader: SettingsReader<'_>) -> Box<dyn ProviderSettings> {
        Box::new(settings::MetaSettings::read(reader))
    }

    fn advice(&self) -> &'static dyn AdviceTexts {
        &advice::MetaAdvice
    }

    fn webhooks(&self) -> Option<&'static dyn WebhookApi> {
        Some(&webhook::MetaWebhooks)
    }

    fn gateway(&self) -> Option<&'static dyn GatewayApi> {
        Some(&gateway::MetaGateway)
    }
}
