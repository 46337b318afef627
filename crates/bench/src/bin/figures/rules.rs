//! What the alert rules cost: all groups once, in a real Prometheus that scrapes 10,000 channels.
//!
//! Not here: whether the rules are right; see `alerts/tests/`.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use whatsapp_exporter_bench::Result;
use whatsapp_exporter_bench::exporter::ExporterProcess;
use whatsapp_exporter_bench::http::Connection;
use whatsapp_exporter_bench::process::{Process, free_address};

use crate::Bench;
use crate::peers::prometheus;
use crate::report::{Bar, Figure, Report, Unit};
use crate::settings::Fleet;
use crate::upstream::Responder;

const CHANNELS: usize = 10_000;
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../alerts/whatsapp.rules.yaml");
/// The groups come every 30 s or every minute.
const ROUND: Duration = Duration::from_secs(60);
/// Rules that are named.
const DEAREST: usize = 6;

/// One round of the rules, once their windows of 15 minutes are full.
pub fn rules(bench: &Bench, report: &mut Report) -> Result<()> {
    let responder = Responder::start(&bench.runtime)?;
    let fleet = Fleet {
        channels: CHANNELS,
        upstream: responder.address,
        interval: "30s",
        told_apart: false,
    };
    let settings = fleet.settings(bench.directory)?;
    let exporter = ExporterProcess::start(&bench.binary, bench.directory, &settings)?;
    exporter.settled(CHANNELS)?;

    // As `deploy/` scrapes.
    let yaml = format!(
        "global: {{scrape_interval: 15s}}\nrule_files: ['{RULES}']\nscrape_configs:\n\
         - job_name: whatsapp-exporter\n  static_configs: [{{targets: ['{}']}}]\n",
        exporter.address
    );
    let file = bench.directory.join("prometheus.yaml");
    fs::write(&file, yaml)?;
    let (program, address) = (prometheus()?.0, free_address()?);
    let mut command = Command::new(program);
    command
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", bench.directory.join("prometheus").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--log.level=warn");
    let process = Process::start(command, bench.directory)?;
    process.listens(address)?;

    let (fill, rounds) = if bench.quick { (2, 2) } else { (16, 4) };
    let began = Instant::now();
    let mut seconds = Vec::new();
    for round in 1..=fill + rounds {
        sleep((began + ROUND * round).saturating_duration_since(Instant::now()));
        if round > fill {
            seconds.push(sum(address, "prometheus_rule_group_last_duration_seconds{")?);
        }
    }
    let seen = ask(address, "/api/v1/query?query=sum(provider:whatsapp_targets:count)")?;
    if seen["data"]["result"][0]["value"][1].as_str() != Some("10000") {
        return Err(format!("the rules see other channels: {seen}\n{}", process.said()).into());
    }
    let failed = sum(address, "prometheus_rule_evaluation_failures_total{")?;
    let missed = sum(address, "prometheus_rule_group_iterations_missed_total{")?;
    if failed + missed > 0.0 {
        let said = process.said();
        return Err(format!("{failed} evaluations failed, {missed} were missed\n{said}").into());
    }
    for (seconds, name) in dearest(&ask(address, "/api/v1/rules")?) {
        report.note(format!("rules: {:.0} ms {name}", seconds * 1000.0));
    }
    report.note(format!("rules: Prometheus takes {} MiB", process.memory()?.now / 1024));
    report.figure(Figure {
        place: 85,
        name: "one round of the rules at 10,000 channels".to_owned(),
        unit: Unit::Millis,
        ours: seconds.iter().map(|seconds| seconds * 1000.0).collect(),
        peer: Vec::new(),
        peer_name: "",
        bar: Bar::AtMost(1500.0),
    });
    Ok(())
}

/// The sum of the samples of Prometheus' own whose line begins so.
fn sum(address: std::net::SocketAddr, beginning: &str) -> Result<f64> {
    let page = String::from_utf8(Connection::open(address)?.get("/metrics")?.body)?;
    let samples = page.lines().filter(|line| line.starts_with(beginning));
    Ok(samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}

fn ask(address: std::net::SocketAddr, path: &str) -> Result<Value> {
    Ok(serde_json::from_slice(&Connection::open(address)?.get(path)?.body)?)
}

/// The rules that took longest in their last round, with how long that was.
fn dearest(answer: &Value) -> Vec<(f64, String)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let groups = list(&answer["data"]["groups"]);
    let rules = groups.iter().flat_map(|group| list(&group["rules"]));
    let mut rules: Vec<_> = rules
        .filter_map(|rule| {
            Some((rule["evaluationTime"].as_f64()?, rule["name"].as_str()?.to_owned()))
        })
        .collect();
    rules.sort_by(|one, other| other.0.total_cmp(&one.0));
    rules.truncate(DEAREST);
    rules
}
