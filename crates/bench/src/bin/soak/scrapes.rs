//! Prometheus, so to speak: pages in both formats, compressed and not, at a steady pace. One that
//! is late, refused, broken or not whole is a failed scrape.
//!
//! Not here: what the pages say of single targets (`books.rs`).

use std::io::Read;
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;

use super::targets::CHANNELS;
use super::{Storm, lock};
use whatsapp_exporter_bench::Result;
use whatsapp_exporter_bench::exporter::ExporterProcess;
use whatsapp_exporter_bench::http::{ClientResponse, Connection};
use whatsapp_exporter_bench::statistics::millis;

pub const SCRAPERS: u32 = 5;
/// Each; together 50 a second.
const EVERY: Duration = Duration::from_millis(100);
/// Prometheus' default `scrape_timeout`.
const TIMEOUT: Duration = Duration::from_secs(10);
/// One in so many is read to its last line; of the others only the end is looked at.
const READ_WHOLE: u32 = 5;
/// A reload takes away ten channels, and a page drawn meanwhile lacks the ten that come back too.
const MAY_BE_AWAY: usize = 20;

/// What came of it.
#[derive(Default)]
pub struct Scrapes {
    pub millis: Vec<f64>,
    pub failed: Vec<String>,
}

/// Scrapes until the storm is over.
pub fn make(storm: &Storm, exporter: &ExporterProcess, number: u32, scrapes: &Mutex<Scrapes>) {
    let mut connection = None;
    let mut next = Instant::now() + EVERY * number / SCRAPERS;
    for turn in number.. {
        sleep(next.saturating_duration_since(Instant::now()));
        if storm.is_over() {
            return;
        }
        // After a long scrape the pace begins anew: none is caught up.
        next = (next + EVERY).max(Instant::now());
        let began = Instant::now();
        let scraped = scrape(exporter, &mut connection, turn);
        let took = began.elapsed();
        let late = || Err(format!("it took {:.1} s", took.as_secs_f64()).into());
        let scraped = if took > TIMEOUT { scraped.and_then(|()| late()) } else { scraped };
        let mut scrapes = lock(scrapes);
        scrapes.millis.push(millis(took));
        if let Err(error) = scraped {
            connection = None;
            scrapes.failed.push(error.to_string());
        }
    }
}

fn scrape(
    exporter: &ExporterProcess,
    connection: &mut Option<Connection>,
    turn: u32,
) -> Result<()> {
    let open_metrics = turn.is_multiple_of(2);
    let gzip = (turn / 2).is_multiple_of(2);
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(exporter.connect()?),
    };
    let accept = if open_metrics { "application/openmetrics-text;version=1.0.0" } else { "*/*" };
    let encoding = if gzip { "Accept-Encoding: gzip\r\n" } else { "" };
    let answer = connection.get_with("/metrics", &format!("Accept: {accept}\r\n{encoding}"))?;
    check(&answer, open_metrics, gzip, turn.is_multiple_of(READ_WHOLE))
}

fn check(answer: &ClientResponse, open_metrics: bool, gzip: bool, whole: bool) -> Result<()> {
    let expected = if open_metrics {
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    } else {
        "text/plain; version=0.0.4; charset=utf-8"
    };
    // Where stalled readers hold all compressors, a page is sent as it is.
    let is_coded_well = gzip || !answer.gzip;
    let gzip = answer.gzip;
    if (answer.status, is_coded_well, answer.content_type.as_str()) != (200, true, expected) {
        let ClientResponse { status, gzip, content_type, .. } = answer;
        return Err(format!("HTTP {status}, {content_type}, gzip: {gzip}").into());
    }
    let mut plain = Vec::new();
    let page = match (gzip, whole) {
        (true, false) => return Ok(()),
        (true, true) => {
            MultiGzDecoder::new(&*answer.body).read_to_end(&mut plain)?;
            &plain
        }
        (false, _) => &answer.body,
    };
    if !page.ends_with(if open_metrics { b"\n# EOF\n" } else { b"\n" }) {
        return Err("the page has no end".into());
    }
    if whole {
        let page = std::str::from_utf8(page)?;
        let rows = page.lines().filter(|line| line.starts_with("whatsapp_channel_polls_total{"));
        let channels = rows.filter(|line| line.contains("channel=\"shop-")).count();
        if !(CHANNELS - MAY_BE_AWAY..=CHANNELS).contains(&channels) {
            return Err(format!("a page of {channels} channels").into());
        }
    }
    Ok(())
}
