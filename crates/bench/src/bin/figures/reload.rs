//! What a fleet of 100,000 costs those who ask meanwhile: a reload of its settings, and its page.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::Bench;
use crate::report::{Bar, Figure, Report, Unit};
use crate::settings::Fleet;
use crate::upstream::Responder;
use whatsapp_exporter_bench::Result;
use whatsapp_exporter_bench::exporter::ExporterProcess;
use whatsapp_exporter_bench::process::Noise;
use whatsapp_exporter_bench::statistics::{median, millis, most};

const CHANNELS: usize = 100_000;
/// So many channels give way to others in every second reload.
const REPLACED: usize = 1_000;

/// Reloads while `/healthz` is asked every millisecond, the memory that they take at most, and the
/// page afterwards.
pub fn reload(bench: &Bench, report: &mut Report) -> Result<()> {
    let responder = Responder::start(&bench.runtime)?;
    let (interval, first_polls) = if bench.quick { ("10s", 80) } else { ("30s", 100) };
    let fleet =
        Fleet { channels: CHANNELS, upstream: responder.address, interval, told_apart: false };
    let settings = fleet.settings(bench.directory)?;
    let file = settings.iter().find(|(name, _)| *name == "CONFIG_FILE").map(|(_, file)| file);
    let file = file.ok_or("the settings have no file")?;
    let exporter = ExporterProcess::start(&bench.binary, bench.directory, &settings)?;
    let began = Instant::now();
    while exporter.all_well(CHANNELS).is_err() {
        if began.elapsed() > Duration::from_secs(2 * first_polls) {
            exporter.all_well(CHANNELS)?;
        }
        sleep(Duration::from_secs(5));
    }
    let before = exporter.process.memory()?.peak;
    let text = fs::read_to_string(file)?;
    let mut waits = Vec::new();
    for round in 0..bench.rounds().max(2) * 2 {
        if round % 2 == 1 {
            let mut other = text.clone();
            for number in 0..REPLACED {
                let name = format!("shop-{:06}", number * (CHANNELS / REPLACED));
                other = other.replacen(&name, &format!("{name}-{round}"), 1);
            }
            fs::write(file, other)?;
        }
        let (wait, took, noise) = reload_once(&exporter)?;
        report.note(format!(
            "reload {round}: {took:.0} ms, /healthz waited {wait:.1} ms at most; a thread that \
             only sleeps: {noise:.1} ms late at most"
        ));
        waits.push(wait);
    }
    let peak = exporter.process.memory()?.peak;
    report.note(format!("memory before the reloads: peak {before} KiB, after: {peak} KiB"));
    let mut figure = |place, name: &str, unit, ours, bar| {
        let (name, peer, bar) = (name.to_owned(), Vec::new(), Bar::AtMost(bar));
        report.figure(Figure { place, name, unit, ours, peer, peer_name: "", bar });
    };
    let name = "longest wait during a reload of 100,000 channels";
    figure(62, name, Unit::Millis, waits, 50.0);
    figure(63, "… peak memory", Unit::Mebibytes, vec![peak as f64 / 1024.0], 96.0);
    let mut pages = Vec::new();
    for _ in 0..bench.rounds() {
        let mut connection = exporter.connect()?;
        let mut times = Vec::new();
        for _ in 0..21 {
            let began = Instant::now();
            connection.count("/", false)?;
            times.push(millis(began.elapsed()));
        }
        pages.push(median(&times));
    }
    figure(65, "the page of 100,000 channels, median", Unit::Millis, pages, 20.0);
    Ok(())
}

/// The longest wait for `/healthz`, how long the reload took, and how late the machine was.
fn reload_once(exporter: &ExporterProcess) -> Result<(f64, f64, f64)> {
    let over = AtomicBool::new(false);
    let noise = Noise::listen();
    let (longest, took) = thread::scope(|scope| -> Result<(f64, f64)> {
        let asking = scope.spawn(|| -> Result<Vec<f64>> {
            let (mut connection, mut times) = (exporter.connect()?, Vec::new());
            while !over.load(Ordering::Relaxed) {
                let asked = Instant::now();
                connection.count("/healthz", false)?;
                times.push(millis(asked.elapsed()));
                sleep(Duration::from_millis(1));
            }
            Ok(times)
        });
        sleep(Duration::from_millis(200));
        let began = Instant::now();
        let status = exporter.connect()?.post("/-/reload")?.status;
        let took = millis(began.elapsed());
        // What it leaves to be done.
        sleep(Duration::from_millis(300));
        over.store(true, Ordering::Relaxed);
        let times = asking.join().map_err(|_| "the reader panicked")??;
        match status {
            200 => Ok((most(&times), took)),
            other => Err(format!("the reload was answered {other}").into()),
        }
    })?;
    Ok((longest, took, noise.longest()))
}
