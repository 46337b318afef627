//! Every target with all that is known of it, behind one lock.
//!
//! Not here: how targets are polled or shown. Polls write and scrapes read, each for as long as a
//! block of text takes to write; neither waits for the other's I/O, and a reader that stalls holds
//! nothing but a pointer.

mod delivery;
mod listed;
mod listed_index;
mod order;
mod passed;
mod recall;
mod replacement;
mod requests;
mod spacing;
mod table;
mod table_rows;
mod target_ref;
mod unknown_ids;
mod view;
mod waiting;
mod watched;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::domain::{
    Failure, FailureReason, Listed, Now, Reported, SentAt, Status, TargetKind, Transition,
};
use crate::lock::lock;
use crate::providers;
use crate::target::{Name, OtherShards, Selection, Target};
use crate::upstream::Fact;

pub use delivery::{AccountDelivery, DeliveryOutcome};
pub use order::NamedTarget;
pub use passed::PassedRequests;
use recall::Recall;
use replacement::Step;
pub use replacement::{Replaced, Replacement};
use table::Table;
pub use target_ref::TargetRef;
pub use view::{FleetView, Targets};
pub use watched::{TargetState, Unattributed, Watched};

/// Every target's state.
#[derive(Debug)]
pub struct Fleet {
    table: Arc<Mutex<Table>>,
    updated: Notify,
    /// Whether webhooks may tell of channels as well.
    receives_webhooks: bool,
    /// Grows whenever something was learnt.
    changes: AtomicU64,
    /// Grows with each replacement of the targets.
    generation: AtomicU64,
    recall: Recall,
}

/// Something that people should hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A channel's status moved.
    Moved(Name, Transition),
    /// A token began or ceased to work.
    Validity(Name, bool),
    /// A channel reports a word that its provider's table does not have.
    UnknownWord(Name, String),
}

/// What applying a fact led to.
#[derive(Debug, Default)]
pub struct Applied {
    /// What people should hear of.
    pub changes: Vec<Change>,
    /// Whether the fact had a status word that is not in the provider's table.
    pub unknown_word: bool,
    /// The last known status before and after a poll that told a channel's status.
    pub statuses: Option<(Status, Status)>,
    /// Why the channel cannot be told of any longer, if it could before, or for another reason.
    pub failure: Option<(Name, Failure)>,
}

impl Fleet {
    /// A fleet of targets configured at `now` and never polled.
    pub fn new(targets: impl Into<Selection>, now: Now, receives_webhooks: bool) -> Self {
        let unattributed = providers::all().map(|provider| Unattributed {
            provider,
            requests: Default::default(),
            created: now.unix,
        });
        let fleet = Self {
            table: Arc::new(Mutex::new(Table::new(unattributed.collect()))),
            updated: Notify::new(),
            receives_webhooks,
            changes: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            recall: Recall::default(),
        };
        let mut replacement = Replacement::new(targets, now);
        while fleet.replace(&mut replacement, usize::MAX).is_none() {}
        fleet
    }

    /// Goes on with a replacement, handling at most `count` targets. `Some` once all is done.
    pub fn replace(&self, replacement: &mut Replacement, count: usize) -> Option<Replaced> {
        match replacement.step(&self.table, self.receives_webhooks, &self.recall, count) {
            Step::More => None,
            Step::Published => {
                self.generation.fetch_add(1, Ordering::Release);
                self.changes.fetch_add(1, Ordering::Relaxed);
                None
            }
            Step::Done(replaced) => Some(replaced),
        }
    }

    /// Has this called with every target that is added from now on, before it is asked: what was
    /// known of a line is taken up when its source lists it again.
    pub fn recall_with(&self, restore: impl Fn(&mut Watched) + Send + Sync + 'static) {
        self.recall.set(Box::new(restore));
    }

    /// A number that is another one whenever something was learnt.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// A number that is another one after each replacement of the targets.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn changing(&self) -> MutexGuard<'_, Table> {
        self.changes.fetch_add(1, Ordering::Relaxed);
        lock(&self.table)
    }

    /// The targets there are, to be looked at as of `now`.
    pub fn view(&self, now: Now) -> FleetView {
        let order = lock(&self.table).order();
        FleetView { now, table: Arc::clone(&self.table), order }
    }

    /// All targets, those of one kind together.
    pub fn refs(&self) -> Vec<TargetRef> {
        lock(&self.table).order().all().collect()
    }

    /// The target of this kind and name.
    pub fn find(&self, kind: TargetKind, name: &str) -> Option<TargetRef> {
        lock(&self.table).find(kind, name)
    }

    /// Looks at a target, if it is still watched.
    pub fn look<R>(&self, target: TargetRef, see: impl FnOnce(&Watched) -> R) -> Option<R> {
        lock(&self.table).get(target).map(see)
    }

    /// Changes every target and what is known of unknown credentials, as when saved states are
    /// restored.
    pub fn change_all(
        &self,
        mut change: impl FnMut(&mut Watched),
        unattributed: impl FnOnce(&mut [Unattributed]),
    ) {
        let mut table = self.changing();
        for target in table.order().all() {
            table.change(target, &mut change);
        }
        unattributed(&mut table.unattributed);
    }

    /// The target that a poll is about to ask, and what its answer has to be newer than.
    pub fn begin_poll(&self, target: TargetRef, now: Now) -> Option<(Arc<Target>, SentAt)> {
        self.look(target, |watched| {
            let sent_at = watched.channel().map(|state| state.sent_at(now));
            (Arc::clone(&watched.target), sent_at.unwrap_or(SentAt::now(now)))
        })
    }

    /// Applies what a poll says of a target. `replaced` tells that the credential is another one
    /// than at the last poll, so that what was known of a token does not hold for this one.
    pub fn apply(
        &self,
        target: TargetRef,
        now: Now,
        sent_at: SentAt,
        replaced: bool,
        fact: Fact,
    ) -> Applied {
        let mut table = self.changing();
        let applied = table.change(target, |watched| apply(watched, now, sent_at, replaced, fact));
        drop(table);
        self.updated.notify_waiters();
        applied.unwrap_or_default()
    }

    /// Applies what the poll of a source, or of one of its accounts, says of one of its channels.
    /// It was sent at `sent_at`.
    pub fn apply_to_listed(
        &self,
        lister: &Target,
        id: &str,
        now: Now,
        sent_at: SentAt,
        fact: Fact,
    ) -> Applied {
        let (table, provider) = (lock(&self.table), lister.provider());
        let source = lister.source().unwrap_or(&lister.name);
        let of_source = |source| table.find_by_id(TargetKind::Channel, provider, source, id);
        // A channel of the settings is polled with its own credential, and is on the list all the
        // same: nobody else tells of its subscription.
        let found = of_source(Some(source.as_str())).or_else(|| match fact {
            Fact::Subscription(_) => of_source(None),
            _ => None,
        });
        drop(table);
        match found {
            Some(channel) => {
                let listed_at = |watched: &Watched| Some(watched.channel()?.listed_at(sent_at));
                let sent_at = self.look(channel, listed_at).flatten().unwrap_or(sent_at);
                self.apply(channel, now, sent_at, false, fact)
            }
            None => Applied::default(),
        }
    }

    /// Applies the outcome of a poll of a source's list; `None` when it does not tell how many
    /// channels there are.
    pub fn apply_list(
        &self,
        source: TargetRef,
        now: Now,
        outcome: Result<Option<Listed>, &Failure>,
    ) {
        self.changing().change(source, |watched| {
            if let TargetState::Source(state) = &mut watched.state {
                state.apply(now, outcome);
            }
        });
    }

    /// Takes how many channels a source has in all. Returns how many it had.
    pub fn relist(&self, source: &Name, listed: Listed) -> Option<Listed> {
        let mut table = self.changing();
        let source = table.find(TargetKind::Source, source.as_str())?;
        let before = table.change(source, |watched| match &mut watched.state {
            TargetState::Source(state) => {
                let before = state.listed();
                state.relisted(listed);
                before
            }
            _ => None,
        });
        before.flatten()
    }

    /// Ends when something was learnt of any channel. What was learnt before this is called is not
    /// waited for again once the future was polled or enabled.
    pub fn updated(&self) -> tokio::sync::futures::Notified<'_> {
        self.updated.notified()
    }

    /// The targets that other shards watch.
    pub fn other_shards(&self) -> Arc<OtherShards> {
        lock(&self.table).other_shards()
    }
}

fn apply(watched: &mut Watched, now: Now, sent_at: SentAt, replaced: bool, fact: Fact) -> Applied {
    let policy = watched.policy();
    let name = &watched.target.name;
    let mut applied = Applied::default();
    match (&mut watched.state, fact) {
        (TargetState::Channel(state), Fact::Channel(outcome)) => {
            let word = match &outcome {
                Ok(observation) => unknown_word(&observation.status),
                Err(_) => None,
            };
            applied.unknown_word = word.is_some();
            if let Some(word) = word.filter(|_| !state.reports_unknown_word()) {
                applied.changes.push(Change::UnknownWord(name.clone(), word));
            }
            let tells_status = outcome.as_ref().map_or_else(
                |failure| failure.reason == FailureReason::SessionUnauthorized,
                |_| true,
            );
            let failing = state.polls().failing_since().and(state.polls().last_failure());
            applied.failure = outcome
                .as_ref()
                .err()
                .filter(|failure| failing != Some(failure.reason))
                .map(|failure| (name.clone(), failure.clone()));
            let before = state.last_known_status();
            let moved = state.apply_since(now, policy, sent_at, outcome);
            applied.statuses = tells_status.then(|| (before, state.last_known_status()));
            applied.changes.extend(moved.map(|moved| Change::Moved(name.clone(), moved)));
        }
        (TargetState::Channel(state), Fact::Subscription(subscription)) => {
            state.subscribed(now, subscription);
        }
        (TargetState::Channel(state), Fact::Delivery(count)) => state.delivery_counted(count),
        (TargetState::Token(state), Fact::Token(reading)) => {
            if replaced {
                state.credential_changed();
            }
            let scopes = &watched.target.options.required_scopes;
            let validity = state.apply(now, scopes, reading);
            applied.changes.extend(validity.map(|valid| Change::Validity(name.clone(), valid)));
        }
        (TargetState::Account(state), Fact::Account(outcome)) => {
            state.apply(now, outcome.map(|seen| *seen))
        }
        // A provider's answer is about the kind of target that was polled.
        _ => {}
    }
    applied
}

fn unknown_word(reported: &Reported) -> Option<String> {
    match reported {
        Reported::Word(word) => Some(word.clone()),
        Reported::Known(_) => None,
    }
}
