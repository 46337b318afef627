//! A source as the settings name it, whichever provider's it is.
//!
//! Not here: where its parts are set.

use std::sync::Arc;

use crate::domain::{PollPolicy, TargetKind};
use crate::secret::SecretSource;
use crate::target::{ListingOptions, Name, Target, TargetOptions};
use crate::upstream::{Endpoint, ProviderId};

/// What makes a source.
pub struct SourceSettings {
    /// Its name.
    pub name: Name,
    /// What proves who asks for its list.
    pub credential: SecretSource,
    /// Where it is.
    pub api_url: Arc<str>,
    /// How often its list is asked for.
    pub policy: PollPolicy,
    /// Which of its channels are watched.
    pub listing: ListingOptions,
}

impl SourceSettings {
    /// The source, whose list `endpoint` asks for.
    pub fn target(self, provider: ProviderId, endpoint: impl Endpoint) -> Target {
        let Self { name, credential, api_url, policy, listing } = self;
        let options = TargetOptions::new(provider, api_url, policy, endpoint);
        Target::new(TargetKind::Source, name, credential, options.listing(listing))
    }
}
