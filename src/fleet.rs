//! Every target with all that is known of it, behind one lock.
//!
//! Not here: how targets are asked or shown. Polls write here, scrapes read a snapshot; neither waits for the other's I/O.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::{
    ChannelObservation, ChannelState, Failure, Limits, Moment, TokenReading, TokenState, Transition,
};
use crate::settings::{ChannelTarget, Name, TokenTarget};

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

    /// Puts other targets in the place of these. A target that stays keeps its state; one that goes is gone at once.
    ///
    /// Returns, for each old channel and each old token, the place it has now.
    pub fn replace(
        &self,
        channels: Vec<ChannelTarget>,
        tokens: Vec<TokenTarget>,
        now: Moment,
    ) -> Places {
        let mut inner = self.lock();
        let mut places = Places {
            channels: vec![None; inner.channels.len()],
            tokens: vec![None; inner.tokens.len()],
        };
        let old: HashMap<Name, usize> = inner
            .channels
            .iter()
            .enumerate()
            .map(|(at, channel)| (channel.target.name.clone(), at))
            .collect();
        let channels = channels.into_iter().enumerate().map(|(at, target)| {
            let kept = old.get(&target.name).copied();
            let same = |kept: &usize| {
                inner.channels[*kept].target.options.provider == target.options.provider
            };
            let state = match kept.filter(same) {
                Some(kept) => {
                    places.channels[kept] = u32::try_from(at).ok();
                    inner.channels[kept].state.clone()
                }
                None => ChannelState::new(now),
            };
            Arc::new(Channel { target, state })
        });
        let channels = channels.collect();
        let old: HashMap<Name, usize> = inner
            .tokens
            .iter()
            .enumerate()
            .map(|(at, token)| (token.target.name.clone(), at))
            .collect();
        let tokens = tokens.into_iter().enumerate().map(|(at, target)| {
            let required = &target.options.required_scopes;
            let state = match old.get(&target.name) {
                Some(kept) => {
                    places.tokens[*kept] = u32::try_from(at).ok();
                    let before = &inner.tokens[*kept];
                    before.state.clone().requiring(&before.target.options.required_scopes, required)
                }
                None => TokenState::new(required.len()),
            };
            Arc::new(Token { target, state })
        });
        let tokens = tokens.collect();
        *inner = Inner { channels, tokens };
        places
    }

    /// Forgets what was known of a token whose secret was replaced.
    pub fn token_credential_changed(&self, at: u32) {
        if let Some(token) = self.lock().tokens.get_mut(at as usize) {
            Arc::make_mut(token).state.credential_changed();
        }
    }
}
