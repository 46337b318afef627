//! A listed target that is wanted, before it is known which of its names is free.
//!
//! Not here: which targets of a list are wanted.

use std::borrow::Cow;
use std::sync::Arc;

use super::kept_names::KeptNames;
use super::listing::ListingOptions;
use super::shared_options::SharedOptions;
use super::{Name, Target, TargetOptions};
use crate::domain::TargetKind;
use crate::secret::SecretSource;
use crate::upstream::{ListedAccount, ListedChannel};

/// A listed target and the names that it may have.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// As it is watched, by the name that it was last given. Kept from list to list while they say
    /// the same of it, so that a fleet is not in memory twice.
    pub(super) target: Arc<Target>,
    /// All names that it may have, the best first; empty where that is its id alone.
    names: Box<[Name]>,
    /// Whether the target keeps its name, whoever else would now have it.
    is_named: bool,
}

impl PartialEq for Candidate {
    /// Whether lists say the same of both, whatever they were called.
    fn eq(&self, other: &Self) -> bool {
        let (one, two) = (&*self.target, &*other.target);
        // Mostly it is the one of the list before.
        Arc::ptr_eq(&self.target, &other.target)
            || self.names == other.names
                && (&one.id, &one.credential, &one.options)
                    == (&two.id, &two.credential, &two.options)
    }
}

impl Candidate {
    /// A channel that `lister` has listed: `source`, or an account of it. `None` if it can have no
    /// name.
    pub(super) fn channel(
        lister: &Target,
        source: &Name,
        listing: &ListingOptions,
        channel: ListedChannel,
        shared: &mut SharedOptions,
    ) -> Option<Self> {
        let names = listing.candidate_names(&channel.id, channel.name.as_deref());
        let ListedChannel { id, credential, api_url, endpoint, .. } = channel;
        let credential = match credential {
            Some(secret) => SecretSource::Value(secret),
            None => lister.credential.clone(),
        };
        let api_url = api_url.unwrap_or_else(|| Arc::clone(&lister.options.api_url));
        let own_policy = listing.channel_policy.filter(|_| endpoint.is_some());
        let options = shared.share(TargetOptions {
            provider: lister.provider(),
            api_url,
            policy: own_policy.unwrap_or(lister.options.policy),
            required_scopes: Arc::new([]),
            endpoint,
            listing: None,
            source: Some(source.clone()),
            account: (lister.kind == TargetKind::Account).then(|| lister.name.clone()),
        });
        Self::new(names, |name| Target {
            kind: TargetKind::Channel,
            name,
            id: Some(id.into()),
            credential,
            options,
        })
    }

    /// An account that `source` has listed. `None` if it can have no name.
    pub(super) fn account(
        source: &Target,
        listing: &ListingOptions,
        account: ListedAccount,
        shared: &mut SharedOptions,
    ) -> Option<Self> {
        let ListedAccount { id, endpoint } = account;
        let options = shared.share(TargetOptions {
            policy: listing.account_policy.unwrap_or(source.options.policy),
            required_scopes: Arc::new([]),
            endpoint: Some(endpoint),
            source: Some(source.name.clone()),
            ..(*source.options).clone()
        });
        Self::new(listing.candidate_names(&id, None), |name| Target {
            kind: TargetKind::Account,
            name,
            id: Some(id.into()),
            credential: source.credential.clone(),
            options,
        })
    }

    /// A target that may have one of these names, the best first; `None` if there is none.
    fn new(names: Vec<Name>, target: impl FnOnce(Name) -> Target) -> Option<Self> {
        let target = Arc::new(target(names.first()?.clone()));
        let is_id = |name: &Name| Some(name.as_str()) == target.id.as_deref();
        let names = if names.iter().all(is_id) { Box::default() } else { names.into() };
        Some(Self { target, names, is_named: false })
    }

    /// The id that its provider knows it by.
    pub(super) fn id(&self) -> &str {
        self.target.id.as_deref().unwrap_or_default()
    }

    /// All names that it may have, the best first.
    pub(super) fn names(&self) -> Cow<'_, [Name]> {
        match self.names.is_empty() {
            true => Name::new(self.id()).into_iter().collect(),
            false => Cow::Borrowed(&self.names),
        }
    }

    /// The same candidate of the list before, if there was one; otherwise by the name that it had
    /// there, if it still may have it. Lists are in the order of ids.
    pub(super) fn or_same_of(mut self, known: &[&Self]) -> Self {
        let Ok(at) = known.binary_search_by(|known| known.id().cmp(self.id())) else { return self };
        let known = known[at];
        if *known == self {
            return known.clone();
        }
        if known.is_named && known.names == self.names {
            self.call(known.target.name.clone());
            self.is_named = true;
        }
        self
    }

    /// Gives it its best name, if it had that before the start.
    pub(super) fn keep_name(&mut self, source: &Name, kept: &KeptNames) {
        let best = self.names().first().cloned();
        if let Some(best) = best.filter(|best| kept.was(best, source, self.id())) {
            self.call(best);
            self.is_named = true;
        }
    }

    fn call(&mut self, name: Name) {
        if name != self.target.name {
            self.target = Arc::new(Target { name, ..(*self.target).clone() });
        }
    }

    /// The target, if it keeps its name: one that went from one line to another would make a line
    /// that is out look well.
    pub(super) fn named_target(&self) -> Option<&Arc<Target>> {
        self.is_named.then_some(&self.target)
    }

    /// The target by the best name that no other target of the kind has; with the source's name
    /// before it, if need be. `stays` says whether it keeps that name whatever comes.
    pub(super) fn named(
        &mut self,
        source: &Name,
        taken: impl Fn(&Name) -> bool,
        stays: bool,
    ) -> Option<Arc<Target>> {
        let name = free_name(source, &self.names(), taken)?;
        self.call(name);
        self.is_named |= stays;
        Some(Arc::clone(&self.target))
    }

    /// Lets it have its best name, if that has become free.
    pub(super) fn unsettle(&mut self) {
        self.is_named &= self.names().first() == Some(&self.target.name);
    }

    /// Takes it that its name stays from now on.
    pub(super) fn settle(&mut self) {
        self.is_named = true;
    }
}

fn free_name(source: &Name, names: &[Name], taken: impl Fn(&Name) -> bool) -> Option<Name> {
    let (best, others) = names.split_first()?;
    if !taken(best) {
        return Some(best.clone());
    }
    let qualified = names.iter().filter_map(|name| Name::new(&format!("{source}.{name}")).ok());
    qualified.chain(others.iter().cloned()).find(|name| !taken(name))
}
