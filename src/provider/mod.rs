//! What a provider is: the traits that every folder in `providers/` implements.
//!
//! Not here: any provider, and the table of them.

mod advice;
mod gateway_api;
#[expect(clippy::module_inception, reason = "the trait that the module is about")]
mod provider;
mod source_settings;
mod webhook_api;

pub use advice::{
    AccountProblem, AdviceTexts, BLOCKED_BY_WHATSAPP, STATUS_NOT_KNOWN, TokenProblem,
};
pub use gateway_api::{ErrorMeaning, GatewayApi, SendingLine};
pub use provider::{Provider, ProviderSettings, SettingsReader};
pub use source_settings::SourceSettings;
#[cfg(test)]
pub(crate) use webhook_api::hears;
pub use webhook_api::{
    AccountWebhook, HandshakeAnswer, HeadVerdict, Needed, SECRET_PLACEHOLDER, Webhook, WebhookApi,
    WebhookCheck, WebhookHead,
};
