//! The targets to watch, merged from the settings and from what sources list.
//!
//! Not here: their states. There is one owner of the set, so a reload and a discovery cannot fight.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::listing::ListingOptions;
use super::{Elsewhere, Name, Shard, Target, TargetOptions};
use crate::domain::{Listed, TargetKind};
use crate::secret::SecretSource;
use crate::upstream::{ListedChannel, ProviderId};

/// The targets of the settings, and of each source's last whole list.
#[derive(Debug, Default)]
pub struct TargetSet {
    /// Those that this shard watches, of all that are configured.
    configured: Vec<Arc<Target>>,
    /// The others that are configured.
    elsewhere: Elsewhere,
    /// By the source's name. Those of other shards too: they take names.
    listed: BTreeMap<Name, Vec<Candidate>>,
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
    pub elsewhere: Elsewhere,
}

impl From<Vec<Arc<Target>>> for Selection {
    fn from(own: Vec<Arc<Target>>) -> Self {
        Self { own, elsewhere: Elsewhere::default() }
    }
}

/// A listed channel that is wanted, before it is known which of its names is free.
#[derive(Debug, Clone, PartialEq)]
struct Candidate {
    id: Box<str>,
    names: Vec<Name>,
    credential: SecretSource,
    options: Arc<TargetOptions>,
}

impl TargetSet {
    /// The set that settings name.
    pub fn new(configured: Vec<Arc<Target>>) -> Self {
        Self { configured, ..Self::default() }
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
        set
    }

    /// Takes the targets of new settings. Lists stay for sources that are still configured.
    pub fn configure(&mut self, configured: Vec<Arc<Target>>) {
        let sources: HashSet<&Name> = configured
            .iter()
            .filter(|target| target.kind == TargetKind::Source)
            .map(|target| &target.name)
            .collect();
        self.listed.retain(|name, _| sources.contains(name));
        (self.configured, self.elsewhere) = match self.shard {
            None => (configured, Elsewhere::default()),
            Some(shard) => {
                let watches =
                    |one: &Arc<Target>| shard.watches(one.kind, one.provider(), one.name.as_str());
                let (own, others): (Vec<_>, Vec<_>) = configured.into_iter().partition(watches);
                let mut elsewhere = Elsewhere::default();
                others.iter().for_each(|other| elsewhere.add(other, self.with_credentials));
                (own, elsewhere)
            }
        };
    }

    /// Takes a source's whole list. Returns how many channels it has, and whether the set changed.
    pub fn list(&mut self, source: &Target, channels: Vec<ListedChannel>) -> (Listed, bool) {
        let fallback = ListingOptions::default();
        let listing = source.options.listing.as_deref().unwrap_or(&fallback);
        let mut seen = HashSet::new();
        let mut wanted: Vec<ListedChannel> = channels
            .into_iter()
            .filter(|channel| listing.wants(channel) && seen.insert(channel.id.clone()))
            .collect();
        // In a fixed order, so that the same channels give way each time.
        wanted.sort_by(|one, other| one.id.cmp(&other.id));
        let all = wanted.len();
        wanted.retain(|channel| !listing.candidate_names(channel).is_empty());
        wanted.truncate(listing.max_channels);
        let ignored = all - wanted.len();
        let listed = Listed { watched: count(wanted.len()), ignored: count(ignored) };
        let before = self.listed.get(&source.name);
        let mut shared = SharedOptions::of(before.into_iter().flatten());
        let candidates: Vec<Candidate> = wanted
            .into_iter()
            .map(|mut channel| {
                if !self.with_credentials && !self.watches_listed(source, listing, &channel) {
                    // Nobody here will use it.
                    channel.credential = None;
                }
                candidate(source, listing, channel, &mut shared)
            })
            .collect();
        let changed = before.is_none_or(|before| *before != candidates);
        if changed {
            self.listed.insert(source.name.clone(), candidates);
        }
        (listed, changed)
    }

    /// Whether this shard watches a channel that a source lists. The channel's first name decides,
    /// which depends on nothing but its settings and its source: channels that contend for a name
    /// are of one shard, and no shard needs another source's list to know whose a channel is.
    fn watches(&self, provider: ProviderId, first_name: Option<&Name>) -> bool {
        self.shard
            .zip(first_name)
            .is_none_or(|(shard, name)| shard.watches(TargetKind::Channel, provider, name.as_str()))
    }

    fn watches_listed(
        &self,
        source: &Target,
        listing: &ListingOptions,
        channel: &ListedChannel,
    ) -> bool {
        self.watches(source.provider(), listing.candidate_names(channel).first())
    }

    /// All targets: the configured ones, then what each source lists. A configured channel wins
    /// over a listed one of the same provider and id.
    pub fn select(&self) -> Selection {
        let mut targets = self.configured.clone();
        let mut elsewhere = self.elsewhere.clone();
        if self.listed.is_empty() {
            return Selection { own: targets, elsewhere };
        }
        let channels = || self.configured.iter().filter(|one| one.kind == TargetKind::Channel);
        let mut names: HashSet<Name> = channels().map(|channel| channel.name.clone()).collect();
        let ids: HashSet<(ProviderId, &str)> = channels()
            .filter_map(|channel| Some((channel.provider(), channel.id.as_deref()?)))
            .collect();
        for (source, candidates) in &self.listed {
            for candidate in candidates {
                let provider = candidate.options.provider;
                if ids.contains(&(provider, &candidate.id))
                    || self.elsewhere.has_id(provider, None, &candidate.id)
                {
                    continue;
                }
                let taken = |name: &Name| {
                    names.contains(name)
                        || self.elsewhere.has_name(TargetKind::Channel, name.as_str())
                };
                let Some(name) = free_name(source, candidate, taken) else { continue };
                names.insert(name.clone());
                let target = Arc::new(Target {
                    kind: TargetKind::Channel,
                    name,
                    id: Some(candidate.id.clone()),
                    credential: candidate.credential.clone(),
                    options: Arc::clone(&candidate.options),
                    source: Some(source.clone()),
                });
                if self.watches(provider, candidate.names.first()) {
                    targets.push(target);
                } else {
                    elsewhere.add(&target, self.with_credentials);
                }
            }
        }
        Selection { own: targets, elsewhere }
    }
}

/// The best name that no other channel has; with the source's name before it, if need be.
fn free_name(source: &Name, candidate: &Candidate, taken: impl Fn(&Name) -> bool) -> Option<Name> {
    let free = |name: &Name| !taken(name);
    let best = candidate.names.first()?;
    if free(best) {
        return Some(best.clone());
    }
    let qualified = candidate.names.iter().map(|name| Name::new(&format!("{source}.{name}")));
    qualified.flatten().chain(candidate.names.iter().cloned()).find(free)
}

fn candidate(
    source: &Target,
    listing: &ListingOptions,
    channel: ListedChannel,
    shared: &mut SharedOptions,
) -> Candidate {
    let names = listing.candidate_names(&channel);
    let ListedChannel { id, credential, api_url, endpoint, .. } = channel;
    let credential = match credential {
        Some(secret) => SecretSource::Value(secret),
        None => source.credential.clone(),
    };
    let api_url = api_url.unwrap_or_else(|| Arc::clone(&source.options.api_url));
    let own_policy = listing.channel_policy.filter(|_| endpoint.is_some());
    let options = shared.share(TargetOptions {
        provider: source.provider(),
        api_url,
        policy: own_policy.unwrap_or(source.options.policy),
        required_scopes: Arc::new([]),
        endpoint,
        listing: None,
    });
    Candidate { id, names, credential, options }
}

/// Options by address, so that channels that are polled alike share one copy, over lists too.
struct SharedOptions(HashMap<Arc<str>, Vec<Arc<TargetOptions>>>);

impl SharedOptions {
    fn of<'a>(candidates: impl Iterator<Item = &'a Candidate>) -> Self {
        let mut shared = Self(HashMap::new());
        for Candidate { options, .. } in candidates {
            let known = shared.at(&options.api_url);
            if !known.iter().any(|known| Arc::ptr_eq(known, options)) {
                known.push(Arc::clone(options));
            }
        }
        shared
    }

    fn share(&mut self, options: TargetOptions) -> Arc<TargetOptions> {
        let known = self.at(&options.api_url);
        if let Some(same) = known.iter().find(|known| ***known == options) {
            return Arc::clone(same);
        }
        let options = Arc::new(options);
        known.push(Arc::clone(&options));
        options
    }

    fn at(&mut self, api_url: &Arc<str>) -> &mut Vec<Arc<TargetOptions>> {
        self.0.entry(Arc::clone(api_url)).or_default()
    }
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
    use crate::upstream::{Credentials, Endpoint, Exchange, PollContext};

    fn source(name: &str, listing: ListingOptions) -> Target {
        let policy =
            PollPolicy { interval: Duration::from_secs(30), stale_after: Duration::from_secs(300) };
        Target {
            kind: TargetKind::Source,
            name: Name::new(name).unwrap(),
            id: None,
            credential: SecretSource::from_value("s3cret").unwrap(),
            options: Arc::new(TargetOptions {
                provider: ProviderId::new(&(0, "test")),
                api_url: "http://one".into(),
                policy,
                required_scopes: Arc::new([]),
                endpoint: None,
                listing: Some(Arc::new(listing)),
            }),
            source: None,
        }
    }

    fn channel(id: &str) -> ListedChannel {
        ListedChannel { id: id.into(), name: None, credential: None, api_url: None, endpoint: None }
    }

    fn channels(ids: &[&str]) -> Vec<ListedChannel> {
        ids.iter().map(|id| channel(id)).collect()
    }

    fn names(set: &TargetSet) -> Vec<String> {
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
        assert_eq!(names(&set), ["mine"]);
        let (listed, changed) = set.list(&eu, channels(&["a", "b", "c"]));
        assert_eq!((listed.watched, listed.ignored, changed), (3, 0, true));
        assert_eq!(names(&set), ["mine", "a", "c"], "the configured channel has the id `b`");
        assert!(!set.list(&eu, channels(&["c", "b", "a"])).1, "the same list in another order");
        assert!(set.list(&eu, channels(&["c"])).1);
        assert_eq!(names(&set), ["mine", "c"]);
        set.configure(vec![Arc::clone(&eu)]);
        assert_eq!(names(&set), ["c"], "a reload keeps what was listed");
        set.configure(Vec::new());
        assert_eq!(names(&set), [""; 0]);
    }

    #[test]
    fn a_name_is_given_once() {
        let sources = [source("eu", Default::default()), source("us", Default::default())];
        let mut set = TargetSet::new(sources.iter().cloned().map(Arc::new).collect());
        for source in &sources {
            set.list(source, channels(&["default", "shop"]));
        }
        assert_eq!(names(&set), ["default", "shop", "us.default", "us.shop"]);
    }

    #[test]
    fn names_come_from_the_operator_first_then_from_the_upstream_then_from_the_id() {
        let names_of = BTreeMap::from([("1".into(), Name::new("sales").unwrap())]);
        let eu = source("eu", ListingOptions { names: names_of, ..Default::default() });
        let mut set = TargetSet::new(vec![Arc::new(eu.clone())]);
        let named = |id: &str, name: &str| ListedChannel { name: Some(name.into()), ..channel(id) };
        set.list(&eu, vec![named("1", "one"), named("2", "two"), named("3", "not a name")]);
        assert_eq!(names(&set), ["sales", "two", "3"]);
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
            assert_eq!((listed.watched, listed.ignored), (3 - ignored, ignored));
            assert_eq!(names(&set), shown);
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
        assert_eq!((listed.watched, listed.ignored), (2, 1));
        assert_eq!(names(&set), ["sales-1", "sales-2"]);
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
        let options = |set: &TargetSet| -> Vec<Arc<TargetOptions>> {
            set.select().own[1..].iter().map(|target| Arc::clone(&target.options)).collect()
        };
        set.list(&eu, list(2));
        let first = options(&set);
        assert!(first[0].endpoint.is_none());
        assert!(Arc::ptr_eq(&first[1], &first[2]));
        assert!(!Arc::ptr_eq(&first[1], &first[3]));
        assert!(!set.list(&eu, list(2)).1, "the same list with new endpoints");
        assert!(set.list(&eu, list(3)).1, "one channel is polled in another way");
        let second = options(&set);
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
}
