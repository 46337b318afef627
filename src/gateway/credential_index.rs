//! Whose credential a request carries: every one that is watched by its hash, with the address that
//! it is for.
//!
//! Not here: the credentials. What is kept is a hash with a key of this process, so none can be
//! read from it, and a comparison tells nothing by the time it takes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hyper::Request;
use hyper::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::route::Base;
use crate::clock;
use crate::fleet::{Fleet, TargetRef};
use crate::provider::GatewayApi;
use crate::target::Target;
use crate::upstream::ProviderId;

/// Unknown credentials have the secrets read again at most this often,
const REST: Duration = Duration::from_secs(1);
/// and for at most one part of the time in so many: there may be a hundred thousand files.
const REST_TIMES: u32 = 20;

/// A target, and where requests with its credential go.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) target: CredentialOwner,
    pub(super) base: Arc<Base>,
}

/// Whose a credential is.
#[derive(Debug, Clone)]
pub(super) enum CredentialOwner {
    /// A target that is watched here.
    Watched(TargetRef),
    /// One that another shard watches: its requests are counted, and nothing else is known of it.
    OtherShards(Arc<Target>),
}

impl CredentialOwner {
    /// The target, if it is watched here.
    pub(super) const fn watched(&self) -> Option<TargetRef> {
        match self {
            Self::Watched(target) => Some(*target),
            Self::OtherShards(_) => None,
        }
    }
}

/// The credentials of one generation of targets.
#[derive(Default)]
struct Keys {
    /// `None` before the first reading.
    generation: Option<u64>,
    owners: HashMap<u64, Owner>,
}

/// The credentials of a fleet.
pub(super) struct CredentialIndex {
    fleet: Arc<Fleet>,
    hasher: RandomState,
    keys: RwLock<Arc<Keys>>,
    /// When the secrets may be read again for an unknown credential; locked while they are read.
    rested: Mutex<Instant>,
}

impl CredentialIndex {
    /// Creates an index that reads the secrets on the first request.
    pub(super) fn new(fleet: Arc<Fleet>) -> Self {
        let (hasher, rested) = (RandomState::new(), Mutex::new(clock::instant()));
        Self { fleet, hasher, keys: RwLock::default(), rested }
    }

    /// The target whose credential a request carries, in `Authorization` or in its query.
    pub(super) async fn owner<B>(
        &self,
        provider: ProviderId,
        api: &dyn GatewayApi,
        request: &Request<B>,
    ) -> Option<Owner> {
        let carried = self.carried(provider, api, request);
        if carried.iter().all(Option::is_none) {
            return None;
        }
        let find =
            |keys: &Keys| carried.iter().flatten().find_map(|key| keys.owners.get(key)).cloned();
        let keys = self.keys();
        if keys.generation == Some(self.fleet.generation())
            && let Some(owner) = find(&keys)
        {
            return Some(owner);
        }
        self.refresh().await;
        find(&self.keys())
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The keys of what a request carries.
    fn carried<B>(
        &self,
        provider: ProviderId,
        api: &dyn GatewayApi,
        request: &Request<B>,
    ) -> [Option<u64>; 2] {
        let header = request.headers().get(AUTHORIZATION).and_then(|value| {
            let (scheme, credential) = value.to_str().ok()?.trim().split_once(' ')?;
            let known = ["bearer", "oauth"].iter().any(|word| scheme.eq_ignore_ascii_case(word));
            known.then(|| self.key(provider, credential.trim().as_bytes()))
        });
        let parameter = api.credential_parameter();
        let query = request.uri().query().and_then(|query| {
            let value = query
                .split('&')
                .find_map(|pair| pair.strip_prefix(parameter)?.strip_prefix('='))?;
            let value: Cow<'_, [u8]> = percent_decode_str(value).into();
            Some(self.key(provider, &value))
        });
        [header, query]
    }

    fn key(&self, provider: ProviderId, credential: &[u8]) -> u64 {
        self.hasher.hash_one((provider.index(), credential))
    }

    /// Reads the secrets again, if they were not read just now.
    async fn refresh(&self) {
        let mut rested = self.rested.lock().await;
        let began = clock::instant();
        let generation = self.fleet.generation();
        if self.keys().generation == Some(generation) && began < *rested {
            return;
        }
        let targets = self.fleet.refs().into_iter().filter_map(|target| {
            let settings = self.fleet.look(target, |watched| Arc::clone(&watched.target));
            settings.map(|settings| (CredentialOwner::Watched(target), settings))
        });
        let other_shards = self.fleet.other_shards();
        let others = other_shards.credentials().iter();
        let others =
            others.map(|one| (CredentialOwner::OtherShards(Arc::clone(one)), Arc::clone(one)));
        let targets: Vec<_> = targets.chain(others).collect();
        let hasher = self.hasher.clone();
        // Files are read where nobody waits for them.
        let read = tokio::task::spawn_blocking(move || owners(&targets, &hasher)).await;
        if let Ok(owners) = read {
            let keys = Arc::new(Keys { generation: Some(generation), owners });
            *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        }
        *rested = clock::instant() + REST.max(began.elapsed() * REST_TIMES);
    }
}

/// Who owns which credential. One that cannot be read has no owner until it can.
fn owners(targets: &[(CredentialOwner, Arc<Target>)], hasher: &RandomState) -> HashMap<u64, Owner> {
    let mut bases: HashMap<Arc<str>, Arc<Base>> = HashMap::new();
    let mut owners = HashMap::with_capacity(targets.len());
    // What is listed may have its source's credential, which is counted where it is configured.
    let (listed, configured): (Vec<_>, Vec<_>) =
        targets.iter().partition(|(_, settings)| settings.source().is_some());
    for (target, settings) in configured.into_iter().chain(listed) {
        let url = &settings.options.api_url;
        let base = match bases.get(url) {
            Some(base) => Arc::clone(base),
            None => {
                let Some(base) = Base::new(url) else { continue };
                bases.entry(Arc::clone(url)).or_insert(base).clone()
            }
        };
        let Ok(credential) = settings.credential.read() else { continue };
        let secret = credential.expose_secret().as_bytes();
        let key = hasher.hash_one((settings.provider().index(), secret));
        // Of two targets with one credential the first has it.
        owners.entry(key).or_insert(Owner { target: target.clone(), base });
    }
    owners
}
