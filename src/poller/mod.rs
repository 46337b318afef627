//! The poller: polls every target when it is due, at most one poll of each at a time.
//!
//! Not here: what to ask (`providers/`), how (`client/`), or what an answer does to the state
//! (`domain/`).

mod confirmation;
mod new_secrets;
mod poll;
mod poll_backoff;
mod poll_causes;
mod poll_now;
mod queue;
mod results;
mod secret_watch;
mod targets;

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use tracing::error;

use crate::clock;
use crate::domain::{ApiUsage, FailureReason, SentAt, TargetKind, backoff};
use crate::fleet::{Fleet, TargetRef};
use crate::metrics::exporter::ExporterMetrics;
use crate::target::{KeptNames, Target, TargetSet};
pub use poll::Ask;
use poll::Completed;
use poll_backoff::PollBackoff;
pub use poll_causes::PollCauses;
pub use poll_now::PollNow;
use queue::{Due, Queue};
use secret_watch::finished;

/// How often secret files are looked at.
const SECRET_WATCH: Duration = Duration::from_secs(5);

/// Polls that are due within so long start together: waking up for one costs half as much as the
/// poll.
const STARTED_TOGETHER: Duration = Duration::from_millis(1);

/// A target is polled out of turn at most this often.
const OUT_OF_TURN: Duration = Duration::from_secs(2);

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
            poll_now: PollNow::default(),
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

    /// Takes the names that listed channels had before the start.
    pub fn keep_names(&mut self, kept: KeptNames) {
        self.targets.keep_names(kept);
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
                asked = self.poll_now.asked() => self.poll_soon(asked),
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

    /// When a poll is due that is to begin at once.
    fn at_once(&self) -> Instant {
        self.until.unwrap_or_else(clock::instant)
    }

    /// Starts the polls that are due, as far as there is room.
    fn start_due(&mut self) {
        self.queue.advance(self.until.unwrap_or_else(|| clock::instant() + STARTED_TOGETHER));
        self.start_waiting();
    }

    fn start_waiting(&mut self) {
        while let Some(due) = self.queue.start_next() {
            let begun = self.fleet.begin_poll(due.target, clock::now());
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
            self.queue.push(Due { at: self.at_once(), upstream, ..due });
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
                state.log(&target, failure.as_ref());
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
        // Polls keep away from a limit before it is met.
        let spacing = usage.map(|usage: ApiUsage| usage.spacing(policy.interval));
        if spacing.is_some_and(|spacing| spacing > policy.interval) {
            state.confirmation = None;
        }
        let delay =
            backoff::next_delay(policy.interval, state.refusals, retry_after, fastrand::f64());
        let at = self.next_poll(&due, &state, delay.max(spacing.unwrap_or_default()));
        // In a fleet of a hundred thousand a well channel gets no entry.
        let is_well = state.failing.is_none() && state.confirmation.is_none();
        if self.is_watched(&target) || !is_well {
            self.backoff.insert(due.target, state);
        }
        let moved = current.options.api_url != target.options.api_url;
        let upstream =
            if moved { self.queue.upstream(&current.options.api_url) } else { due.upstream };
        self.queue.push(Due { at, upstream, ..due });
    }

    /// When a target is polled again, `delay` after this poll or earlier.
    fn next_poll(&self, due: &Due, state: &PollBackoff, delay: Duration) -> Instant {
        let now = clock::instant();
        // A wait that was asked for begins now; otherwise polls keep their rhythm, and missed ones
        // are not caught up.
        let from = if state.refusals > 0 || due.at + delay <= now { now } else { due.at };
        let mut next = self.queue.next_tick(from + delay);
        if state.refusals > 0 {
            return next;
        }
        if let Some(soon) = self.out_of_turn.get(&due.target).filter(|soon| **soon > due.at) {
            next = next.min(*soon);
        }
        if let Some(confirmation) = state.confirmation {
            next = next.min(now + confirmation.delay(fastrand::f64()));
        }
        next
    }

    /// Puts targets at the front that somebody wants polled out of turn.
    fn poll_soon(&mut self, asked: HashSet<TargetRef>) {
        let now = clock::instant();
        self.out_of_turn.retain(|_, last| *last + OUT_OF_TURN > now);
        let mut soon = HashMap::new();
        for target in asked {
            let refused = self.backoff.get(&target).is_some_and(|state| state.refusals > 0);
            let last = self.out_of_turn.get(&target);
            if !refused && last.is_none_or(|last| *last <= now) {
                soon.insert(target, last.map_or(now, |last| now.max(*last + OUT_OF_TURN)));
            }
        }
        if !soon.is_empty() {
            self.queue.move_up(|target| soon.get(&target).copied());
            self.out_of_turn.extend(soon);
        }
    }
}

async fn next_reload(reloads: &mut Option<mpsc::Receiver<NewTargets>>) -> Option<NewTargets> {
    match reloads {
        Some(reloads) => reloads.recv().await,
        None => None,
    }
}
