//! `STATE_FILE`: the last known statuses and the counters, over a restart.
//!
//! Not here: what is worth keeping (`domain/memory.rs`). The file holds no secret. It is written beside itself and put in place as a
//! whole, so a kill at any moment leaves either the old one or the new one.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tracing::{error, info};

use crate::clock;
use crate::domain::{
    Basis, ChannelMemory, Counter, Moment, Provider, Remembered, SeeCounter, Status, Timestamp,
};
use crate::fleet::Fleet;
use crate::metrics::exporter::ExporterMetrics;

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

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    #[serde(default)]
    channels: Vec<SavedChannel>,
    #[serde(default)]
    tokens: Vec<SavedCounters>,
    /// Requests through the gateway with unknown credentials.
    #[serde(default)]
    strangers: Vec<SavedCounters>,
}

/// Only counts other than zero are written, by the words that name them.
type Counts = BTreeMap<String, u64>;

#[derive(Serialize, Deserialize)]
struct SavedCounters {
    provider: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    counters: Counts,
}

/// All times are milliseconds since the epoch.
#[derive(Serialize, Deserialize)]
struct SavedChannel {
    provider: String,
    name: String,
    basis: String,
    #[serde(default)]
    statuses: Vec<SavedStatus>,
    since: Option<i64>,
    learnt: Option<i64>,
    failing_since: Option<i64>,
    last_success: Option<i64>,
    last_webhook: Option<i64>,
    expects: Option<(bool, bool)>,
    channel_id: Option<Box<str>>,
    version: Option<Box<str>>,
    #[serde(default)]
    counters: Counts,
}

#[derive(Serialize, Deserialize)]
struct SavedStatus {
    status: String,
    at: i64,
    shown: i64,
    started: Option<i64>,
    webhook: bool,
}

impl StateFile {
    /// Takes up what the file kept for this fleet, and makes sure that it can be written.
    ///
    /// # Errors
    ///
    /// A sentence, when the file can be neither read nor written. A damaged one is no error: it is put aside, and that is logged.
    pub fn open(
        path: PathBuf,
        fleet: Arc<Fleet>,
        metrics: ExporterMetrics,
    ) -> Result<Arc<Self>, String> {
        let file = Self { path, fleet, metrics, writing: Mutex::new(()) };
        match file.load() {
            Ok(Some(document)) => file.recall(document, clock::now()),
            Ok(None) => {}
            Err(Unread::Io(error)) => {
                return Err(format!("STATE_FILE {}: cannot be read: {error}", file.path.display()));
            }
            Err(Unread::Damaged(what)) => file.put_aside(&what)?,
        }
        file.save().map_err(|error| {
            format!("STATE_FILE {}: cannot be written: {error}", file.path.display())
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
                let began = Instant::now();
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
            error!(file = %self.path.display(), %error, "STATE_FILE cannot be written; the last one stays");
        }
        self.metrics.state_written(outcome.is_ok());
    }

    fn load(&self) -> Result<Option<Document>, Unread> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Unread::Io(error)),
        };
        let about = file.metadata().map_err(Unread::Io)?;
        if !about.is_file() {
            return Err(Unread::Io(io::Error::other("is not a regular file")));
        }
        if about.len() > LARGEST {
            return Err(Unread::Damaged(format!("is larger than {LARGEST} bytes")));
        }
        let reader = BufReader::new(file.take(LARGEST));
        let document: Document = serde_json::from_reader(reader).map_err(|error| {
            Unread::Damaged(format!(
                "is damaged at line {}, column {}",
                error.line(),
                error.column()
            ))
        })?;
        match document.version {
            VERSION => Ok(Some(document)),
            other => Err(Unread::Damaged(format!(
                "has the form {other}, and this version of the exporter knows only {VERSION}"
            ))),
        }
    }

    fn put_aside(&self, what: &str) -> Result<(), String> {
        let aside = beside(&self.path, "damaged");
        fs::rename(&self.path, &aside).map_err(|error| {
            format!(
                "STATE_FILE {}: {what}, and it cannot be put aside: {error}",
                self.path.display()
            )
        })?;
        error!(
            file = %self.path.display(), what, aside = %aside.display(),
            "STATE_FILE cannot be used and was put aside; statuses and counters begin anew"
        );
        Ok(())
    }

    fn recall(&self, document: Document, now: Moment) {
        let mut channels: HashMap<(String, String), SavedChannel> = HashMap::new();
        for saved in document.channels {
            channels.insert((saved.provider.clone(), saved.name.clone()), saved);
        }
        let key = |provider: Provider, name: &str| (provider.word().to_owned(), name.to_owned());
        let (mut known, mut all) = (0_usize, 0_usize);
        self.fleet.alter(|fleet_channels, tokens, strangers| {
            all = fleet_channels.len();
            for channel in fleet_channels {
                let options = Arc::clone(&channel.target.options);
                let Some(saved) =
                    channels.remove(&key(options.provider, channel.target.name.as_str()))
                else {
                    continue;
                };
                known += 1;
                let (memory, counts) = saved.into_memory();
                channel.state.recall(now, options.limits, memory);
                channel.state.counters(&mut put(&counts));
                channel.traffic.get_or_insert_default().counters(&mut put(&counts));
            }
            for token in tokens {
                let (provider, name) = (token.target.options.provider, token.target.name.as_str());
                if let Some(counts) = find(&document.tokens, provider, name) {
                    token.state.counters(&mut put(counts));
                    token.traffic.get_or_insert_default().counters(&mut put(counts));
                }
            }
            for stranger in strangers {
                if let Some(counts) = find(&document.strangers, stranger.provider, "") {
                    stranger.traffic.counters(&mut put(counts));
                }
            }
        });
        info!(file = %self.path.display(), channels = known, of = all, "statuses and counters were taken up from STATE_FILE");
    }

    fn save(&self) -> io::Result<()> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let new = beside(&self.path, "new");
        let mut out = BufWriter::new(create(&new)?);
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

    /// Channel by channel, so that a large fleet is never in memory twice.
    fn write_document(&self, out: &mut impl Write) -> io::Result<()> {
        let members = self.fleet.members(clock::now());
        write!(out, "{{\"version\":{VERSION},\"channels\":[")?;
        let mut at = 0;
        loop {
            let saved: Vec<SavedChannel> = members.look(|channels, _| {
                channels.iter().skip(at).take(AT_A_TIME).map(SavedChannel::new).collect()
            });
            if saved.is_empty() {
                break;
            }
            for channel in saved {
                separate(&mut *out, at > 0)?;
                at += 1;
                serde_json::to_writer(&mut *out, &channel)?;
            }
        }
        let (tokens, strangers) = members.look_at_all(|_, tokens, strangers| {
            let tokens: Vec<_> = tokens
                .iter()
                .map(|token| {
                    let mut state = token.state.clone();
                    let mut traffic = token.traffic.as_deref().cloned().unwrap_or_default();
                    let (provider, name) = (token.target.options.provider, &token.target.name);
                    SavedCounters::new(provider, name.as_str(), |see| {
                        state.counters(see);
                        traffic.counters(see);
                    })
                })
                .collect();
            let strangers: Vec<_> = strangers
                .iter()
                .map(|stranger| {
                    let mut traffic = stranger.traffic.clone();
                    SavedCounters::new(stranger.provider, "", |see| traffic.counters(see))
                })
                .collect();
            (tokens, strangers)
        });
        write!(out, "\n],\"tokens\":")?;
        serde_json::to_writer(&mut *out, &tokens)?;
        write!(out, ",\"strangers\":")?;
        serde_json::to_writer(&mut *out, &strangers)?;
        writeln!(out, "}}")
    }
}

enum Unread {
    Io(io::Error),
    Damaged(String),
}

fn separate(out: &mut impl Write, comma: bool) -> io::Result<()> {
    out.write_all(if comma { b",\n" } else { b"\n" })
}

/// A file of the same name with another ending, in the same directory: only there a rename puts it in place as a whole.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

/// Nobody else needs to read it.
fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Sets every counter to what was kept.
fn put(counts: &Counts) -> impl FnMut(&[&str], Counter<'_>) {
    |words, mut counter| {
        if let Some(count) = counts.get(&words.join("/")) {
            counter.set(*count);
        }
    }
}

fn collect(show: impl FnOnce(SeeCounter<'_>)) -> Counts {
    let mut counts = Counts::new();
    show(&mut |words, counter| {
        if counter.get() > 0 {
            counts.insert(words.join("/"), counter.get());
        }
    });
    counts
}

fn find<'a>(saved: &'a [SavedCounters], provider: Provider, name: &str) -> Option<&'a Counts> {
    saved
        .iter()
        .find(|saved| saved.provider == provider.word() && saved.name == name)
        .map(|saved| &saved.counters)
}

impl SavedCounters {
    fn new(provider: Provider, name: &str, show: impl FnOnce(SeeCounter<'_>)) -> Self {
        Self {
            provider: provider.word().to_owned(),
            name: name.to_owned(),
            counters: collect(show),
        }
    }
}

impl SavedChannel {
    fn new(channel: &crate::fleet::Channel) -> Self {
        let mut state = channel.state.clone();
        let mut traffic = channel.traffic.as_deref().cloned().unwrap_or_default();
        let counters = collect(|see| {
            state.counters(see);
            traffic.counters(see);
        });
        let memory = state.remember();
        let millis = |at: Option<Timestamp>| at.map(Timestamp::millis);
        Self {
            provider: channel.target.options.provider.word().to_owned(),
            name: channel.target.name.to_string(),
            basis: memory.basis.word().to_owned(),
            statuses: memory.statuses.iter().map(SavedStatus::from).collect(),
            since: millis(memory.since),
            learnt: millis(memory.learnt),
            failing_since: millis(memory.failing_since),
            last_success: millis(memory.last_success),
            last_webhook: millis(memory.last_event),
            expects: memory.expects,
            channel_id: memory.channel_id,
            version: memory.version,
            counters,
        }
    }

    fn into_memory(self) -> (ChannelMemory, Counts) {
        let time = |millis: Option<i64>| millis.map(Timestamp::from_millis);
        let memory = ChannelMemory {
            basis: Basis::of_word(&self.basis).unwrap_or(Basis::Nothing),
            statuses: self.statuses.iter().filter_map(SavedStatus::read).collect(),
            since: time(self.since),
            learnt: time(self.learnt),
            failing_since: time(self.failing_since),
            last_success: time(self.last_success),
            last_event: time(self.last_webhook),
            expects: self.expects,
            channel_id: self.channel_id,
            version: self.version,
        };
        (memory, self.counters)
    }
}

impl From<&Remembered> for SavedStatus {
    fn from(kept: &Remembered) -> Self {
        Self {
            status: kept.status.word().to_owned(),
            at: kept.at.millis(),
            shown: kept.shown.millis(),
            started: kept.started.map(Timestamp::millis),
            webhook: kept.by_webhook,
        }
    }
}

impl SavedStatus {
    fn read(&self) -> Option<Remembered> {
        Some(Remembered {
            at: Timestamp::from_millis(self.at),
            by_webhook: self.webhook,
            status: Status::of_word(&self.status)?,
            started: self.started.map(Timestamp::from_millis),
            shown: Timestamp::from_millis(self.shown),
        })
    }
}
