//! One channel and one token: memory over HTTPS, the CPU of a poll, and the start.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Bench;
use crate::peers::{Certificates, blackbox_probing, nginx_tls, probe};
use crate::report::{Bar, Figure, Report, Unit};
use crate::settings::Fleet;
use crate::upstream::{CHANNEL_SECRET, HEALTH, Responder, TOKEN_SECRET, simulator};
use whatsapp_exporter_bench::Result;
use whatsapp_exporter_bench::exporter::ExporterProcess;
use whatsapp_exporter_bench::http::Connection;
use whatsapp_exporter_bench::statistics::{median, millis};

/// Memory after 10,000 scrapes, while a channel and a token are polled over HTTPS every second.
pub fn memory(bench: &Bench, report: &mut Report) -> Result<()> {
    let simulator = simulator(&bench.runtime)?;
    let certificates = Certificates::make(bench.directory)?;
    let tls = nginx_tls(simulator.address(), &certificates, bench.directory)?;
    let url = format!("https://{}", tls.address);
    let settings = [
        ("WHAPI_TOKEN", CHANNEL_SECRET.to_owned()),
        ("META_TOKEN", TOKEN_SECRET.to_owned()),
        ("WHAPI_API_URL", url.clone()),
        ("META_API_URL", url.clone()),
        ("WHAPI_POLL_INTERVAL", "1s".to_owned()),
        ("META_POLL_INTERVAL", "1s".to_owned()),
        ("POLL_TIMEOUT", "1s".to_owned()),
        ("EXTRA_CA_FILE", certificates.ca.to_string_lossy().into_owned()),
    ];
    let probes = if bench.quick { 1_000 } else { 10_000 };
    let (mut early, mut late, mut peaks, mut theirs) = (vec![], vec![], vec![], vec![]);
    for _ in 0..bench.rounds() {
        let exporter = ExporterProcess::start(&bench.binary, bench.directory, &settings)?;
        sleep(Duration::from_millis(1500));
        exporter.all_well(1)?;
        let page = String::from_utf8(exporter.connect()?.get("/metrics")?.body)?;
        if !page.lines().any(|l| l.starts_with("whatsapp_token_valid{") && l.ends_with(" 1")) {
            return Err("the token is not known to be valid".into());
        }
        let mut connection = exporter.connect()?;
        let mut scrape = |times: usize| -> Result<u64> {
            for number in 0..times {
                connection.count("/metrics", number % 2 == 0)?;
                // So that there are polls between the scrapes.
                if number % 500 == 0 {
                    sleep(Duration::from_millis(100));
                }
            }
            Ok(exporter.process.memory()?.now)
        };
        early.push(scrape(1_000)? as f64);
        late.push(scrape(9_000)? as f64);
        let memory = exporter.process.memory()?;
        peaks.push(memory.peak as f64 / 1024.0);

        let blackbox = blackbox_probing(Some(&certificates.ca), bench.directory)?;
        let mut connection = Connection::open(blackbox.address)?;
        probe(&mut connection, &format!("{url}{HEALTH}"), probes)?;
        theirs.push(blackbox.process.memory()?.now as f64 / 1024.0);
        report.note(format!(
            "one channel and one token: {} KiB, of which {} KiB are its own and not the program \
             file's",
            memory.now, memory.own
        ));
    }
    let grown: Vec<f64> =
        early.iter().zip(&late).map(|(early, late)| (late - early).max(0.0)).collect();
    let late: Vec<f64> = late.iter().map(|kib| kib / 1024.0).collect();
    let mut figure = |place, name: &str, unit, ours, peer, bar| {
        let name = name.to_owned();
        report.figure(Figure { place, name, unit, ours, peer, peer_name: "blackbox", bar });
    };
    let name = "memory, 1 channel + 1 token, HTTPS, 10,000 scrapes";
    figure(30, name, Unit::Mebibytes, late.clone(), vec![], Bar::AtMost(7.0));
    let against = format!("… against blackbox after {probes} probes");
    figure(31, &against, Unit::Mebibytes, late, theirs, Bar::Ratio(0.4));
    figure(32, "… its peak", Unit::Mebibytes, peaks, vec![], Bar::AtMost(7.0));
    // Less than this is a page here and there, not growth: over 9,000 scrapes it would be 14 bytes
    // each.
    let name = "… growth from 1,000 to 10,000 scrapes";
    figure(33, name, Unit::Kibibytes, grown, vec![], Bar::AtMost(128.0));
    Ok(())
}

/// CPU of one poll against one probe, both over plain HTTP of the same address.
pub fn cpu(bench: &Bench, report: &mut Report) -> Result<()> {
    let responder = Responder::start(&bench.runtime)?;
    let fleet =
        Fleet { channels: 2_000, upstream: responder.address, interval: "1s", told_apart: false };
    let seconds = if bench.quick { 3 } else { 5 };
    let probes = if bench.quick { 500 } else { 1_000 };
    let blackbox = blackbox_probing(None, bench.directory)?;
    let mut connection = Connection::open(blackbox.address)?;
    let url = format!("http://{}{HEALTH}", responder.address);
    probe(&mut connection, &url, 100)?;
    let (mut ours, mut theirs) = (vec![], vec![]);
    let settings = fleet.settings(bench.directory)?;
    for _ in 0..bench.rounds() {
        let exporter = ExporterProcess::start(&bench.binary, bench.directory, &settings)?;
        sleep(Duration::from_secs(2));
        exporter.settled(fleet.channels)?;
        let (polls, cpu) = (responder.answered(), exporter.process.cpu()?);
        sleep(Duration::from_secs(seconds));
        let (polls, cpu) = (responder.answered() - polls, exporter.process.cpu()? - cpu);
        if polls < 1_000 * seconds {
            return Err(format!("only {polls} polls in {seconds} s").into());
        }
        ours.push(cpu.as_secs_f64() * 1e6 / polls as f64);
        drop(exporter);

        let cpu = blackbox.process.cpu()?;
        probe(&mut connection, &url, probes)?;
        let cpu = blackbox.process.cpu()? - cpu;
        theirs.push(cpu.as_secs_f64() * 1e6 / probes as f64);
    }
    report.figure(Figure {
        place: 50,
        name: "CPU of one poll, keep-alive".to_owned(),
        unit: Unit::Micros,
        ours,
        peer: theirs,
        peer_name: "blackbox",
        bar: Bar::Ratio(0.05),
    });
    Ok(())
}

/// From starting the process to the last byte of its first scrape.
pub fn start(bench: &Bench, report: &mut Report) -> Result<()> {
    let responder = Responder::start(&bench.runtime)?;
    let settings = [
        ("WHAPI_TOKEN", CHANNEL_SECRET.to_owned()),
        ("WHAPI_API_URL", format!("http://{}", responder.address)),
    ];
    let mut rounds = Vec::new();
    for _ in 0..bench.rounds() {
        let mut times = Vec::new();
        for _ in 0..7 {
            let began = Instant::now();
            let exporter = ExporterProcess::start(&bench.binary, bench.directory, &settings)?;
            exporter.connect()?.count("/metrics", false)?;
            times.push(millis(began.elapsed()));
        }
        rounds.push(median(&times));
    }
    report.figure(Figure {
        place: 91,
        name: "start to first scrape answered".to_owned(),
        unit: Unit::Millis,
        ours: rounds,
        peer: Vec::new(),
        peer_name: "",
        bar: Bar::AtMost(50.0),
    });
    Ok(())
}
