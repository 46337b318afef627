//! Putting other targets in the place of the present ones, in steps that hold up nobody.
//!
//! Not here: where the new targets come from.

use std::sync::{Arc, Mutex};
use std::vec::IntoIter;

use super::order::Order;
use super::recall::Recall;
use super::table::Table;
use super::target_ref::TargetRef;
use super::watched::{TargetState, Watched};
use crate::domain::{Now, Status, TargetKind};
use crate::lock::lock;
use crate::target::{Name, OtherShards, Selection, Target};

/// How many targets that came, and how many that are gone, are kept to be named.
const EXAMPLES: usize = 10;

/// A replacement under way. A target that stays keeps its state where it is: nothing is copied or
/// moved. Until the last step readers see the old targets.
pub struct Replacement {
    new: IntoIter<Arc<Target>>,
    other_shards: OtherShards,
    order: Order,
    outcome: Replaced,
    /// Which rows stay.
    stay: Vec<bool>,
    /// What is to be removed; `None` until all new targets are in.
    gone: Option<Vec<TargetRef>>,
    now: Now,
}

/// What a replacement changed.
#[derive(Debug, Default)]
pub struct Replaced {
    /// Targets that were not there before.
    pub added: Vec<TargetRef>,
    /// The first of them, to be named.
    pub added_examples: Vec<Arc<Target>>,
    /// Targets whose poll interval is another one now.
    pub rescheduled: Vec<TargetRef>,
    /// Targets that are polled now and were not before, or at another address.
    pub moved: Vec<TargetRef>,
    /// Sources and accounts whose settings changed, so that what they listed may be wrong.
    pub changed_listers: Vec<TargetRef>,
    /// How many targets are gone.
    pub removed: usize,
    /// The first of those that are gone, to be named.
    pub removed_examples: Vec<Arc<Target>>,
    /// How many of them are channels that could not send. Their alerts end with them.
    pub removed_unauthorized: usize,
    /// The first of these, with their last status.
    pub removed_unauthorized_examples: Vec<(Arc<Target>, Status)>,
}

/// What a step of a replacement came to.
pub(super) enum Step {
    /// There is more to do.
    More,
    /// Readers see the new targets from now on, and there is more to do.
    Published,
    /// All is done.
    Done(Replaced),
}

impl Replacement {
    /// Begins to put these targets in the place of the present ones.
    pub fn new(targets: impl Into<Selection>, now: Now) -> Self {
        let Selection { own, other_shards } = targets.into();
        Self {
            order: Order::with_capacity(own.len()),
            new: own.into_iter(),
            other_shards,
            outcome: Replaced::default(),
            stay: Vec::new(),
            gone: None,
            now,
        }
    }

    /// Handles at most `count` targets.
    pub(super) fn step(
        &mut self,
        table: &Mutex<Table>,
        receives_webhooks: bool,
        recall: &Recall,
        count: usize,
    ) -> Step {
        match &mut self.gone {
            None => {
                for _ in 0..count {
                    let Some(target) = self.new.next() else {
                        self.gone = Some(self.publish(table));
                        return Step::Published;
                    };
                    self.put(&mut lock(table), target, receives_webhooks, recall);
                }
                Step::More
            }
            Some(gone) if gone.is_empty() => Step::Done(std::mem::take(&mut self.outcome)),
            Some(gone) => {
                let mut table = lock(table);
                for target in gone.drain(gone.len().saturating_sub(count)..) {
                    table.remove(target);
                }
                Step::More
            }
        }
    }

    fn put(
        &mut self,
        table: &mut Table,
        target: Arc<Target>,
        receives_webhooks: bool,
        recall: &Recall,
    ) {
        let row = row_of(table, &target);
        // Of two that are one line, such as one that two accounts list, the first takes it up.
        let reference = match row.filter(|row| !self.stays(*row)) {
            Some(kept) => {
                if let Some(watched) = table.get_mut(kept) {
                    let (before, after) = (&watched.target.options, &target.options);
                    if before.policy.interval != after.policy.interval {
                        self.outcome.rescheduled.push(kept);
                    }
                    let was_polled = before.endpoint.is_some();
                    if after.endpoint.is_some() && (!was_polled || before.api_url != after.api_url)
                    {
                        self.outcome.moved.push(kept);
                    }
                    if target.kind != TargetKind::Channel && watched.target != target {
                        self.outcome.changed_listers.push(kept);
                    }
                    if let TargetState::Token(state) = &mut watched.state {
                        let before = &watched.target.options.required_scopes;
                        state.require(before, &target.options.required_scopes);
                    }
                    if let TargetState::Account(state) = &mut watched.state
                        && watched.target.source() != target.source()
                    {
                        state.asked_by_another();
                    }
                }
                table.set_target(kept, Arc::clone(&target));
                kept
            }
            None => {
                let mut watched = Watched::new(Arc::clone(&target), self.now, receives_webhooks);
                recall.restore(&mut watched);
                if self.outcome.added_examples.len() < EXAMPLES {
                    self.outcome.added_examples.push(Arc::clone(&target));
                }
                let added = table.insert(watched);
                self.outcome.added.push(added);
                added
            }
        };
        let row = reference.row as usize;
        if self.stay.len() <= row {
            self.stay.resize(row + 1, false);
        }
        self.stay[row] = true;
        self.order.push(reference, &target);
    }

    fn stays(&self, target: TargetRef) -> bool {
        self.stay.get(target.row as usize) == Some(&true)
    }

    /// Lets readers see the new targets. Returns those that are to be removed.
    fn publish(&mut self, table: &Mutex<Table>) -> Vec<TargetRef> {
        let mut table = lock(table);
        let gone: Vec<TargetRef> = table.refs().filter(|target| !self.stays(*target)).collect();
        let examples = gone.iter().filter_map(|gone| table.get(*gone)).take(EXAMPLES);
        self.outcome.removed_examples = examples.map(|one| Arc::clone(&one.target)).collect();
        self.outcome.removed = gone.len();
        let now = self.now;
        let unauthorized = gone.iter().filter_map(|gone| {
            let watched = table.get(*gone)?;
            let (state, policy) = (watched.channel()?, watched.policy());
            let sends = state.authorized(now, policy);
            (sends == Some(false)).then(|| (watched, state.status(now, policy)))
        });
        for (watched, status) in unauthorized {
            self.outcome.removed_unauthorized += 1;
            if self.outcome.removed_unauthorized_examples.len() < EXAMPLES {
                let example = (Arc::clone(&watched.target), status);
                self.outcome.removed_unauthorized_examples.push(example);
            }
        }
        table.set_order(std::mem::take(&mut self.order));
        table.set_other_shards(std::mem::take(&mut self.other_shards));
        gone
    }
}

/// The row whose state a target takes up. What a source lists is one by its id, whatever it is
/// called: which of two that contend for a name gets it can depend on whose list came first, and a
/// name that falls free is another line's. A file that is read at the start is searched in the same
/// way (`state_file/saved_targets.rs`).
fn row_of(table: &Table, target: &Target) -> Option<TargetRef> {
    let named = table.find(target.kind, target.name.as_str());
    let named = named.and_then(|row| Some((row, &*table.get(row)?.target)));
    // Nearly all keep their name as well, and many sources may have a line of this id.
    let kept = named.filter(|(_, before)| before.is_listed_as(target)).map(|(row, _)| row);
    let by_id = || {
        let (id, scope) = (target.id.as_deref()?, target.id_scope().map(Name::as_str));
        let found = table.find_by_id(target.kind, target.provider(), scope, id);
        found.filter(|row| table.get(*row).is_some_and(|one| one.target.is_listed_as(target)))
    };
    let same = || named.filter(|(_, before)| is_same(before, target)).map(|(row, _)| row);
    kept.or_else(by_id).or_else(same)
}

/// Whether two targets of one kind and name are one. A source at another address is another one, of
/// which nothing is known yet.
fn is_same(one: &Target, other: &Target) -> bool {
    let are_listed = one.source().and(other.source()).is_some();
    one.provider() == other.provider()
        && (!are_listed || one.is_listed_as(other))
        && (one.kind != TargetKind::Source || one.options.api_url == other.options.api_url)
}
