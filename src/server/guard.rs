//! Who is let in: TLS and basic authentication as the web configuration asks, read again when its files change.
//!
//! Not here: the file's format (`web_config.rs`).

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::{error, info};

use super::web_config::WebConfig;

use crate::clock;

/// The files are looked at when a connection comes, at most so often.
const LOOK: Duration = Duration::from_secs(2);
/// bcrypt is meant to be slow: so many checks at a time.
const CHECKS: usize = 2;
/// Good credentials that are remembered, by a keyed hash.
const REMEMBERED: usize = 64;

/// Lets clients in, or not.
pub struct Guard {
    path: Option<PathBuf>,
    current: Mutex<Current>,
    checks: Semaphore,
    key: RandomState,
}

struct Current {
    config: Arc<WebConfig>,
    looked: Instant,
    /// The complaint that was last logged, so that it is logged once.
    complaint: Option<String>,
    known_good: HashSet<u64>,
}

impl Guard {
    /// A guard as this file asks; without one everybody is let in.
    ///
    /// # Errors
    ///
    /// A sentence, when the file or what it names cannot be used.
    pub fn new(path: Option<PathBuf>) -> Result<Self, String> {
        let config = path.as_deref().map(WebConfig::read).transpose()?.unwrap_or_default();
        let current = Current {
            config: Arc::new(config),
            looked: clock::instant(),
            complaint: None,
            known_good: HashSet::new(),
        };
        Ok(Self {
            path,
            current: Mutex::new(current),
            checks: Semaphore::new(CHECKS),
            key: RandomState::new(),
        })
    }

    /// What the web configuration asks for now. A file with a mistake leaves the last good one in force.
    pub(super) fn config(&self) -> Arc<WebConfig> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &self.path
            && current.looked.elapsed() >= LOOK
        {
            current.looked = clock::instant();
            match WebConfig::read(path) {
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
                        error!(what, "the web configuration has a mistake; the one in force stays");
                        current.complaint = Some(what);
                    }
                }
            }
        }
        Arc::clone(&current.config)
    }

    /// Whether a request with these headers may see more than `/healthz` and `/readyz`.
    pub(super) async fn lets_in(&self, headers: &HeaderMap) -> bool {
        let config = self.config();
        if config.users.is_empty() {
            return true;
        }
        let Some((user, password)) = credentials(headers) else { return false };
        let mark = self.key.hash_one((&user, &password));
        if self.current.lock().unwrap_or_else(PoisonError::into_inner).known_good.contains(&mark) {
            return true;
        }
        // Every refusal costs as much time as the dearest hash there is: an unknown user's is checked against that one in vain, and
        // a cheaper one is checked again and again.
        let cost = |hash: &SecretString| {
            hash.expose_secret().parse::<bcrypt::HashParts>().map_or(0, |parts| parts.get_cost())
        };
        let Some(dearest) = config.users.values().max_by_key(|hash| cost(hash)) else {
            return false;
        };
        let known = config.users.get(&user);
        let (hash, exists) = (known.unwrap_or(dearest).clone(), known.is_some());
        let rounds = 1_u64 << cost(dearest).saturating_sub(cost(&hash)).min(32);
        let Ok(_permit) = self.checks.acquire().await else { return false };
        let check = move || {
            let verify =
                |_| bcrypt::verify(password.as_bytes(), hash.expose_secret()).unwrap_or(false);
            (0..rounds).any(verify)
        };
        let good = tokio::task::spawn_blocking(check).await.unwrap_or(false) && exists;
        if good {
            let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            if current.config.content == config.content {
                if current.known_good.len() >= REMEMBERED {
                    current.known_good.clear();
                }
                current.known_good.insert(mark);
            }
        }
        good
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
