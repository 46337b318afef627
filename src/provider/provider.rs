//! What every provider brings along. The compiler names what a new one lacks.
//!
//! Not here: the table of providers, and what the parts mean to the rest of the program.

use std::sync::Arc;

use super::advice::AdviceTexts;
use super::gateway_api::GatewayApi;
use super::webhook_api::WebhookApi;
use crate::domain::TargetKind;
use crate::input::{Entry, Policies, Problems, Variable, Variables};
use crate::secret::SecretSource;
use crate::target::Target;
use crate::upstream::ProviderId;

/// A kind of API that can be watched.
pub trait Provider: Sync {
    /// Its name for people.
    fn display_name(&self) -> &'static str;

    /// Its variables.
    fn variables(&self) -> &'static [Variable];

    /// What to set for a first target, as `set X for a channel`.
    fn first_step(&self) -> &'static str;

    /// The keys that an entry of this kind may have in the settings file; `None` if it has no
    /// targets of this kind.
    fn entry_keys(&self, kind: TargetKind) -> Option<&'static [&'static str]>;

    /// Reads its variables, and adds the targets that they name.
    fn read_settings(&self, reader: SettingsReader<'_>) -> Box<dyn ProviderSettings>;

    /// What to tell people.
    fn advice(&self) -> &'static dyn AdviceTexts;

    /// Its webhooks, if they are received.
    fn webhooks(&self) -> Option<&'static dyn WebhookApi>;

    /// Its route through the gateway, if there is one.
    fn gateway(&self) -> Option<&'static dyn GatewayApi>;
}

/// What a provider reads its variables from, and what it makes of them.
pub struct SettingsReader<'a> {
    /// The provider itself.
    pub provider: ProviderId,
    /// The variables.
    pub variables: &'a Variables,
    /// How long answers count.
    pub policies: &'a Policies,
    /// The mistakes found so far.
    pub problems: &'a mut Problems,
    /// The targets found so far.
    pub targets: &'a mut Vec<Target>,
}

/// A provider's settings: what its entries in the settings file take when they do not say
/// otherwise.
pub trait ProviderSettings {
    /// Where its route through the gateway leads, if it has one.
    fn gateway_url(&self) -> Option<&Arc<str>>;

    /// The secret that the provider itself signs its webhooks with; `None` where `WEBHOOK_SECRET`
    /// is it.
    fn webhook_secret(&self) -> Option<&SecretSource> {
        None
    }

    /// Reads an entry of the settings file, of a kind that the provider has. `None` if it has a
    /// mistake, which was added to the entry's problems.
    fn target(&self, kind: TargetKind, entry: &mut Entry<'_>) -> Option<Target>;
}
