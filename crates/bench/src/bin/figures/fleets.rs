//! Many channels: memory while polled and scraped, the time of a scrape, `/healthz` meanwhile,
//! readers that stall.

use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::Bench;
use crate::peers::nginx_sending;
use crate::report::{Bar, Figure, Report, Unit};
use crate::settings::Fleet;
use crate::upstream::Responder;
use whatsapp_exporter_bench::Result;
use whatsapp_exporter_bench::exporter::ExporterProcess;
use whatsapp_exporter_bench::http::Connection;
use whatsapp_exporter_bench::process::{Noise, is_open};
use whatsapp_exporter_bench::statistics::{median, millis, most, quantile};

const SMALL: usize = 10_000;
const LARGE: usize = 100_000;

/// Memory of both fleets over a whole interval; then `/healthz` and stalled readers at the large
/// one.
pub fn fleets(bench: &Bench, report: &mut Report) -> Result<()> {
    let responder = Responder::start(&bench.runtime)?;
    // A quick run has no time for the interval of the bar, so it asks three times as often, which
    // costs a little more.
    let interval = if bench.quick { "10s" } else { "30s" };
    let whole = Duration::from_secs(if bench.quick { 12 } else { 38 });
    let start = |channels: usize| -> Result<Vec<ExporterProcess>> {
        let fleet = Fleet { channels, upstream: responder.address, interval, told_apart: false };
        let settings = fleet.settings(bench.directory)?;
        (0..bench.rounds())
            .map(|_| ExporterProcess::start(&bench.binary, bench.directory, &settings))
            .collect()
    };
    let (small, mut large) = (start(SMALL)?, start(LARGE)?);
    let began = Instant::now();
    let mut turn = 0;
    while began.elapsed() < whole {
        let next = began + Duration::from_millis(2_500) * turn;
        sleep(next.saturating_duration_since(Instant::now()));
        turn += 1;
        for exporter in small.iter().chain(&large) {
            exporter.connect()?.count("/metrics", turn % 2 == 0)?;
        }
    }
    for (place, count, exporters, bar) in
        [(40, "10,000", &small, 16.0), (41, "100,000", &large, 96.0)]
    {
        let peaks: Result<Vec<f64>> = exporters
            .iter()
            .map(|exporter| Ok(exporter.process.memory()?.peak as f64 / 1024.0))
            .collect();
        for exporter in exporters {
            let memory = exporter.process.memory()?;
            report.note(format!(
                "{count} channels: peak {} KiB, at the end {} KiB",
                memory.peak, memory.now
            ));
        }
        report.figure(Figure {
            place,
            name: format!("peak memory, {count} channels every {interval}, scraped"),
            unit: Unit::Mebibytes,
            ours: peaks?,
            peer: Vec::new(),
            peer_name: "",
            bar: Bar::AtMost(bar),
        });
    }
    let part = |what: &str, result: Result<()>, report: &mut Report| {
        if let Err(error) = result {
            report.failed(what, &error.to_string());
        }
    };
    part("stalled readers", stalls(&large, report), report);
    // From here on time is measured, so nobody else is about.
    drop(small);
    large.truncate(1);
    part("/healthz", healthz(bench, &large[0], report), report);
    Ok(())
}

/// A scrape of 10,000 channels against nginx sending the same page from a file, plain and
/// compressed, one after the other.
pub fn scrape(bench: &Bench, report: &mut Report) -> Result<()> {
    let responder = Responder::start(&bench.runtime)?;
    let (interval, first_polls) = if bench.quick { ("10s", 12) } else { ("30s", 32) };
    let fleet = Fleet { channels: SMALL, upstream: responder.address, interval, told_apart: false };
    let settings = fleet.settings(bench.directory)?;
    let exporter = ExporterProcess::start(&bench.binary, bench.directory, &settings)?;
    sleep(Duration::from_secs(first_polls));
    exporter.settled(SMALL)?;
    let mut ours = exporter.connect()?;
    let page = ours.get("/metrics")?.body;
    let nginx = nginx_sending(&page, bench.directory)?;
    let mut theirs = Connection::open(nginx.address)?;
    // Rounds of scrapes are short, so there are more of them.
    let rounds = if bench.quick { 3 } else { 7 };
    for (place, gzip, path, times, bar) in
        [(10, false, "/plain", 31, 1.0), (20, true, "/gzip", 21, 0.65)]
    {
        let (mut our_rounds, mut their_rounds, mut sizes) = (vec![], vec![], (0, 0));
        for _ in 0..rounds {
            let (mut our_times, mut their_times) = (vec![], vec![]);
            for _ in 0..times {
                let began = Instant::now();
                sizes.0 = ours.count("/metrics", gzip)?;
                our_times.push(millis(began.elapsed()));
                let began = Instant::now();
                sizes.1 = theirs.count(path, gzip)?;
                their_times.push(millis(began.elapsed()));
            }
            our_rounds.push(median(&our_times));
            their_rounds.push(median(&their_times));
        }
        // The page changes a little from scrape to scrape: ages, counters, the exporter's own
        // numbers.
        let same = if gzip { page.len() as u64 } else { sizes.1 };
        let apart = (sizes.0 as f64 / same as f64 - 1.0).abs();
        if !gzip && apart > 0.005 {
            return Err(format!("the pages differ: {} and {} bytes", sizes.0, sizes.1).into());
        }
        let encoding = if gzip { "gzip" } else { "no compression" };
        report.note(format!("{encoding}: {} bytes, nginx {} bytes", sizes.0, sizes.1));
        report.figure(Figure {
            place,
            name: format!("scrape of 10,000 channels, {encoding}, median"),
            unit: Unit::Millis,
            ours: our_rounds,
            peer: their_rounds,
            peer_name: "nginx",
            bar: Bar::Ratio(bar),
        });
    }
    Ok(())
}

/// `/healthz` while another reader takes one compressed page of 100,000 channels after the other.
fn healthz(bench: &Bench, exporter: &ExporterProcess, report: &mut Report) -> Result<()> {
    let length = Duration::from_secs(if bench.quick { 5 } else { 8 });
    let mut rounds = Vec::new();
    for _ in 0..bench.rounds() {
        let over = AtomicBool::new(false);
        let noise = Noise::listen();
        let (scraped, times) = thread::scope(|scope| -> Result<(usize, Vec<f64>)> {
            let scraping = scope.spawn(|| -> Result<usize> {
                let mut connection = exporter.connect()?;
                let mut scraped = 0;
                while !over.load(Ordering::Relaxed) {
                    connection.count("/metrics", true)?;
                    scraped += 1;
                }
                Ok(scraped)
            });
            let asking = ask_healthz(exporter, length);
            over.store(true, Ordering::Relaxed);
            let scraped = scraping.join().map_err(|_| "the reader panicked")??;
            Ok((scraped, asking?))
        })?;
        if scraped < 2 || times.len() < 200 {
            return Err(format!("only {scraped} scrapes and {} answers", times.len()).into());
        }
        report.note(format!(
            "/healthz: {} answers during {scraped} scrapes, median {:.2} ms, longest {:.2} ms; a \
             thread that only sleeps: p99 {:.2} ms late",
            times.len(),
            median(&times),
            most(&times),
            noise.p99()
        ));
        rounds.push(quantile(&times, 0.99));
    }
    report.figure(Figure {
        place: 70,
        name: "/healthz p99 during gzip scrapes of 100,000".to_owned(),
        unit: Unit::Millis,
        ours: rounds,
        peer: Vec::new(),
        peer_name: "",
        bar: Bar::AtMost(10.0),
    });
    Ok(())
}

/// Asks every 5 ms at the latest, and no more often than that.
pub fn ask_healthz(exporter: &ExporterProcess, length: Duration) -> Result<Vec<f64>> {
    let mut connection = exporter.connect()?;
    let mut times = Vec::new();
    let began = Instant::now();
    while began.elapsed() < length {
        let asked = Instant::now();
        connection.count("/healthz", false)?;
        times.push(millis(asked.elapsed()));
        sleep(Duration::from_millis(5).saturating_sub(asked.elapsed()));
    }
    Ok(times)
}

/// Readers that take the beginning of a page of 100,000 channels and then nothing more: what each
/// costs, and when it is closed. All exporters at once, each its own round: memory that one round
/// has given back could hide what the next one takes.
fn stalls(exporters: &[ExporterProcess], report: &mut Report) -> Result<()> {
    const READERS: usize = 8;
    struct Round<'a> {
        exporter: &'a ExporterProcess,
        before: u64,
        most: u64,
        open: Vec<TcpStream>,
        /// When the last of them was closed.
        closed: Duration,
    }
    let mut rounds = Vec::new();
    for exporter in exporters {
        exporter.settled(LARGE)?;
        let (before, closed) = (exporter.process.memory()?.now, Duration::ZERO);
        rounds.push(Round { exporter, before, most: before, open: Vec::new(), closed });
    }
    for round in &mut rounds {
        for _ in 0..READERS {
            round.open.push(round.exporter.connect()?.stall("/metrics", 1_000_000)?);
        }
    }
    let began = Instant::now();
    while rounds.iter().any(|round| !round.open.is_empty()) {
        if began.elapsed() > Duration::from_secs(90) {
            return Err("stalled readers are not closed within 90 s".into());
        }
        sleep(Duration::from_millis(100));
        for round in &mut rounds {
            let server = round.exporter.address;
            let (mut open, before) = (Vec::new(), round.open.len());
            for reader in round.open.drain(..) {
                if is_open(server, reader.local_addr()?)? {
                    open.push(reader);
                }
            }
            round.open = open;
            if round.open.len() < before {
                round.closed = began.elapsed();
            }
            // Once one is closed, what the others cost can no longer be told.
            if round.open.len() == READERS {
                round.most = round.most.max(round.exporter.process.memory()?.now);
            }
        }
    }
    let mut figure = |place, name: &str, unit, ours, bar| {
        let (name, peer, bar) = (name.to_owned(), Vec::new(), Bar::AtMost(bar));
        report.figure(Figure { place, name, unit, ours, peer, peer_name: "", bar });
    };
    let cost = |round: &Round| round.most.saturating_sub(round.before) as f64 / READERS as f64;
    let costs = rounds.iter().map(cost).collect();
    let closed = rounds.iter().map(|round| round.closed.as_secs_f64()).collect();
    figure(80, "a stalled reader of 100,000, each of 8", Unit::Kibibytes, costs, 256.0);
    // Its deadline is 10 s without progress; the little that the kernel still takes in when it
    // probes a full socket is progress.
    figure(81, "… closed after", Unit::Seconds, closed, 20.0);
    Ok(())
}
