//! GREEN-API: an instance polled by its state, or all instances of a partner, discovered by a list.
//!
//! Not here: any call that reboots, logs in or logs out an instance, or that shows a QR code.
//!
//! Source: GREEN-API's documentation of `getStateInstance`, `getInstances`, the common errors and
//! the webhook `stateInstanceChanged`. Nothing was tried with an account.

mod advice;
mod instances;
mod messages;
mod refusal;
mod settings;
mod state;
mod status;
mod subscription;
mod webhook;

use crate::domain::TargetKind;
use crate::input::{CHANNEL_KEYS, SOURCE_KEYS, Variable};
use crate::provider::{
    AdviceTexts, GatewayApi, Provider, ProviderSettings, SettingsReader, WebhookApi,
};

/// The provider.
pub(super) struct GreenApi;

impl Provider for GreenApi {
    fn display_name(&self) -> &'static str {
        "GREEN-API"
    }

    fn variables(&self) -> &'static [Variable] {
        settings::VARIABLES
    }

    fn first_step(&self) -> &'static str {
        "GREEN_API_INSTANCE_ID and GREEN_API_TOKEN (or GREEN_API_TOKEN_FILE) for a GREEN-API \
         instance"
    }

    fn entry_keys(&self, kind: TargetKind) -> Option<&'static [&'static str]> {
        match kind {
            TargetKind::Channel => Some(CHANNEL_KEYS),
            TargetKind::Source => Some(SOURCE_KEYS),
            TargetKind::Token | TargetKind::Account => None,
        }
    }

    fn read_settings(&self, reader: SettingsReader<'_>) -> Box<dyn ProviderSettings> {
        Box::new(settings::GreenApiSettings::read(reader))
    }

    fn advice(&self) -> &'static dyn AdviceTexts {
        &advice::GreenApiAdvice
    }

    fn webhooks(&self) -> Option<&'static dyn WebhookApi> {
        Some(&webhook::GreenApiWebhooks)
    }

    fn gateway(&self) -> Option<&'static dyn GatewayApi> {
        None
    }
}
