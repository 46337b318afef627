//! How targets are polled: the endpoint that makes the requests, and what the answers say.
//!
//! Not here: I/O, and what becomes of what is said (`fleet/`, `domain/`). One file, since a
//! source's list says how each of its channels is polled.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;

use super::{Answer, Request};
use crate::domain::{
    AccountObservation, ApiUsage, ChannelObservation, DeliveryCount, Failure, Now, Subscription,
    TargetKind, TokenReading,
};
use crate::secret::SecretSource;

/// A way to poll targets. Equal ones serve all targets that are configured alike.
pub trait Endpoint: EqualToAny + Send + Sync + fmt::Debug {
    /// Begins a poll: a pure function of the target and its credentials.
    fn poll(&self, target: PollContext<'_>, credentials: Credentials) -> Exchange;

    /// A secret that polls need beside the target's own, such as that of an app that inspects it.
    fn second_secret(&self) -> Option<&SecretSource> {
        None
    }
}

impl PartialEq for dyn Endpoint {
    fn eq(&self, other: &Self) -> bool {
        self.equals(other)
    }
}

/// Equality with a value of any type; endpoints of different types are never equal.
pub trait EqualToAny: Any {
    /// Whether `other` is of the same type and equal.
    fn equals(&self, other: &dyn Any) -> bool;
}

impl<T: PartialEq + 'static> EqualToAny for T {
    fn equals(&self, other: &dyn Any) -> bool {
        other.downcast_ref() == Some(self)
    }
}

/// The target of a poll.
#[derive(Debug, Clone, Copy)]
pub struct PollContext<'a> {
    /// The base address of the API, without a trailing slash.
    pub api_url: &'a Arc<str>,
    /// The upstream's id of the target, if it is known beforehand.
    pub id: Option<&'a str>,
    /// When it is made.
    pub now: Now,
}

/// The secrets of a poll, just read.
pub struct Credentials {
    /// The target's own.
    pub own: SecretString,
    /// The endpoint's second secret, if it has one.
    pub second: Option<SecretString>,
}

/// A request, and how its answer is read.
pub struct Exchange {
    /// What to send.
    pub request: Request,
    /// Reads the answer.
    pub read: Box<dyn FnOnce(Answer) -> Next + Send>,
}

/// What follows an answer.
pub enum Next {
    /// There is more to ask: the next page, or the same with fewer fields.
    Ask(Exchange),
    /// So much is known, whatever becomes of what is asked next. What it says of the polled target
    /// itself counts only when the poll is complete.
    Partly(Reading, Exchange),
    /// The poll is complete.
    Done(Reading),
}

impl Exchange {
    /// A request whose answer completes the poll.
    pub fn single(request: Request, read: impl FnOnce(Answer) -> Reading + Send + 'static) -> Self {
        Self { request, read: Box::new(|answer| Next::Done(read(answer))) }
    }
}

/// What a poll says about one target, or why it says nothing.
#[derive(Debug)]
pub enum Fact {
    /// About a channel.
    Channel(Result<ChannelObservation, Failure>),
    /// About a channel's subscription, which lists tell of beside the polls of the channel.
    Subscription(Subscription),
    /// About the newest half hour in which a channel sent something, as the upstream counted it;
    /// `None` when it lately sent nothing.
    Delivery(Option<DeliveryCount>),
    /// About a token. Errors are counted whether or not the poll succeeded.
    Token(TokenReading),
    /// About a source: its whole list.
    Channels(Result<Vec<ListedChannel>, Failure>),
    /// About a source whose channels belong to accounts: all of these.
    Accounts(Result<Vec<ListedAccount>, Failure>),
    /// About an account.
    Account(Result<Box<AccountObservation>, Failure>),
}

impl Fact {
    /// A poll of a target of this kind that brought nothing.
    pub fn failed(kind: TargetKind, failure: Failure) -> Self {
        match kind {
            TargetKind::Channel => Self::Channel(Err(failure)),
            TargetKind::Token => Self::Token(TokenReading::failed(failure)),
            TargetKind::Source => Self::Channels(Err(failure)),
            TargetKind::Account => Self::Account(Err(failure)),
        }
    }

    /// Why it says nothing, if it does.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Channel(outcome) => outcome.as_ref().err(),
            Self::Subscription(_) | Self::Delivery(_) => None,
            Self::Token(reading) => reading.outcome.as_ref().err(),
            Self::Channels(list) => list.as_ref().err(),
            Self::Accounts(list) => list.as_ref().err(),
            Self::Account(outcome) => outcome.as_ref().err(),
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
    /// The whole list of the polled account's channels, if it was told.
    pub listed: Option<Vec<ListedChannel>>,
    /// How much of the upstream's limit of requests is used, if that was told.
    pub usage: Option<ApiUsage>,
}

impl Reading {
    /// What a list says of itself and of its channels.
    pub const fn of_list(polled: Fact, others: Vec<(Box<str>, Fact)>) -> Self {
        Self { polled, others, listed: None, usage: None }
    }

    /// This, and what was known before it of others.
    pub(crate) fn after(mut self, before: Self) -> Self {
        let Self { mut others, listed, usage, .. } = before;
        others.append(&mut self.others);
        let usage = match (self.usage, usage) {
            (Some(one), Some(other)) => Some(one.worse(other)),
            (one, other) => one.or(other),
        };
        Self { others, listed: self.listed.or(listed), usage, ..self }
    }
}

impl From<Fact> for Reading {
    fn from(polled: Fact) -> Self {
        Self::of_list(polled, Vec::new())
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

/// An account as a source lists it. Its polls list its channels.
#[derive(Debug)]
pub struct ListedAccount {
    /// The upstream's id of it.
    pub id: Box<str>,
    /// How it is polled.
    pub endpoint: Arc<dyn Endpoint>,
}
