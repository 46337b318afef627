//! A token's state: what is known of one access token, and what each inspection makes of it.
//!
//! Not here: the token itself.

use super::info::InfoChanges;
use super::{
    ErrorSource, Expiry, Now, PollPolicy, PollStats, Timestamp, TokenErrorReason, TokenInfo,
    TokenObservation, TokenReading,
};

/// All that is known of one token.
#[derive(Debug, Clone)]
pub struct TokenState {
    pub(super) polls: PollStats,
    valid: Option<bool>,
    /// Whether the last answer said that it is dead because its time was up.
    has_expired: bool,
    expiry: Option<Expiry>,
    data_access_expiry: Option<Expiry>,
    issued: Option<Timestamp>,
    /// The granted ones of the required scopes, in the order they are required.
    granted: Box<[bool]>,
    info: Option<TokenInfo>,
    info_changes: InfoChanges,
    pub(super) errors: [[u32; TokenErrorReason::COUNT]; ErrorSource::COUNT],
    pub(super) unauthorized: [u32; ErrorSource::COUNT],
}

impl TokenState {
    /// A token that was never inspected, of which so many scopes are required.
    pub fn new(required_scopes: usize) -> Self {
        Self {
            polls: PollStats::new(),
            valid: None,
            has_expired: false,
            expiry: None,
            data_access_expiry: None,
            issued: None,
            granted: vec![false; required_scopes].into(),
            info: None,
            info_changes: InfoChanges::NONE,
            errors: [[0; TokenErrorReason::COUNT]; ErrorSource::COUNT],
            unauthorized: [0; ErrorSource::COUNT],
        }
    }

    /// Requires other scopes. One that was not required before is not known to be granted.
    pub fn require(&mut self, before: &[Box<str>], now: &[Box<str>]) {
        if before == now {
            return;
        }
        let granted = now.iter().map(|scope| {
            before.iter().position(|old| old == scope).is_some_and(|at| self.granted(at))
        });
        self.granted = granted.collect();
    }

    /// Applies what a poll brought. Returns the new validity, if it changed or was updated.
    pub fn apply(
        &mut self,
        now: Now,
        required_scopes: &[Box<str>],
        reading: TokenReading,
    ) -> Option<bool> {
        self.refused(ErrorSource::Poll, reading.error, reading.unauthorized);
        match reading.outcome {
            Ok(observation) => {
                self.polls.succeeded(now);
                let before = self.valid;
                let expired = reading.error == Some(TokenErrorReason::TokenExpired);
                self.has_expired = expired && !observation.valid;
                self.observe(now, required_scopes, observation);
                (self.valid != before).then_some(self.valid).flatten()
            }
            Err(failure) => {
                self.polls.failed(now, failure.reason);
                None
            }
        }
    }

    /// Counts an error answer, and whether its HTTP status was 401.
    pub const fn refused(
        &mut self,
        source: ErrorSource,
        error: Option<TokenErrorReason>,
        unauthorized: bool,
    ) {
        if let Some(error) = error {
            let count = &mut self.errors[source.index()][error.index()];
            *count = count.saturating_add(1);
        }
        if unauthorized {
            let count = &mut self.unauthorized[source.index()];
            *count = count.saturating_add(1);
        }
    }

    /// What an answer leaves out is kept: a dead token's answer often lacks its expiry.
    fn observe(&mut self, now: Now, required_scopes: &[Box<str>], observation: TokenObservation) {
        let TokenObservation { valid, expiry, data_access_expiry, issued, scopes, info } =
            observation;
        self.valid = Some(valid);
        self.expiry = expiry.or(self.expiry);
        self.data_access_expiry = data_access_expiry.or(self.data_access_expiry);
        self.issued = issued.or(self.issued);
        let changes = self.info.is_some() && info.is_some() && self.info != info;
        if !changes || self.info_changes.may_change(now) {
            self.info = info.or_else(|| self.info.take());
        }
        // A dead token grants nothing, whatever its answer still lists.
        for (granted, required) in self.granted.iter_mut().zip(required_scopes) {
            *granted = valid
                && scopes
                    .as_ref()
                    .map_or(*granted, |scopes| scopes.iter().any(|scope| **scope == **required));
        }
    }

    /// Forgets what was known of the old token when its secret was replaced. Counters go on.
    pub fn credential_changed(&mut self) {
        self.polls.forget();
        self.valid = None;
        self.has_expired = false;
        self.expiry = None;
        self.data_access_expiry = None;
        self.issued = None;
        self.info = None;
        self.granted.fill(false);
    }

    /// Whether the token works; `None` when that is not known.
    ///
    /// A token past its expiry does not, even before the next poll says so.
    pub fn valid(&self, now: Now, policy: PollPolicy) -> Option<bool> {
        if self.polls.stale_since(now, policy).is_some() {
            return None;
        }
        self.valid.map(|valid| valid && !self.expiry.is_some_and(|expiry| expiry.is_past(now.unix)))
    }

    /// Whether the last answer said that it is dead because its time was up, be it known when that
    /// was or not.
    pub const fn has_expired(&self) -> bool {
        self.has_expired
    }

    /// When it expires. Stays known after it has expired and while polls fail.
    pub const fn expiry(&self) -> Option<Expiry> {
        self.expiry
    }

    /// When access to user data ends.
    pub const fn data_access_expiry(&self) -> Option<Expiry> {
        self.data_access_expiry
    }

    /// When it was issued.
    pub const fn issued(&self) -> Option<Timestamp> {
        self.issued
    }

    /// Whether the required scope at this place is granted.
    pub fn granted(&self, scope: usize) -> bool {
        self.granted.get(scope).copied().unwrap_or(false)
    }

    /// Whose it is.
    pub const fn info(&self) -> Option<&TokenInfo> {
        self.info.as_ref()
    }

    /// How many error answers of this class this source met.
    pub const fn errors(&self, source: ErrorSource, reason: TokenErrorReason) -> u32 {
        self.errors[source.index()][reason.index()]
    }

    /// How many error answers each source met, by class, the class running fastest.
    pub const fn error_counts(&self) -> &[u32] {
        self.errors.as_flattened()
    }

    /// How many HTTP 401s each source met.
    pub const fn unauthorized_counts(&self) -> &[u32] {
        &self.unauthorized
    }

    /// How many HTTP 401s this source met.
    pub const fn unauthorized_errors(&self, source: ErrorSource) -> u32 {
        self.unauthorized[source.index()]
    }

    /// The bookkeeping of the polls.
    pub const fn polls(&self) -> &PollStats {
        &self.polls
    }
}
