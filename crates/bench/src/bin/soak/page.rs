//! A page of metrics, as far as the books need it.
//!
//! Not here: a judge of its form; tests do that.

use std::collections::BTreeMap;

use super::targets::Kind;

/// What the exporter has counted for one target.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Counted {
    pub polls: u64,
    /// Polls that brought no observation, by reason.
    pub failures: BTreeMap<String, u64>,
    /// HTTP 401s.
    pub unauthorized: u64,
    /// Meta's error answers.
    pub errors: u64,
}

impl Counted {
    /// The larger number of each; counters only grow.
    pub fn raise_to(&mut self, other: Self) {
        self.polls = self.polls.max(other.polls);
        self.unauthorized = self.unauthorized.max(other.unauthorized);
        self.errors = self.errors.max(other.errors);
        for (reason, times) in other.failures {
            let failures = self.failures.entry(reason).or_default();
            *failures = times.max(*failures);
        }
    }

    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }
}

/// A page.
pub struct Page(String);

impl Page {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// What is counted for each target of this kind, by its name.
    pub fn counted(&self, kind: Kind) -> BTreeMap<String, Counted> {
        let mut all: BTreeMap<String, Counted> = BTreeMap::new();
        let prefix = format!("whatsapp_{}_", kind.label());
        for line in self.0.lines() {
            let Some((metric, rest)) =
                line.strip_prefix(&prefix).and_then(|line| line.split_once('{'))
            else {
                continue;
            };
            let family =
                ["polls_total", "poll_failures_total", "unauthorized_errors_total", "errors_total"]
                    .iter()
                    .position(|family| *family == metric);
            let (Some(family), Some(name)) = (family, label(rest, kind.label())) else { continue };
            let count = value(line) as u64;
            let counted = all.entry(name.to_owned()).or_default();
            match family {
                0 => counted.polls = count,
                1 if count > 0 => {
                    let reason = label(rest, "reason").unwrap_or_default();
                    counted.failures.insert(reason.to_owned(), count);
                }
                2 => counted.unauthorized += count,
                3 => counted.errors += count,
                _ => {}
            }
        }
        all
    }

    /// Whether there is anything of this target.
    pub fn names(&self, kind: Kind, name: &str) -> bool {
        self.0.contains(&format!("{}=\"{name}\"", kind.label()))
    }

    /// How many channels are known to be authorized and tokens known to be valid.
    pub fn well(&self) -> usize {
        let good = |line: &&str| {
            (line.starts_with("whatsapp_channel_authorized{")
                || line.starts_with("whatsapp_token_valid{"))
                && line.ends_with(" 1")
        };
        self.0.lines().filter(good).count()
    }

    /// The sum of the samples whose line begins so.
    pub fn sum(&self, beginning: &str) -> u64 {
        self.0.lines().filter(|line| line.starts_with(beginning)).map(value).sum::<f64>() as u64
    }
}

fn value(line: &str) -> f64 {
    line.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(f64::NAN)
}

/// Names and reasons need no escaping.
fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = labels.split_once(&format!("{name}=\""))?;
    rest.split('"').next()
}
