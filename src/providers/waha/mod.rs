//! WAHA: the sessions of a self-hosted server, listed with their statuses by one request.
//!
//! Not here: any call that starts, stops or changes a session, or that shows a QR code.
//!
//! Source: WAHA's own source at 6aa4282 (`sessions.controller.ts`, `sessions.dto.ts`), and a WAHA
//! 2024.10.8 CORE that was watched without a linked phone.

mod advice;
mod limits;
mod messages;
mod sessions;
mod settings;
mod status;
mod webhook;

use crate::domain::TargetKind;
use crate::input::{SOURCE_KEYS, Variable};
use crate::provider::{
    AdviceTexts, GatewayApi, Provider, ProviderSettings, SettingsReader, WebhookApi,
};

/// The provider.
pub(super) struct Waha;

impl Provider for Waha {
    fn display_name(&self) -> &'static str {
        "WAHA"
    }

    fn variables(&self) -> &'static [Variable] {
        settings::VARIABLES
    }

    fn first_step(&self) -> &'static str {
        "WAHA_URL and WAHA_API_KEY (or WAHA_API_KEY_FILE) for the sessions of a WAHA server"
    }

    fn entry_keys(&self, kind: TargetKind) -> Option<&'static [&'static str]> {
        (kind == TargetKind::Source).then_some(SOURCE_KEYS)
    }

    fn read_settings(&self, reader: SettingsReader<'_>) -> Box<dyn ProviderSettings> {
        Box::new(settings::WahaSettings::read(reader))
    }

    fn advice(&self) -> &'static dyn AdviceTexts {
        &advice::WahaAdvice
    }

    fn webhooks(&self) -> Option<&'static dyn WebhookApi> {
        Some(&webhook::WahaWebhooks)
    }

    fn gateway(&self) -> Option<&'static dyn GatewayApi> {
        None
    }
}
