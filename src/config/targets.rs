//! The targets of settings while they are read: equal options are shared, names and ids are
//! checked.
//!
//! Not here: which targets there are.

use std::collections::HashSet;
use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::domain::TargetKind;
use crate::input::Problems;
use crate::secret::SecretSource;
use crate::target::{Name, Target, TargetOptions, UNKNOWN_CREDENTIAL};
use crate::upstream::ProviderId;

/// The targets that are watched already, by kind and name.
pub type CurrentTargets<'a> = &'a dyn Fn(TargetKind, &Name) -> Option<Arc<Target>>;

/// Collects targets.
pub(super) struct Collector<'a> {
    current: CurrentTargets<'a>,
    targets: Vec<Arc<Target>>,
    last_options: Option<Arc<TargetOptions>>,
    names: HashSet<(TargetKind, Name)>,
    ids: HashSet<(ProviderId, Box<str>)>,
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
            names: HashSet::new(),
            ids: HashSet::new(),
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
        let target = same.unwrap_or_else(|| Arc::new(target));
        self.check(&target);
        self.targets.push(target);
    }

    fn check(&mut self, target: &Target) {
        let (kind, name) = (target.kind.as_str(), &target.name);
        if let SecretSource::Value(secret) = &target.credential
            && secret.expose_secret() == name.as_str()
        {
            self.problems.push(format!(
                "a {kind}'s name is its own secret, and names are shown to everybody; give it a name such as `default`"
            ));
        } else if !self.names.insert((target.kind, name.clone())) {
            self.problems.push(format!(
                "two {kind}s are named `{name}`; a name must be the only one of its kind, over the environment and the file together"
            ));
        }
        if let Some(id) = &target.id
            && !self.ids.insert((target.provider(), id.clone()))
        {
            self.problems.push(format!(
                "{kind} `{name}` has the channel_id of another; each channel has an id of its own at its provider"
            ));
        }
    }

    /// With the gateway on, one word stands for credentials that are not configured.
    pub(super) fn refuse_unknown_credentials_name(&self, problems: &mut Problems) {
        if self.targets.iter().any(|target| target.name.as_str() == UNKNOWN_CREDENTIAL) {
            problems.add(format!(
                "a channel or token is named `{UNKNOWN_CREDENTIAL}`, which is the gateway's word for credentials that are not configured; \
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
