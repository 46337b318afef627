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
use crate::upstream::{ProviderId, ProviderRow};

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

static ROWS: [ProviderRow; COUNT] = {
    let mut rows = [(0, ""); COUNT];
    let mut at = 0;
    while at < COUNT {
        // The table is far shorter than 256 rows.
        rows[at] = (at as u8, LABELS[at]);
        at += 1;
    }
    rows
};

/// Every provider.
pub fn all() -> impl Iterator<Item = ProviderId> {
    ROWS.iter().map(ProviderId::new)
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
