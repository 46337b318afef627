//! How late polls come: in a large fleet that is scraped, beside an upstream that hangs, and after
//! a start.
//!
//! From outside it is not known when a poll is due, since each is moved by chance; but a fleet's
//! first polls are spread over its interval, each within its own slot of interval / targets. So an
//! arrival minus the start of its slot, counted from the earliest such difference of all, is the
//! lateness and up to one slot more; the way over loopback is in it too.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::Bench;
use crate::report::{Bar, Figure, Report, Unit};
use crate::settings::Fleet;
use crate::upstream::{CHANNEL_SECRET, Responder};
use whatsapp_exporter_bench::Result;
use whatsapp_exporter_bench::exporter::ExporterProcess;
use whatsapp_exporter_bench::process::Noise;
use whatsapp_exporter_bench::statistics::{median, millis, most, quantile};

const CHANNELS: usize = 10_000;
/// So many are polled at once at the start, out of all slots.
const AT_ONCE: usize = 16;
/// Three times as often as by default.
const INTERVAL: Duration = Duration::from_secs(10);
/// Of the targets beside a hanging upstream every third is well.
const HANGING: usize = 1_000;

/// Polls of 10,000 channels every 10 s, scraped meanwhile.
pub fn scraped(bench: &Bench, report: &mut Report) -> Result<()> {
    let responder = Responder::start(&bench.runtime)?;
    let fleet = Fleet {
        channels: CHANNELS,
        upstream: responder.address,
        interval: "10s",
        told_apart: true,
    };
    let settings = fleet.settings(bench.directory)?;
    let mut rounds = Vec::new();
    for _ in 0..bench.rounds() {
        let late = late_polls(bench, &responder, &settings, CHANNELS, report)?;
        rounds.push(quantile(&late, 0.99));
    }
    let name = "lateness of polls p99, 10,000 channels, scraped";
    figure(report, 60, name, Unit::Millis, rounds, 5.0);
    Ok(())
}

/// The lateness of the first poll of each of 10,000 channels every 10 s, which these settings watch
/// at this responder, in milliseconds, in the order in which they are due. All targets share the
/// interval.
pub fn late_polls(
    bench: &Bench,
    responder: &Responder,
    settings: &[(&'static str, String)],
    targets: usize,
    report: &mut Report,
) -> Result<Vec<f64>> {
    responder.watch(CHANNELS);
    let exporter = ExporterProcess::start(&bench.binary, bench.directory, settings)?;
    let (began, noise) = (Instant::now(), Noise::listen());
    let mut connection = exporter.connect()?;
    let mut scrapes = 0;
    while began.elapsed() < INTERVAL + Duration::from_millis(300) {
        connection.count("/metrics", scrapes % 2 == 0)?;
        scrapes += 1;
        sleep(Duration::from_millis(500));
    }
    let all: Vec<usize> = (0..CHANNELS).collect();
    let late = lateness(&responder.watched(), &all, targets)?;
    report.note(format!(
        "lateness: median {:.2} ms, longest {:.2} ms, during {scrapes} scrapes; \
         a thread that only sleeps: p99 {:.2} ms late",
        median(&late),
        most(&late),
        noise.p99()
    ));
    Ok(late)
}

/// Polls of 500 channels while an upstream with 1,000 others takes connections and never answers.
pub fn hanging(bench: &Bench, report: &mut Report) -> Result<()> {
    let responder = Responder::start(&bench.runtime)?;
    let hangs = TcpListener::bind(("127.0.0.1", 0))?;
    let hangs_at = hangs.local_addr()?;
    thread::spawn(move || {
        let taken: Vec<_> = hangs.incoming().collect();
        drop(taken);
    });
    fs::write(bench.directory.join("token"), CHANNEL_SECRET)?;
    let count = HANGING + HANGING / 2;
    let mut text = String::from("channels:\n");
    for number in 0..count {
        let address = if is_well(number) { responder.address } else { hangs_at };
        write!(
            text,
            "- name: shop-{number}\n  token_file: token\n  api_url: http://{address}/c/{number}\n"
        )?;
    }
    let file = bench.directory.join("settings-hanging.yaml");
    fs::write(&file, text)?;
    let settings = [
        ("CONFIG_FILE", file.to_string_lossy().into_owned()),
        ("WHAPI_POLL_INTERVAL", format!("{}s", INTERVAL.as_secs())),
        ("LOG_LEVEL", "error".to_owned()),
    ];
    let well: Vec<usize> = (0..count).filter(|number| is_well(*number)).collect();
    let mut rounds = Vec::new();
    for _ in 0..bench.rounds() {
        responder.watch(count);
        let _exporter = ExporterProcess::start(&bench.binary, bench.directory, &settings)?;
        let noise = Noise::listen();
        sleep(INTERVAL + Duration::from_millis(500));
        let late = lateness(&responder.watched(), &well, count)?;
        report.note(format!(
            "beside a hanging upstream: median {:.2} ms, longest {:.2} ms; a thread that only \
             sleeps: p99 {:.2} ms late",
            median(&late),
            most(&late),
            noise.p99()
        ));
        rounds.push(quantile(&late, 0.99));
    }
    let name = "lateness of polls p99 beside 1,000 that hang";
    figure(report, 61, name, Unit::Millis, rounds, 100.0);
    Ok(())
}

const fn is_well(number: usize) -> bool {
    number.is_multiple_of(3)
}

/// How long it takes until each of 10,000 channels was polled, though their interval is an hour.
pub fn first_round(bench: &Bench, report: &mut Report) -> Result<()> {
    let responder = Responder::start(&bench.runtime)?;
    let fleet =
        Fleet { channels: CHANNELS, upstream: responder.address, interval: "1h", told_apart: true };
    let settings = fleet.settings(bench.directory)?;
    responder.watch(CHANNELS);
    let began = Instant::now();
    let exporter = ExporterProcess::start(&bench.binary, bench.directory, &settings)?;
    sleep(Duration::from_secs(33));
    exporter.all_well(CHANNELS)?;
    let last = responder.watched().into_iter().flatten().max().ok_or("nothing was polled")?;
    let took = last.saturating_duration_since(began).as_secs_f64();
    let name = "first poll of all of 10,000 channels after a start";
    figure(report, 64, name, Unit::Seconds, vec![took], 30.0);
    Ok(())
}

/// How late the first polls of these of `count` targets arrived, in milliseconds.
fn lateness(arrivals: &[Option<Instant>], of: &[usize], count: usize) -> Result<Vec<f64>> {
    let spread = of.iter().copied().filter(|at| *at >= AT_ONCE);
    let arrived: Option<Vec<(usize, Instant)>> =
        spread.map(|at| Some((at, (*arrivals.get(at)?)?))).collect();
    let arrived = arrived.ok_or("not every channel was asked within its interval")?;
    let origin = arrived.iter().map(|(_, at)| *at).min().ok_or("nothing was polled")?;
    let offset = |(at, arrival): &(usize, Instant)| {
        let slot = INTERVAL.mul_f64(*at as f64 / count as f64);
        millis(arrival.saturating_duration_since(origin)) - millis(slot)
    };
    let offsets: Vec<f64> = arrived.iter().map(offset).collect();
    let earliest = offsets.iter().copied().fold(f64::INFINITY, f64::min);
    Ok(offsets.iter().map(|offset| offset - earliest).collect())
}

fn figure(report: &mut Report, place: u32, name: &str, unit: Unit, ours: Vec<f64>, bar: f64) {
    let (name, peer, bar) = (name.to_owned(), Vec::new(), Bar::AtMost(bar));
    report.figure(Figure { place, name, unit, ours, peer, peer_name: "", bar });
}
