//! Reloading the settings: all or nothing, when their file changes, by signal or by request.
//!
//! Not here: what a reload does to the fleet's states (`fleet/`) and to the queue (`poller/`).

use std::ffi::OsString;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

use crate::clock;
use crate::config::Settings;
use crate::domain::TargetKind;
use crate::file_version::FileVersion;
use crate::fleet::Fleet;
use crate::input::Problems;
use crate::metrics::exporter::ExporterMetrics;
use crate::poller::NewTargets;
use crate::regular_file;
use crate::target::Name;

/// How often the settings file is looked at.
const WATCH: Duration = Duration::from_secs(5);

/// Reads the settings anew and puts them in force.
pub struct Reloader {
    /// The environment as it was at the start; it cannot change from outside.
    variables: Vec<(OsString, OsString)>,
    poller: mpsc::Sender<NewTargets>,
    fleet: Arc<Fleet>,
    metrics: ExporterMetrics,
    /// One reload at a time, and the file as it was last read.
    seen: tokio::sync::Mutex<Seen>,
}

/// The settings file as it was when it was last read.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
struct Seen {
    version: Option<FileVersion>,
    content: u64,
}

impl Reloader {
    /// A reloader of the settings that these variables name.
    pub fn new(
        variables: Vec<(OsString, OsString)>,
        poller: mpsc::Sender<NewTargets>,
        fleet: Arc<Fleet>,
        metrics: ExporterMetrics,
    ) -> Arc<Self> {
        let seen = tokio::sync::Mutex::new(look(path(&variables)));
        Arc::new(Self { variables, poller, fleet, metrics, seen })
    }

    /// Reloads now.
    ///
    /// # Errors
    ///
    /// What is wrong with the settings; the ones in force then stay.
    pub async fn reload(&self) -> Result<(), Problems> {
        let mut seen = self.seen.lock().await;
        *seen = self.look().await;
        self.load().await
    }

    /// Reloads whenever the settings file's content has changed. Size and times are compared first,
    /// and the content only when they differ: what counts is the content, whatever a link or a time
    /// stamp does.
    pub async fn watch(self: Arc<Self>) {
        let Some(path) = path(&self.variables) else { return std::future::pending().await };
        let mut tick = tokio::time::interval(WATCH);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let mut seen = self.seen.lock().await;
            let version = FileVersion::of(&path);
            if version == seen.version && version.is_some_and(|version| version.has_settled()) {
                continue;
            }
            let now = self.look().await;
            let changed = now.content != seen.content;
            *seen = now;
            if changed {
                // The mistakes are in the log and in a metric.
                let _ = self.load().await;
            }
        }
    }

    /// Looks at the settings file where nobody waits for it.
    async fn look(&self) -> Seen {
        let path = path(&self.variables);
        tokio::task::spawn_blocking(move || look(path)).await.unwrap_or_default()
    }

    async fn load(&self) -> Result<(), Problems> {
        let (variables, fleet) = (self.variables.clone(), Arc::clone(&self.fleet));
        let loaded = tokio::task::spawn_blocking(move || {
            Settings::reload(variables, &|kind: TargetKind, name: &Name| {
                let target = fleet.find(kind, name.as_str())?;
                fleet.look(target, |watched| Arc::clone(&watched.target))
            })
        });
        let loaded = loaded.await.unwrap_or_else(|_| {
            let mut problems = Problems::default();
            problems.add("the settings could not be read, which is a bug in the exporter");
            Err(problems)
        });
        match loaded {
            Ok(settings) => {
                let counts = settings.count_by_kind();
                let count = settings.targets.len();
                let (done, in_force) = oneshot::channel();
                let new = NewTargets { targets: settings.targets, done };
                // Both fail only while the exporter is stopping.
                if self.poller.send(new).await.is_ok() && in_force.await.is_ok() {
                    self.metrics.loaded(clock::now().unix, counts);
                    info!(targets = count, "the settings were reloaded");
                }
                Ok(())
            }
            Err(problems) => {
                self.metrics.load_failed();
                for problem in problems.iter() {
                    error!(problem, "invalid settings; keeping the current ones");
                }
                Err(problems)
            }
        }
    }
}

/// The settings file, if there is one.
fn path(variables: &[(OsString, OsString)]) -> Option<PathBuf> {
    let named = variables.iter().find(|(name, _)| name == "CONFIG_FILE");
    named.map(|(_, path)| PathBuf::from(path)).filter(|path| !path.as_os_str().is_empty())
}

fn look(path: Option<PathBuf>) -> Seen {
    let Some(path) = path else { return Seen::default() };
    let version = FileVersion::of(&path);
    Seen { version, content: hash(&path).unwrap_or_default() }
}

/// The hash of a file's content, which is read in pieces: it may be large.
fn hash(path: &Path) -> io::Result<u64> {
    let (mut file, _) = regular_file::open(path)?;
    let (mut hasher, mut piece) = (DefaultHasher::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hasher.finish()),
            size => hasher.write(&piece[..size]),
        }
    }
}
