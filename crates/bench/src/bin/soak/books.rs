//! The balance: what the simulator served against what the exporter counted, for each target and
//! each outcome.
//!
//! A target that is watched to the end must agree in every number. For one that a reload took away,
//! the last page that had it may be behind by the poll that was under way and the one that began
//! until the reload; a poll that ends after its target is gone is counted nowhere. Those are cut
//! off: the histogram, which counts every poll that ended for a target, tells how many they are.
//!
//! Not here: any waiting; everything under way has ended.

use std::collections::{BTreeMap, HashMap};

use whatsapp_simulator::{RecordedRequest, ResponseClass, ResponseCount, Simulator};

use super::attacks;
use super::page::{Counted, Page};
use super::reloads::Gone;
use super::targets::{Kind, Target};

/// A last page is behind by at most so many polls.
const BEHIND: u64 = 2;

/// The result.
#[derive(Default)]
pub struct Books {
    /// Requests that the simulator got, without those that were asked again.
    pub asked: u64,
    /// Polls that failed because the secret's file was missing, so that nothing was asked.
    pub without_secret: u64,
    /// Polls whose target a reload took away meanwhile.
    pub cut_off: u64,
    /// Served, by what was served.
    pub served: BTreeMap<&'static str, u64>,
    /// Numbers that were compared.
    pub compared: u64,
    pub differences: Vec<String>,
}

/// What the simulator says of one target's life.
#[derive(Default)]
struct Served {
    /// Without those that were asked again.
    asked: u64,
    /// Requests that brought nothing on a connection that was kept: the poll asks once more, and is
    /// counted once.
    repeated: u64,
    counted: Counted,
}

/// The exporter's word for an answer; `None` is a success.
fn reason(class: ResponseClass, is_whole: bool) -> Option<&'static str> {
    match class {
        // Refused as soon as it is known to be too large.
        ResponseClass::Oversized => Some("decode"),
        _ if !is_whole => Some("timeout"),
        // A token that says of itself that it is dead has been inspected.
        ResponseClass::Ok | ResponseClass::DeadToken | ResponseClass::Graph { code: 190, .. } => {
            None
        }
        ResponseClass::SessionUnauthorized => Some("session_unauthorized"),
        ResponseClass::Unauthorized => Some("credential_unauthorized"),
        ResponseClass::ChannelNotFound => Some("channel_not_found"),
        ResponseClass::PaymentRequired => Some("payment_required"),
        ResponseClass::Forbidden | ResponseClass::Graph { code: 10, .. } => Some("forbidden"),
        ResponseClass::RateLimited | ResponseClass::Graph { code: 4, .. } => Some("rate_limited"),
        ResponseClass::ServerError | ResponseClass::Graph { code: 2, .. } => Some("server_error"),
        ResponseClass::Nonsense => Some("decode"),
        ResponseClass::Broken | ResponseClass::BrokenWhenKept => Some("connect"),
        ResponseClass::Hung => Some("timeout"),
        ResponseClass::OtherHttp | ResponseClass::Graph { .. } => Some("http_other"),
    }
}

/// For the table.
fn words(class: ResponseClass, is_whole: bool) -> &'static str {
    match class {
        ResponseClass::Oversized => "too large or endless",
        ResponseClass::Ok | ResponseClass::DeadToken if is_whole => "as it should be",
        _ if !is_whole => "stalled",
        ResponseClass::SessionUnauthorized | ResponseClass::Unauthorized => "401",
        ResponseClass::Graph { .. } => "an error of Meta's",
        ResponseClass::ServerError => "5xx",
        ResponseClass::RateLimited => "429",
        ResponseClass::Nonsense => "garbage",
        ResponseClass::Broken => "cut off or reset",
        ResponseClass::BrokenWhenKept => "cut off or reset, and asked again",
        _ => "402, 403, 404",
    }
}

impl Served {
    fn add(&mut self, class: ResponseClass, times: u64, is_whole: bool) {
        self.counted.polls += times;
        if let Some(reason) = reason(class, is_whole) {
            *self.counted.failures.entry(reason.to_owned()).or_default() += times;
        }
        let is_401 = matches!(
            class,
            ResponseClass::SessionUnauthorized
                | ResponseClass::Unauthorized
                | ResponseClass::Graph { code: 190, .. }
        );
        if is_401 && is_whole {
            self.counted.unauthorized += times;
        }
        if matches!(class, ResponseClass::Graph { .. }) && is_whole {
            self.counted.errors += times;
        }
    }
}

impl Books {
    /// Compares everything.
    pub fn balance<'a>(
        simulator: &Simulator,
        page: &Page,
        watched: impl Iterator<Item = &'a Target>,
        gone: &[Gone],
    ) -> Self {
        let mut books = Self { asked: simulator.asked(None), ..Self::default() };
        let mut served: HashMap<String, Served> = HashMap::new();
        for ((name, class), ResponseCount { delivered, abandoned }) in simulator.counts() {
            let of_target = served.entry(name.to_string()).or_default();
            for (times, is_whole) in [(delivered, true), (abandoned, false)] {
                if class == ResponseClass::BrokenWhenKept && is_whole {
                    of_target.repeated += times;
                } else {
                    of_target.add(class, times, is_whole);
                }
                *books.served.entry(words(class, is_whole)).or_default() += times;
            }
        }
        books.served.retain(|_, times| *times > 0);
        for (name, served) in &mut served {
            served.asked = simulator.asked(Some(name)) - served.repeated;
            books.asked -= served.repeated;
        }
        if let Some(strangers) = served.get(RecordedRequest::UNKNOWN) {
            let what = format!("{} requests with a secret that nobody has", strangers.asked);
            books.differences.push(what);
        }
        let nothing = Served::default();
        let counted = [Kind::Channel, Kind::Token].map(|kind| page.counted(kind));
        let mut polls = 0;
        for target in watched {
            let name = target.name_in_books();
            let Some(counted) = counted[usize::from(target.kind == Kind::Token)].get(&target.name)
            else {
                books.differences.push(format!("{name}: not on the page"));
                continue;
            };
            polls += books.same(&name, counted, served.get(&name).unwrap_or(&nothing));
        }
        for gone in gone {
            let name = &gone.name_in_books;
            polls += books.behind(gone, served.get(name).unwrap_or(&nothing));
        }
        books.settle(page, polls, gone.len() as u64);
        books
    }

    fn compare(&mut self, what: &str, counted: u64, served: u64, is_good: bool) {
        self.compared += 1;
        if !is_good {
            self.differences.push(format!("{what}: {counted} counted, {served} served"));
        }
    }

    /// Splits off the polls that never asked. Returns the others.
    fn that_asked(&mut self, counted: &Counted) -> u64 {
        let without_secret = counted.failures.get("secret").copied().unwrap_or(0);
        self.without_secret += without_secret;
        counted.polls.saturating_sub(without_secret)
    }

    /// A target that was watched to the end. Returns its polls.
    fn same(&mut self, name: &str, counted: &Counted, served: &Served) -> u64 {
        let polls = self.that_asked(counted);
        let mut same = |what: &str, counted: u64, served: u64| {
            self.compare(&format!("{name}, {what}"), counted, served, counted == served);
        };
        same("requests", polls, served.asked);
        same("answers", polls, served.counted.polls);
        same("401s", counted.unauthorized, served.counted.unauthorized);
        same("errors", counted.errors, served.counted.errors);
        let good = |counted: &Counted| counted.polls.saturating_sub(counted.failed());
        same("successes", good(counted), good(&served.counted));
        for reason in counted.failures.keys().chain(served.counted.failures.keys()) {
            if reason != "secret" {
                let of = |counted: &Counted| counted.failures.get(reason).copied().unwrap_or(0);
                same(reason, of(counted), of(&served.counted));
            }
        }
        polls
    }

    /// A target that a reload took away. Returns the polls that its last page had.
    fn behind(&mut self, gone: &Gone, served: &Served) -> u64 {
        let (name, counted) = (&gone.name_in_books, &gone.counted);
        let polls = self.that_asked(counted);
        let mut at_most = |what: &str, counted: u64, served: u64| {
            let is_good = counted <= served && served - counted <= BEHIND;
            self.compare(&format!("{name}, gone, {what}"), counted, served, is_good);
        };
        at_most("requests", polls, served.asked);
        at_most("401s", counted.unauthorized, served.counted.unauthorized);
        at_most("errors", counted.errors, served.counted.errors);
        for reason in counted.failures.keys().chain(served.counted.failures.keys()) {
            if reason != "secret" {
                let of = |counted: &Counted| counted.failures.get(reason).copied().unwrap_or(0);
                at_most(reason, of(counted), of(&served.counted));
            }
        }
        polls
    }

    /// All together. `polls` are those that asked and were seen on a page.
    fn settle(&mut self, page: &Page, polls: u64, gone: u64) {
        let others = page.counted(Kind::Channel).into_iter();
        let others = others.filter(|(name, _)| name.starts_with(attacks::NAMES));
        let others: u64 = others.map(|(_, counted)| counted.polls).sum();
        let ended = page.sum("whatsapp_poll_duration_seconds_count").saturating_sub(others);
        self.compare("polls that ended, and were seen", ended, polls, polls <= ended);
        // One poll at a time of each target, so at most one is cut off when it goes.
        let is_good = ended <= self.asked && self.asked - ended <= gone;
        self.compare("all polls", ended, self.asked, is_good);
        self.cut_off = self.asked.saturating_sub(ended);
        let panics = page.sum("whatsapp_exporter_panics_total");
        self.compare("panics", panics, 0, panics == 0);
    }
}
