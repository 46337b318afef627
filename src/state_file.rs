//! `STATE_FILE`: the last known statuses and the counters, over a restart.
//!
//! Not here: what is worth keeping (`domain/snapshot.rs`). The file holds no secret. It is written
//! beside itself and put in place as a whole, so a kill at any moment leaves either the old one or
//! the new one.
#![expect(clippy::disallowed_methods, reason = "on a thread for blocking work, but for the start")]

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{error, info};

use crate::clock;
use crate::domain::{
    ChannelSnapshot, Counter, Now, SavedStatus, StatusEvidence, TargetKind, Timestamp, VisitCounter,
};
use crate::fleet::{Fleet, FleetView, TargetState, Watched};
use crate::metrics::exporter::ExporterMetrics;
use crate::regular_file;
use crate::secret::printable_path;

/// The form of the file; another one is put aside.
const VERSION: u32 = 1;
/// A hundred thousand channels take about 60 MB; more is not ours.
const LARGEST: u64 = 256 * 1024 * 1024;
/// How often it is written while something changes.
const EVERY: Duration = Duration::from_secs(5);
/// Writing takes at most this part of the time.
const SHARE: u32 = 20;
/// Channels that are looked at while nobody else gets at the fleet.
const AT_A_TIME: usize = 256;

/// Keeps a fleet in a file.
pub struct StateFile {
    path: PathBuf,
    fleet: Arc<Fleet>,
    metrics: ExporterMetrics,
    /// One writing at a time: all use the same name beside the file.
    writing: Mutex<()>,
}

#[derive(Deserialize)]
struct Document {
    version: u32,
    #[serde(default)]
    channels: Vec<SavedTarget>,
    #[serde(default)]
    tokens: Vec<SavedTarget>,
    #[serde(default)]
    sources: Vec<SavedTarget>,
    #[serde(default)]
    accounts: Vec<SavedTarget>,
    /// Requests through the gateway with unknown credentials.
    #[serde(default, alias = "strangers")]
    unattributed: Vec<SavedTarget>,
    /// When the file was written.
    #[serde(skip)]
    saved: Timestamp,
}

impl Document {
    fn targets(&mut self, kind: TargetKind) -> Vec<SavedTarget> {
        std::mem::take(match kind {
            TargetKind::Channel => &mut self.channels,
            TargetKind::Token => &mut self.tokens,
            TargetKind::Source => &mut self.sources,
            TargetKind::Account => &mut self.accounts,
        })
    }
}

/// How the names of the gateway's counters begin, and how they began in version 0.1.
const REQUESTS: &str = "requests/";
const REQUESTS_IN_0_1: &str = "traffic/";

/// Only counts other than zero are written, by the words that name them.
type Counts = BTreeMap<String, u64>;

/// A target's counters, and what is kept of a channel. All times are milliseconds since the epoch.
#[derive(Serialize, Deserialize, Default)]
struct SavedTarget {
    provider: String,
    #[serde(default)]
    name: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    channel: Option<SavedChannel>,
    /// Since when the counters count.
    created: Option<i64>,
    #[serde(default)]
    counters: Counts,
}

#[derive(Serialize, Deserialize)]
struct SavedChannel {
    #[serde(alias = "basis")]
    evidence: String,
    #[serde(default)]
    statuses: Vec<SavedPoint>,
    since: Option<i64>,
    #[serde(alias = "learnt")]
    updated: Option<i64>,
    last_authorized: Option<i64>,
    failing_since: Option<i64>,
    last_success: Option<i64>,
    last_webhook: Option<i64>,
    expects: Option<(bool, bool)>,
    channel_id: Option<Box<str>>,
    version: Option<Box<str>>,
}

#[derive(Serialize, Deserialize)]
struct SavedPoint {
    status: String,
    at: i64,
    #[serde(alias = "shown")]
    observed_at: i64,
    started: Option<i64>,
    webhook: bool,
}

impl StateFile {
    /// Restores what the file kept for this fleet, and makes sure that it can be written.
    ///
    /// # Errors
    ///
    /// A sentence, when the file can be neither read nor written. A damaged one is no error: it is
    /// put aside, and that is logged.
    pub fn open(
        path: PathBuf,
        fleet: Arc<Fleet>,
        metrics: ExporterMetrics,
    ) -> Result<Arc<Self>, String> {
        if regular_file::is_link(&path) {
            // Putting a file in its place would leave the one that it leads to behind.
            return Err(format!(
                "STATE_FILE {}: is a symbolic link; name the file that it leads to",
                printable_path(&path)
            ));
        }
        let file = Self { path, fleet, metrics, writing: Mutex::new(()) };
        match file.load() {
            Ok(Some(document)) => file.restore(document, clock::now()),
            Ok(None) => {}
            Err(LoadError::Io(error)) => {
                return Err(format!(
                    "STATE_FILE {}: cannot be read: {error}",
                    printable_path(&file.path)
                ));
            }
            Err(LoadError::Damaged(what)) => file.put_aside(&what)?,
        }
        file.save().map_err(|error| {
            format!("STATE_FILE {}: cannot be written: {error}", printable_path(&file.path))
        })?;
        file.metrics.state_written(true);
        Ok(Arc::new(file))
    }

    /// Writes the file whenever something has changed, until it is dropped.
    pub async fn keep(self: Arc<Self>) {
        let mut written = self.fleet.changes();
        let mut wait = EVERY;
        loop {
            tokio::time::sleep(wait).await;
            let changes = self.fleet.changes();
            if changes != written {
                written = changes;
                let began = clock::instant();
                self.clone().write().await;
                wait = EVERY.max(began.elapsed() * SHARE);
            }
        }
    }

    /// Writes the file now. An error is told in the log and in a metric.
    pub async fn write(self: Arc<Self>) {
        let file = Arc::clone(&self);
        let saved = tokio::task::spawn_blocking(move || file.save()).await;
        let outcome = saved.unwrap_or_else(|_| Err(io::Error::other("the writing panicked")));
        if let Err(error) = &outcome {
            error!(file = %printable_path(&self.path), %error, "STATE_FILE cannot be written; the \
                last one stays");
        }
        self.metrics.state_written(outcome.is_ok());
    }

    fn load(&self) -> Result<Option<Document>, LoadError> {
        let (file, about) = match regular_file::open(&self.path) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LoadError::Io(error)),
        };
        if about.len() > LARGEST {
            return Err(LoadError::Damaged(format!("is larger than {LARGEST} bytes")));
        }
        let reader = BufReader::new(file.take(LARGEST));
        let mut document: Document = serde_json::from_reader(reader).map_err(|error| {
            LoadError::Damaged(format!(
                "is damaged at line {}, column {}",
                error.line(),
                error.column()
            ))
        })?;
        document.saved = about.modified().map(clock::timestamp).unwrap_or_default();
        match document.version {
            VERSION => Ok(Some(document)),
            other => Err(LoadError::Damaged(format!(
                "has the form {other}, and this version of the exporter knows only {VERSION}"
            ))),
        }
    }

    fn put_aside(&self, what: &str) -> Result<(), String> {
        let aside = beside(&self.path, "damaged");
        fs::rename(&self.path, &aside).map_err(|error| {
            format!(
                "STATE_FILE {}: {what}, and it cannot be put aside: {error}",
                printable_path(&self.path)
            )
        })?;
        error!(
            file = %printable_path(&self.path), what, aside = %printable_path(&aside),
            "STATE_FILE cannot be used and was put aside; statuses and counters begin anew"
        );
        Ok(())
    }

    fn restore(&self, mut document: Document, now: Now) {
        let mut saved: HashMap<(TargetKind, String, String), SavedTarget> = HashMap::new();
        for kind in TargetKind::ALL {
            for target in document.targets(*kind) {
                saved.insert((*kind, target.provider.clone(), target.name.clone()), target);
            }
        }
        let (mut known, mut all) = (0_usize, 0_usize);
        self.fleet.change_all(
            |watched| {
                all += 1;
                let target = &watched.target;
                let provider = target.provider().label().to_owned();
                let key = (target.kind, provider, target.name.to_string());
                if let Some(saved) = saved.remove(&key) {
                    known += 1;
                    watched.created = saved.created(document.saved, now);
                    saved.restore(watched, now);
                }
            },
            |unattributed| {
                for one in unattributed {
                    let of_provider = |saved: &&SavedTarget| saved.provider == one.provider.label();
                    if let Some(saved) = document.unattributed.iter().find(of_provider) {
                        one.created = saved.created(document.saved, now);
                        one.requests.counters(&mut put(&saved.counters));
                    }
                }
            },
        );
        info!(file = %printable_path(&self.path), targets = known, of = all, "statuses and \
            counters were restored from STATE_FILE");
    }

    fn save(&self) -> io::Result<()> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let new = beside(&self.path, "new");
        let mut out = BufWriter::new(regular_file::create(&new)?);
        let written = self.write_document(&mut out).and_then(|()| {
            let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()
        });
        written.and_then(|()| fs::rename(&new, &self.path)).inspect_err(|_| {
            let _ = fs::remove_file(&new);
        })?;
        // The rename is only sure once the directory is.
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new("."))).and_then(|directory| directory.sync_all())
    }

    /// Target by target, so that a large fleet is never in memory twice.
    fn write_document(&self, out: &mut impl Write) -> io::Result<()> {
        let view = self.fleet.view(clock::now());
        write!(out, "{{\"version\":{VERSION}")?;
        for kind in TargetKind::ALL {
            write!(out, ",\"{}s\":[", kind.as_str())?;
            write_targets(&view, *kind, out)?;
            write!(out, "\n]")?;
        }
        let unattributed: Vec<SavedTarget> = view.look(|targets| {
            let saved = targets.unattributed().iter().map(|one| SavedTarget {
                provider: one.provider.label().to_owned(),
                created: Some(one.created.millis()),
                counters: collect(|visit| one.requests.clone().counters(visit)),
                ..SavedTarget::default()
            });
            saved.collect()
        });
        write!(out, ",\"unattributed\":")?;
        serde_json::to_writer(&mut *out, &unattributed)?;
        writeln!(out, "}}")
    }
}

fn write_targets(view: &FleetView, kind: TargetKind, out: &mut impl Write) -> io::Result<()> {
    let mut at = 0;
    let mut first = true;
    loop {
        let saved: Vec<(usize, SavedTarget)> = view.look(|targets| {
            let next = targets.from(kind, at).take(AT_A_TIME);
            next.map(|(at, watched)| (at, SavedTarget::new(watched))).collect()
        });
        let Some((last, _)) = saved.last() else { return Ok(()) };
        at = last + 1;
        for (_, target) in saved {
            out.write_all(if first { b"\n" } else { b",\n" })?;
            first = false;
            serde_json::to_writer(&mut *out, &target)?;
        }
    }
}

enum LoadError {
    Io(io::Error),
    Damaged(String),
}

/// A file of the same name with another ending, in the same directory: only there a rename puts it
/// in place as a whole.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

/// Sets every counter to what was kept. Version 0.1 called requests through the gateway traffic.
fn put(counts: &Counts) -> impl FnMut(&[&str], Counter<'_>) {
    |words, mut counter| {
        let name = words.join("/");
        let formerly = || counts.get(&name.replace(REQUESTS, REQUESTS_IN_0_1));
        if let Some(count) = counts.get(&name).or_else(formerly) {
            counter.set(*count);
        }
    }
}

fn collect(visit_all: impl FnOnce(VisitCounter<'_>)) -> Counts {
    let mut counts = Counts::new();
    visit_all(&mut |words, counter| {
        if counter.get() > 0 {
            counts.insert(words.join("/"), counter.get());
        }
    });
    counts
}

impl SavedTarget {
    fn new(watched: &Watched) -> Self {
        let requests = watched.requests.as_deref().cloned();
        let count_requests = |visit: VisitCounter<'_>| {
            if let Some(mut requests) = requests {
                requests.counters(visit);
            }
        };
        let (channel, counters) = match &watched.state {
            TargetState::Channel(state) => {
                let counters = collect(|visit| {
                    state.clone().counters(visit);
                    count_requests(visit);
                });
                (Some(SavedChannel::from(state.snapshot())), counters)
            }
            TargetState::Token(state) => {
                let counters = collect(|visit| {
                    state.clone().counters(visit);
                    count_requests(visit);
                });
                (None, counters)
            }
            TargetState::Source(state) => (None, collect(|visit| state.clone().counters(visit))),
            TargetState::Account(state) => (None, collect(|visit| state.clone().counters(visit))),
        };
        Self {
            provider: watched.provider().label().to_owned(),
            name: watched.target.name.to_string(),
            channel,
            created: Some(watched.created.millis()),
            counters,
        }
    }

    /// Since when the counters count. A file of an earlier version does not say it; what it says of
    /// them was counted before it was written, so nothing is taken for an increase since.
    fn created(&self, saved: Timestamp, now: Now) -> Timestamp {
        self.created.map_or(saved, Timestamp::from_millis).min(now.unix)
    }

    fn restore(self, watched: &mut Watched, now: Now) {
        let policy = watched.policy();
        let counts = &self.counters;
        match &mut watched.state {
            TargetState::Channel(state) => {
                if let Some(channel) = self.channel {
                    state.restore(now, policy, channel.into_snapshot());
                }
                state.counters(&mut put(counts));
            }
            TargetState::Token(state) => state.counters(&mut put(counts)),
            TargetState::Source(state) => state.counters(&mut put(counts)),
            TargetState::Account(state) => state.counters(&mut put(counts)),
        }
        let requests =
            |words: &String| words.starts_with(REQUESTS) || words.starts_with(REQUESTS_IN_0_1);
        if counts.keys().any(requests) {
            watched.requests.get_or_insert_default().counters(&mut put(counts));
        }
    }
}

impl From<ChannelSnapshot> for SavedChannel {
    fn from(snapshot: ChannelSnapshot) -> Self {
        let millis = |at: Option<Timestamp>| at.map(Timestamp::millis);
        Self {
            evidence: snapshot.evidence.as_str().to_owned(),
            statuses: snapshot.statuses.iter().map(SavedPoint::from).collect(),
            since: millis(snapshot.since),
            updated: millis(snapshot.updated),
            last_authorized: millis(snapshot.last_authorized),
            failing_since: millis(snapshot.failing_since),
            last_success: millis(snapshot.last_success),
            last_webhook: millis(snapshot.last_event),
            expects: snapshot.expects,
            channel_id: snapshot.channel_id,
            version: snapshot.version,
        }
    }
}

impl SavedChannel {
    fn into_snapshot(self) -> ChannelSnapshot {
        let time = |millis: Option<i64>| millis.map(Timestamp::from_millis);
        ChannelSnapshot {
            evidence: self.evidence.parse().unwrap_or(StatusEvidence::Nothing),
            statuses: self.statuses.iter().filter_map(SavedPoint::read).collect(),
            since: time(self.since),
            updated: time(self.updated),
            last_authorized: time(self.last_authorized),
            failing_since: time(self.failing_since),
            last_success: time(self.last_success),
            last_event: time(self.last_webhook),
            expects: self.expects,
            channel_id: self.channel_id,
            version: self.version,
        }
    }
}

impl From<&SavedStatus> for SavedPoint {
    fn from(saved: &SavedStatus) -> Self {
        Self {
            status: saved.status.as_str().to_owned(),
            at: saved.at.millis(),
            observed_at: saved.observed_at.millis(),
            started: saved.started.map(Timestamp::millis),
            webhook: saved.by_webhook,
        }
    }
}

impl SavedPoint {
    fn read(&self) -> Option<SavedStatus> {
        Some(SavedStatus {
            at: Timestamp::from_millis(self.at),
            by_webhook: self.webhook,
            status: self.status.parse().ok()?,
            started: self.started.map(Timestamp::from_millis),
            observed_at: Timestamp::from_millis(self.observed_at),
        })
    }
}
