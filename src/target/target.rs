//! One target: its kind and name, its credential, and how it is polled.
//!
//! Not here: what is known of it; that is `domain/`.

use std::sync::Arc;

use super::Name;
use super::listing::ListingOptions;
use crate::domain::{PollPolicy, ShortText, TargetKind};
use crate::secret::{SecretError, SecretSource};
use crate::upstream::{Credentials, Endpoint, ProviderId};

/// The name of the label value for credentials that are not configured.
pub const UNKNOWN_CREDENTIAL: &str = "other";

/// One target. Its kind and its name identify it.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// What it is.
    pub kind: TargetKind,
    /// The label that its kind names.
    pub name: Name,
    /// The upstream's id of it, if it is known beforehand.
    pub id: Option<ShortText>,
    /// What proves who asks.
    pub credential: SecretSource,
    /// What it shares with others that are configured alike.
    pub options: Arc<TargetOptions>,
}

/// How targets are polled.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetOptions {
    /// The label `provider`.
    pub provider: ProviderId,
    /// The API's base address, without a trailing slash.
    pub api_url: Arc<str>,
    /// How often it is polled, and how long an answer counts.
    pub policy: PollPolicy,
    /// The scopes that a token must have been granted.
    pub required_scopes: Arc<[Box<str>]>,
    /// How it is polled; `None` when another target's answers say how it is.
    pub endpoint: Option<Arc<dyn Endpoint>>,
    /// Which channels of a source, or of one of its accounts, are watched.
    pub listing: Option<Arc<ListingOptions>>,
    /// The source that listed these targets, if they were not configured.
    pub source: Option<Name>,
    /// The account that listed these channels, if no source did itself.
    pub account: Option<Name>,
}

impl TargetOptions {
    /// Options of targets that are polled through `endpoint`.
    pub fn new(
        provider: ProviderId,
        api_url: Arc<str>,
        policy: PollPolicy,
        endpoint: impl Endpoint,
    ) -> Self {
        Self {
            provider,
            api_url,
            policy,
            required_scopes: Arc::new([]),
            endpoint: Some(Arc::new(endpoint)),
            listing: None,
            source: None,
            account: None,
        }
    }

    /// The same for a source, of whose channels these are watched.
    pub fn listing(self, listing: ListingOptions) -> Self {
        Self { listing: Some(Arc::new(listing)), ..self }
    }
}

impl Target {
    /// Whether this channel is known by what that source or account lists, and not polled itself.
    pub fn is_known_by(&self, lister: &Self) -> bool {
        let (source, account) = match lister.kind {
            TargetKind::Account => (lister.source(), Some(&lister.name)),
            _ => (Some(&lister.name), None),
        };
        self.options.endpoint.is_none()
            && self.source() == source
            && self.options.account.as_ref() == account
            && self.provider() == lister.provider()
    }

    /// A target of the settings, whose id is not known beforehand.
    pub fn new(
        kind: TargetKind,
        name: Name,
        credential: SecretSource,
        options: TargetOptions,
    ) -> Self {
        Self { kind, name, id: None, credential, options: Arc::new(options) }
    }

    /// The provider.
    pub fn provider(&self) -> ProviderId {
        self.options.provider
    }

    /// The source that listed it, if it was not configured.
    pub fn source(&self) -> Option<&Name> {
        self.options.source.as_ref()
    }

    /// Whether this and another are one line or account that was listed: by what it is called at
    /// its provider, whatever its name is here.
    pub fn is_listed_as(&self, other: &Self) -> bool {
        fn line(target: &Target) -> Option<&str> {
            target.source().and(target.id.as_deref())
        }
        self.kind == other.kind
            && self.provider() == other.provider()
            && line(self).is_some_and(|id| line(other) == Some(id))
            && self.id_scope() == other.id_scope()
    }

    /// The source within whose list its id is unique; `None` where it is unique at the provider:
    /// the id of an account, and of what an account lists, whichever source asks for it.
    pub fn id_scope(&self) -> Option<&Name> {
        let is_unique = self.kind == TargetKind::Account || self.options.account.is_some();
        self.source().filter(|_| !is_unique)
    }

    /// How often it is polled, and how long an answer counts.
    pub fn policy(&self) -> PollPolicy {
        self.options.policy
    }

    /// Its secrets as they are now.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, in words that do not repeat it.
    pub fn credentials(&self) -> Result<Credentials, SecretError> {
        let own = self.credential.read()?;
        let second = self.options.endpoint.as_ref().and_then(|endpoint| endpoint.second_secret());
        let second = second.map(SecretSource::read).transpose()?;
        Ok(Credentials { own, second })
    }
}

#[cfg(test)]
impl Target {
    /// A target that a test may change, of no real provider and polled by nobody.
    pub(crate) fn of_test(kind: TargetKind, name: &str) -> Self {
        use std::time::Duration;

        let policy =
            PollPolicy { interval: Duration::from_secs(30), stale_after: Duration::from_secs(300) };
        Self {
            kind,
            name: Name::new(name).unwrap(),
            id: None,
            credential: SecretSource::from_value("s3cret").unwrap(),
            options: Arc::new(TargetOptions {
                provider: ProviderId::new(&(0, "test")),
                api_url: "http://one".into(),
                policy,
                required_scopes: Arc::new([]),
                endpoint: None,
                listing: None,
                source: None,
                account: None,
            }),
        }
    }
}
