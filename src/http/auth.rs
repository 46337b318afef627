//! Who is let in: TLS and basic authentication as the web configuration asks, read again when its
//! files change.
//!
//! Not here: the file's format (`web_config.rs`).

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine as _;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use secrecy::{ExposeSecret, SecretString};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tracing::{error, info};

use super::files::Stamp;
use super::passwords::PasswordChecks;
use super::peer::Peer;
use super::web_config::WebConfig;
use crate::clock;
use crate::lock::lock;

/// The files are looked at when a connection comes, at most so often.
const LOOK: Duration = Duration::from_secs(2);
/// A file system that takes longer is not waited for; the configuration in force stays.
const PATIENCE: Duration = Duration::from_millis(500);
/// Good credentials that are remembered, by a keyed hash.
const REMEMBERED: usize = 64;

/// What a request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// All.
    Granted,
    /// Nothing without a client certificate.
    CertificateNeeded,
    /// Nothing without a right user and password.
    PasswordNeeded,
    /// Nothing now: too many passwords wait to be checked.
    Busy,
}

/// Lets clients in, or not.
pub struct Auth {
    path: Option<PathBuf>,
    current: Arc<Mutex<InForce>>,
    /// The look at the files that is under way. Only one is at a time, even where the file system
    /// hangs.
    look: tokio::sync::Mutex<Option<JoinHandle<Option<Read>>>>,
    passwords: PasswordChecks,
    key: RandomState,
}

struct InForce {
    config: Arc<WebConfig>,
    stamps: Vec<Stamp>,
    looked: Instant,
    /// The complaint that was last logged, so that it is logged once.
    complaint: Option<String>,
    known_good: HashSet<u64>,
}

/// What was read, and the state of the files it was read from.
type Read = (Result<WebConfig, String>, Vec<Stamp>);

impl Auth {
    /// As this file asks; without one everybody is let in.
    ///
    /// # Errors
    ///
    /// A sentence, when the file or what it names cannot be used.
    pub fn new(path: Option<PathBuf>) -> Result<Self, String> {
        let mut stamps = Vec::new();
        let config = path.as_deref().map(|path| WebConfig::read_stamped(path, &mut stamps));
        let current = InForce {
            config: Arc::new(config.transpose()?.unwrap_or_default()),
            stamps,
            looked: clock::instant(),
            complaint: None,
            known_good: HashSet::new(),
        };
        Ok(Self {
            path,
            current: Arc::new(Mutex::new(current)),
            look: tokio::sync::Mutex::new(None),
            passwords: PasswordChecks::default(),
            key: RandomState::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, InForce> {
        lock(&self.current)
    }

    /// The web configuration in force.
    pub(super) fn current(&self) -> Arc<WebConfig> {
        Arc::clone(&self.lock().config)
    }

    /// What the web configuration asks for now. A file with a mistake leaves the last good one in
    /// force.
    pub(super) async fn config(&self) -> Arc<WebConfig> {
        if let Some(path) = &self.path
            && self.is_due()
        {
            self.look_at(path).await;
        }
        self.current()
    }

    fn is_due(&self) -> bool {
        self.lock().looked.elapsed() >= LOOK
    }

    /// Looks whether the files have changed, where nobody but this connection waits for them.
    async fn look_at(&self, path: &std::path::Path) {
        let Ok(mut under_way) = timeout(PATIENCE, self.look.lock()).await else { return };
        if !self.is_due() {
            return;
        }
        let look = under_way.get_or_insert_with(|| {
            let (path, stamps) = (path.to_owned(), self.lock().stamps.clone());
            tokio::task::spawn_blocking(move || {
                let mut read = Vec::new();
                let changed = stamps.iter().any(Stamp::is_old);
                changed.then(|| (WebConfig::read_stamped(&path, &mut read), read))
            })
        });
        let looked = timeout(PATIENCE, look).await;
        self.lock().looked = clock::instant();
        if let Ok(done) = looked {
            *under_way = None;
            if let Ok(Some(read)) = done {
                self.take(read);
            }
        }
    }

    fn take(&self, (read, stamps): Read) {
        let mut current = self.lock();
        current.stamps = stamps;
        match read {
            Ok(config) => {
                if config.content != current.config.content {
                    info!("the web configuration was reloaded");
                    current.config = Arc::new(config);
                    current.known_good.clear();
                }
                current.complaint = None;
            }
            Err(what) => {
                if current.complaint.as_ref() != Some(&what) {
                    error!(what, "invalid web configuration; keeping the current one");
                    current.complaint = Some(what);
                }
            }
        }
    }

    /// What a request with these headers may do.
    pub async fn authorize(&self, headers: &HeaderMap, peer: &Peer) -> Access {
        let config = self.config().await;
        if config.client_certificate && !peer.has_certificate {
            return Access::CertificateNeeded;
        }
        if config.users.is_empty() {
            return Access::Granted;
        }
        let Some((user, password)) = credentials(headers) else { return Access::PasswordNeeded };
        let mark = self.key.hash_one((&user, &password));
        if self.lock().known_good.contains(&mark) {
            return Access::Granted;
        }
        // Every refusal costs as much time as the costliest hash there is: an unknown user's is
        // checked against that one in vain, and a cheaper one is checked again and again.
        let cost = |hash: &SecretString| {
            hash.expose_secret().parse::<bcrypt::HashParts>().map_or(0, |parts| parts.get_cost())
        };
        let Some(costliest) = config.users.values().max_by_key(|hash| cost(hash)) else {
            return Access::PasswordNeeded;
        };
        let known = config.users.get(&user);
        let (hash, exists) = (known.unwrap_or(costliest).clone(), known.is_some());
        let rounds = 1_u64 << cost(costliest).saturating_sub(cost(&hash)).min(32);
        let (current, content) = (Arc::clone(&self.current), config.content);
        let check = move || {
            let verify =
                |_| bcrypt::verify(password.as_bytes(), hash.expose_secret()).unwrap_or(false);
            let good = (0..rounds).any(verify) && exists;
            if good {
                // Here, so that a client with little patience is let in the next time.
                lock(&current).remember(mark, content);
            }
            good
        };
        match self.passwords.check(peer.ip, check).await {
            None => Access::Busy,
            Some(true) => Access::Granted,
            Some(false) => Access::PasswordNeeded,
        }
    }
}

impl InForce {
    /// Remembers good credentials, if those of this content are still asked for.
    fn remember(&mut self, mark: u64, content: u64) {
        if self.config.content == content {
            if self.known_good.len() >= REMEMBERED {
                self.known_good.clear();
            }
            self.known_good.insert(mark);
        }
    }
}

/// The user and the password of a `Basic` authorization.
fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(rest.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
