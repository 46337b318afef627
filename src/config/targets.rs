//! The targets of settings while they are read: equal options are shared, names and ids are
//! checked.
//!
//! Not here: which targets there are.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use secrecy::ExposeSecret;

use crate::domain::TargetKind;
use crate::input::Problems;
use crate::secret::SecretSource;
use crate::target::{Name, Target, TargetOptions, UNKNOWN_CREDENTIAL};
use crate::upstream::ProviderId;

/// The targets that are watched already, by kind and name.
pub type CurrentTargets<'a> = &'a dyn Fn(TargetKind, &Name) -> Option<Arc<Target>>;

fn named(target: &Target) -> (TargetKind, &str) {
    (target.kind, target.name.as_str())
}

fn identified(target: &Target) -> (ProviderId, Option<&str>) {
    (target.provider(), target.id.as_deref())
}

/// Adds the target at a position to an index, unless one with the same key is there. An index of
/// positions takes a tenth of a set of names.
fn is_new<K: Hash + Eq>(
    index: &mut HashTable<u32>,
    hasher: &RandomState,
    at: u32,
    key: impl Fn(&u32) -> K,
) -> bool {
    let own = key(&at);
    let hash = |at: &u32| hasher.hash_one(key(at));
    match index.entry(hasher.hash_one(&own), |other| key(other) == own, hash) {
        Entry::Occupied(_) => false,
        Entry::Vacant(vacant) => {
            vacant.insert(at);
            true
        }
    }
}

/// Collects targets.
pub(super) struct Collector<'a> {
    current: CurrentTargets<'a>,
    targets: Vec<Arc<Target>>,
    last_options: Option<Arc<TargetOptions>>,
    /// Positions in `targets`, by kind and name, and by provider and id.
    names: HashTable<u32>,
    ids: HashTable<u32>,
    hasher: RandomState,
    /// Told after all other mistakes.
    problems: Vec<String>,
}

impl<'a> Collector<'a> {
    /// Targets that are equal to a current one are taken from there, so that a large fleet is not
    /// in memory twice while its settings are reloaded.
    pub(super) fn new(current: CurrentTargets<'a>) -> Self {
        Self {
            current,
            targets: Vec::new(),
            last_options: None,
            names: HashTable::new(),
            ids: HashTable::new(),
            hasher: RandomState::new(),
            problems: Vec::new(),
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    pub(super) fn add(&mut self, mut target: Target) {
        let current = (self.current)(target.kind, &target.name);
        // Thousands of channels are configured alike; they share one copy.
        let alike = current.as_ref().map(|current| &current.options);
        let alike = [alike, self.last_options.as_ref()].into_iter().flatten();
        if let Some(options) = alike.into_iter().find(|options| ***options == *target.options) {
            target.options = Arc::clone(options);
        }
        self.last_options = Some(Arc::clone(&target.options));
        let same = current.filter(|current| {
            Arc::ptr_eq(&current.options, &target.options)
                && current.id == target.id
                && current.credential == target.credential
        });
        // From here on what was read anew is needed no more, if there is an equal one.
        self.targets.push(same.unwrap_or_else(|| Arc::new(target)));
        self.check_last();
    }

    /// Checks the target that was added last against those before it.
    fn check_last(&mut self) {
        let Self { targets, names, ids, hasher, problems, .. } = self;
        let Some((target, at)) = targets.last().zip(u32::try_from(targets.len() - 1).ok()) else {
            return;
        };
        let by_name = |at: &u32| named(&targets[*at as usize]);
        let by_id = |at: &u32| identified(&targets[*at as usize]);
        let (kind, name) = (target.kind.as_str(), &target.name);
        if let SecretSource::Value(secret) = &target.credential
            && secret.expose_secret() == name.as_str()
        {
            problems.push(format!(
                "a {kind}'s name is its own secret, and names are shown to everybody; \
                 give it a name such as `default`"
            ));
        } else if !is_new(names, hasher, at, by_name) {
            problems.push(format!(
                "two {kind}s are named `{name}`; a name must be the only one of its kind, \
                 over the environment and the file together"
            ));
        }
        if target.id.is_some() && !is_new(ids, hasher, at, by_id) {
            problems.push(format!(
                "{kind} `{name}` has the channel_id of another; \
                 each channel has an id of its own at its provider"
            ));
        }
    }

    /// With the gateway on, one word stands for credentials that are not configured.
    pub(super) fn refuse_unknown_credentials_name(&self, problems: &mut Problems) {
        let is_it = |name: &Name| name.as_str() == UNKNOWN_CREDENTIAL;
        let names_it = |target: &Arc<Target>| {
            let listing = target.options.listing.as_deref();
            is_it(&target.name) || listing.is_some_and(|listing| listing.names.values().any(is_it))
        };
        if self.targets.iter().any(names_it) {
            problems.add(format!(
                "a channel or token is named `{UNKNOWN_CREDENTIAL}`, which is the gateway's word \
                 for credentials that are not configured; \
                 give it another name, or leave GATEWAY_ADDRESS unset"
            ));
        }
    }

    /// The targets, those of one kind together.
    pub(super) fn finish(mut self, problems: &mut Problems) -> Vec<Arc<Target>> {
        self.problems.into_iter().for_each(|problem| problems.add(problem));
        self.targets.sort_by_key(|target| target.kind);
        self.targets.shrink_to_fit();
        self.targets
    }
}
