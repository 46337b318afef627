//! The poller: asks every target when it is due, at most one poll of each and so many of all at a time.
//!
//! Not here: what to ask (`providers/`), how (`client/`), or what the answer does to the state (`domain/`).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, error, info, warn};

use crate::clock;
use crate::domain::{
    ChannelObservation, Failure, FailureReason, Known, Provider, Reported, TokenReading, schedule,
};
use crate::fleet::{Fleet, Handle, TargetId};
use crate::metrics::exporter::ExporterMetrics;
use crate::providers::meta::Inspector;
use crate::providers::{Answer, Request, meta, whapi};
use crate::reload::NewTargets;
use crate::settings::{ChannelTarget, Fingerprint, SecretSource, TokenTarget, fingerprint};
use crate::{news, words};

/// Sends a request; [`crate::client::Client`] in the program, something else in a test.
pub type Ask = Arc<
    dyn Fn(Request) -> Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>> + Send + Sync,
>;

/// How often secret files are looked at.
const SECRET_WATCH: Duration = Duration::from_secs(5);

/// Up to so many channels have their secret files watched. In a larger fleet each is read anew at the next poll, which
/// is soon, and only those that wait for a new one are watched; tokens, asked seldom, always are.
const WATCHED_CHANNELS: usize = 2000;

/// A target is asked out of turn at most this often.
const HURRY: Duration = Duration::from_secs(2);

/// Has targets asked out of turn, as when an application was just refused.
#[derive(Clone)]
pub struct Hurry(mpsc::Sender<Handle>);

impl Hurry {
    /// Asks this target soon: at once, or when the last hurried poll is two seconds ago. Polls that are spaced out after a refusal stay so.
    pub fn poll(&self, target: &Handle) {
        // With so many waiting, this one is not the first to notice.
        let _ = self.0.try_send(target.clone());
    }
}

/// Asks the targets of a fleet.
pub struct Poller {
    fleet: Arc<Fleet>,
    metrics: ExporterMetrics,
    ask: Ask,
    concurrency: usize,
    agenda: BinaryHeap<Reverse<(Instant, TargetId)>>,
    course: HashMap<TargetId, Course>,
    under_way: JoinSet<Completed>,
    /// Whose polls the tasks are.
    tasks: HashMap<Id, UnderWay>,
    reloads: Option<mpsc::Receiver<NewTargets>>,
    watches_channels: bool,
    hurry: Hurry,
    hurried: mpsc::Receiver<Handle>,
    /// When targets were last asked out of turn, or will be: for those whose poll was under way, once it has ended.
    out_of_turn: HashMap<TargetId, Instant>,
}

/// What the next poll of a target depends on. Kept only for targets that are not simply well.
#[derive(Clone, Copy, Default)]
struct Course {
    /// Failures in a row that ask for distance.
    refusals: u32,
    /// The reason of the last failure, so that a streak is logged once.
    failing: Option<FailureReason>,
    /// The secrets that were last sent.
    secrets: Option<Fingerprint>,
}

/// A poll that was sent and has not ended.
struct UnderWay {
    id: TargetId,
    due: Instant,
    /// What was known of the channel when it was sent.
    known: Known,
}

struct Completed {
    took: Option<Duration>,
    /// The secrets that were used, when they could be read.
    secrets: Option<Fingerprint>,
    reading: Reading,
}

enum Reading {
    Channel(Result<ChannelObservation, Failure>),
    Token(TokenReading),
}

impl Poller {
    /// A poller of this fleet that asks through `ask`.
    pub fn new(fleet: Arc<Fleet>, metrics: ExporterMetrics, ask: Ask, concurrency: usize) -> Self {
        let (hurry, hurried) = mpsc::channel(64);
        Self {
            fleet,
            metrics,
            ask,
            concurrency,
            agenda: BinaryHeap::new(),
            course: HashMap::new(),
            under_way: JoinSet::new(),
            tasks: HashMap::new(),
            reloads: None,
            watches_channels: false,
            hurry: Hurry(hurry),
            hurried,
            out_of_turn: HashMap::new(),
        }
    }

    /// What has targets asked out of turn.
    pub fn hurry(&self) -> Hurry {
        self.hurry.clone()
    }

    /// The same poller, taking new targets from here.
    pub fn reloading(self, reloads: mpsc::Receiver<NewTargets>) -> Self {
        Self { reloads: Some(reloads), ..self }
    }

    /// Polls until it is dropped.
    pub async fn run(mut self) {
        let start = Instant::now();
        let ids = self.fleet.ids();
        self.begin(&ids);
        let mut watch = tokio::time::interval(SECRET_WATCH);
        watch.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // One for all turns of the loop: a new one would wake the driver each time.
        let mut alarm = pin!(sleep_until(start));
        loop {
            let room = self.under_way.len() < self.concurrency;
            let due = self.agenda.peek().map(|Reverse((due, _))| *due);
            if let Some(due) = due.filter(|due| alarm.deadline() != *due) {
                alarm.as_mut().reset(due);
            }
            tokio::select! {
                biased;
                Some(ended) = self.under_way.join_next_with_id(), if !self.under_way.is_empty() => self.ended(ended),
                () = &mut alarm, if room && due.is_some() => self.start_due(),
                _ = watch.tick() => self.watch_secrets(),
                Some(new) = next_reload(&mut self.reloads) => self.reload(new),
                Some(target) = self.hurried.recv() => self.poll_soon(&target),
            }
        }
    }

    /// Puts targets on the agenda that were never asked.
    fn begin(&mut self, ids: &[TargetId]) {
        self.watches_channels = self.fleet.ids().len() <= WATCHED_CHANNELS;
        let now = Instant::now();
        for (at, id) in ids.iter().enumerate() {
            if let Some(interval) = self.interval(*id) {
                let delay = schedule::first_delay(at, ids.len(), interval, fastrand::f64());
                self.agenda.push(Reverse((now + delay, *id)));
            }
        }
    }

    /// Takes new targets. Those that stay keep their state and their place in the schedule, unless it is now beyond their interval.
    fn reload(&mut self, new: NewTargets) {
        let places = self.fleet.replace(new.channels, new.tokens, clock::now());
        self.course =
            self.course.drain().filter_map(|(id, course)| Some((places.of(id)?, course))).collect();
        self.out_of_turn =
            self.out_of_turn.drain().filter_map(|(id, at)| Some((places.of(id)?, at))).collect();
        let now = Instant::now();
        let agenda = std::mem::take(&mut self.agenda);
        let mut known = HashSet::new();
        for Reverse((due, id)) in agenda {
            if let Some(id) = places.of(id) {
                let refused = self.course.get(&id).is_some_and(|course| course.refusals > 0);
                let interval = self.interval(id).unwrap_or_default();
                let beyond = !refused && due > now + interval.mul_f64(1.1);
                let due = if beyond { now + interval.mul_f64(fastrand::f64()) } else { due };
                known.insert(id);
                self.agenda.push(Reverse((due, id)));
            }
        }
        // A poll that is under way for a target that is gone ends without a trace.
        self.tasks.retain(|_, poll| match places.of(poll.id) {
            Some(moved) => {
                poll.id = moved;
                known.insert(moved);
                true
            }
            None => false,
        });
        let begin: Vec<TargetId> =
            self.fleet.ids().into_iter().filter(|id| !known.contains(id)).collect();
        self.begin(&begin);
        // Whoever asked for the reload may have gone.
        let _ = new.done.send(());
    }

    /// Asks every target once, as many at a time as may be, and returns when all have answered.
    pub async fn run_once(mut self) {
        let mut ids = self.fleet.ids().into_iter();
        loop {
            while self.under_way.len() < self.concurrency {
                let Some(id) = ids.next() else { break };
                self.start(Instant::now(), id);
            }
            // The next poll that an end puts on the agenda is not to come.
            let Some(ended) = self.under_way.join_next_with_id().await else { return };
            self.ended(ended);
        }
    }

    fn interval(&self, id: TargetId) -> Option<Duration> {
        match id {
            TargetId::Channel(at) => self.fleet.channel(at, |c| c.limits().interval),
            TargetId::Token(at) => self.fleet.token(at, |t| t.limits().interval),
        }
    }

    /// Starts all polls that are due, as far as there is room.
    fn start_due(&mut self) {
        let now = Instant::now();
        while self.under_way.len() < self.concurrency
            && self.agenda.peek().is_some_and(|Reverse((due, _))| *due <= now)
            && let Some(Reverse((due, id))) = self.agenda.pop()
        {
            self.start(due, id);
        }
    }

    fn start(&mut self, due: Instant, id: TargetId) {
        let ask = Arc::clone(&self.ask);
        let mut known = Known::default();
        let task = match id {
            TargetId::Channel(at) => {
                let seen = self.fleet.channel(at, |c| (Arc::clone(&c.target), c.state.known()));
                let Some(channel) = seen.map(|(target, seen)| {
                    known = seen;
                    target
                }) else {
                    return;
                };
                self.under_way.spawn(async move { poll_channel(&channel, ask).await })
            }
            TargetId::Token(at) => {
                let Some(token) = self.fleet.token(at, |t| Arc::clone(&t.target)) else { return };
                self.under_way.spawn(async move { poll_token(&token, ask).await })
            }
        };
        self.tasks.insert(task.id(), UnderWay { id, due, known });
    }

    fn ended(&mut self, ended: Result<(Id, Completed), JoinError>) {
        let task = match &ended {
            Ok((task, _)) => *task,
            Err(error) => error.id(),
        };
        let Some(UnderWay { id, due, known }) = self.tasks.remove(&task) else { return };
        let mut course = self.course.remove(&id).unwrap_or_default();
        let retry_after = match ended {
            Ok((_, completed)) => self.record(id, known, &mut course, completed),
            Err(error) => {
                // The message of a panic may hold anything, so only that it happened is told.
                if error.is_panic() {
                    self.metrics.panicked();
                    let (kind, name) = self.describe(id);
                    error!(
                        target_kind = kind,
                        name,
                        "a poll panicked, which is a mistake in the exporter; the target goes on"
                    );
                }
                course.refusals = 0;
                None
            }
        };
        let Some(interval) = self.interval(id) else { return };
        let delay = schedule::next_delay(interval, course.refusals, retry_after, fastrand::f64());
        let now = Instant::now();
        // A wait that was asked for begins now; otherwise polls keep their rhythm, and missed ones are not caught up.
        let from = if course.refusals > 0 || due + delay <= now { now } else { due };
        let mut next = from + delay;
        if let Some(soon) = self.out_of_turn.get(&id).filter(|soon| **soon > due)
            && course.refusals == 0
        {
            next = next.min(*soon);
        }
        // In a fleet of a hundred thousand a well channel gets no entry.
        let watched = matches!(id, TargetId::Token(_)) || self.watches_channels;
        if watched || course.failing.is_some() {
            self.course.insert(id, course);
        }
        self.agenda.push(Reverse((next, id)));
    }

    fn describe(&self, id: TargetId) -> (&'static str, String) {
        match id {
            TargetId::Channel(at) => (
                "channel",
                self.fleet.channel(at, |c| c.target.name.to_string()).unwrap_or_default(),
            ),
            TargetId::Token(at) => {
                ("token", self.fleet.token(at, |t| t.target.name.to_string()).unwrap_or_default())
            }
        }
    }

    /// Takes in a poll's outcome and logs what changed. Returns what the upstream asked us to wait.
    fn record(
        &mut self,
        id: TargetId,
        known: Known,
        course: &mut Course,
        completed: Completed,
    ) -> Option<Duration> {
        let now = clock::now();
        let Completed { took, secrets, reading } = completed;
        let replaced = match (course.secrets, secrets) {
            (Some(before), Some(after)) => !before.same_credential(after),
            _ => false,
        };
        course.secrets = secrets.or(course.secrets);
        let failure = match &reading {
            Reading::Channel(outcome) => outcome.as_ref().err(),
            Reading::Token(reading) => reading.outcome.as_ref().err(),
        }
        .cloned();
        match (id, reading) {
            (TargetId::Channel(at), Reading::Channel(outcome)) => {
                let (target, said_before) = self
                    .fleet
                    .channel(at, |c| (Arc::clone(&c.target), c.state.says_unknown_word()))?;
                self.took(target.options.provider, took);
                if let Ok(ChannelObservation { status: Reported::Word(word), .. }) = &outcome {
                    self.metrics.unknown_status(target.options.provider);
                    if !said_before {
                        news::unknown_word(&target.name, word);
                    }
                }
                if let Some(moved) = self.fleet.channel_polled(at, now, known, outcome) {
                    news::moved(&target.name, moved);
                }
            }
            (TargetId::Token(at), Reading::Token(reading)) => {
                let target = self.fleet.token(at, |t| Arc::clone(&t.target))?;
                self.took(target.options.provider, took);
                // What was known of another token does not hold for this one.
                if replaced {
                    self.fleet.token_credential_changed(at);
                }
                if let Some(valid) = self.fleet.token_polled(at, now, reading) {
                    news::validity(&target.name, valid);
                }
            }
            _ => {}
        }
        self.log_failure(id, course, failure.as_ref());
        course.failing = failure.as_ref().map(|failure| failure.reason);
        course.refusals = match course.failing {
            Some(reason) if reason.backs_off() => course.refusals.saturating_add(1),
            _ => 0,
        };
        failure.and_then(|failure| failure.retry_after)
    }

    fn took(&self, provider: Provider, took: Option<Duration>) {
        if let Some(took) = took {
            self.metrics.poll_took(provider, took);
        }
    }

    fn log_failure(&self, id: TargetId, course: &Course, failure: Option<&Failure>) {
        if failure.is_none() && course.failing.is_none() {
            return;
        }
        let (kind, name) = self.describe(id);
        match failure {
            Some(failure) if course.failing == Some(failure.reason) => {
                debug!(
                    target_kind = kind,
                    name,
                    reason = failure.reason.word(),
                    detail = failure.detail,
                    "a poll failed again"
                );
            }
            Some(failure) => {
                warn!(
                    target_kind = kind,
                    name,
                    reason = failure.reason.word(),
                    detail = failure.detail,
                    todo = words::failure_todo(failure.reason),
                    "polls fail"
                );
            }
            None => info!(target_kind = kind, name, "polls succeed again"),
        }
    }

    /// Asks targets at once whose secret has changed since the last poll.
    fn watch_secrets(&mut self) {
        let waiting: Vec<TargetId> = self
            .course
            .iter()
            .filter(|(id, course)| {
                matches!(id, TargetId::Token(_))
                    || self.watches_channels
                    || course.failing.is_some_and(FailureReason::mended_by_secret)
            })
            .map(|(id, _)| *id)
            .collect();
        let mut changed = HashSet::new();
        for id in waiting {
            let secrets = match id {
                TargetId::Channel(at) => self
                    .fleet
                    .channel(at, |c| Arc::clone(&c.target))
                    .and_then(|target| secrets(&target.credential, None)),
                TargetId::Token(at) => {
                    self.fleet.token(at, |t| Arc::clone(&t.target)).and_then(|target| {
                        secrets(&target.credential, target.app.as_ref().map(|app| &app.secret))
                    })
                }
            };
            let Some(course) = self.course.get_mut(&id) else { continue };
            let unreadable_before = course.failing == Some(FailureReason::Secret);
            if secrets.is_some() && (secrets != course.secrets || unreadable_before) {
                course.refusals = 0;
                changed.insert(id);
            }
        }
        if changed.is_empty() {
            return;
        }
        let now = Instant::now();
        self.move_up(now, |id| changed.contains(&id));
    }

    /// Puts a target at the front that somebody asked for out of turn.
    fn poll_soon(&mut self, target: &Handle) {
        let Some(id) = self.fleet.find(target) else { return };
        if self.course.get(&id).is_some_and(|course| course.refusals > 0) {
            return;
        }
        let now = Instant::now();
        self.out_of_turn.retain(|_, last| *last + HURRY > now);
        let soon = self.out_of_turn.get(&id).map_or(now, |last| now.max(*last + HURRY));
        if self.out_of_turn.get(&id).is_none_or(|last| *last <= now) {
            self.out_of_turn.insert(id, soon);
            self.move_up(soon, |other| other == id);
        }
    }

    /// Has these targets asked at `due` if their turn would come later. One whose poll is under way is not on the agenda; that
    /// poll's end decides what comes next.
    fn move_up(&mut self, due: Instant, chosen: impl Fn(TargetId) -> bool) {
        let mut moved = Vec::new();
        self.agenda.retain(|Reverse((at, id))| {
            let stays = *at <= due || !chosen(*id);
            if !stays {
                moved.push(Reverse((due, *id)));
            }
            stays
        });
        self.agenda.extend(moved);
    }
}

async fn next_reload(reloads: &mut Option<mpsc::Receiver<NewTargets>>) -> Option<NewTargets> {
    match reloads {
        Some(reloads) => reloads.recv().await,
        None => None,
    }
}

/// The fingerprint of a target's secrets, if they can be read.
fn secrets(credential: &SecretSource, app: Option<&SecretSource>) -> Option<Fingerprint> {
    let credential = credential.read().ok()?;
    let app = app.map(SecretSource::read).transpose().ok()?;
    Some(fingerprint(&credential, app.as_ref()))
}

fn unreadable(error: &impl ToString) -> Failure {
    Failure::new(FailureReason::Secret, error.to_string())
}

async fn poll_channel(target: &ChannelTarget, ask: Ask) -> Completed {
    let token = match target.credential.read() {
        Ok(token) => token,
        Err(error) => {
            return Completed {
                took: None,
                secrets: None,
                reading: Reading::Channel(Err(unreadable(&error))),
            };
        }
    };
    let secrets = Some(fingerprint(&token, None));
    let started = Instant::now();
    let answer = ask(whapi::request(&target.options.api_url, token)).await;
    let took = Some(started.elapsed());
    let outcome = answer.and_then(|answer| whapi::interpret(&answer));
    Completed { took, secrets, reading: Reading::Channel(outcome) }
}

async fn poll_token(target: &TokenTarget, ask: Ask) -> Completed {
    let failed = |error: &dyn ToString| Completed {
        took: None,
        secrets: None,
        reading: Reading::Token(TokenReading::failed(unreadable(&error.to_string()))),
    };
    let credential = match target.credential.read() {
        Ok(credential) => credential,
        Err(error) => return failed(&error),
    };
    let app = match target
        .app
        .as_ref()
        .map(|app| app.secret.read().map(|secret| (&*app.id, secret)))
        .transpose()
    {
        Ok(app) => app,
        Err(error) => return failed(&error),
    };
    let secrets = fingerprint(&credential, app.as_ref().map(|(_, secret)| secret));
    let app = app.as_ref().map(|(id, secret)| (*id, secret));
    let options = &target.options;
    let request = meta::request(&options.api_url, &options.api_version, &credential, app);
    let inspector = if app.is_some() { Inspector::App } else { Inspector::Itself };
    let started = Instant::now();
    let answer = ask(request).await;
    let took = Some(started.elapsed());
    let reading = match answer {
        Ok(answer) => meta::interpret(&answer, inspector),
        Err(failure) => TokenReading::failed(failure),
    };
    Completed { took, secrets: Some(secrets), reading: Reading::Token(reading) }
}
