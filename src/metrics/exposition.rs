//! The page of metrics, in text 0.0.4 and in OpenMetrics 1.0, written block by block.
//!
//! Not here: HTTP, compression, or which format a client wants.

use std::fmt::Write as _;
use std::sync::LazyLock;

use prometheus::proto::{Metric as Sample, MetricFamily, MetricType};

use super::catalog::{CHANNEL, Labelled, TOKEN};
use super::exporter::ExporterMetrics;
use super::plan::{FamilyPlan, write_header, write_label};
use crate::domain::Moment;
use crate::fleet::{Channel, Members, Token};

/// The two formats a page can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The exact content type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

struct Plans {
    channel: Vec<FamilyPlan<Channel>>,
    token: Vec<FamilyPlan<Token>>,
}

static PLANS: LazyLock<Plans> = LazyLock::new(|| Plans {
    channel: CHANNEL.iter().map(FamilyPlan::new).collect(),
    token: TOKEN.iter().map(FamilyPlan::new).collect(),
});

/// A page of metrics that is written as far as its reader takes it.
pub struct Exposition {
    members: Members,
    format: Format,
    own: Option<Vec<MetricFamily>>,
    place: Place,
}

/// How far the page is written.
enum Place {
    Own,
    Channels { family: usize, target: usize },
    Tokens { family: usize, target: usize },
    End,
}

impl Exposition {
    /// The page of these targets.
    pub fn new(members: Members, exporter: &ExporterMetrics, format: Format) -> Self {
        Self { members, format, own: Some(exporter.gather()), place: Place::Own }
    }

    /// Appends about `size` bytes more; returns whether there is more to come.
    pub fn write_block(&mut self, size: usize, out: &mut Vec<u8>) -> bool {
        let full = out.len() + size;
        while out.len() < full {
            let now = self.members.now;
            self.place = match self.place {
                Place::Own => {
                    for family in self.own.take().unwrap_or_default() {
                        write_family(&family, self.format, out);
                    }
                    Place::Channels { family: 0, target: 0 }
                }
                Place::Channels { family, target } => {
                    let at = Cursor { family, target, now, format: self.format, full };
                    match self.members.look(|channels, _| at.write(&PLANS.channel, channels, out)) {
                        Some((family, target)) => Place::Channels { family, target },
                        None => Place::Tokens { family: 0, target: 0 },
                    }
                }
                Place::Tokens { family, target } => {
                    let at = Cursor { family, target, now, format: self.format, full };
                    match self.members.look(|_, tokens| at.write(&PLANS.token, tokens, out)) {
                        Some((family, target)) => Place::Tokens { family, target },
                        None => {
                            if self.format == Format::OpenMetrics {
                                out.extend_from_slice(b"# EOF\n");
                            }
                            Place::End
                        }
                    }
                }
                Place::End => return false,
            };
        }
        !matches!(self.place, Place::End)
    }

    /// The whole page at once.
    pub fn into_bytes(mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.write_block(usize::MAX / 2, &mut out) {}
        out
    }
}

/// Where to go on, and how far.
struct Cursor {
    family: usize,
    target: usize,
    now: Moment,
    format: Format,
    /// The length at which the block is full.
    full: usize,
}

impl Cursor {
    /// Writes one family's rows until the block is full; returns where to go on, or `None` after the last family.
    fn write<S: Labelled>(
        &self,
        plans: &[FamilyPlan<S>],
        targets: &[S],
        out: &mut Vec<u8>,
    ) -> Option<(usize, usize)> {
        // A family without rows is left out, as the prometheus crate does.
        let plan = plans.get(self.family).filter(|_| !targets.is_empty())?;
        if self.target == 0 {
            plan.header(self.format, out);
        }
        for (at, next) in targets.iter().enumerate().skip(self.target) {
            if out.len() >= self.full {
                return Some((self.family, at));
            }
            plan.write(next, self.now, out);
        }
        Some((self.family + 1, 0))
    }
}

/// Writes one of the prometheus crate's families, in our order of lines and numbers.
fn write_family(family: &MetricFamily, format: Format, out: &mut Vec<u8>) {
    let kind = match family.get_field_type() {
        MetricType::COUNTER => "counter",
        MetricType::HISTOGRAM => "histogram",
        _ => "gauge",
    };
    write_header(family.name(), kind, family.help(), format, out);
    for sample in family.get_metric() {
        match family.get_field_type() {
            MetricType::COUNTER => {
                write_sample(family.name(), sample, None, sample.get_counter().get_value(), out)
            }
            MetricType::HISTOGRAM => write_histogram(family.name(), sample, out),
            _ => write_sample(family.name(), sample, None, sample.get_gauge().get_value(), out),
        }
    }
}

fn write_histogram(name: &str, sample: &Sample, out: &mut Vec<u8>) {
    let histogram = sample.get_histogram();
    let bucket = format!("{name}_bucket");
    for step in histogram.get_bucket() {
        let le = number(step.upper_bound());
        write_sample(&bucket, sample, Some(&le), step.cumulative_count() as f64, out);
    }
    let count = histogram.get_sample_count() as f64;
    write_sample(&bucket, sample, Some("+Inf"), count, out);
    write_sample(&format!("{name}_sum"), sample, None, histogram.get_sample_sum(), out);
    write_sample(&format!("{name}_count"), sample, None, count, out);
}

fn write_sample(name: &str, sample: &Sample, le: Option<&str>, value: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    let mut labels = Vec::new();
    for label in sample.get_label() {
        write_label(label.name(), label.value(), &mut labels);
    }
    if let Some(le) = le {
        write_label("le", le, &mut labels);
    }
    if let Some((_, labels)) = labels.split_first() {
        out.push(b'{');
        out.extend_from_slice(labels);
        out.push(b'}');
    }
    out.push(b' ');
    out.extend_from_slice(number(value).as_bytes());
    out.push(b'\n');
}

/// A number as both formats write it.
fn number(value: f64) -> String {
    let mut text = String::new();
    let written =
        if value == f64::INFINITY { write!(text, "+Inf") } else { write!(text, "{value}") };
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
    text
}
