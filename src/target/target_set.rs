//! The targets to watch, merged from the settings and from what sources list.
//!
//! Not here: their states. There is one owner of the set, so a reload and a discovery cannot fight.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::candidate::Candidate;
use super::kept_names::KeptNames;
use super::listing::ListingOptions;
use super::named_targets::NamedTargets;
use super::shared_options::SharedOptions;
use super::{Name, OtherShards, Shard, Target, UNKNOWN_CREDENTIAL};
use crate::domain::{Listed, ShortText, TargetKind};
use crate::upstream::{ListedAccount, ListedChannel, ProviderId};

/// The targets of the settings, and of each last whole list.
#[derive(Debug, Default)]
pub struct TargetSet {
    /// Those that this shard watches, of all that are configured.
    configured: Vec<Arc<Target>>,
    /// The others that are configured.
    other_shards: OtherShards,
    /// The accounts of each source that has any, by the source's name. Every shard watches them,
    /// since they list channels.
    accounts: BTreeMap<Name, Vec<Candidate>>,
    /// Those of other shards too: they take names.
    channels: BTreeMap<Lister, ListedChannels>,
    /// The sources of which all lists have come, so that what is watched of them stays.
    complete: BTreeSet<Name>,
    /// The sources that have neither listed nor failed since the start: until each has, names are
    /// given anew with each list, so that it does not matter which answers first.
    unheard: HashSet<Name>,
    /// The names that channels had before the start, while their sources' lists have not come.
    kept: KeptNames,
    shard: Option<Shard>,
    /// Whether the credentials of other shards' targets are wanted.
    with_credentials: bool,
}

/// The targets that this shard watches, and what it knows of the others.
#[derive(Debug, Default)]
pub struct Selection {
    /// To be watched.
    pub own: Vec<Arc<Target>>,
    /// Watched by other shards.
    pub other_shards: OtherShards,
}

impl From<Vec<Arc<Target>>> for Selection {
    fn from(own: Vec<Arc<Target>>) -> Self {
        Self { own, other_shards: OtherShards::default() }
    }
}

/// What lists channels: a source, or one of its accounts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Lister {
    source: Name,
    /// The account's id.
    account: Option<ShortText>,
}

/// The channels of a list, and how many of it are not watched.
#[derive(Debug, Default, PartialEq)]
struct ListedChannels {
    candidates: Box<[Candidate]>,
    ignored: usize,
    /// Of these, those without a valid name.
    unnamed: usize,
}

impl Lister {
    fn of(target: &Target) -> Self {
        match target.kind {
            TargetKind::Account => Self {
                source: target.source().unwrap_or(&target.name).clone(),
                account: target.id.clone(),
            },
            _ => Self { source: target.name.clone(), account: None },
        }
    }
}

impl TargetSet {
    /// The set that settings name.
    pub fn new(configured: Vec<Arc<Target>>) -> Self {
        Self::sharded(configured, None, false)
    }

    /// The names of the configured sources that this shard asks, which are all.
    fn sources(&self) -> impl Iterator<Item = &Name> {
        let sources = self.configured.iter().filter(|one| one.kind == TargetKind::Source);
        sources.map(|source| &source.name)
    }

    /// The part of the set that settings name which this shard watches. `with_credentials` tells
    /// whether the others' credentials are to be known.
    pub fn sharded(
        configured: Vec<Arc<Target>>,
        shard: Option<Shard>,
        with_credentials: bool,
    ) -> Self {
        let mut set = Self { shard, with_credentials, ..Self::default() };
        set.configure(configured);
        set.unheard = set.sources().cloned().collect();
        set
    }

    /// Takes the targets of new settings. Lists stay for sources that are still configured, at the
    /// address that they came from.
    pub fn configure(&mut self, configured: Vec<Arc<Target>>) {
        let is_source = |target: &&Arc<Target>| target.kind == TargetKind::Source;
        let address = |source: &Target| (source.provider(), Arc::clone(&source.options.api_url));
        let most = |source: &Target| source.options.listing.as_ref().map(|one| one.max_channels);
        let before: HashMap<&Name, &Arc<Target>> =
            self.configured.iter().filter(is_source).map(|one| (&one.name, one)).collect();
        let (mut sources, mut as_large) = (HashSet::new(), HashSet::new());
        for source in configured.iter().filter(is_source) {
            let before = before.get(&source.name);
            if before.is_none_or(|before| address(before) == address(source)) {
                sources.insert(&source.name);
                if before.is_none_or(|before| most(before) == most(source)) {
                    as_large.insert(&source.name);
                }
            }
        }
        // What stays below another bound must not depend on whose list comes first.
        self.complete.retain(|source| as_large.contains(source));
        self.accounts.retain(|source, _| sources.contains(source));
        self.hand_over();
        self.channels.retain(|lister, _| sources.contains(&lister.source));
        // Who changes the settings may have made way for the name that a line should have.
        let lists = self.channels.values_mut();
        lists.flat_map(|list| &mut list.candidates).for_each(Candidate::unsettle);
        self.kept.retain_sources(|source| sources.contains(source));
        self.unheard.retain(|source| sources.contains(source));
        (self.configured, self.other_shards) = match self.shard {
            None => (configured, OtherShards::default()),
            Some(shard) => {
                let watches =
                    |one: &Arc<Target>| shard.watches(one.kind, one.provider(), one.name.as_str());
                let (own, others): (Vec<_>, Vec<_>) = configured.into_iter().partition(watches);
                let mut other_shards = OtherShards::default();
                others.iter().for_each(|other| other_shards.add(other, self.with_credentials));
                (own, other_shards)
            }
        };
    }

    /// Takes the names that listed channels had before the start.
    pub fn keep_names(&mut self, kept: KeptNames) {
        self.kept = kept;
        let sources: HashSet<Name> = self.sources().cloned().collect();
        self.kept.retain_sources(|source| sources.contains(source));
    }

    /// Takes it that a source could not list its channels.
    pub fn list_failed(&mut self, source: &Name) {
        if self.unheard.remove(source) && self.unheard.is_empty() {
            let lists = self.channels.values_mut();
            lists.flat_map(|list| &mut list.candidates).for_each(Candidate::settle);
        }
    }

    /// Takes the whole list of channels of a source, or of one of its accounts. Returns how many
    /// channels the source has in all, and whether the set changed.
    pub fn list(
        &mut self,
        lister: &Target,
        channels: Vec<ListedChannel>,
    ) -> (Option<Listed>, bool) {
        let key = Lister::of(lister);
        self.unheard.remove(&key.source);
        let fallback = ListingOptions::default();
        let listing = lister.options.listing.as_deref().unwrap_or(&fallback);
        let mut seen = HashSet::new();
        let mut wanted: Vec<ListedChannel> = channels
            .into_iter()
            .filter(|channel| listing.wants(channel) && seen.insert(channel.id.clone()))
            .collect();
        let all = wanted.len();
        wanted.retain(|channel| {
            !listing.candidate_names(&channel.id, channel.name.as_deref()).is_empty()
        });
        let unnamed = all - wanted.len();
        let before = self.channels.get(&key);
        let known = before.into_iter().flat_map(|list| &list.candidates);
        let known: Vec<&Candidate> = known.collect();
        // In a fixed order, so that the same channels give way each time.
        let by_id = |one: &ListedChannel, other: &ListedChannel| one.id.cmp(&other.id);
        wanted.sort_by(by_id);
        let room = self.room(&key, listing.max_channels);
        if wanted.len() > room {
            if self.watched_stay(&key.source) {
                let is_known = |id: &str| known.binary_search_by(|one| one.id().cmp(id)).is_ok();
                wanted.sort_by_cached_key(|channel| !is_known(&channel.id));
            }
            wanted.truncate(room);
            wanted.sort_by(by_id);
        }
        let ignored = all - wanted.len();
        let mut shared = SharedOptions::of(known.iter().map(|one| &one.target));
        let candidates = wanted
            .into_iter()
            .filter_map(|mut channel| {
                if !self.with_credentials && !self.watches_listed(lister, listing, &channel) {
                    // Nobody here will use it.
                    channel.credential = None;
                }
                Candidate::channel(lister, &key.source, listing, channel, &mut shared)
            })
            .map(|candidate| {
                let mut candidate = candidate.or_same_of(&known);
                if !self.kept.is_empty() {
                    candidate.keep_name(&key.source, &self.kept);
                }
                candidate
            })
            .collect::<Vec<_>>()
            // It has the memory of the list that it was made from.
            .into();
        let list = ListedChannels { candidates, ignored, unnamed };
        let changed = before.is_none_or(|before| before.candidates != list.candidates);
        self.channels.insert(key.clone(), list);
        let others_gave_way = self.give_way(&key.source, listing.max_channels);
        if !self.complete.contains(&key.source) && self.is_complete(&key.source) {
            self.complete.insert(key.source.clone());
            self.kept.retain_sources(|source| *source != key.source);
        }
        (self.listed(&key.source), changed || others_gave_way)
    }

    /// Takes the whole list of a source's accounts. Returns as [`Self::list`] does.
    pub fn list_accounts(
        &mut self,
        source: &Target,
        accounts: Vec<ListedAccount>,
    ) -> (Option<Listed>, bool) {
        let fallback = ListingOptions::default();
        let listing = source.options.listing.as_deref().unwrap_or(&fallback);
        self.unheard.remove(&source.name);
        let before = self.accounts.get(&source.name);
        let known: Vec<&Candidate> = before.into_iter().flatten().collect();
        let mut shared = SharedOptions::of(known.iter().map(|one| &one.target));
        let accounts: BTreeMap<Box<str>, ListedAccount> =
            accounts.into_iter().map(|account| (account.id.clone(), account)).collect();
        let candidates: Vec<Candidate> = accounts
            .into_values()
            .take(listing.max_channels)
            .filter_map(|account| Candidate::account(source, listing, account, &mut shared))
            .map(|candidate| candidate.or_same_of(&known))
            .collect();
        let changed = before.is_none_or(|before| *before != candidates);
        let ids: HashSet<_> = candidates.iter().map(|one| one.target.id.clone()).collect();
        self.accounts.insert(source.name.clone(), candidates);
        self.hand_over();
        let stays = |lister: &Lister| lister.source != source.name || ids.contains(&lister.account);
        self.channels.retain(|lister, _| stays(lister));
        (self.listed(&source.name), changed)
    }

    /// Gives what an account has listed to the source that the account now is of, until its own
    /// poll says it anew: nothing is wrong with its channels.
    fn hand_over(&mut self) {
        for account in self.name_accounts() {
            let own = Lister::of(&account);
            if self.channels.contains_key(&own) {
                continue;
            }
            let is_of_it = |(lister, list): &(&Lister, &ListedChannels)| {
                let first = list.candidates.first();
                lister.account == own.account
                    && first.is_some_and(|one| one.target.provider() == account.provider())
            };
            let Some((former, list)) = self.channels.iter().find(is_of_it) else { continue };
            // By their ids alone. The names were given by the other source.
            let channels = list.candidates.iter().map(|one| ListedChannel {
                id: one.id().into(),
                name: None,
                credential: None,
                api_url: None,
                endpoint: one.target.options.endpoint.clone(),
            });
            let (former, channels) = (former.clone(), channels.collect());
            self.channels.remove(&former);
            self.list(&account, channels);
        }
    }

    /// Whether what is watched of a source stays below its bound, whatever comes. Only once all
    /// lists have come: until then the first accounts have the first places, so that it does not
    /// matter which answers first. Never for a shard: others, which may have started at another
    /// time, must choose alike.
    fn watched_stay(&self, source: &Name) -> bool {
        self.shard.is_none() && self.complete.contains(source)
    }

    /// How many channels of a list may be watched beside those of the source's other lists.
    fn room(&self, lister: &Lister, most: usize) -> usize {
        let stays = self.watched_stay(&lister.source);
        let before = self.of_source(&lister.source).filter(|(other, _)| match stays {
            true => *other != lister,
            false => *other < lister,
        });
        most.saturating_sub(before.map(|(_, list)| list.candidates.len()).sum())
    }

    /// Takes from a source's lists what is too much now. Whether there was anything.
    fn give_way(&mut self, source: &Name, most: usize) -> bool {
        let listers: Vec<Lister> = self.of_source(source).map(|(one, _)| one.clone()).collect();
        let mut gave_way = false;
        for lister in listers {
            let room = self.room(&lister, most);
            let Some(list) = self.channels.get_mut(&lister) else { continue };
            let excess = list.candidates.len().saturating_sub(room);
            if excess > 0 {
                let mut candidates = std::mem::take(&mut list.candidates).into_vec();
                candidates.truncate(room);
                list.candidates = candidates.into();
                list.ignored += excess;
                gave_way = true;
            }
        }
        gave_way
    }

    /// Whether all lists of a source have come.
    fn is_complete(&self, source: &Name) -> bool {
        let has_list = |account: &Target| self.channels.contains_key(&Lister::of(account));
        self.own_accounts(source).all(has_list)
    }

    /// The accounts that a source is asked for. What an earlier source has as well, that one is.
    fn own_accounts(&self, source: &Name) -> impl Iterator<Item = &Target> {
        let earlier = self.accounts.range(..source.clone());
        let earlier: Vec<&Target> =
            earlier.flat_map(|(_, accounts)| accounts).map(|one| &*one.target).collect();
        let accounts = self.accounts.get(source).into_iter().flatten().map(|one| &*one.target);
        accounts.filter(move |account| !earlier.iter().any(|one| one.is_listed_as(account)))
    }

    fn of_source(&self, source: &Name) -> impl Iterator<Item = (&Lister, &ListedChannels)> {
        self.channels.iter().filter(move |(lister, _)| lister.source == *source)
    }

    /// How many channels a source has; `None` while none of its accounts has told its own.
    fn listed(&self, source: &Name) -> Option<Listed> {
        let (mut lists, mut watched, mut ignored, mut unnamed) = (0, 0, 0, 0);
        for (_, list) in self.of_source(source) {
            lists += 1;
            watched += list.candidates.len();
            ignored += list.ignored;
            unnamed += list.unnamed;
        }
        let known = lists > 0 || self.own_accounts(source).next().is_none();
        known.then(|| Listed {
            watched: count(watched),
            ignored: count(ignored),
            unnamed: count(unnamed),
        })
    }

    /// How many channels each source has that has accounts, as far as they have told it.
    pub fn listed_by_source(&self) -> impl Iterator<Item = (&Name, Listed)> {
        self.accounts.keys().filter_map(|source| Some((source, self.listed(source)?)))
    }

    fn watches_listed(
        &self,
        source: &Target,
        listing: &ListingOptions,
        channel: &ListedChannel,
    ) -> bool {
        let names = listing.candidate_names(&channel.id, channel.name.as_deref());
        watches(self.shard, source.provider(), names.first())
    }

    /// All targets: the configured ones, then what each source lists. A configured channel wins
    /// over a listed one of the same provider and id.
    pub fn select(&mut self) -> Selection {
        let mut other_shards = self.other_shards.clone();
        if self.accounts.is_empty() && self.channels.is_empty() {
            return Selection { own: self.configured.clone(), other_shards };
        }
        // An account that two sources list is the first one's.
        let accounts = self.name_accounts();
        let names_stay = self.unheard.is_empty();
        let Self { configured, channels, shard, with_credentials, kept, .. } = self;
        let ids: HashSet<(ProviderId, &str)> = configured
            .iter()
            .filter(|one| one.kind == TargetKind::Channel)
            .filter_map(|channel| Some((channel.provider(), channel.id.as_deref()?)))
            .collect();
        let owns = |lister: &Lister| match &lister.account {
            None => true,
            Some(id) => accounts.iter().any(|account| {
                account.source() == Some(&lister.source) && account.id.as_ref() == Some(id)
            }),
        };
        let listed: usize = channels.values().map(|list| list.candidates.len()).sum();
        let mut own = NamedTargets::with_capacity(configured.len() + listed + accounts.len());
        configured.iter().for_each(|target| own.push(Arc::clone(target)));
        // A name stays with its line, whoever else would now have it.
        let mut held = NamedTargets::with_capacity(listed);
        for (_, list) in channels.iter().filter(|(lister, _)| owns(lister)) {
            for target in list.candidates.iter().filter_map(Candidate::named_target) {
                if !own.has_name(TargetKind::Channel, &target.name)
                    && !other_shards.has_name(TargetKind::Channel, target.name.as_str())
                    && !held.has_name(TargetKind::Channel, &target.name)
                {
                    held.push(Arc::clone(target));
                }
            }
        }
        for (lister, list) in channels.iter_mut().filter(|(lister, _)| owns(lister)) {
            for candidate in &mut list.candidates {
                let listed_as = Arc::clone(&candidate.target);
                let id = listed_as.id.as_deref().unwrap_or_default();
                let provider = listed_as.provider();
                if ids.contains(&(provider, id)) || self.other_shards.has_id(provider, None, id) {
                    continue;
                }
                let taken = |name: &Name| {
                    name.as_str() == UNKNOWN_CREDENTIAL
                        || own.has_name(TargetKind::Channel, name)
                        || other_shards.has_name(TargetKind::Channel, name.as_str())
                        || held.has_name(TargetKind::Channel, name)
                        || kept.is_of_another(name, &lister.source, id)
                };
                let target = match candidate.named_target().filter(|one| held.has(one)) {
                    Some(target) => Arc::clone(target),
                    None => match candidate.named(&lister.source, taken, names_stay) {
                        Some(target) => target,
                        None => continue,
                    },
                };
                if watches(*shard, provider, candidate.names().first()) {
                    own.push(target);
                } else {
                    other_shards.add(&target, *with_credentials);
                }
            }
        }
        accounts.into_iter().for_each(|account| own.push(account));
        Selection { own: own.into_targets(), other_shards }
    }

    /// The accounts that are watched. Their ids are unique at their provider.
    fn name_accounts(&mut self) -> Vec<Arc<Target>> {
        let (mut names, mut ids, mut targets) = (HashSet::new(), HashSet::new(), Vec::new());
        for (source, candidates) in &mut self.accounts {
            for candidate in candidates {
                if !ids.insert((candidate.target.provider(), candidate.target.id.clone())) {
                    continue;
                }
                let taken = |name: &Name| names.contains(name);
                let Some(target) = candidate.named(source, taken, true) else { continue };
                names.insert(target.name.clone());
                targets.push(target);
            }
        }
        targets
    }
}

/// Whether a shard watches a channel that a source lists. The channel's first name decides, which
/// depends on nothing but its settings and its source: channels that contend for a name are of one
/// shard, and no shard needs another source's list to know whose a channel is.
fn watches(shard: Option<Shard>, provider: ProviderId, first_name: Option<&Name>) -> bool {
    shard
        .zip(first_name)
        .is_none_or(|(shard, name)| shard.watches(TargetKind::Channel, provider, name.as_str()))
}

fn count(channels: usize) -> u32 {
    u32::try_from(channels).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wildmatch::WildMatch;

    use super::*;
    use crate::domain::PollPolicy;
    use crate::target::TargetOptions;
    use crate::upstream::{Credentials, Endpoint, Exchange, PollContext};

    fn source(name: &str, listing: ListingOptions) -> Target {
        let mut source = Target::of_test(TargetKind::Source, name);
        Arc::make_mut(&mut source.options).listing = Some(Arc::new(listing));
        source
    }

    fn channel(id: &str) -> ListedChannel {
        ListedChannel { id: id.into(), name: None, credential: None, api_url: None, endpoint: None }
    }

    fn channels(ids: &[&str]) -> Vec<ListedChannel> {
        ids.iter().map(|id| channel(id)).collect()
    }

    fn names(set: &mut TargetSet) -> Vec<String> {
        let targets = set.select().own;
        let channels = targets.iter().filter(|target| target.kind == TargetKind::Channel);
        channels.map(|target| target.name.to_string()).collect()
    }

    #[test]
    fn a_list_adds_and_removes_channels_and_keeps_those_of_the_settings() {
        let eu = Arc::new(source("eu", ListingOptions::default()));
        let mut own = source("x", ListingOptions::default());
        own.kind = TargetKind::Channel;
        own.name = Name::new("mine").unwrap();
        own.id = Some("b".into());
        let mut set = TargetSet::new(vec![Arc::clone(&eu), Arc::new(own)]);
        assert_eq!(names(&mut set), ["mine"]);
        let (listed, changed) = set.list(&eu, channels(&["a", "b", "c"]));
        let listed = listed.unwrap();
        assert_eq!((listed.watched, listed.ignored, changed), (3, 0, true));
        assert_eq!(names(&mut set), ["mine", "a", "c"], "the configured channel has the id `b`");
        assert!(!set.list(&eu, channels(&["c", "b", "a"])).1, "the same list in another order");
        assert!(set.list(&eu, channels(&["c"])).1);
        assert_eq!(names(&mut set), ["mine", "c"]);
        set.configure(vec![Arc::clone(&eu)]);
        assert_eq!(names(&mut set), ["c"], "a reload keeps what was listed");
        set.configure(Vec::new());
        assert_eq!(names(&mut set), [""; 0]);
    }

    #[test]
    fn a_name_is_given_once() {
        let sources = [source("eu", Default::default()), source("us", Default::default())];
        let mut set = TargetSet::new(sources.iter().cloned().map(Arc::new).collect());
        for source in &sources {
            set.list(source, channels(&["default", "shop"]));
        }
        assert_eq!(names(&mut set), ["default", "shop", "us.default", "us.shop"]);
        let (one, other) = (set.select().own, set.select().own);
        assert!(one.iter().zip(&other).all(|(one, other)| Arc::ptr_eq(one, other)));
        let changed = set.list(&sources[1], channels(&["default", "shop"])).1;
        assert!(!changed, "the same list, whatever its channels are called");
        set.list(&sources[0], channels(&["default"]));
        assert_eq!(names(&mut set), ["default", "us.default", "us.shop"], "a line keeps its name");
        set.list(&sources[0], channels(&["default", "shop"]));
        assert_eq!(names(&mut set), ["default", "shop", "us.default", "us.shop"]);
    }

    #[test]
    fn a_name_stays_with_its_line_whoever_lists_first() {
        let (eu, us) = (source("eu", Default::default()), source("us", Default::default()));
        let configured = || vec![Arc::new(eu.clone()), Arc::new(us.clone())];
        let mut set = TargetSet::new(configured());
        set.list(&us, channels(&["default"]));
        assert_eq!(names(&mut set), ["default"]);
        set.list(&eu, channels(&["default"]));
        assert_eq!(names(&mut set), ["default", "us.default"], "whichever answers first");

        let mut set = TargetSet::new(configured());
        set.list(&us, channels(&["default"]));
        assert_eq!(names(&mut set), ["default"]);
        set.list_failed(&eu.name);
        set.list(&eu, channels(&["default"]));
        assert_eq!(names(&mut set), ["eu.default", "default"], "it is used since the failure");
        let mut renamed = us.clone();
        Arc::make_mut(&mut renamed.options).policy.interval *= 2;
        set.list(&renamed, channels(&["default"]));
        assert_eq!(names(&mut set), ["eu.default", "default"], "other options change no name");

        // After a restart the names are those of before, even while a source does not answer.
        let name = |name: &str| Name::new(name).unwrap();
        let kept = || {
            let all = [("eu", "default", "default"), ("us", "default", "us.default")];
            KeptNames::new(all.map(|(source, id, label)| (name(source), id.into(), name(label))))
        };
        let mut set = TargetSet::new(configured());
        set.keep_names(kept());
        set.list(&us, channels(&["default", "new"]));
        assert_eq!(names(&mut set), ["us.default", "new"]);
        set.list(&eu, channels(&["third"]));
        set.list(&us, channels(&["default", "new"]));
        assert_eq!(names(&mut set), ["third", "default", "new"], "nobody else has it any more");
        // A new line does not get the name of one that may come back.
        let mut set = TargetSet::new(configured());
        set.keep_names(KeptNames::new([(name("eu"), "default".into(), name("default"))]));
        set.list(&us, channels(&["default"]));
        assert_eq!(names(&mut set), ["us.default"]);
        let mut set = TargetSet::new(vec![Arc::new(us.clone())]);
        set.keep_names(KeptNames::new([(name("eu"), "default".into(), name("default"))]));
        set.list(&us, channels(&["default"]));
        assert_eq!(names(&mut set), ["default"], "its source is gone");
    }

    #[test]
    fn names_come_from_the_operator_first_then_from_the_upstream_then_from_the_id() {
        let names_of = BTreeMap::from([("1".into(), Name::new("sales").unwrap())]);
        let eu = source("eu", ListingOptions { names: names_of, ..Default::default() });
        let mut set = TargetSet::new(vec![Arc::new(eu.clone())]);
        let named = |id: &str, name: &str| ListedChannel { name: Some(name.into()), ..channel(id) };
        set.list(&eu, vec![named("1", "one"), named("2", "two"), named("3", "not a name")]);
        assert_eq!(names(&mut set), ["sales", "two", "3"]);
    }

    #[test]
    fn a_channel_without_a_valid_name_is_ignored_until_the_operator_names_it() {
        let given = BTreeMap::from([("Shop 1".into(), Name::new("shop").unwrap())]);
        for (names_of, ignored, shown) in
            [(BTreeMap::new(), 2, &["ok"][..]), (given, 1, &["shop", "ok"])]
        {
            let eu = source("eu", ListingOptions { names: names_of, ..Default::default() });
            let mut set = TargetSet::new(vec![Arc::new(eu.clone())]);
            let (listed, _) = set.list(&eu, channels(&["Shop 1", "ok", "übrig"]));
            let listed = listed.unwrap();
            assert_eq!((listed.watched, listed.ignored), (3 - ignored, ignored));
            assert_eq!(listed.unnamed, ignored);
            assert_eq!(names(&mut set), shown);
        }
    }

    #[test]
    fn globs_choose_and_the_bound_is_counted() {
        let glob = |text: &str| vec![WildMatch::new(text)];
        let listing = ListingOptions {
            only: glob("sales-*"),
            except: glob("*-test"),
            max_channels: 2,
            ..Default::default()
        };
        let eu = source("eu", listing);
        let mut set = TargetSet::new(vec![Arc::new(eu.clone())]);
        let all = ["sales-4", "other", "sales-test", "sales-2", "sales-1"];
        let (listed, _) = set.list(&eu, channels(&all));
        let listed = listed.unwrap();
        assert_eq!((listed.watched, listed.ignored, listed.unnamed), (2, 1, 0));
        assert_eq!(names(&mut set), ["sales-1", "sales-2"]);
    }

    #[test]
    fn below_the_bound_what_is_watched_stays_and_new_channels_wait_for_a_place() {
        let eu = source("eu", ListingOptions { max_channels: 2, ..Default::default() });
        let mut set = TargetSet::new(vec![Arc::new(eu.clone())]);
        let mut listed = |ids: &[&str]| {
            let (listed, _) = set.list(&eu, channels(ids));
            (names(&mut set), listed.unwrap().ignored)
        };
        let told = |names: [&str; 2], ignored| (names.map(str::to_owned).to_vec(), ignored);
        assert_eq!(listed(&["d", "c", "e"]), told(["c", "d"], 1));
        assert_eq!(listed(&["a", "b", "c", "d"]), told(["c", "d"], 2));
        assert_eq!(listed(&["d", "b", "a"]), told(["a", "d"], 1));
        // Shards choose alike, whatever each has seen before.
        let shard = Shard::parse("1/1", None).ok();
        let mut set = TargetSet::sharded(vec![Arc::new(eu.clone())], shard, false);
        set.list(&eu, channels(&["b", "c"]));
        set.list(&eu, channels(&["a", "b", "c"]));
        assert_eq!(names(&mut set), ["a", "b"]);
    }

    #[test]
    fn which_channels_of_several_accounts_are_watched_does_not_depend_on_who_answers_first() {
        let bounded = |max_channels| {
            Arc::new(source("eu", ListingOptions { max_channels, ..Default::default() }))
        };
        let eu = bounded(4);
        let lists = [("1", ["b", "f"]), ("2", ["a", "e"]), ("3", ["c", "d"])];
        let list = |set: &mut TargetSet, id: &str, ids: &[&str]| {
            let account = account(set, id);
            let (listed, _) = set.list(&account, channels(ids));
            listed.map(|listed| (listed.watched, listed.ignored))
        };
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        for order in orders {
            let mut set = TargetSet::new(vec![Arc::clone(&eu)]);
            set.list_accounts(&eu, accounts(&["1", "2", "3"]));
            let told = order.map(|at| list(&mut set, lists[at].0, &lists[at].1));
            assert_eq!(told[2], Some((4, 2)), "{order:?}");
            assert_eq!(names(&mut set), ["b", "f", "a", "e"], "{order:?}");

            // From now on those stay, and who comes into a free place waits for no others.
            assert_eq!(list(&mut set, "1", &["0", "b", "f"]), Some((4, 3)));
            assert_eq!(list(&mut set, "2", &["e"]), Some((3, 3)));
            assert_eq!(list(&mut set, "1", &["0", "b", "f"]), Some((4, 2)));
            assert_eq!(names(&mut set), ["0", "b", "f", "e"], "{order:?}");

            // A lower bound: the first again, whoever answers first.
            let fewer = bounded(3);
            set.configure(vec![Arc::clone(&fewer)]);
            set.list_accounts(&fewer, accounts(&["1", "2", "3"]));
            for at in order {
                let ids: &[&str] = [&["0", "b", "f"][..], &["e"], &["c", "d"]][at];
                list(&mut set, lists[at].0, ids);
            }
            assert_eq!(names(&mut set), ["0", "b", "f"], "{order:?}");
        }
    }

    /// Polls in one of several ways.
    #[derive(Debug, PartialEq)]
    struct Variant(u8);

    impl Endpoint for Variant {
        fn poll(&self, _: PollContext<'_>, _: Credentials) -> Exchange {
            unreachable!("no test of the set polls")
        }
    }

    #[test]
    fn channels_share_options_with_those_that_are_polled_alike_over_lists_too() {
        let eu = Arc::new(source("eu", ListingOptions::default()));
        let mut set = TargetSet::new(vec![Arc::clone(&eu)]);
        let polled = |id: &str, variant| ListedChannel {
            endpoint: Some(Arc::new(Variant(variant))),
            ..channel(id)
        };
        let list = |c| vec![channel("0"), polled("a", 1), polled("b", 1), polled("c", c)];
        let options = |set: &mut TargetSet| -> Vec<Arc<TargetOptions>> {
            set.select().own[1..].iter().map(|target| Arc::clone(&target.options)).collect()
        };
        set.list(&eu, list(2));
        let first = options(&mut set);
        assert!(first[0].endpoint.is_none());
        assert!(Arc::ptr_eq(&first[1], &first[2]));
        assert!(!Arc::ptr_eq(&first[1], &first[3]));
        let targets = set.select().own;
        assert!(!set.list(&eu, list(2)).1, "the same list with new endpoints");
        assert!(set.list(&eu, list(3)).1, "one channel is polled in another way");
        let again = set.select().own;
        assert!(Arc::ptr_eq(&targets[1], &again[1]), "what stays as it is is in memory once");
        assert!(!Arc::ptr_eq(&targets[4], &again[4]));
        let second = options(&mut set);
        assert!(second[3].endpoint.as_deref() == Some(&Variant(3)));
        assert!(Arc::ptr_eq(&first[1], &second[1]));
    }

    #[test]
    fn channels_that_are_polled_themselves_have_an_interval_of_their_own() {
        let often =
            PollPolicy { interval: Duration::from_secs(5), stale_after: Duration::from_secs(60) };
        let listing = ListingOptions { channel_policy: Some(often), ..Default::default() };
        let eu = Arc::new(source("eu", listing));
        let mut set = TargetSet::new(vec![Arc::clone(&eu)]);
        let polled = ListedChannel { endpoint: Some(Arc::new(Variant(0))), ..channel("b") };
        set.list(&eu, vec![channel("a"), polled]);
        let policies: Vec<PollPolicy> =
            set.select().own.iter().map(|target| target.policy()).collect();
        assert_eq!(policies, [eu.policy(), eu.policy(), often]);
    }

    /// The targets of a kind, as `source/name`.
    fn of_kind(set: &mut TargetSet, kind: TargetKind) -> Vec<String> {
        let targets = set.select().own;
        let of_kind = targets.iter().filter(|target| target.kind == kind);
        let named = of_kind.map(|one| format!("{}/{}", one.source().unwrap(), one.name));
        named.collect()
    }

    fn accounts(ids: &[&str]) -> Vec<ListedAccount> {
        let account = |id: &&str| ListedAccount {
            id: (*id).into(),
            endpoint: Arc::new(Variant(0)) as Arc<dyn Endpoint>,
        };
        ids.iter().map(account).collect()
    }

    fn account(set: &mut TargetSet, name: &str) -> Arc<Target> {
        let targets = set.select().own;
        let mut found = targets.iter().filter(|target| target.kind == TargetKind::Account);
        Arc::clone(found.find(|target| target.name.as_str() == name).unwrap())
    }

    #[test]
    fn a_sources_accounts_list_its_channels_which_go_with_them() {
        let names = BTreeMap::from([("1".into(), Name::new("shop").unwrap())]);
        let listing = ListingOptions { names, max_channels: 3, ..Default::default() };
        let eu = Arc::new(source("eu", listing));
        let mut set = TargetSet::new(vec![Arc::clone(&eu)]);
        assert_eq!(set.list_accounts(&eu, accounts(&["1", "2"])), (None, true));
        assert_eq!(of_kind(&mut set, TargetKind::Account), ["eu/shop", "eu/2"]);
        let listed = |watched, ignored| Some(Listed { watched, ignored, unnamed: 0 });
        let (shop, two) = (account(&mut set, "shop"), account(&mut set, "2"));
        assert_eq!(set.list(&shop, channels(&["a", "b"])), (listed(2, 0), true));
        let (told, _) = set.list(&two, channels(&["c", "d"]));
        assert_eq!(told, listed(3, 1), "the bound is the source's");
        assert_eq!(of_kind(&mut set, TargetKind::Channel), ["eu/a", "eu/b", "eu/c"]);
        let of_account = set.select().own[1].options.account.clone();
        assert_eq!(of_account.as_ref().map(Name::as_str), Some("shop"));
        assert_eq!(set.list_accounts(&eu, accounts(&["2", "1"])), (told, false));
        assert_eq!(set.list_accounts(&eu, accounts(&["2"])), (listed(1, 1), true));
        assert_eq!(of_kind(&mut set, TargetKind::Channel), ["eu/c"]);
        assert_eq!(set.list_accounts(&eu, accounts(&[])), (listed(0, 0), true));
        assert!(of_kind(&mut set, TargetKind::Channel).is_empty());
    }

    #[test]
    fn an_account_that_two_sources_list_is_watched_once() {
        let sources = [source("eu", Default::default()), source("us", Default::default())];
        let mut set = TargetSet::new(sources.iter().cloned().map(Arc::new).collect());
        set.list_accounts(&sources[1], accounts(&["1", "2"]));
        let own = account(&mut set, "1");
        set.list(&own, channels(&["a"]));
        set.list_accounts(&sources[0], accounts(&["1"]));
        assert_eq!(of_kind(&mut set, TargetKind::Account), ["eu/1", "us/2"]);
        assert_eq!(of_kind(&mut set, TargetKind::Channel), ["eu/a"], "as it was told of before");
        let one = account(&mut set, "1");
        set.list(&one, channels(&["a", "b"]));
        assert_eq!(of_kind(&mut set, TargetKind::Channel), ["eu/a", "eu/b"]);
        let (told, _) = set.list_accounts(&sources[1], accounts(&["1"]));
        let none = Some(Listed { watched: 0, ignored: 0, unnamed: 0 });
        assert_eq!(told, none, "nobody asks it for any");
        set.list_accounts(&sources[1], accounts(&["1", "2"]));
        // The first one is gone, or may not see the account any more.
        set.configure(vec![Arc::new(sources[1].clone())]);
        assert_eq!(of_kind(&mut set, TargetKind::Account), ["us/1", "us/2"]);
        assert_eq!(of_kind(&mut set, TargetKind::Channel), ["us/a", "us/b"]);
        set.configure(sources.iter().cloned().map(Arc::new).collect());
        set.list_accounts(&sources[0], accounts(&["1"]));
        assert_eq!(of_kind(&mut set, TargetKind::Channel), ["eu/a", "eu/b"]);
        set.list_accounts(&sources[0], accounts(&[]));
        assert_eq!(of_kind(&mut set, TargetKind::Channel), ["us/a", "us/b"]);
        set.list_accounts(&sources[1], accounts(&[]));
        assert!(of_kind(&mut set, TargetKind::Channel).is_empty());
    }

    #[test]
    fn an_account_that_goes_to_another_source_is_watched_by_that_ones_settings() {
        let names = BTreeMap::from([("a".into(), Name::new("shop").unwrap())]);
        let except = vec![WildMatch::new("c")];
        let sources = [
            source("eu", ListingOptions { names, ..Default::default() }),
            source("us", ListingOptions { except, ..Default::default() }),
        ];
        let mut set = TargetSet::new(sources.iter().cloned().map(Arc::new).collect());
        sources.iter().for_each(|source| {
            set.list_accounts(source, accounts(&["1"]));
        });
        let one = account(&mut set, "1");
        set.list(&one, channels(&["a", "b", "c"]));
        assert_eq!(of_kind(&mut set, TargetKind::Channel), ["eu/shop", "eu/b", "eu/c"]);
        set.configure(vec![Arc::new(sources[1].clone())]);
        assert_eq!(of_kind(&mut set, TargetKind::Channel), ["us/a", "us/b"]);
    }
}
