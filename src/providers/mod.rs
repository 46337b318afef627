//! The providers: a folder for each, and the table that names them all.
//!
//! Not here: anything that a provider does. Nothing outside this folder knows which there are.

mod evolution;
mod green_api;
mod meta;
mod waha;
mod whapi;

use crate::domain::TargetKind;
use crate::provider::Provider;
use crate::upstream::ProviderId;

/// Builds the table: a folder and its provider, the label, and the kinds of entries in the settings
/// file that are this provider's unless they say otherwise.
macro_rules! table {
    ($($module:ident::$provider:ident = $label:literal $(, default for $($kind:ident)+)?;)+) => {
        /// The providers' label values, in the order of the table.
        pub const LABELS: &[&str] = &[$($label),+];
        static PROVIDERS: &[&dyn Provider] = &[$(&$module::$provider),+];
        const DEFAULT_KINDS: &[&[TargetKind]] = &[$(&[$($(TargetKind::$kind),+)?]),+];
    };
}

table! {
    whapi::Whapi = "whapi", default for Channel;
    meta::Meta = "meta", default for Token;
    waha::Waha = "waha";
    evolution::Evolution = "evolution";
    green_api::GreenApi = "green_api";
}

/// How many providers there are.
pub const COUNT: usize = LABELS.len();

/// Every provider.
pub fn all() -> impl Iterator<Item = ProviderId> {
    LABELS.iter().enumerate().map(|(at, label)| id(at, label))
}

/// What a provider does.
pub fn get(provider: ProviderId) -> &'static dyn Provider {
    PROVIDERS[provider.index()]
}

/// The provider with this label.
pub fn with_label(label: &str) -> Option<ProviderId> {
    all().find(|provider| provider.label() == label)
}

/// The provider of entries of this kind that name none.
pub fn default_for(kind: TargetKind) -> Option<ProviderId> {
    all().find(|provider| DEFAULT_KINDS[provider.index()].contains(&kind))
}

fn id(at: usize, label: &'static str) -> ProviderId {
    // The table is far shorter than 256 rows.
    ProviderId::new(u8::try_from(at).unwrap_or(u8::MAX), label)
}
