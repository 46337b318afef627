//! What a poll says: how the polled target is, and any number of facts about other channels.
//!
//! Not here: what becomes of it (`fleet.rs`, `domain/`).

use std::sync::Arc;

use secrecy::SecretString;

use super::Endpoint;
use crate::domain::{ChannelObservation, Failure, TargetKind, TokenReading};

/// What a poll says about one target, or why it says nothing.
#[derive(Debug)]
pub enum Fact {
    /// About a channel.
    Channel(Result<ChannelObservation, Failure>),
    /// About a token. Errors are counted whether or not the poll succeeded.
    Token(TokenReading),
    /// About a source: its whole list.
    Channels(Result<Vec<ListedChannel>, Failure>),
}

impl Fact {
    /// A poll of a target of this kind that brought nothing.
    pub fn failed(kind: TargetKind, failure: Failure) -> Self {
        match kind {
            TargetKind::Channel => Self::Channel(Err(failure)),
            TargetKind::Token => Self::Token(TokenReading::failed(failure)),
            TargetKind::Source => Self::Channels(Err(failure)),
        }
    }

    /// Why it says nothing, if it does.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Channel(outcome) => outcome.as_ref().err(),
            Self::Token(reading) => reading.outcome.as_ref().err(),
            Self::Channels(list) => list.as_ref().err(),
        }
    }
}

/// What one poll says.
#[derive(Debug)]
pub struct Reading {
    /// About the target that was polled.
    pub polled: Fact,
    /// About other channels of the same source, by the upstream's ids of them.
    pub others: Vec<(Box<str>, Fact)>,
}

impl From<Fact> for Reading {
    fn from(polled: Fact) -> Self {
        Self { polled, others: Vec::new() }
    }
}

/// A channel as a source lists it.
#[derive(Debug)]
pub struct ListedChannel {
    /// The upstream's id of it, or its name where names are ids.
    pub id: Box<str>,
    /// The upstream's name for it, if it has one that people choose.
    pub name: Option<Box<str>>,
    /// Its own credential; without one the source's serves.
    pub credential: Option<SecretString>,
    /// The base address of its own API; without one the source's serves.
    pub api_url: Option<Arc<str>>,
    /// How it is polled; `None` when the list itself says how it is.
    pub endpoint: Option<Arc<dyn Endpoint>>,
}
