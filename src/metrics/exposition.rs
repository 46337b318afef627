//! The page of metrics, in text 0.0.4 and in OpenMetrics 1.0, written block by block.
//!
//! Not here: HTTP, compression, or which format a client wants.

use std::fmt::Write as _;
use std::sync::LazyLock;

use prometheus::proto::{Metric as Sample, MetricFamily, MetricType};

use super::Features;
use super::catalog::{
    CHANNEL, GATEWAY_CHANNEL, GATEWAY_OTHER, GATEWAY_TOKEN, Labelled, TOKEN, WEBHOOK,
};
use super::exporter::ExporterMetrics;
use super::plan::{FamilyPlan, write_header, write_label};
use crate::domain::Moment;
use crate::fleet::{Channel, Members, Stranger, Token};

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

/// A family of one kind of target, or one kind's part of a family that several share.
struct Section {
    part: Part,
    header: Header,
    needs: fn(Features) -> bool,
}

enum Part {
    Channels(FamilyPlan<Channel>),
    Tokens(FamilyPlan<Token>),
    Strangers(FamilyPlan<Stranger>),
}

/// Whether a section begins with its family's header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Header {
    /// If there are targets: a family without rows is left out, as the prometheus crate does.
    WithRows,
    /// Rows follow, in this section or in another of the family's.
    Always,
    /// A section before had it.
    Never,
}

static SECTIONS: LazyLock<Vec<Section>> = LazyLock::new(|| {
    let channels = CHANNEL
        .iter()
        .map(|family| Part::Channels(FamilyPlan::new(family, Channel::LABEL)))
        .map(|part| Section { part, header: Header::WithRows, needs: |_| true });
    let webhooks =
        WEBHOOK.iter().map(|family| Part::Channels(FamilyPlan::new(family, Channel::LABEL))).map(
            |part| Section { part, header: Header::WithRows, needs: |features| features.webhooks },
        );
    let tokens = TOKEN
        .iter()
        .map(|family| Part::Tokens(FamilyPlan::new(family, Token::LABEL)))
        .map(|part| Section { part, header: Header::WithRows, needs: |_| true });
    let gateway = [
        (Part::Channels(FamilyPlan::new(&GATEWAY_CHANNEL, Channel::LABEL)), Header::Always),
        (Part::Tokens(FamilyPlan::new(&GATEWAY_TOKEN, Channel::LABEL)), Header::Never),
        (Part::Strangers(FamilyPlan::new(&GATEWAY_OTHER, Channel::LABEL)), Header::Never),
    ]
    .map(|(part, header)| Section { part, header, needs: |features| features.gateway });
    channels.chain(webhooks).chain(tokens).chain(gateway).collect()
});

/// A page of metrics that is written as far as its reader takes it.
pub struct Exposition {
    members: Members,
    format: Format,
    features: Features,
    own: Option<Vec<MetricFamily>>,
    place: Place,
}

/// How far the page is written.
#[derive(Clone, Copy)]
enum Place {
    Own,
    Section { section: usize, target: usize },
    End,
}

impl Exposition {
    /// The page of these targets.
    pub fn new(members: Members, exporter: &ExporterMetrics, format: Format) -> Self {
        let (own, features) = (Some(exporter.gather()), exporter.features());
        Self { members, format, features, own, place: Place::Own }
    }

    /// Appends about `size` bytes more; returns whether there is more to come.
    pub fn write_block(&mut self, size: usize, out: &mut Vec<u8>) -> bool {
        let full = out.len() + size;
        while out.len() < full {
            self.place = match self.place {
                Place::Own => {
                    for family in self.own.take().unwrap_or_default() {
                        write_family(&family, self.format, out);
                    }
                    Place::Section { section: 0, target: 0 }
                }
                Place::Section { section, target } => match SECTIONS.get(section) {
                    Some(this) if (this.needs)(self.features) => {
                        match self.write_section(this, target, full, out) {
                            Some(target) => Place::Section { section, target },
                            None => Place::Section { section: section + 1, target: 0 },
                        }
                    }
                    Some(_) => Place::Section { section: section + 1, target: 0 },
                    None => {
                        if self.format == Format::OpenMetrics {
                            out.extend_from_slice(b"# EOF\n");
                        }
                        Place::End
                    }
                },
                Place::End => return false,
            };
        }
        !matches!(self.place, Place::End)
    }

    /// Writes rows until the block is full; returns the target to go on with, or `None` after the last.
    fn write_section(
        &self,
        section: &Section,
        from: usize,
        full: usize,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let rows =
            Rows { header: section.header, format: self.format, now: self.members.now, full };
        let write =
            &mut |channels: &[Channel], tokens: &[Token], strangers: &[Stranger]| match &section
                .part
            {
                Part::Channels(plan) => rows.write(plan, channels, from, out),
                Part::Tokens(plan) => rows.write(plan, tokens, from, out),
                Part::Strangers(plan) => rows.write(plan, strangers, from, out),
            };
        self.members.look_at_all(write)
    }

    /// The whole page at once.
    pub fn into_bytes(mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.write_block(usize::MAX / 2, &mut out) {}
        out
    }
}

/// How the rows of a section are written.
struct Rows {
    header: Header,
    format: Format,
    now: Moment,
    /// The length at which the block is full.
    full: usize,
}

impl Rows {
    fn write<S: Labelled>(
        &self,
        plan: &FamilyPlan<S>,
        targets: &[S],
        from: usize,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let headed = match self.header {
            Header::WithRows => !targets.is_empty(),
            Header::Always => true,
            Header::Never => false,
        };
        if from == 0 && headed {
            plan.header(self.format, out);
        }
        for (at, next) in targets.iter().enumerate().skip(from) {
            // The header is followed by at least one row, or it would be written again.
            if out.len() >= self.full && at > 0 {
                return Some(at);
            }
            plan.write(next, self.now, out);
        }
        None
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
