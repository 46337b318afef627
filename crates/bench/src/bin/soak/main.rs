//! The exporter under everything at once, for ten minutes: upstreams that fail in every way,
//! settings and secrets that change, scrapes without end, and visitors who stay. Afterwards no
//! scrape may have failed, no count be lost, and nothing have grown.
//!
//! `make soak` runs it; `SOAK=60s make soak` for a shorter time. Needs Linux. It ends with a table,
//! and fails when a promise is broken.
//!
//! | file | holds |
//! | --- | --- |
//! | `targets.rs` | the 1,000 channels and 10 tokens, their settings and secrets |
//! | `upstream.rs`, `trouble.rs` | the simulator, and what goes wrong with it |
//! | `rotations.rs`, `reloads.rs` | secrets and settings that change |
//! | `scrapes.rs`, `visitors.rs` | who comes to the listener |
//! | `attacks.rs` | who comes to harm it, and those who must be served all the same |
//! | `messages.rs` | messages that webhooks tell of, each of which counts once |
//! | `growth.rs`, `books.rs`, `page.rs` | memory over time, and the balance of counts |
//! | `report.rs` | the promises and the table |
//! | the library | the program, /proc, a client that costs nothing, arithmetic |
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests may block")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a report")]

mod attacks;
mod books;
mod growth;
mod messages;
mod page;
mod reloads;
mod report;
mod rotations;
mod scrapes;
mod targets;
mod trouble;
mod upstream;
mod visitors;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ScopedJoinHandle, sleep};
use std::time::{Duration, Instant};

use attacks::{Attacks, Besieged};
use books::Books;
use messages::Messages;
use page::Page;
use report::Report;
use scrapes::Scrapes;
use targets::{CHANNELS, TOKENS, Targets};
use upstream::Upstream;
use visitors::SlowReaders;
use whatsapp_exporter_bench::exporter::ExporterProcess;
use whatsapp_exporter_bench::{Result, exporter, process};

const LENGTH: Duration = Duration::from_secs(600);
/// No wait after a refusal is longer: eight intervals of 2 s, and jitter.
const LONGEST_WAIT: Duration = Duration::from_secs(18);
/// Faults that are still queued for a target that is asked seldom take a while to be used up.
const PATIENCE: Duration = Duration::from_secs(180);

/// The time in which everything happens.
struct Storm {
    length: Duration,
    ends: Instant,
    is_cut_short: AtomicBool,
}

impl Storm {
    fn new(length: Duration) -> Self {
        Self { length, ends: Instant::now() + length, is_cut_short: AtomicBool::new(false) }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.ends || self.is_cut_short.load(Ordering::Relaxed)
    }

    /// Does something until the end; when it fails, the others need not go on.
    fn spawn<'scope, T: Send + 'scope>(
        &'scope self,
        scope: &'scope thread::Scope<'scope, '_>,
        what: impl FnOnce() -> Result<T> + Send + 'scope,
    ) -> ScopedJoinHandle<'scope, Result<T>> {
        scope
            .spawn(move || what().inspect_err(|_| self.is_cut_short.store(true, Ordering::Relaxed)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn main() -> ExitCode {
    match soak() {
        Ok(report) => {
            print!("{}", report.show());
            if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("BROKEN OFF  {error}");
            ExitCode::FAILURE
        }
    }
}

fn length() -> Result<Duration> {
    let Ok(text) = std::env::var("SOAK") else { return Ok(LENGTH) };
    let length = humantime::parse_duration(&text)
        .map_err(|error| format!("SOAK must be a time such as `60s` or `10m`: {error}"))?;
    // With less there would be nothing to compare after the warm-up.
    if length < Duration::from_secs(60) {
        return Err("SOAK must be at least 60s".into());
    }
    Ok(length)
}

fn soak() -> Result<Report> {
    let length = length()?;
    let directory = tempfile::tempdir()?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.spawn(process::end_all_when_interrupted(directory.path().to_owned()));
    let binary = exporter::locate(directory.path())?;

    let upstream = Upstream::start(runtime.handle())?;
    let attacks = Attacks::start(runtime.handle())?;
    let mut targets = Targets::new(directory.path(), &upstream.simulator)?;
    targets.others = attacks.channels(directory.path())?;
    targets.write_settings(false)?;
    let mut settings = vec![
        ("CONFIG_FILE", targets.settings_file().to_string_lossy().into_owned()),
        ("WHAPI_API_URL", upstream.url.clone()),
        ("META_API_URL", upstream.url.clone()),
        ("POLL_TIMEOUT", "2s".to_owned()),
    ];
    settings.extend(attacks.settings(directory.path())?);
    let mut exporter = ExporterProcess::start_with_descriptors(
        &binary,
        directory.path(),
        &settings,
        attacks::DESCRIPTORS,
    )?;
    exporter.headers = Attacks::password();
    let first_descriptors = exporter.process.descriptors()?;
    until_well(&exporter)?;

    let targets = Mutex::new(targets);
    let scrapes = Mutex::new(Scrapes::default());
    eprintln!("the storm takes {}", humantime::format_duration(length));
    let storm = Storm::new(length);
    let mut report = thread::scope(|scope| -> Result<Report> {
        let trouble = storm.spawn(scope, || Ok(trouble::make(&storm, &upstream, &targets)));
        let rotations =
            storm.spawn(scope, || rotations::make(&storm, &upstream.simulator, &targets));
        let reloads = storm.spawn(scope, || reloads::make(&storm, &exporter, &upstream, &targets));
        for number in 0..scrapes::SCRAPERS {
            let (storm, exporter, scrapes) = (&storm, &exporter, &scrapes);
            scope.spawn(move || scrapes::make(storm, exporter, number, scrapes));
        }
        let half_open = storm.spawn(scope, || visitors::half_open(&storm, exporter.address));
        // The listener writes eight pages at a time, so that these five leave room for those who
        // read as they should.
        let patient: Vec<_> = (0..2)
            .map(|_| storm.spawn(scope, || visitors::read_slowly(&storm, &exporter)))
            .collect();
        let stalled: Vec<_> =
            (0..3).map(|_| storm.spawn(scope, || visitors::stall(&storm, &exporter))).collect();
        let growth = storm.spawn(scope, || growth::watch(&storm, &exporter.process));
        let harmful = [
            storm.spawn(scope, || attacks.stalled_readers(&storm, &exporter)),
            storm.spawn(scope, || attacks.wrong_passwords(&storm, &exporter)),
            storm.spawn(scope, || attacks.stalled_webhooks(&storm, &exporter)),
            storm.spawn(scope, || attacks.half_heads(&storm)),
            storm.spawn(scope, || attacks.waiting_requests(&storm)),
        ];
        let webhooks = storm.spawn(scope, || attacks.webhooks(&storm, &exporter));
        let messages = storm.spawn(scope, || Messages::make(&storm, &exporter));
        let requests = storm.spawn(scope, || attacks.requests(&storm));

        let mut slow = SlowReaders::default();
        for reader in patient.into_iter().chain(stalled) {
            let SlowReaders { patient, closed } = ended("a slow reader", reader)?;
            slow.patient += patient;
            slow.closed += closed;
        }
        let mut attacked = Besieged::default();
        for attack in harmful {
            attacked.add(ended("an attack", attack)?);
        }
        Ok(Report {
            attacks: attacked.attacks,
            webhooks: ended("webhooks", webhooks)?,
            messages: ended("messages", messages)?,
            requests: ended("the application", requests)?,
            outages: ended("trouble", trouble)?,
            rotations: ended("rotations", rotations)?,
            reloads: ended("reloads", reloads)?,
            half_open: ended("half-open connections", half_open)?,
            growth: ended("growth", growth)?,
            slow,
            ..Report::default()
        })
    })?;
    report.length = storm.length;
    report.resets = upstream.resets();
    report.scrapes = std::mem::take(&mut *lock(&scrapes));

    eprintln!("calm, and the balance");
    let mut targets = targets.into_inner().unwrap_or_else(PoisonError::into_inner);
    let page = until_still(&exporter, &upstream, &mut targets)?;
    let simulator = &upstream.simulator;
    report.woken = targets.all.iter().map(|target| simulator.woken(&target.secret)).sum();
    report.books = Books::balance(simulator, &page, targets.watched(), &report.reloads.gone);
    report.messages_are_counted = report.messages.is_counted(&page);
    report.descriptors = (first_descriptors, exporter.process.descriptors()?);
    report.peak_kib = exporter.process.memory()?.peak;
    Ok(report)
}

fn ended<T>(what: &str, thread: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    let result = thread.join().map_err(|_| format!("{what}: a panic"))?;
    result.map_err(|error| format!("{what}: {error}").into())
}

/// Waits until every target is known to be well.
fn until_well(exporter: &ExporterProcess) -> Result<()> {
    let began = Instant::now();
    loop {
        let well = reloads::look(exporter)?.well();
        let all = CHANNELS + TOKENS + attacks::WELL;
        if well == all {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("only {well} of {all} targets are well").into());
        }
        sleep(Duration::from_millis(500));
    }
}

/// Brings back who is away, waits until all are well, and then until nobody is asked any more. The
/// page of that moment.
fn until_still(
    exporter: &ExporterProcess,
    upstream: &Upstream,
    targets: &mut Targets,
) -> Result<Page> {
    let directory = targets.directory.clone();
    for target in targets.all.iter_mut().filter(|target| !target.is_watched) {
        target.is_born_again(&upstream.simulator);
        target.write_secret(&directory)?;
    }
    targets.write_settings(false)?;
    reloads::reload(exporter)?;
    until_well(exporter)?;
    targets.interval = "1h";
    targets.write_settings(false)?;
    reloads::reload(exporter)?;
    let began = Instant::now();
    let (mut asked, mut since) = (upstream.simulator.asked(None), Instant::now());
    while since.elapsed() < LONGEST_WAIT {
        if began.elapsed() > PATIENCE {
            return Err("targets are asked although their interval is an hour".into());
        }
        sleep(Duration::from_millis(200));
        let now = upstream.simulator.asked(None);
        if now != asked {
            (asked, since) = (now, Instant::now());
        }
    }
    reloads::look(exporter)
}
