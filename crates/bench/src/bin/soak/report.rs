//! The promises and the table.
//!
//! Not here: how anything was measured.

use std::time::Duration;

use super::attacks::{Besieged, MEMORY_KIB, WORKERS};
use super::books::Books;
use super::growth::{Course, Growth};
use super::messages::Messages;
use super::reloads::Reloads;
use super::rotations::Rotations;
use super::scrapes::Scrapes;
use super::visitors::SlowReaders;
use whatsapp_exporter_bench::statistics::quantile;

/// Memory may grow by this much, in KiB, from the first quarter after the warm-up to the last. With
/// nothing leaking, runs of 4 and 10 minutes ended between 1 MiB above and 2 MiB below where they
/// began, as large answers come and go. In ten minutes this is 18 bytes a poll, 180 bytes a scrape,
/// or 1/25 of the fleet a reload.
const MEMORY_GROWTH: f64 = 3072.0;
/// Visitors come and go, so there is always a difference; a descriptor lost with each reload would
/// make a hundred.
const DESCRIPTOR_GROWTH: f64 = 32.0;
/// Files are read on threads that end when nothing was read for 10 s.
const THREAD_GROWTH: f64 = 4.0;
/// Connections to upstreams that are kept: 16 for the next poll, and those of the application's
/// requests.
const KEPT_CONNECTIONS: u64 = 16 + WORKERS as u64;
/// Half of those that are due; faults make the others wait longer.
const POLLS: f64 = 250.0;
/// Differences that are shown.
const SHOWN: usize = 20;

/// All that was seen.
#[derive(Default)]
pub struct Report {
    pub length: Duration,
    pub scrapes: Scrapes,
    pub outages: u64,
    pub resets: u64,
    pub rotations: Rotations,
    pub reloads: Reloads,
    pub half_open: u64,
    pub attacks: u64,
    pub webhooks: Besieged,
    pub messages: Messages,
    pub messages_are_counted: bool,
    pub requests: Besieged,
    pub slow: SlowReaders,
    pub growth: Growth,
    pub peak_kib: u64,
    /// Open descriptors when the exporter had just begun to listen, and at the end, when all
    /// visitors had gone.
    pub descriptors: (u64, u64),
    pub woken: u64,
    pub books: Books,
}

impl Report {
    /// What was promised, and whether it was kept.
    fn promises(&self) -> Vec<(String, bool)> {
        let memory = self.growth.kib().growth();
        let descriptors = self.growth.descriptors().growth();
        let threads = self.growth.threads().growth();
        let (first, last) = self.descriptors;
        let scrapes = self.scrapes.millis.len();
        vec![
            ("no scrape failed".to_owned(), self.scrapes.failed.is_empty() && scrapes > 0),
            ("no good webhook failed".to_owned(), self.webhooks.is_served()),
            ("no webhook on messages failed".to_owned(), self.messages.deliveries.is_served()),
            ("every message was counted once".to_owned(), self.messages_are_counted),
            ("no request of the application failed".to_owned(), self.requests.is_served()),
            (
                format!("polls went on, at least {POLLS} a second"),
                self.books.asked as f64 >= POLLS * self.length.as_secs_f64(),
            ),
            (format!("memory stayed below {MEMORY_KIB} KiB"), self.peak_kib <= MEMORY_KIB),
            ("no count is lost".to_owned(), self.books.differences.is_empty()),
            ("reloads are whole, and at once".to_owned(), self.reloads.wrong.is_empty()),
            ("no channel was woken".to_owned(), self.woken == 0),
            (format!("memory grew by at most {MEMORY_GROWTH} KiB"), memory <= MEMORY_GROWTH),
            (
                format!("descriptors grew by at most {DESCRIPTOR_GROWTH}"),
                descriptors <= DESCRIPTOR_GROWTH,
            ),
            (format!("threads grew by at most {THREAD_GROWTH}"), threads <= THREAD_GROWTH),
            (
                format!(
                    "every visitor's descriptor was given back ({first} at first, {last} at last)"
                ),
                last <= first + KEPT_CONNECTIONS,
            ),
        ]
    }

    pub fn is_good(&self) -> bool {
        self.promises().iter().all(|(_, kept)| *kept)
    }

    /// The table, with the promises and what broke them below it.
    pub fn show(&self) -> String {
        let mut text = String::from("\n");
        for (what, figure) in self.rows() {
            text += &format!("{what:<34} {figure}\n");
        }
        text.push('\n');
        for (what, kept) in self.promises() {
            text += &format!("{:<6} {what}\n", if kept { "kept" } else { "BROKEN" });
        }
        let wrong = [
            ("failed scrape", &self.scrapes.failed),
            ("webhook", &self.webhooks.failed),
            ("webhook on messages", &self.messages.deliveries.failed),
            ("request of the application", &self.requests.failed),
            ("reload", &self.reloads.wrong),
            ("difference", &self.books.differences),
        ];
        for (what, all) in wrong {
            for one in all.iter().take(SHOWN) {
                text += &format!("  {what}: {one}\n");
            }
            if all.len() > SHOWN {
                text += &format!("  … and {} more\n", all.len() - SHOWN);
            }
        }
        text
    }

    fn rows(&self) -> Vec<(String, String)> {
        let Self { scrapes, reloads, rotations, books, slow, .. } = self;
        let course = |course: Course, unit: &str| {
            let Course { early, middle, late } = course;
            format!("{early:.0}, {middle:.0}, {late:.0}{unit}; growth {:.0}{unit}", late - early)
        };
        let per_second = |count: usize| count as f64 / self.length.as_secs_f64();
        let mut rows = vec![
            ("time".to_owned(), format!("{:.0} s", self.length.as_secs_f64())),
            (
                "scrapes".to_owned(),
                format!(
                    "{}, {:.1} a second; {} failed; p50 {:.1} ms, p99 {:.1} ms, longest {:.0} ms",
                    scrapes.millis.len(),
                    per_second(scrapes.millis.len()),
                    scrapes.failed.len(),
                    quantile(&scrapes.millis, 0.5),
                    quantile(&scrapes.millis, 0.99),
                    quantile(&scrapes.millis, 1.0),
                ),
            ),
            (
                "polls".to_owned(),
                format!("{}, {} more without a secret", books.asked, books.without_secret),
            ),
        ];
        for (what, times) in &books.served {
            rows.push((format!("  answered: {what}"), times.to_string()));
        }
        rows.extend([
            (
                "outages of everybody, resets".to_owned(),
                format!("{}, {}", self.outages, self.resets),
            ),
            (
                "reloads".to_owned(),
                format!(
                    "{} by request, {} by signal, {} by content; {} with a mistake; {} targets \
                     gone and come; {} pages drawn meanwhile",
                    reloads.by_request,
                    reloads.by_signal,
                    reloads.by_content,
                    reloads.mistakes,
                    reloads.gone.len(),
                    reloads.halves,
                ),
            ),
            (
                "secrets".to_owned(),
                format!(
                    "{} rotated, {} missing for a while, {} revoked first",
                    rotations.rotated, rotations.missing, rotations.revoked
                ),
            ),
            ("half-open connections".to_owned(), self.half_open.to_string()),
            ("connections of attacks".to_owned(), self.attacks.to_string()),
            ("good webhooks".to_owned(), self.webhooks.show()),
            (
                "messages told of, twice".to_owned(),
                format!(
                    "{} received, {} sent, {} of them delivered; webhooks: {}",
                    self.messages.received,
                    self.messages.sent,
                    self.messages.delivered,
                    self.messages.deliveries.show()
                ),
            ),
            ("requests of the application".to_owned(), self.requests.show()),
            (
                "slow readers".to_owned(),
                format!("{} served, {} that stalled closed", slow.patient, slow.closed),
            ),
            (
                "memory, early, middle, late".to_owned(),
                format!("{}; peak {} KiB", course(self.growth.kib(), " KiB"), self.peak_kib),
            ),
            ("descriptors".to_owned(), course(self.growth.descriptors(), "")),
            ("threads".to_owned(), course(self.growth.threads(), "")),
            (
                "numbers compared".to_owned(),
                format!(
                    "{}; {} differ; {} polls cut off with their target",
                    books.compared,
                    books.differences.len(),
                    books.cut_off
                ),
            ),
        ]);
        rows
    }
}
