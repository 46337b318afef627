//! `STATE_FILE`: the last known statuses and the counters, over a restart.
//!
//! Not here: what is worth keeping (`domain/snapshot.rs`). The file holds no secret. It is written
//! beside itself and put in place as a whole, so a kill at any moment leaves either the old one or
//! the new one.
#![expect(clippy::disallowed_methods, reason = "on a thread for blocking work, but for the start")]

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::{debug, error, info};

mod saved;
mod saved_targets;

use saved::{Document, SavedTarget, collect, count_in};
use saved_targets::SavedTargets;

use crate::clock;
use crate::domain::{ChannelState, KeptCounters, Now, RequestCounts, TargetKind, Timestamp};
use crate::fleet::{Fleet, FleetView, PassedRequests};
use crate::lock::lock;
use crate::metrics::exporter::ExporterMetrics;
use crate::providers;
use crate::regular_file;
use crate::secret::printable_path;
use crate::target::{KeptNames, Name};

/// The form of the file; another one is moved aside.
const VERSION: u32 = 1;
/// A hundred thousand channels take about 60 MB; more is not ours.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;
/// How often it is written while something changes.
const EVERY: Duration = Duration::from_secs(5);
/// Writing takes at most this part of the time.
const SHARE: u32 = 20;
/// A delivery of a message is on its way for so long at most, unless its sender has to come again.
const IN_FLIGHT_MILLIS: i64 = 60_000;
/// What is known of a channel or an account that no source lists is kept for so long.
const ABSENT_FOR_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// Channels that are looked at while nobody else gets at the fleet.
const AT_A_TIME: usize = 256;

/// Keeps a fleet in a file.
pub struct StateFile {
    path: PathBuf,
    fleet: Arc<Fleet>,
    metrics: ExporterMetrics,
    /// One writing at a time: all use the same name beside the file.
    writing: Mutex<()>,
    /// Whether it could not be written when it was last tried, so that it is logged once.
    failing: AtomicBool,
    absent: Arc<Mutex<Absent>>,
}

/// What the file knows of channels and accounts that are not watched yet, since the list of their
/// source has not come. They stay in the file for a while, so that a second restart loses nothing
/// either.
#[derive(Default)]
struct Absent {
    targets: SavedTargets,
    saved: Timestamp,
    until: Timestamp,
}

/// Whether a file could be used, without touching it: another exporter may keep its own there. What
/// is in it is not looked at.
///
/// # Errors
///
/// A sentence, when it cannot be read or written.
pub fn probe(path: &Path) -> Result<(), String> {
    refuse_link(path)?;
    let failed = |what: &str, error: &io::Error| {
        format!("STATE_FILE {}: cannot be {what}: {error}", printable_path(path))
    };
    match regular_file::open(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("read", &error));
        }
        _ => {}
    }
    let trial = beside(path, "check");
    regular_file::create(&trial).map_err(|error| failed("written", &error))?;
    fs::remove_file(&trial).map_err(|error| failed("written", &error))
}

/// Putting a file in the place of a link would leave the one that it leads to behind.
fn refuse_link(path: &Path) -> Result<(), String> {
    if regular_file::is_link(path) {
        return Err(format!(
            "STATE_FILE {}: is a symbolic link; name the file that it leads to",
            printable_path(path)
        ));
    }
    Ok(())
}

impl StateFile {
    /// Restores what the file kept for this fleet, and makes sure that it can be written.
    ///
    /// # Errors
    ///
    /// A sentence, when the file can be neither read nor written. A damaged one is no error: it is
    /// moved aside, and that is logged.
    pub fn open(
        path: PathBuf,
        fleet: Arc<Fleet>,
        metrics: ExporterMetrics,
    ) -> Result<Arc<Self>, String> {
        refuse_link(&path)?;
        let (writing, absent) = Default::default();
        let file = Self { path, fleet, metrics, writing, failing: AtomicBool::new(false), absent };
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

    /// The names of the listed channels that are not watched yet.
    pub fn kept_names(&self) -> KeptNames {
        let absent = lock(&self.absent);
        let listed = absent.targets.of(TargetKind::Channel).filter_map(|saved| {
            let source = Name::new(saved.source.as_deref()?).ok()?;
            Some((source, saved.id().into(), Name::new(&saved.name).ok()?))
        });
        KeptNames::new(listed)
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
        let file = printable_path(&self.path);
        let was_failing = self.failing.swap(outcome.is_err(), Ordering::Relaxed);
        match &outcome {
            Err(error) if was_failing => debug!(file, %error, "STATE_FILE still cannot be written"),
            Err(error) => error!(file, %error, "cannot write STATE_FILE; keeping the previous one"),
            Ok(()) if was_failing => info!(file, "STATE_FILE is written again"),
            Ok(()) => {}
        }
        self.metrics.state_written(outcome.is_ok());
    }

    fn load(&self) -> Result<Option<Document>, LoadError> {
        let (file, about) = match regular_file::open(&self.path) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LoadError::Io(error)),
        };
        if about.len() > MAX_FILE_BYTES {
            return Err(LoadError::Damaged(format!("is larger than {MAX_FILE_BYTES} bytes")));
        }
        if about.len() == 0 {
            return Err(LoadError::Damaged("is empty".to_owned()));
        }
        let reader = BufReader::new(file.take(MAX_FILE_BYTES));
        let mut document: Document = serde_json::from_reader(reader).map_err(|error| {
            LoadError::Damaged(format!(
                "is damaged at line {}, column {}",
                error.line(),
                error.column()
            ))
        })?;
        // A time in the future would make all that comes until then old.
        let saved = about.modified().map(clock::timestamp).unwrap_or_default();
        document.saved = saved.min(clock::now().unix);
        match document.version {
            VERSION => Ok(Some(document)),
            other => Err(LoadError::Damaged(format!(
                "has the form {other}, and this version of the exporter knows only {VERSION}; \
                 a newer version may have written it"
            ))),
        }
    }

    fn put_aside(&self, what: &str) -> Result<(), String> {
        let aside = beside(&self.path, "damaged");
        fs::rename(&self.path, &aside).map_err(|error| {
            format!(
                "STATE_FILE {}: {what}, and it cannot be moved aside: {error}",
                printable_path(&self.path)
            )
        })?;
        error!(
            file = %printable_path(&self.path), what, aside = %printable_path(&aside),
            "STATE_FILE cannot be used and was moved aside; starting with empty statuses and \
             counters"
        );
        Ok(())
    }

    fn restore(&self, mut document: Document, now: Now) {
        let mut all_saved = Vec::new();
        for kind in TargetKind::ALL {
            let of_kind = document.targets(*kind).into_iter();
            all_saved.extend(of_kind.map(|target| (*kind, target)));
        }
        let mut saved = SavedTargets::new(all_saved);
        let (mut known, mut all, mut told_of_messages) = (0_usize, 0_usize, false);
        self.fleet.change_all(
            |watched| {
                all += 1;
                if let Some(saved) = saved.take(&watched.target) {
                    known += 1;
                    watched.created = saved.created(document.saved, now);
                    saved.restore(watched, now);
                    let messages = watched.channel().and_then(ChannelState::messages);
                    told_of_messages |= messages.is_some();
                }
            },
            |unattributed| {
                for one in unattributed {
                    let of_provider = |saved: &&SavedTarget| saved.provider == one.provider.label();
                    if let Some(saved) = document.unattributed.iter().find(of_provider) {
                        one.created = saved.created(document.saved, now);
                        one.requests.restore_counters(&count_in(&saved.counters));
                    }
                }
            },
        );
        self.fleet.restore_passed(document.elsewhere.iter().filter_map(|saved| {
            let mut requests = RequestCounts::default();
            requests.restore_counters(&count_in(&saved.counters));
            Some(PassedRequests {
                kind: saved.kind.parse().ok()?,
                provider: providers::with_label(&saved.provider)?,
                name: Name::new(&saved.name).ok()?,
                requests,
                created: saved.created(document.saved, now),
            })
        }));
        let saved = saved.left(|kind| matches!(kind, TargetKind::Channel | TargetKind::Account));
        let had_messages = |saved: &SavedTarget| {
            saved.channel.as_ref().is_some_and(|channel| channel.messages.is_some())
        };
        told_of_messages |= saved.iter().any(had_messages);
        self.recall(saved, document.saved, now);
        if told_of_messages {
            // Deliveries that this exporter took before it went away may come once more.
            self.fleet.forget_messages_until(document.saved.plus_millis(-IN_FLIGHT_MILLIS));
        }
        info!(file = %printable_path(&self.path), targets = known, of = all, "statuses and \
            counters were restored from STATE_FILE");
    }

    /// Takes up what is known of channels and accounts when their sources list them.
    fn recall(&self, targets: SavedTargets, saved: Timestamp, now: Now) {
        let until = now.unix.plus_millis(ABSENT_FOR_MILLIS);
        *lock(&self.absent) = Absent { targets, saved, until };
        let absent = Arc::clone(&self.absent);
        self.fleet.recall_with(move |watched| {
            let (known, saved) = {
                let mut absent = lock(&absent);
                (absent.targets.take(&watched.target), absent.saved)
            };
            if let Some(known) = known {
                let now = clock::now();
                watched.created = known.created(saved, now);
                known.restore(watched, now);
            }
        });
    }

    fn save(&self) -> io::Result<()> {
        let _alone = lock(&self.writing);
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
            let first = write_targets(&view, *kind, out)?;
            self.write_absent(*kind, view.now, first, out)?;
            write!(out, "\n]")?;
        }
        let unattributed: Vec<SavedTarget> = view.look(|targets| {
            let saved = targets.unattributed().iter().map(|one| SavedTarget {
                provider: one.provider.label().to_owned(),
                created: Some(one.created.millis()),
                counters: collect(&[&one.requests]),
                ..SavedTarget::default()
            });
            saved.collect()
        });
        let elsewhere: Vec<SavedTarget> = view.look(|targets| {
            let saved = targets.passed().iter().map(|one| SavedTarget {
                kind: one.kind.as_str().to_owned(),
                provider: one.provider.label().to_owned(),
                name: one.name.to_string(),
                created: Some(one.created.millis()),
                counters: collect(&[&one.requests]),
                ..SavedTarget::default()
            });
            saved.collect()
        });
        write!(out, ",\"unattributed\":")?;
        serde_json::to_writer(&mut *out, &unattributed)?;
        if !elsewhere.is_empty() {
            write!(out, ",\"elsewhere\":")?;
            serde_json::to_writer(&mut *out, &elsewhere)?;
        }
        writeln!(out, "}}")
    }

    /// Channels and accounts that are not watched yet stay as they were, but not for ever: a source
    /// may have deleted them.
    fn write_absent(
        &self,
        kind: TargetKind,
        now: Now,
        mut first: bool,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let count = {
            let mut absent = lock(&self.absent);
            if now.unix > absent.until {
                absent.targets = SavedTargets::default();
            }
            absent.targets.len()
        };
        for at in 0..count {
            // A list that comes meanwhile must not wait for the disk.
            let target = lock(&self.absent).targets.get(kind, at).map(serde_json::to_vec);
            let Some(target) = target.transpose()? else { continue };
            out.write_all(if first { b"\n" } else { b",\n" })?;
            out.write_all(&target)?;
            first = false;
        }
        Ok(())
    }
}

/// Writes every target of a kind. Whether there was none, so that what follows is the first.
fn write_targets(view: &FleetView, kind: TargetKind, out: &mut impl Write) -> io::Result<bool> {
    let (mut at, mut first) = (0, true);
    loop {
        let saved: Vec<(usize, SavedTarget)> = view.look(|targets| {
            let next = targets.from(kind, at).take(AT_A_TIME);
            next.map(|(at, watched)| (at, SavedTarget::new(watched))).collect()
        });
        let Some((last, _)) = saved.last() else { return Ok(first) };
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
