//! The targets that other shards watch, as far as this one must know them: so that a request about
//! one is sent where it belongs, and the gateway knows whose credential it passes.
//!
//! Not here: how they are; nothing of that is known here. Names and ids are kept as hashes with a
//! key of this process: 8 bytes each.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;

use super::Target;
use crate::domain::TargetKind;
use crate::upstream::ProviderId;

/// The targets of other shards.
#[derive(Debug, Clone, Default)]
pub struct OtherShards {
    hasher: RandomState,
    hashes: HashTable<u64>,
    /// The providers of channels whose ids their own shard learns.
    without_id: Vec<ProviderId>,
    credentials: Vec<Arc<Target>>,
}

/// What a hash is of, so that a name is no id.
#[derive(Hash)]
enum OtherShardsKey<'a> {
    Name(TargetKind, &'a str),
    Id(ProviderId, Option<&'a str>, &'a str),
}

impl OtherShards {
    /// Adds a target. With its credential if that is to be known too.
    pub(super) fn add(&mut self, target: &Arc<Target>, with_credential: bool) {
        let source = target.source().map(|source| source.as_str());
        self.add_name(target.kind, target.name.as_str());
        match &target.id {
            Some(id) => self.add_id(target.provider(), source, id),
            None if target.kind == TargetKind::Channel => {
                let provider = target.provider();
                if !self.without_id.contains(&provider) {
                    self.without_id.push(provider);
                }
            }
            None => {}
        }
        if with_credential {
            self.credentials.push(Arc::clone(target));
        }
    }

    fn add_name(&mut self, kind: TargetKind, name: &str) {
        self.insert(&OtherShardsKey::Name(kind, name));
    }

    fn add_id(&mut self, provider: ProviderId, source: Option<&str>, id: &str) {
        self.insert(&OtherShardsKey::Id(provider, None, id));
        if source.is_some() {
            self.insert(&OtherShardsKey::Id(provider, source, id));
        }
    }

    fn insert(&mut self, key: &OtherShardsKey<'_>) {
        let hash = self.hasher.hash_one(key);
        if !self.contains(hash) {
            self.hashes.insert_unique(hash, hash, |hash| *hash);
        }
    }

    fn contains(&self, hash: u64) -> bool {
        self.hashes.find(hash, |other| *other == hash).is_some()
    }

    /// Whether another shard watches a target of this name.
    pub fn has_name(&self, kind: TargetKind, name: &str) -> bool {
        !self.hashes.is_empty()
            && self.contains(self.hasher.hash_one(OtherShardsKey::Name(kind, name)))
    }

    /// Whether another shard watches the channel with this id of the provider's; of this source, if
    /// one is named.
    pub fn has_id(&self, provider: ProviderId, source: Option<&str>, id: &str) -> bool {
        let key = || self.hasher.hash_one(OtherShardsKey::Id(provider, source, id));
        !self.hashes.is_empty() && self.contains(key())
    }

    /// Whether another shard watches channels of this provider whose ids are not known here.
    pub fn may_have_id(&self, provider: ProviderId) -> bool {
        self.without_id.contains(&provider)
    }

    /// The targets whose credentials are known.
    pub fn credentials(&self) -> &[Arc<Target>] {
        &self.credentials
    }
}
