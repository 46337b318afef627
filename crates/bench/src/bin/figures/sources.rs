//! Many channels that a few lists tell of: 10,000 sessions of ten WAHA servers. Memory, scrapes and
//! lateness are held to the bars of channels that are polled one by one; what a list costs is told.

use std::fmt::Write as _;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use whatsapp_simulator::{Simulator, WahaServer};

use crate::Bench;
use crate::fleets::ask_healthz;
use crate::lateness::late_polls;
use crate::peers::nginx_sending;
use crate::report::{Bar, Figure, Report, Unit};
use crate::settings::Fleet;
use crate::upstream::Responder;
use whatsapp_exporter_bench::Result;
use whatsapp_exporter_bench::exporter::ExporterProcess;
use whatsapp_exporter_bench::http::Connection;
use whatsapp_exporter_bench::process::Noise;
use whatsapp_exporter_bench::statistics::{median, millis, most, quantile};

const SERVERS: usize = 10;
const SESSIONS: usize = 1_000;
const ALL: usize = SERVERS * SESSIONS;
const KEY: &str = "benchWahaKey";

/// Ten servers, each with an address of its own.
struct Servers(Vec<Responder>);

impl Servers {
    fn start(bench: &Bench) -> Result<Self> {
        let simulator = bench.runtime.block_on(Simulator::start())?;
        let mut server = WahaServer::new("bench");
        for number in 0..SESSIONS {
            server = server.with_session(&format!("session-{number:04}"), "WORKING");
        }
        simulator.set_waha_server(KEY, server);
        let key = format!("X-Api-Key: {KEY}\r\n");
        let path = "/api/sessions?all=true";
        let list = Connection::open(simulator.address())?.get_with(path, &key)?.body;
        let servers = (0..SERVERS).map(|_| Responder::sending(&bench.runtime, &list));
        Ok(Self(servers.collect::<Result<_>>()?))
    }

    /// Writes the settings file; returns the variables that name it.
    fn settings(&self, bench: &Bench, interval: &str) -> Result<Vec<(&'static str, String)>> {
        fs::write(bench.directory.join("key"), KEY)?;
        let mut text = String::from("sources:\n");
        for (number, server) in self.0.iter().enumerate() {
            write!(
                text,
                "- name: waha-{number}\n  provider: waha\n  api_url: http://{}\n  \
                 token_file: key\n  poll_interval: {interval}\n",
                server.address
            )?;
        }
        let file = bench.directory.join(format!("sources-{interval}.yaml"));
        fs::write(&file, text)?;
        Ok(vec![
            ("CONFIG_FILE", file.to_string_lossy().into_owned()),
            ("POLL_TIMEOUT", "1s".to_owned()),
        ])
    }

    fn answered(&self) -> u64 {
        self.0.iter().map(Responder::answered).sum()
    }
}

pub fn sources(bench: &Bench, report: &mut Report) -> Result<()> {
    let servers = Servers::start(bench)?;
    scrapes_and_memory(bench, &servers, report)?;
    cost(bench, &servers, report)?;
    lateness(bench, &servers, report)
}

fn figure(
    report: &mut Report,
    place: u32,
    name: &str,
    unit: Unit,
    ours: Vec<f64>,
    limit: Option<f64>,
) {
    let bar = limit.map_or(Bar::None, Bar::AtMost);
    let name = name.to_owned();
    report.figure(Figure { place, name, unit, ours, peer: Vec::new(), peer_name: "", bar });
}

/// Peak memory over whole intervals while scraped, and a scrape against nginx sending its page.
fn scrapes_and_memory(bench: &Bench, servers: &Servers, report: &mut Report) -> Result<()> {
    let settings = servers.settings(bench, "10s")?;
    let whole = Duration::from_secs(if bench.quick { 12 } else { 32 });
    let mut peaks = Vec::new();
    let (mut plain, mut gzip) = ((vec![], vec![]), (vec![], vec![]));
    for _ in 0..bench.rounds() {
        let exporter = ExporterProcess::start(&bench.binary, bench.directory, &settings)?;
        exporter.settled(ALL)?;
        let began = Instant::now();
        let mut turn = 0;
        while began.elapsed() < whole {
            exporter.connect()?.count("/metrics", turn % 2 == 0)?;
            turn += 1;
            sleep(Duration::from_secs(2));
        }
        peaks.push(exporter.process.memory()?.peak as f64 / 1024.0);
        let mut ours = exporter.connect()?;
        let page = ours.get("/metrics")?.body;
        let nginx = nginx_sending(&page, bench.directory)?;
        let mut theirs = Connection::open(nginx.address)?;
        for (compressed, path, rounds) in
            [(false, "/plain", &mut plain), (true, "/gzip", &mut gzip)]
        {
            let (mut our_times, mut their_times) = (vec![], vec![]);
            for _ in 0..21 {
                let began = Instant::now();
                ours.count("/metrics", compressed)?;
                our_times.push(millis(began.elapsed()));
                let began = Instant::now();
                theirs.count(path, compressed)?;
                their_times.push(millis(began.elapsed()));
            }
            rounds.0.push(median(&our_times));
            rounds.1.push(median(&their_times));
        }
    }
    let name = "peak memory, 10,000 sessions of 10 lists every 10 s, scraped";
    figure(report, 100, name, Unit::Mebibytes, peaks, Some(16.0));
    for (place, encoding, (ours, peer), bar) in
        [(101, "no compression", plain, 1.0), (102, "gzip", gzip, 0.65)]
    {
        report.figure(Figure {
            place,
            name: format!("scrape of 10,000 sessions, {encoding}, median"),
            unit: Unit::Millis,
            ours,
            peer,
            peer_name: "nginx",
            bar: Bar::Ratio(bar),
        });
    }
    Ok(())
}

/// CPU time of a list of 1,000 sessions, and how long `/healthz` waits while ten come every second.
fn cost(bench: &Bench, servers: &Servers, report: &mut Report) -> Result<()> {
    let settings = servers.settings(bench, "1s")?;
    let length = Duration::from_secs(if bench.quick { 4 } else { 8 });
    let (mut costs, mut waits) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds() {
        let exporter = ExporterProcess::start(&bench.binary, bench.directory, &settings)?;
        exporter.settled(ALL)?;
        let (lists, cpu) = (servers.answered(), exporter.process.cpu()?);
        sleep(length);
        let (lists, cpu) = (servers.answered() - lists, exporter.process.cpu()? - cpu);
        if lists < 5 * length.as_secs() {
            return Err(format!("only {lists} lists in {length:?}").into());
        }
        costs.push(millis(cpu) / lists as f64);
        let noise = Noise::listen();
        let times = ask_healthz(&exporter, length)?;
        report.note(format!(
            "/healthz beside lists: {} answers, median {:.2} ms, p99 {:.2} ms; a thread that only \
             sleeps: p99 {:.2} ms late",
            times.len(),
            median(&times),
            quantile(&times, 0.99),
            noise.p99()
        ));
        waits.push(most(&times));
    }
    figure(report, 103, "CPU of a list of 1,000 sessions", Unit::Millis, costs, None);
    let name = "/healthz, longest wait beside 10 lists of 1,000 a second";
    figure(report, 104, name, Unit::Millis, waits, Some(50.0));
    Ok(())
}

/// How late the polls of 10,000 channels come that are polled one by one every 10 s, while five
/// lists of 1,000 come every second.
fn lateness(bench: &Bench, servers: &Servers, report: &mut Report) -> Result<()> {
    let responder = Responder::start(&bench.runtime)?;
    let channels =
        Fleet { channels: 10_000, upstream: responder.address, interval: "10s", told_apart: true };
    let mut settings = channels.settings(bench.directory)?;
    let mut text = fs::read_to_string(&settings[0].1)?;
    text += &fs::read_to_string(&servers.settings(bench, "2s")?[0].1)?;
    let file = bench.directory.join("sources-beside.yaml");
    fs::write(&file, text)?;
    settings[0].1 = file.to_string_lossy().into_owned();
    settings.retain(|(name, _)| *name != "POLL_TIMEOUT");
    settings.push(("POLL_TIMEOUT", "1s".to_owned()));
    let (mut at_first, mut after) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds() {
        let late = late_polls(bench, &responder, &settings, 10_000 + SERVERS, report)?;
        // The lists are known within the first seconds.
        let (during, later) = late.split_at(late.len() / 2);
        at_first.push(most(during));
        after.push(quantile(later, 0.99));
    }
    let name = "lateness of polls p99, 10,000 channels, beside 5 lists of 1,000 a second";
    figure(report, 105, name, Unit::Millis, after, Some(5.0));
    let name = "… longest while the lists are read for the first time";
    figure(report, 106, name, Unit::Millis, at_first, None);
    Ok(())
}
