//! How good the exporter is, as numbers: its release binary beside what a user would take instead.
//!
//! `make bench` measures everything. `make bench FIGURES=quick` does so with fewer and shorter
//! rounds, and `make bench FIGURES="scrape lateness"` measures only these groups; without make they
//! follow `cargo run --release --locked -p whatsapp-exporter-bench --bin figures --`. The groups
//! are start, single, cpu, scrape, lateness, hanging, first, fleets (with /healthz and stalled
//! readers), reload (with the page), gateway, sources, and rules (20 minutes).
//!
//! Needs Linux, and Debian's packages `nginx-light`, `prometheus-blackbox-exporter` and
//! `prometheus`: a missing peer is a failure, not a gap.
//!
//! It is a report: a bar that is not met does not fail it, what could not be measured does.
//!
//! | file | holds |
//! | --- | --- |
//! | `single.rs` | one channel: memory over HTTPS, CPU of a poll, start |
//! | `fleets.rs` | many channels: memory, scrapes, `/healthz`, stalled readers |
//! | `lateness.rs` | how late polls come: scraped, beside an upstream that hangs, after a start |
//! | `reload.rs` | a reload of 100,000 channels, and their page |
//! | `sources.rs` | channels that lists tell of: memory, scrapes, lateness, cost of a list |
//! | `rules.rs` | the alert rules in a real Prometheus |
//! | `gateway.rs`, `application.rs` | the gateway beside a reverse proxy, and both of its ends |
//! | `settings.rs`, `peers.rs`, `upstream.rs` | what is measured, compared with, and polled |
//! | `report.rs` | the table |
//! | the library | the program, /proc, a client that costs nothing, arithmetic |
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests may block")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a report")]

mod application;
mod fleets;
mod gateway;
mod lateness;
mod peers;
mod reload;
mod report;
mod rules;
mod settings;
mod single;
mod sources;
mod upstream;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use report::{Bar, Figure, Report, Unit};
use tokio::runtime::Handle;
use whatsapp_exporter_bench::{Result, exporter, process};

/// What every group of figures needs.
struct Bench<'a> {
    binary: PathBuf,
    directory: &'a Path,
    /// Where the upstreams run.
    runtime: Handle,
    quick: bool,
}

impl Bench<'_> {
    fn rounds(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match measure(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the figures cannot be measured: {error}");
            ExitCode::FAILURE
        }
    }
}

type Group = fn(&Bench, &mut Report) -> Result<()>;

const GROUPS: [(&str, Group); 12] = [
    ("start", single::start),
    ("single", single::memory),
    ("cpu", single::cpu),
    ("scrape", fleets::scrape),
    ("lateness", lateness::scraped),
    ("hanging", lateness::hanging),
    ("first", lateness::first_round),
    ("fleets", fleets::fleets),
    ("reload", reload::reload),
    ("gateway", gateway::gateway),
    ("sources", sources::sources),
    ("rules", rules::rules),
];

/// Whether everything could be measured.
fn measure(words: &[&str]) -> Result<bool> {
    let quick = words.contains(&"quick");
    let chosen: Vec<&str> = words.iter().copied().filter(|word| *word != "quick").collect();
    if let Some(unknown) = chosen.iter().find(|word| GROUPS.iter().all(|(name, _)| name != *word)) {
        let names = GROUPS.map(|(name, _)| name).join(", ");
        return Err(format!("there is no group `{unknown}`; the groups are {names}").into());
    }
    let began = Instant::now();
    let directory = tempfile::tempdir()?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.spawn(process::end_all_when_interrupted(directory.path().to_owned()));
    let binary = exporter::locate(directory.path())?;
    let bench =
        Bench { binary, directory: directory.path(), runtime: runtime.handle().clone(), quick };
    let mut report = Report::default();
    size(&bench, &mut report)?;
    for (name, group) in GROUPS {
        if chosen.is_empty() || chosen.contains(&name) {
            eprintln!("{:>4} s  {name} …", began.elapsed().as_secs());
            if let Err(error) = group(&bench, &mut report) {
                report.failed(name, &error.to_string());
            }
        }
    }
    print!("\n{}\n{}", machine(&bench), report.show());
    println!("  took {} s{}", began.elapsed().as_secs(), if quick { ", quick" } else { "" });
    Ok(report.is_complete())
}

fn size(bench: &Bench, report: &mut Report) -> Result<()> {
    report.figure(Figure {
        place: 90,
        name: "binary, stripped".to_owned(),
        unit: Unit::Mebibytes,
        ours: vec![fs::metadata(&bench.binary)?.len() as f64 / 1_048_576.0],
        peer: Vec::new(),
        peer_name: "",
        bar: Bar::AtMost(6.0),
    });
    Ok(())
}

/// The machine and the versions of what the exporter is compared with.
fn machine(bench: &Bench) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cpuinfo = read("/proc/cpuinfo");
    let model =
        cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let version = |found: Result<(PathBuf, String)>| match found {
        Ok((_, version)) => version,
        Err(error) => format!("MISSING: {error}"),
    };
    let ours = std::process::Command::new(&bench.binary).arg("--version").output();
    let ours =
        ours.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned()).unwrap_or_default();
    format!(
        "{} cores, {}, Linux {}, load {}\nours: {}; peers: {}; {}\n",
        cores,
        model.trim_start_matches([' ', '\t', ':']),
        read("/proc/sys/kernel/osrelease"),
        read("/proc/loadavg"),
        ours,
        version(peers::nginx()),
        version(peers::blackbox()),
    )
}
