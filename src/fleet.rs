//! Every target with all that is known of it, behind one lock.
//!
//! Not here: how targets are asked or shown. Polls write here, scrapes read a snapshot; neither waits for the other's I/O.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::{
    ChannelObservation, ChannelState, Failure, Limits, Moment, TokenReading, TokenState, Transition,
};
use crate::settings::{ChannelTarget, TokenTarget};

/// A channel and what is known of it.
#[derive(Debug, Clone)]
pub struct Channel {
    /// As configured.
    pub target: ChannelTarget,
    /// As known.
    pub state: ChannelState,
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
    pub target: TokenTarget,
    /// As known.
    pub state: TokenState,
}

impl Token {
    /// How often it is inspected and how long answers count.
    pub fn limits(&self) -> Limits {
        self.target.options.limits
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

/// All targets at one moment. Cheap to take: the states are shared until a poll changes one.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When it was taken.
    pub now: Moment,
    /// Every channel, in the order configured.
    pub channels: Vec<Arc<Channel>>,
    /// Every token, in the order configured.
    pub tokens: Vec<Arc<Token>>,
}

/// Every target's state.
#[derive(Debug)]
pub struct Fleet {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    channels: Vec<Arc<Channel>>,
    tokens: Vec<Arc<Token>>,
}

impl Fleet {
    /// A fleet of targets configured at `now` and never asked.
    pub fn new(channels: Vec<ChannelTarget>, tokens: Vec<TokenTarget>, now: Moment) -> Self {
        let channels = channels
            .into_iter()
            .map(|target| Arc::new(Channel { target, state: ChannelState::new(now) }))
            .collect();
        let tokens = tokens
            .into_iter()
            .map(|target| {
                let state = TokenState::new(target.options.required_scopes.len());
                Arc::new(Token { target, state })
            })
            .collect();
        Self { inner: Mutex::new(Inner { channels, tokens }) }
    }

    /// A panic while the lock was held cannot leave a state half written that matters: each write stands by itself.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every target as it is at `now`.
    pub fn snapshot(&self, now: Moment) -> Snapshot {
        let inner = self.lock();
        Snapshot { now, channels: inner.channels.clone(), tokens: inner.tokens.clone() }
    }

    /// The names of all targets, channels first.
    pub fn ids(&self) -> Vec<TargetId> {
        let inner = self.lock();
        let places = |count: usize| 0..u32::try_from(count).unwrap_or(u32::MAX);
        places(inner.channels.len())
            .map(TargetId::Channel)
            .chain(places(inner.tokens.len()).map(TargetId::Token))
            .collect()
    }

    /// The channel at this place.
    pub fn channel(&self, at: u32) -> Option<Arc<Channel>> {
        self.lock().channels.get(at as usize).cloned()
    }

    /// The channel of this name.
    pub fn channel_named(&self, name: &str) -> Option<Arc<Channel>> {
        self.lock().channels.iter().find(|channel| channel.target.name.as_str() == name).cloned()
    }

    /// The token at this place.
    pub fn token(&self, at: u32) -> Option<Arc<Token>> {
        self.lock().tokens.get(at as usize).cloned()
    }

    /// Takes in what a poll of a channel brought.
    pub fn channel_polled(
        &self,
        at: u32,
        now: Moment,
        outcome: Result<ChannelObservation, Failure>,
    ) -> Option<Transition> {
        let mut inner = self.lock();
        let channel = Arc::make_mut(inner.channels.get_mut(at as usize)?);
        channel.state.apply(now, channel.target.options.limits, outcome)
    }

    /// Takes in what an inspection of a token brought.
    pub fn token_polled(&self, at: u32, now: Moment, reading: TokenReading) -> Option<bool> {
        let mut inner = self.lock();
        let token = Arc::make_mut(inner.tokens.get_mut(at as usize)?);
        token.state.apply(now, &token.target.options.required_scopes, reading)
    }

    /// Forgets what was known of a token whose secret was replaced.
    pub fn token_credential_changed(&self, at: u32) {
        if let Some(token) = self.lock().tokens.get_mut(at as usize) {
            Arc::make_mut(token).state.credential_changed();
        }
    }
}
