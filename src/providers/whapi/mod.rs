//! Whapi.Cloud: channels, polled by their health, with webhooks and a route through the gateway;
//! and all channels of a partner account, discovered by a list.
//!
//! Not here: any call that changes a channel. It is only looked at, never launched, logged in or
//! logged out.

mod advice;
mod gateway;
mod health;
mod messages;
mod partner;
mod refusal;
mod settings;
mod subscription;
mod webhook;
mod webhook_check;

use crate::domain::TargetKind;
use crate::input::{CHANNEL_KEYS, SOURCE_KEYS, Variable};
use crate::provider::{
    AdviceTexts, GatewayApi, Provider, ProviderSettings, SettingsReader, WebhookApi,
};

/// The provider.
pub(super) struct Whapi;

impl Provider for Whapi {
    fn display_name(&self) -> &'static str {
        "Whapi"
    }

    fn variables(&self) -> &'static [Variable] {
        settings::VARIABLES
    }

    fn first_step(&self) -> &'static str {
        "set WHAPI_TOKEN (or WHAPI_TOKEN_FILE) for a channel"
    }

    fn entry_keys(&self, kind: TargetKind) -> Option<&'static [&'static str]> {
        match kind {
            TargetKind::Channel => Some(CHANNEL_KEYS),
            TargetKind::Source => Some(SOURCE_KEYS),
            TargetKind::Token | TargetKind::Account => None,
        }
    }

    fn read_settings(&self, reader: SettingsReader<'_>) -> Box<dyn ProviderSettings> {
        Box::new(settings::WhapiSettings::read(reader))
    }

    fn advice(&self) -> &'static dyn AdviceTexts {
        &advice::WhapiAdvice
    }

    fn webhooks(&self) -> Option<&'static dyn WebhookApi> {
        Some(&webhook::WhapiWebhooks)
    }

    fn gateway(&self) -> Option<&'static dyn GatewayApi> {
        Some(&gateway::WhapiGateway)
    }
}
