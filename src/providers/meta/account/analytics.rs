//! `analytics`: how many messages each number sent and had delivered, by half hours. One call for
//! all numbers of an account.
//!
//! Not here: money, countries, conversations and templates, which Meta counts too.
//!
//! Source: Meta's page on analytics. Its figures are those of all numbers that are asked for, taken
//! together, so each number is asked for by itself, under a name of its own within one request
//! (Graph API, "Aliasing fields"). Meta names numbers by the phone number: it is kept while a poll
//! lasts, and shown nowhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

use crate::domain::{DeliveryCount, Now, Timestamp};
use crate::upstream::Fact;
use crate::upstream::lenient::{Lenient, LenientList, LenientObject, ListItem, is_object};

const MINUTE_MILLIS: i64 = 60_000;
const HALF_HOUR_MILLIS: i64 = 30 * MINUTE_MILLIS;
const HOUR_MILLIS: i64 = 60 * MINUTE_MILLIS;
const DAY_MILLIS: i64 = 24 * HOUR_MILLIS;

/// Every quarter of an hour, but for the seconds that polls come early.
const ASKED_EVERY_MILLIS: i64 = 14 * MINUTE_MILLIS;
/// After so long a refusal may have ended.
const REFUSED_FOR_MILLIS: i64 = HOUR_MILLIS;
/// After so long Meta may have learnt to take several numbers.
const ALONE_FOR_MILLIS: i64 = DAY_MILLIS;
/// Meta counts late, which a message does too. That half an hour is enough is a guess.
const SETTLING_MILLIS: i64 = HALF_HOUR_MILLIS;
/// So far back is asked for, and so long is a figure shown.
const WINDOW_MILLIS: i64 = DAY_MILLIS;
/// So many numbers make an address of about 5 KB. More take turns.
const TOGETHER: usize = 40;
/// Numbers are the same if their last digits are: some countries have one more in the middle.
const SAME_DIGITS: usize = 8;

/// What one poll leaves for the next. No phone number is in it.
#[derive(Debug, Default)]
pub(super) struct AnalyticsMemory {
    /// When it was last asked, and for how long it is not asked again.
    asked: Option<(Now, i64)>,
    /// Since when numbers are asked for one at a time.
    alone: Option<Now>,
    /// Whose turn it is.
    next: usize,
}

impl AnalyticsMemory {
    /// Whether it is time to ask.
    pub(super) fn is_due(&self, now: Now) -> bool {
        self.asked.is_none_or(|(at, wait)| now.millis_since(at) >= wait)
    }

    /// Takes it that a permission or the field itself is missing, which does not change soon.
    pub(super) fn refused(&mut self, now: Now) {
        self.asked = Some((now, REFUSED_FOR_MILLIS));
    }

    /// Takes it that several numbers cannot be asked for at a time.
    pub(super) fn alone(&mut self, now: Now) {
        self.alone = Some(now);
        self.asked = None;
    }

    /// The question that is due. `None` when no number can be asked for.
    pub(super) fn question(&mut self, now: Now, lines: &[Line]) -> Option<Question> {
        self.asked = Some((now, ASKED_EVERY_MILLIS));
        self.alone = self.alone.filter(|since| now.millis_since(*since) < ALONE_FOR_MILLIS);
        let window = Window::before(now);
        if let [only] = lines {
            return Some(Question { window, lines: vec![only.clone()], is_whole: true });
        }
        let named: Vec<&Line> = lines.iter().filter(|line| !line.phone.is_empty()).collect();
        let (first, rest) = (self.next.checked_rem(named.len())?, named.len());
        let count = rest.min(if self.alone.is_some() { 1 } else { TOGETHER });
        self.next = first + count;
        let lines = named.into_iter().cycle().skip(first).take(count).cloned().collect();
        Some(Question { window, lines, is_whole: false })
    }
}

/// A number of the account. It has no `Debug`: a phone number is somebody's.
#[derive(Clone)]
pub(super) struct Line {
    id: Box<str>,
    /// The digits of its phone number; empty when that was not told.
    phone: Box<str>,
}

impl Line {
    pub(super) fn new(id: &str, phone: &Lenient) -> Self {
        let phone = phone.raw_text().map(digits).unwrap_or_default();
        Self { id: id.into(), phone: phone.into() }
    }

    fn is(&self, phone: &str) -> bool {
        let (own, told) = (&*self.phone, digits(phone));
        let last = |digits: &str| digits.len().checked_sub(SAME_DIGITS);
        match (last(own), last(&told)) {
            (Some(at), Some(of)) => own[at..] == told[of..],
            _ => *own == *told,
        }
    }
}

fn digits(phone: &str) -> String {
    phone.chars().filter(char::is_ascii_digit).collect()
}

/// The time that is asked about, in whole half hours that are over.
#[derive(Clone, Copy)]
struct Window {
    start: Timestamp,
    end: Timestamp,
}

impl Window {
    fn before(now: Now) -> Self {
        let settled = now.unix.millis() - SETTLING_MILLIS;
        let end = settled - settled.rem_euclid(HALF_HOUR_MILLIS);
        let at = Timestamp::from_millis;
        Self { start: at(end - WINDOW_MILLIS), end: at(end) }
    }
}

/// What is asked of some numbers.
pub(super) struct Question {
    window: Window,
    lines: Vec<Line>,
    /// Whether they are all that the account has, so that none needs to be named.
    is_whole: bool,
}

/// What is counted of the numbers that were asked for together.
#[derive(Deserialize)]
struct Analytics {
    #[serde(default)]
    phone_numbers: Lenient,
    #[serde(default)]
    data_points: LenientList<DataPoint>,
}

#[derive(Deserialize)]
struct DataPoint {
    #[serde(default)]
    start: Lenient,
    #[serde(default)]
    end: Lenient,
    #[serde(default)]
    sent: Lenient,
    #[serde(default)]
    delivered: Lenient,
    /// Not documented here, but of other kinds of analytics.
    #[serde(default)]
    phone_number: Lenient,
}

impl ListItem for DataPoint {
    fn says_anything(&self) -> bool {
        self.start != Lenient::default()
    }
}

impl Question {
    /// Whether several numbers are asked for, each under a name of its own.
    pub(super) const fn has_names(&self) -> bool {
        self.lines.len() > 1
    }

    /// The name of a number's figures in the answer.
    fn name(&self, at: usize) -> String {
        if self.has_names() { format!("n{at}") } else { "analytics".to_owned() }
    }

    /// What to ask for, as a part of an address.
    pub(super) fn fields(&self) -> String {
        let secs = |at: Timestamp| at.millis() / 1000;
        let (start, end) = (secs(self.window.start), secs(self.window.end));
        let mut fields = String::new();
        for (at, line) in self.lines.iter().enumerate() {
            if at > 0 {
                fields.push(',');
            }
            // Writing to a text cannot fail.
            let _ = write!(fields, "analytics.start({start}).end({end}).granularity(HALF_HOUR)");
            if !self.is_whole {
                let _ = write!(fields, ".phone_numbers(%5B%22{}%22%5D)", line.phone);
            }
            if self.has_names() {
                let _ = write!(fields, ".as({})", self.name(at));
            }
        }
        fields
    }

    /// What an answer says of each number; `None` when it is not one. It says nothing of a number
    /// whose figures are missing, or are another number's.
    pub(super) fn read(&self, body: &[u8]) -> Option<Vec<(Box<str>, Fact)>> {
        if !is_object(body) {
            return None;
        }
        let told: BTreeMap<String, LenientObject<Analytics>> = serde_json::from_slice(body).ok()?;
        let facts = self.lines.iter().enumerate().filter_map(|(at, line)| {
            let analytics = told.get(&self.name(at))?.0.as_ref()?;
            let count = analytics.count(line, self.window)?;
            Some((line.id.clone(), Fact::Delivery(count)))
        });
        Some(facts.collect())
    }
}

impl Analytics {
    /// The newest half hour in which a number sent something, or none; `None` when these are not
    /// the figures of that number alone.
    fn count(&self, line: &Line, window: Window) -> Option<Option<DeliveryCount>> {
        let is_own = |phone: &Lenient| {
            phone.label().is_none_or(|phone| line.phone.is_empty() || line.is(&phone))
        };
        let phones = self.phone_numbers.parts();
        if phones.len() > 1 || !phones.iter().all(is_own) {
            return None;
        }
        // A half hour may come in parts.
        let mut half_hours: BTreeMap<Timestamp, DeliveryCount> = BTreeMap::new();
        let LenientList(points) = &self.data_points;
        for count in points.iter().filter(|point| is_own(&point.phone_number)) {
            let Some(count) = count.read(window) else { continue };
            let whole = half_hours.entry(count.end).or_insert(DeliveryCount {
                sent: 0,
                delivered: 0,
                ..count
            });
            whole.sent = whole.sent.saturating_add(count.sent);
            whole.delivered = whole.delivered.saturating_add(count.delivered);
        }
        Some(half_hours.into_values().rfind(|count| count.sent > 0))
    }
}

impl DataPoint {
    fn read(&self, window: Window) -> Option<DeliveryCount> {
        let (start, end) = (self.start.timestamp()?, self.end.timestamp()?);
        let is_half_hour = (1..=HALF_HOUR_MILLIS).contains(&end.millis_since(start));
        if !is_half_hour || start < window.start || end > window.end {
            return None;
        }
        let count = |told: &Lenient| u32::try_from(told.integer()?).ok();
        Some(DeliveryCount { end, sent: count(&self.sent)?, delivered: count(&self.delivered)? })
    }
}
