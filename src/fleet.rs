//! Every target with all that is known of it, behind one lock.
//!
//! Not here: how targets are asked or shown. Polls write and scrapes read, each for as long as a block of text takes to write;
//! neither waits for the other's I/O, and a reader that stalls holds nothing but a pointer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::domain::{
    AnswerClass, ChannelObservation, ChannelState, Failure, FailureReason, Happening, Known,
    Limits, Moment, Provider, Source, TokenErrorReason, TokenReading, TokenState, Traffic,
    Transition, UnauthorizedReason, WebhookOutcome,
};
use crate::settings::{ChannelTarget, Name, TokenTarget};

/// A channel and what is known of it.
#[derive(Debug, Clone)]
pub struct Channel {
    /// As configured.
    pub target: Arc<ChannelTarget>,
    /// As known.
    pub state: ChannelState,
    /// The application's requests with its credential; `None` before the first.
    pub traffic: Option<Box<Traffic>>,
}

impl Channel {
    /// How often it is asked and how long answers count.
    pub fn limits(&self) -> Limits {
        self.target.options.limits
    }
}

/// A token and what is known of it.
#[derive(Debug, Clone)]
pub struct Token {
    /// As configured.
    pub target: Arc<TokenTarget>,
    /// As known.
    pub state: TokenState,
    /// The application's requests with it; `None` before the first.
    pub traffic: Option<Box<Traffic>>,
}

impl Token {
    /// How often it is inspected and how long answers count.
    pub fn limits(&self) -> Limits {
        self.target.options.limits
    }
}

/// All credentials of a provider that are not configured, taken together.
#[derive(Debug, Clone)]
pub struct Stranger {
    /// Whose credentials they claim to be.
    pub provider: Provider,
    /// The application's requests with them.
    pub traffic: Traffic,
}

/// Names a target across reloads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Handle {
    /// Where it was when it was looked up.
    id: TargetId,
    name: Name,
}

impl Handle {
    /// The target of this name, which is or was at this place.
    pub const fn new(id: TargetId, name: Name) -> Self {
        Self { id, name }
    }

    /// The target's name.
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// Where it is among these, if it still is.
    fn find<T>(&self, targets: &[T], name: impl Fn(&T) -> &Name) -> Option<usize> {
        let (TargetId::Channel(hint) | TargetId::Token(hint)) = self.id;
        let hint = hint as usize;
        if targets.get(hint).is_some_and(|target| *name(target) == self.name) {
            return Some(hint);
        }
        targets.iter().position(|target| *name(target) == self.name)
    }
}

/// Names a target of a fleet for as long as the fleet's targets stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TargetId {
    /// The channel at this place.
    Channel(u32),
    /// The token at this place.
    Token(u32),
}

/// The targets that there were when somebody began to look. Who they are stays, though a reload may come between; how they are
/// is read anew at each look, so that a reader who takes his time keeps no copy of a whole fleet.
#[derive(Debug, Clone)]
pub struct Members {
    /// When the look began: ages are told as of this moment.
    pub now: Moment,
    roster: Arc<Mutex<Roster>>,
}

impl Members {
    /// Looks at the targets as they are now. Nothing else gets at them meanwhile, so it should be short.
    pub fn look<R>(&self, see: impl FnOnce(&[Channel], &[Token]) -> R) -> R {
        let roster = lock(&self.roster);
        see(&roster.channels, &roster.tokens)
    }

    /// The same, with what is known of unknown credentials.
    pub fn look_at_all<R>(&self, see: impl FnOnce(&[Channel], &[Token], &[Stranger]) -> R) -> R {
        let roster = lock(&self.roster);
        see(&roster.channels, &roster.tokens, &roster.strangers)
    }
}

/// A panic while a lock was held cannot leave a state half written that matters: each write stands by itself.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where old targets are after a reload; `None` for one that is gone.
#[derive(Debug)]
pub struct Places {
    channels: Vec<Option<u32>>,
    tokens: Vec<Option<u32>>,
}

impl Places {
    /// The new name of a target.
    pub fn of(&self, id: TargetId) -> Option<TargetId> {
        match id {
            TargetId::Channel(at) => self.channels.get(at as usize)?.map(TargetId::Channel),
            TargetId::Token(at) => self.tokens.get(at as usize)?.map(TargetId::Token),
        }
    }
}

/// Every target's state.
#[derive(Debug)]
pub struct Fleet {
    /// Replaced as a whole by a reload.
    roster: Mutex<Arc<Mutex<Roster>>>,
    learnt: Notify,
    /// Whether webhooks may tell of channels as well.
    witnessed: bool,
    /// Grows whenever something was taken in.
    changes: AtomicU64,
    /// Grows with each reload.
    generation: AtomicU64,
}

/// What became of a webhook.
#[derive(Debug)]
pub enum Delivered {
    /// It was this channel's.
    To {
        /// The channel's name.
        name: Name,
        /// The move of its status, if people should hear of one.
        moved: Option<Transition>,
        /// What it was: something new, or nothing.
        outcome: WebhookOutcome,
        /// Whether its last word, too, was one we do not know.
        said_unknown_word: bool,
    },
    /// No channel has this id.
    Unknown,
    /// No channel is known to have this id, but some have not answered yet and may have it.
    TooEarly,
}

#[derive(Debug)]
struct Roster {
    channels: Vec<Channel>,
    tokens: Vec<Token>,
    strangers: Vec<Stranger>,
    /// Where channels were found by the provider's id of them.
    by_id: HashMap<Box<str>, u32>,
}

impl Channel {
    /// The provider's id of it: as configured, else as learnt.
    fn id(&self) -> Option<&str> {
        self.target.channel_id.as_deref().or_else(|| self.state.channel_id())
    }

    /// Whether its id is not known because it could not be asked yet. Of one that has answered without an id, or whose credential
    /// is refused, none is to be expected soon.
    fn may_yet_tell_its_id(&self) -> bool {
        let polls = self.state.polls();
        let refused = matches!(
            polls.last_failure(),
            Some(FailureReason::ChannelNotFound | FailureReason::CredentialUnauthorized)
        );
        self.id().is_none() && polls.last_success().is_none() && !refused
    }
}

impl Roster {
    fn find_by_id(&mut self, id: &str) -> Option<usize> {
        let is = |channel: &Channel| channel.id() == Some(id);
        let hint = self.by_id.get(id).map(|at| *at as usize);
        if let Some(at) = hint.filter(|at| self.channels.get(*at).is_some_and(is)) {
            return Some(at);
        }
        let at = self.channels.iter().position(is)?;
        self.by_id.insert(id.into(), u32::try_from(at).ok()?);
        Some(at)
    }

    fn find(&self, handle: &Handle) -> Option<TargetId> {
        let at = match handle.id {
            TargetId::Channel(_) => handle.find(&self.channels, |c| &c.target.name),
            TargetId::Token(_) => handle.find(&self.tokens, |t| &t.target.name),
        };
        let at = u32::try_from(at?).ok()?;
        Some(match handle.id {
            TargetId::Channel(_) => TargetId::Channel(at),
            TargetId::Token(_) => TargetId::Token(at),
        })
    }
}

impl Fleet {
    /// A fleet of targets configured at `now` and never asked.
    pub fn new(channels: Vec<ChannelTarget>, tokens: Vec<TokenTarget>, now: Moment) -> Self {
        let channels = channels
            .into_iter()
            .map(|target| {
                let state = ChannelState::new(now);
                Channel { target: Arc::new(target), state, traffic: None }
            })
            .collect();
        let tokens = tokens
            .into_iter()
            .map(|target| {
                let state = TokenState::new(target.options.required_scopes.len());
                Token { target: Arc::new(target), state, traffic: None }
            })
            .collect();
        let strangers = Provider::ALL
            .iter()
            .map(|provider| Stranger { provider: *provider, traffic: Traffic::default() })
            .collect();
        let roster = Roster { channels, tokens, strangers, by_id: HashMap::new() };
        Self {
            roster: Mutex::new(Arc::new(Mutex::new(roster))),
            learnt: Notify::new(),
            witnessed: false,
            changes: AtomicU64::new(0),
            generation: AtomicU64::new(0),
        }
    }

    /// The same fleet, of whose channels webhooks may tell as well.
    pub fn witnessed(self) -> Self {
        for channel in &mut lock(&self.roster()).channels {
            channel.state = channel.state.clone().witnessed();
        }
        Self { witnessed: true, ..self }
    }

    /// A number that is another one whenever something was taken in.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    fn changed(&self) -> Arc<Mutex<Roster>> {
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.roster()
    }

    /// Has all targets altered at once, as when what was known before is taken up.
    pub fn alter<R>(
        &self,
        alter: impl FnOnce(&mut [Channel], &mut [Token], &mut [Stranger]) -> R,
    ) -> R {
        let roster = self.changed();
        let mut roster = lock(&roster);
        let Roster { channels, tokens, strangers, .. } = &mut *roster;
        alter(channels, tokens, strangers)
    }

    fn roster(&self) -> Arc<Mutex<Roster>> {
        Arc::clone(&lock(&self.roster))
    }

    /// Another number after each reload.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The targets there are, to be looked at as of `now`.
    pub fn members(&self, now: Moment) -> Members {
        Members { now, roster: self.roster() }
    }

    /// The names of all targets, channels first.
    pub fn ids(&self) -> Vec<TargetId> {
        let roster = self.roster();
        let roster = lock(&roster);
        let places = |count: usize| 0..u32::try_from(count).unwrap_or(u32::MAX);
        places(roster.channels.len())
            .map(TargetId::Channel)
            .chain(places(roster.tokens.len()).map(TargetId::Token))
            .collect()
    }

    /// Looks at the channel at this place.
    pub fn channel<R>(&self, at: u32, see: impl FnOnce(&Channel) -> R) -> Option<R> {
        lock(&self.roster()).channels.get(at as usize).map(see)
    }

    /// Looks at the channel of this name.
    pub fn channel_named<R>(&self, name: &str, see: impl FnOnce(&Channel) -> R) -> Option<R> {
        let roster = self.roster();
        let roster = lock(&roster);
        roster.channels.iter().find(|channel| channel.target.name.as_str() == name).map(see)
    }

    /// Looks at the token at this place.
    pub fn token<R>(&self, at: u32, see: impl FnOnce(&Token) -> R) -> Option<R> {
        lock(&self.roster()).tokens.get(at as usize).map(see)
    }

    /// Takes in what a poll of a channel brought that was sent when so much was known.
    pub fn channel_polled(
        &self,
        at: u32,
        now: Moment,
        known: Known,
        outcome: Result<ChannelObservation, Failure>,
    ) -> Option<Transition> {
        let roster = self.changed();
        let mut roster = lock(&roster);
        let channel = roster.channels.get_mut(at as usize)?;
        let moved = channel.state.apply_since(now, channel.target.options.limits, known, outcome);
        self.learnt.notify_waiters();
        moved
    }

    /// Takes in what a webhook told of the channel with this id of the provider's.
    pub fn channel_told(&self, id: &str, now: Moment, happening: Happening) -> Delivered {
        let roster = self.changed();
        let mut roster = lock(&roster);
        let Some(at) = roster.find_by_id(id) else {
            return match roster.channels.iter().any(Channel::may_yet_tell_its_id) {
                true => Delivered::TooEarly,
                false => Delivered::Unknown,
            };
        };
        let channel = &mut roster.channels[at];
        let said_unknown_word = channel.state.says_unknown_word();
        let limits = channel.target.options.limits;
        let (outcome, moved) = channel.state.apply_event(now, limits, happening);
        let name = channel.target.name.clone();
        drop(roster);
        self.learnt.notify_waiters();
        Delivered::To { name, moved, outcome, said_unknown_word }
    }

    /// Ends when something was learnt of any channel. What was learnt before this is called is not waited for again once the
    /// future was polled or enabled.
    pub fn learnt(&self) -> tokio::sync::futures::Notified<'_> {
        self.learnt.notified()
    }

    /// Where a target is now.
    pub fn find(&self, handle: &Handle) -> Option<TargetId> {
        lock(&self.roster()).find(handle)
    }

    /// Takes note of how a request of the application with a target's credential ended, or with an unknown one.
    pub fn answered(&self, provider: Provider, owner: Option<&Handle>, class: AnswerClass) {
        let roster = self.changed();
        let mut roster = lock(&roster);
        let traffic = match owner.and_then(|handle| roster.find(handle)) {
            Some(TargetId::Channel(at)) => roster
                .channels
                .get_mut(at as usize)
                .map(|c| &mut **c.traffic.get_or_insert_default()),
            Some(TargetId::Token(at)) => {
                roster.tokens.get_mut(at as usize).map(|t| &mut **t.traffic.get_or_insert_default())
            }
            None => {
                roster.strangers.get_mut(provider.index()).map(|stranger| &mut stranger.traffic)
            }
        };
        if let Some(traffic) = traffic {
            traffic.ended(class);
        }
    }

    /// Takes note of an HTTP 401 that the application met with a channel's credential.
    pub fn channel_unauthorized(&self, owner: &Handle, reason: UnauthorizedReason) {
        let roster = self.changed();
        let mut roster = lock(&roster);
        if let Some(TargetId::Channel(at)) = roster.find(owner)
            && let Some(channel) = roster.channels.get_mut(at as usize)
        {
            channel.state.unauthorized(Source::Gateway, reason);
        }
    }

    /// Takes note of an error answer of Meta's that the application met with a token.
    pub fn token_refused(
        &self,
        owner: &Handle,
        error: Option<TokenErrorReason>,
        unauthorized: bool,
    ) {
        let roster = self.changed();
        let mut roster = lock(&roster);
        if let Some(TargetId::Token(at)) = roster.find(owner)
            && let Some(token) = roster.tokens.get_mut(at as usize)
        {
            token.state.refused(Source::Gateway, error, unauthorized);
        }
    }

    /// Takes in what an inspection of a token brought.
    pub fn token_polled(&self, at: u32, now: Moment, reading: TokenReading) -> Option<bool> {
        let roster = self.changed();
        let mut roster = lock(&roster);
        let token = roster.tokens.get_mut(at as usize)?;
        token.state.apply(now, &token.target.options.required_scopes, reading)
    }

    /// Puts other targets in the place of these. A target that stays keeps its state; one that goes is gone at once.
    ///
    /// Returns, for each old channel and each old token, the place it has now.
    pub fn replace(
        &self,
        channels: Vec<ChannelTarget>,
        tokens: Vec<TokenTarget>,
        now: Moment,
    ) -> Places {
        let mut current = lock(&self.roster);
        let before = Arc::clone(&current);
        let before = lock(&before);
        let mut places = Places {
            channels: vec![None; before.channels.len()],
            tokens: vec![None; before.tokens.len()],
        };
        let old: HashMap<Name, usize> = before
            .channels
            .iter()
            .enumerate()
            .map(|(at, channel)| (channel.target.name.clone(), at))
            .collect();
        let channels = channels.into_iter().enumerate().map(|(at, target)| {
            let kept = old.get(&target.name).copied();
            let same = |kept: &usize| {
                before.channels[*kept].target.options.provider == target.options.provider
            };
            let (state, traffic) = match kept.filter(same) {
                Some(kept) => {
                    places.channels[kept] = u32::try_from(at).ok();
                    let kept = &before.channels[kept];
                    (kept.state.clone(), kept.traffic.clone())
                }
                None => {
                    let state = ChannelState::new(now);
                    (if self.witnessed { state.witnessed() } else { state }, None)
                }
            };
            Channel { target: Arc::new(target), state, traffic }
        });
        let channels = channels.collect();
        let old: HashMap<Name, usize> = before
            .tokens
            .iter()
            .enumerate()
            .map(|(at, token)| (token.target.name.clone(), at))
            .collect();
        let tokens = tokens.into_iter().enumerate().map(|(at, target)| {
            let required = &target.options.required_scopes;
            let (state, traffic) = match old.get(&target.name) {
                Some(kept) => {
                    places.tokens[*kept] = u32::try_from(at).ok();
                    let kept = &before.tokens[*kept];
                    let before = &kept.target.options.required_scopes;
                    (kept.state.clone().requiring(before, required), kept.traffic.clone())
                }
                None => (TokenState::new(required.len()), None),
            };
            Token { target: Arc::new(target), state, traffic }
        });
        let tokens = tokens.collect();
        let strangers = before.strangers.clone();
        *current =
            Arc::new(Mutex::new(Roster { channels, tokens, strangers, by_id: HashMap::new() }));
        self.generation.fetch_add(1, Ordering::Release);
        places
    }

    /// Forgets what was known of a token whose secret was replaced.
    pub fn token_credential_changed(&self, at: u32) {
        if let Some(token) = lock(&self.changed()).tokens.get_mut(at as usize) {
            token.state.credential_changed();
        }
    }
}
