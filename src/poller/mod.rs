//! The poller: polls every target when it is due, at most one poll of each at a time.
//!
//! Not here: what to ask (`providers/`), how (`client/`), or what an answer does to the state
//! (`domain/`).

mod confirmation;
mod poll;
mod poll_backoff;
mod poll_causes;
mod poll_now;
mod queue;
mod secret_watch;

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, error, info, warn};

use crate::clock;
use crate::domain::{ApiUsage, Failure, FailureReason, Listed, SentAt, TargetKind, backoff};
use crate::fleet::{Applied, Fleet, Replacement, TargetRef};
use crate::metrics::exporter::ExporterMetrics;
use crate::report::{advice, log_events};
use crate::target::{Target, TargetSet};
use crate::upstream::{Fact, Reading};
use confirmation::Confirmation;
pub use poll::Ask;
use poll::Completed;
use poll_backoff::PollBackoff;
pub use poll_causes::PollCauses;
pub use poll_now::PollNow;
use queue::{Due, Queue};
use secret_watch::Watch;

/// How often secret files are looked at.
const SECRET_WATCH: Duration = Duration::from_secs(5);

/// Up to so many targets have their secret files watched. In a larger fleet each is read anew at
/// the next poll, which is soon, and only those that wait for a new one are watched; tokens, polled
/// seldom, always are.
const MAX_WATCHED: usize = 2000;

/// Polls that are due within so long start together: waking up for one costs half as much as the
/// poll.
const STARTED_TOGETHER: Duration = Duration::from_millis(1);

/// A target is polled out of turn at most this often.
const OUT_OF_TURN: Duration = Duration::from_secs(2);

/// Targets that are replaced between two turns of everybody else.
const REPLACED_AT_A_TIME: usize = 500;

/// Facts of a list that are applied between two turns of everybody else.
const APPLIED_AT_A_TIME: usize = 100;

/// New targets that are put on the queue between two turns of everybody else.
const SCHEDULED_AT_A_TIME: usize = 2000;

/// New targets for the poller, which answers when they are watched.
pub struct NewTargets {
    /// The targets to watch from now on.
    pub targets: Vec<Arc<Target>>,
    /// Told when they are watched.
    pub done: oneshot::Sender<()>,
}

/// Polls the targets of a fleet.
pub struct Poller {
    fleet: Arc<Fleet>,
    metrics: ExporterMetrics,
    ask: Ask,
    targets: TargetSet,
    queue: Queue,
    backoff: HashMap<TargetRef, PollBackoff>,
    in_flight: JoinSet<Completed>,
    tasks: HashMap<Id, InFlight>,
    reloads: Option<mpsc::Receiver<NewTargets>>,
    watches_all: bool,
    /// Polls that are due later are not begun, where every target is polled once.
    until: Option<Instant>,
    /// Why polls failed, where every target is polled once.
    causes: PollCauses,
    secret_watch: Option<JoinHandle<Vec<TargetRef>>>,
    poll_now: PollNow,
    asked_now: mpsc::Receiver<TargetRef>,
    /// When targets were last polled out of turn, or will be: for those whose poll was in flight,
    /// once it has ended.
    out_of_turn: HashMap<TargetRef, Instant>,
}

/// Which target each task polls.
struct InFlight {
    due: Due,
    target: Arc<Target>,
    sent_at: SentAt,
}

impl Poller {
    /// A poller of this fleet, whose targets are `targets`, that asks through `ask`.
    pub fn new(
        fleet: Arc<Fleet>,
        targets: TargetSet,
        metrics: ExporterMetrics,
        ask: Ask,
        concurrency: usize,
    ) -> Self {
        let (poll_now, asked_now) = PollNow::new();
        Self {
            fleet,
            metrics,
            ask,
            targets,
            queue: Queue::new(concurrency, clock::instant()),
            backoff: HashMap::new(),
            in_flight: JoinSet::new(),
            tasks: HashMap::new(),
            reloads: None,
            watches_all: false,
            until: None,
            causes: PollCauses::default(),
            secret_watch: None,
            poll_now,
            asked_now,
            out_of_turn: HashMap::new(),
        }
    }

    /// What has targets polled out of turn.
    pub fn poll_now(&self) -> PollNow {
        self.poll_now.clone()
    }

    /// The same poller, taking new targets from here.
    pub fn reloading(self, reloads: mpsc::Receiver<NewTargets>) -> Self {
        Self { reloads: Some(reloads), ..self }
    }

    /// Polls until it is dropped.
    pub async fn run(mut self) {
        let start = clock::instant();
        let refs = self.fleet.refs();
        self.begin(refs).await;
        let mut watch = tokio::time::interval(SECRET_WATCH);
        watch.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // One for all turns of the loop: a new one would wake the driver each time.
        let mut alarm = pin!(sleep_until(start));
        loop {
            let due = self.queue.next_due();
            if let Some(due) = due.filter(|due| alarm.deadline() != *due) {
                alarm.as_mut().reset(due);
            }
            tokio::select! {
                biased;
                Some(ended) = self.in_flight.join_next_with_id(), if !self.in_flight.is_empty() => {
                    self.end(ended).await;
                }
                () = &mut alarm, if due.is_some() => {}
                changed = finished(&mut self.secret_watch) => self.try_new_secrets(changed),
                _ = watch.tick() => self.watch_secrets(),
                Some(new) = next_reload(&mut self.reloads) => self.reload(new).await,
                Some(target) = self.asked_now.recv() => self.poll_soon(target),
            }
            self.start_due();
        }
    }

    /// Polls every target once, and returns why polls failed when all have answered.
    pub async fn run_once(mut self) -> PollCauses {
        let now = clock::instant();
        self.until = Some(now);
        let mut wanted: HashSet<TargetRef> = self.fleet.refs().into_iter().collect();
        self.schedule(wanted.iter().copied().collect(), |_, _| now).await;
        loop {
            self.start_due();
            let Some(ended) = self.in_flight.join_next_with_id().await else { return self.causes };
            self.end(ended).await;
            // What a source has listed is polled too, and nothing twice: the next polls are due
            // later.
            let new: Vec<TargetRef> =
                self.fleet.refs().into_iter().filter(|target| wanted.insert(*target)).collect();
            self.schedule(new, |_, _| now).await;
        }
    }

    /// Puts targets on the queue that were never polled, the few first: tokens and sources tell of
    /// many.
    async fn begin(&mut self, mut refs: Vec<TargetRef>) {
        self.watches_all = self.fleet.refs().len() <= MAX_WATCHED;
        let now = clock::instant();
        refs.sort_by_cached_key(|target| {
            self.fleet.look(*target, |watched| watched.target.kind == TargetKind::Channel)
        });
        let count = refs.len();
        self.schedule(refs, |at, interval| {
            now + backoff::first_delay(at, count, interval, fastrand::f64())
        })
        .await;
    }

    /// Puts targets on the queue whose place in it is a wrong one, or who may have none.
    async fn begin_anew(&mut self, mut refs: Vec<TargetRef>) {
        if refs.is_empty() {
            return;
        }
        let chosen: HashSet<TargetRef> = refs.iter().copied().collect();
        self.queue.remove(|target| chosen.contains(&target));
        self.backoff.retain(|target, _| !chosen.contains(target));
        // A poll that is in flight brings its target back by itself.
        let in_flight: HashSet<TargetRef> =
            self.tasks.values().map(|poll| poll.due.target).collect();
        refs.retain(|target| !in_flight.contains(target));
        self.begin(refs).await;
    }

    /// Puts those of the targets on the queue that are polled themselves.
    async fn schedule(&mut self, refs: Vec<TargetRef>, when: impl Fn(usize, Duration) -> Instant) {
        for (at, target) in refs.into_iter().enumerate() {
            if at % SCHEDULED_AT_A_TIME == SCHEDULED_AT_A_TIME - 1 {
                tokio::task::yield_now().await;
            }
            let settings = self.fleet.look(target, |watched| Arc::clone(&watched.target));
            if let Some(settings) = settings.filter(|one| one.options.endpoint.is_some()) {
                let upstream = self.queue.upstream(&settings.options.api_url);
                self.queue.push(Due { at: when(at, settings.policy().interval), target, upstream });
            }
        }
    }

    /// Takes the targets of new settings.
    async fn reload(&mut self, new: NewTargets) {
        self.targets.configure(new.targets);
        self.replace_targets().await;
        // Whoever asked for the reload may have gone.
        let _ = new.done.send(());
    }

    /// Puts the targets of the set in the place of the fleet's. Those that stay keep their state
    /// and their time, unless that is now beyond their interval.
    async fn replace_targets(&mut self) {
        let mut replacement = Replacement::new(self.targets.select(), clock::now());
        let replaced = loop {
            match self.fleet.replace(&mut replacement, REPLACED_AT_A_TIME) {
                Some(replaced) => break replaced,
                None => tokio::task::yield_now().await,
            }
        };
        // Polls in flight for targets that are gone end without a trace.
        self.backoff.retain(|target, _| self.fleet.look(*target, |_| ()).is_some());
        self.out_of_turn.retain(|target, _| self.fleet.look(*target, |_| ()).is_some());
        log_events::log_replaced(&replaced);
        self.begin_anew(replaced.moved).await;
        self.begin(replaced.added).await;
        if !replaced.changed_listers.is_empty() {
            // What they listed by their old settings stays until they have answered.
            let changed: HashSet<TargetRef> = replaced.changed_listers.into_iter().collect();
            self.backoff.retain(|target, _| !changed.contains(target));
            self.queue.move_up(clock::instant(), |target| changed.contains(&target));
        }
        if !replaced.rescheduled.is_empty() {
            let now = clock::instant();
            let rescheduled: HashSet<TargetRef> = replaced.rescheduled.into_iter().collect();
            let (fleet, backoff) = (&self.fleet, &self.backoff);
            self.queue.reschedule(|due| {
                let refused = backoff.get(&due.target).is_some_and(|state| state.refusals > 0);
                if refused || !rescheduled.contains(&due.target) {
                    return None;
                }
                let interval = fleet.look(due.target, |one| one.policy().interval)?;
                let beyond = due.at > now + interval.mul_f64(1.1);
                beyond.then(|| now + interval.mul_f64(fastrand::f64()))
            });
        }
    }

    /// Starts the polls that are due, as far as there is room.
    fn start_due(&mut self) {
        self.queue.advance(self.until.unwrap_or_else(|| clock::instant() + STARTED_TOGETHER));
        self.start_waiting();
    }

    fn start_waiting(&mut self) {
        while let Some(due) = self.queue.start_next() {
            let begun = self.fleet.begin_poll(due.target);
            let endpoint = begun.as_ref().and_then(|(target, _)| target.options.endpoint.clone());
            let (Some((target, sent_at)), Some(endpoint)) = (begun, endpoint) else {
                // It is no longer watched.
                self.queue.end(due.upstream, true);
                continue;
            };
            // In a box of its own: tasks are aligned to 128 bytes, and an allocator that has to
            // align large blocks leaves holes which nothing fits into.
            let poll = Box::pin(poll::poll(Arc::clone(&target), endpoint, Arc::clone(&self.ask)));
            let task = self.in_flight.spawn(poll);
            self.tasks.insert(task.id(), InFlight { due, target, sent_at });
        }
    }

    /// Applies what a poll brought, and puts its target back on the queue.
    async fn end(&mut self, ended: Result<(Id, Completed), JoinError>) {
        let task = match &ended {
            Ok((task, _)) => *task,
            Err(error) => error.id(),
        };
        let Some(InFlight { due, target, sent_at }) = self.tasks.remove(&task) else { return };
        let Some(current) = self.fleet.look(due.target, |watched| Arc::clone(&watched.target))
        else {
            // It is no longer watched, and what it lists is not wanted.
            self.queue.end(due.upstream, true);
            return;
        };
        if ended.is_ok() && target.kind != TargetKind::Channel && *current != *target {
            // It listed by settings that are no longer in force.
            self.queue.end(due.upstream, true);
            let upstream = self.queue.upstream(&current.options.api_url);
            self.queue.push(Due { at: clock::instant(), upstream, ..due });
            return;
        }
        let mut state = self.backoff.remove(&due.target).unwrap_or_default();
        let (mut answered, mut usage) = (true, None);
        let retry_after = match ended {
            Ok((_, completed)) => {
                let failure = completed.reading.polled.failure().cloned();
                usage = completed.reading.usage;
                answered = !failure.as_ref().is_some_and(|failure| {
                    matches!(failure.reason, FailureReason::Timeout | FailureReason::Connect)
                });
                self.apply(due.target, &target, sent_at, &mut state, completed).await;
                log_failure(&target, &state, failure.as_ref());
                if let (Some(_), Some(failure)) = (self.until, &failure) {
                    self.causes.add(&target, failure);
                }
                state.failing = failure.as_ref().map(|failure| failure.reason);
                state.refusals = match state.failing {
                    Some(reason) if reason.backs_off() => state.refusals.saturating_add(1),
                    _ => 0,
                };
                failure.and_then(|failure| failure.retry_after)
            }
            Err(error) => {
                // The message of a panic may hold anything, so only that it happened is told.
                if error.is_panic() {
                    self.metrics.panicked();
                    error!(
                        target_kind = target.kind.as_str(),
                        name = target.name.as_str(),
                        "a poll panicked, which is a bug in the exporter; the target is polled \
                         again"
                    );
                }
                state.refusals = 0;
                None
            }
        };
        self.queue.end(due.upstream, answered);
        let Some(policy) = self.fleet.look(due.target, |watched| watched.policy()) else { return };
        let delay =
            backoff::next_delay(policy.interval, state.refusals, retry_after, fastrand::f64());
        // Polls keep away from a limit before it is met.
        let delay =
            usage.map_or(delay, |usage: ApiUsage| delay.max(usage.spacing(policy.interval)));
        let now = clock::instant();
        // A wait that was asked for begins now; otherwise polls keep their rhythm, and missed ones
        // are not caught up.
        let from = if state.refusals > 0 || due.at + delay <= now { now } else { due.at };
        let mut next = self.queue.next_tick(from + delay);
        if let Some(soon) = self.out_of_turn.get(&due.target).filter(|soon| **soon > due.at)
            && state.refusals == 0
        {
            next = next.min(*soon);
        }
        if state.confirmation.is_some() && state.refusals == 0 {
            next = next.min(now + Confirmation::delay(fastrand::f64()));
        }
        // In a fleet of a hundred thousand a well channel gets no entry.
        let is_well = state.failing.is_none() && state.confirmation.is_none();
        if self.is_watched(&target) || !is_well {
            self.backoff.insert(due.target, state);
        }
        let moved = current.options.api_url != target.options.api_url;
        let upstream =
            if moved { self.queue.upstream(&current.options.api_url) } else { due.upstream };
        self.queue.push(Due { at: next, upstream, ..due });
    }

    /// Applies what a poll says, and logs what changed.
    async fn apply(
        &mut self,
        polled: TargetRef,
        target: &Arc<Target>,
        sent_at: SentAt,
        state: &mut PollBackoff,
        completed: Completed,
    ) {
        let now = clock::now();
        let Completed { took, secrets, reading } = completed;
        let Reading { polled: fact, others, listed, usage } = reading;
        let replaced = match (state.secrets, secrets) {
            (Some(before), Some(after)) => !before.same_own(after),
            _ => false,
        };
        state.secrets = secrets.or(state.secrets);
        if let Some(took) = took {
            self.metrics.poll_took(target.provider(), took);
        }
        let lists = listed.is_some();
        if let Some(channels) = listed {
            let (listed, changed) = self.targets.list(target, channels);
            if let Some((source, listed)) = target.source().zip(listed) {
                let before = self.fleet.relist(target, listed);
                log_events::log_list(source, before, listed);
            }
            if changed {
                self.replace_targets().await;
            }
        }
        match fact {
            Fact::Channels(list) => {
                let list = list.map(|channels| self.targets.list(target, channels));
                self.apply_list(polled, target, list).await;
            }
            Fact::Accounts(list) => {
                let list = list.map(|accounts| self.targets.list_accounts(target, accounts));
                self.apply_list(polled, target, list).await;
            }
            fact => {
                if let Fact::Account(Err(failure)) = &fact
                    && !lists
                {
                    self.fleet.fail_listed(target, now, failure);
                }
                let applied = self.fleet.apply(polled, now, sent_at, replaced, fact);
                state.confirmation = Confirmation::after_poll(
                    state.confirmation,
                    applied.statuses,
                    clock::instant(),
                );
                self.log_changes(target, applied);
            }
        }
        // Also of the channels that it has just listed.
        if target.kind == TargetKind::Account {
            self.fleet.apply_usage(polled, usage);
        }
        for (at, (id, fact)) in others.into_iter().enumerate() {
            if at % APPLIED_AT_A_TIME == APPLIED_AT_A_TIME - 1 {
                tokio::task::yield_now().await;
                self.start_due();
            }
            let applied = self.fleet.apply_to_listed(target, &id, now, fact);
            self.log_changes(target, applied);
        }
    }

    /// Applies a source's list, which the set has taken: what is on it is watched from now on, and
    /// what it no longer has is gone. A list that fails changes nothing.
    async fn apply_list(
        &mut self,
        source: TargetRef,
        target: &Arc<Target>,
        list: Result<(Option<Listed>, bool), Failure>,
    ) {
        match list {
            Ok((listed, changed)) => {
                let before = self.fleet.look(source, |watched| watched.source()?.listed());
                self.fleet.apply_list(source, clock::now(), Ok(listed));
                if let Some(listed) = listed {
                    log_events::log_list(&target.name, before.flatten(), listed);
                }
                if changed {
                    self.replace_targets().await;
                }
            }
            Err(failure) => {
                self.fleet.apply_list(source, clock::now(), Err(&failure));
                self.fleet.fail_listed(target, clock::now(), &failure);
            }
        }
    }

    fn log_changes(&self, target: &Target, applied: Applied) {
        if applied.unknown_word {
            self.metrics.unknown_status(target.provider());
        }
        log_events::log_changes(target.provider(), &applied.changes);
    }

    /// Whether a target's secret files are looked at between polls although it is well.
    fn is_watched(&self, target: &Target) -> bool {
        self.watches_all || target.kind != TargetKind::Channel
    }

    /// Looks, where nobody waits for it, at the secrets of targets that may need new ones.
    fn watch_secrets(&mut self) {
        if self.secret_watch.is_some() {
            return;
        }
        let watches: Vec<Watch> = self
            .backoff
            .iter()
            .filter_map(|(target, state)| {
                let settings = self.fleet.look(*target, |watched| Arc::clone(&watched.target))?;
                let waits = state.failing.is_some_and(FailureReason::fixed_by_new_secret);
                (waits || self.is_watched(&settings)).then(|| Watch {
                    target: *target,
                    settings,
                    used: state.secrets,
                    unreadable: state.failing == Some(FailureReason::Secret),
                })
            })
            .collect();
        if !watches.is_empty() {
            let looking = tokio::task::spawn_blocking(move || secret_watch::changed(watches));
            self.secret_watch = Some(looking);
        }
    }

    /// Polls targets at once whose secrets have changed since the last poll.
    fn try_new_secrets(&mut self, changed: Vec<TargetRef>) {
        if changed.is_empty() {
            return;
        }
        for target in &changed {
            self.backoff.entry(*target).and_modify(|state| state.refusals = 0);
        }
        let changed: HashSet<TargetRef> = changed.into_iter().collect();
        self.queue.move_up(clock::instant(), |target| changed.contains(&target));
    }

    /// Puts a target at the front that somebody wants polled out of turn.
    fn poll_soon(&mut self, target: TargetRef) {
        if self.backoff.get(&target).is_some_and(|state| state.refusals > 0) {
            return;
        }
        let now = clock::instant();
        self.out_of_turn.retain(|_, last| *last + OUT_OF_TURN > now);
        let last = self.out_of_turn.get(&target);
        let soon = last.map_or(now, |last| now.max(*last + OUT_OF_TURN));
        if last.is_none_or(|last| *last <= now) {
            self.out_of_turn.insert(target, soon);
            self.queue.move_up(soon, |other| other == target);
        }
    }
}

fn log_failure(target: &Target, before: &PollBackoff, failure: Option<&Failure>) {
    let (kind, name) = (target.kind.as_str(), &target.name);
    match failure {
        Some(failure) if before.failing == Some(failure.reason) => {
            debug!(
                target_kind = kind,
                name = name.as_str(),
                reason = failure.reason.as_str(),
                detail = failure.detail,
                "a poll failed again"
            );
        }
        Some(failure) => {
            warn!(
                target_kind = kind,
                name = name.as_str(),
                reason = failure.reason.as_str(),
                detail = failure.detail,
                todo = advice::failure(target.provider(), failure.reason),
                "polls fail"
            );
        }
        None if before.failing.is_some() => {
            info!(target_kind = kind, name = name.as_str(), "polls succeed again")
        }
        None => {}
    }
}

async fn next_reload(reloads: &mut Option<mpsc::Receiver<NewTargets>>) -> Option<NewTargets> {
    match reloads {
        Some(reloads) => reloads.recv().await,
        None => None,
    }
}

/// Waits for a look at the secret files to end, if one is under way.
async fn finished(looking: &mut Option<JoinHandle<Vec<TargetRef>>>) -> Vec<TargetRef> {
    match looking {
        Some(task) => {
            let changed = task.await.unwrap_or_default();
            *looking = None;
            changed
        }
        None => std::future::pending().await,
    }
}
