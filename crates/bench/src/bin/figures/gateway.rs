//! The gateway beside nginx as a reverse proxy to the same API: throughput, added latency, memory.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use crate::application::{Api, Load, apply};
use crate::peers::nginx_passing;
use crate::report::{Bar, Figure, Report, Unit};
use crate::upstream::CHANNEL_SECRET;
use crate::{Bench, Result};
use whatsapp_exporter_bench::exporter::ExporterProcess;
use whatsapp_exporter_bench::process::free_address;
use whatsapp_exporter_bench::statistics::median;

const CONNECTIONS: usize = 64;

/// An exporter with one channel, and a gateway if it is to have one.
fn exporter(bench: &Bench, api: &Api, gateway: Option<SocketAddr>) -> Result<ExporterProcess> {
    let mut settings = vec![
        ("WHAPI_TOKEN", CHANNEL_SECRET.to_owned()),
        ("WHAPI_API_URL", format!("http://{}", api.address)),
        ("WHAPI_POLL_INTERVAL", "1s".to_owned()),
        ("POLL_TIMEOUT", "1s".to_owned()),
    ];
    settings.extend(gateway.map(|address| ("GATEWAY_ADDRESS", address.to_string())));
    let exporter = ExporterProcess::start(&bench.binary, bench.directory, &settings)?;
    exporter.settled(1)?;
    if let Some(address) = gateway {
        exporter.process.listens(address)?;
    }
    Ok(exporter)
}

/// Side by side in each round, after a warm-up of both.
pub fn gateway(bench: &Bench, report: &mut Report) -> Result<()> {
    let api = Api::start(&bench.runtime)?;
    let nginx = nginx_passing(api.address, bench.directory)?;
    let seconds = Duration::from_secs(if bench.quick { 2 } else { 4 });
    let run = |address, prefix, load, connections, length| {
        apply(&bench.runtime, address, prefix, load, connections, length)
    };
    let (mut ours, mut theirs) = (vec![], vec![]);
    let (mut our_latency, mut their_latency, mut bare_latency) = (vec![], vec![], vec![]);
    let (mut our_cpu, mut their_cpu) = (vec![], vec![]);
    let (mut memory, mut peak) = (vec![], vec![]);
    for _ in 0..bench.rounds() {
        let address = free_address()?;
        let with = exporter(bench, &api, Some(address))?;
        let warm = Duration::from_millis(300);
        run(address, "/whapi", Load::Message, CONNECTIONS, warm)?;
        run(nginx.address, "/whapi", Load::Message, CONNECTIONS, warm)?;

        let cpu = with.process.cpu()?;
        let met = run(address, "/whapi", Load::Message, CONNECTIONS, seconds)?;
        our_cpu.push((with.process.cpu()? - cpu).as_secs_f64() * 1e6 / met.requests as f64);
        ours.push(met.per_second());
        let cpu = nginx.process.cpu()?;
        let met = run(nginx.address, "/whapi", Load::Message, CONNECTIONS, seconds)?;
        their_cpu.push((nginx.process.cpu()? - cpu).as_secs_f64() * 1e6 / met.requests as f64);
        theirs.push(met.per_second());

        let bare = median(&run(api.address, "", Load::Message, 1, seconds / 2)?.times);
        let by_us = median(&run(address, "/whapi", Load::Message, 1, seconds / 2)?.times);
        let by_nginx = median(&run(nginx.address, "/whapi", Load::Message, 1, seconds / 2)?.times);
        bare_latency.push(bare * 1e3);
        our_latency.push((by_us - bare) * 1e3);
        their_latency.push((by_nginx - bare) * 1e3);
        drop(with);

        // A new one without a gateway, and one with it under load: what the gateway adds.
        let without = exporter(bench, &api, None)?;
        sleep(Duration::from_secs(2));
        let least = without.process.memory()?;
        drop(without);
        let with = exporter(bench, &api, Some(address))?;
        run(address, "/whapi", Load::Media, CONNECTIONS, seconds)?;
        let most = with.process.memory()?;
        peak.push(most.peak as f64 / 1024.0);
        memory.push((most.peak as f64 - least.peak as f64) / 1024.0);
    }
    report.note(format!(
        "without anything between them, a message takes {:.1} µs at the median",
        median(&bare_latency)
    ));
    let mut figure = |place, name: &str, unit, ours, peer, bar| {
        let name = name.to_owned();
        report.figure(Figure { place, name, unit, ours, peer, peer_name: "nginx", bar });
    };
    let name = "gateway, requests at 64 connections";
    figure(80, name, Unit::PerSecond, ours, theirs, Bar::AtLeastRatio(0.7));
    let name = "… latency it adds, median";
    figure(81, name, Unit::Micros, our_latency, their_latency, Bar::Ratio(1.5));
    figure(82, "… CPU of one request", Unit::Micros, our_cpu, their_cpu, Bar::None);
    let name = "… memory it adds, 64 connections with 1 MiB bodies";
    figure(83, name, Unit::Mebibytes, memory, vec![], Bar::AtMost(16.0));
    figure(84, "… its peak", Unit::Mebibytes, peak, vec![], Bar::None);
    Ok(())
}
