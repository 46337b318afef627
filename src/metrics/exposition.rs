//! The page of metrics, in text 0.0.4 and in OpenMetrics 1.0, written block by block.
//!
//! Not here: HTTP, compression, or which format a client wants.

use std::fmt::Write as _;
use std::sync::LazyLock;

use bytes::{BufMut as _, BytesMut};
use prometheus::proto::{Metric as Sample, MetricFamily, MetricType};

use super::Features;
use super::catalog::{
    DELIVERY, DELIVERY_COUNT, Family, GATEWAY_KINDS, GATEWAY_TARGET, families, is_of_terms,
    webhook_families,
};
use super::exporter::ExporterMetrics;
use super::format::Format;
use super::plan::{FamilyPlan, created_name, write_header, write_label};
use super::sample::Counted;
use super::template::Scratch;
use crate::domain::{RequestCounts, TargetKind};
use crate::fleet::{FleetView, NamedTarget};
use crate::target::UNKNOWN_CREDENTIAL;

/// A family of one kind of target, or one kind's part of a family that several share.
struct ExpositionSection {
    plan: FamilyPlan,
    rows_of: RowsOf,
    header: Header,
    needs: fn(Features) -> bool,
    /// Whether only channels with terms have rows.
    of_terms: bool,
}

/// Whose rows a section has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RowsOf {
    Targets(TargetKind),
    /// Requests with credentials of other shards' targets of a kind.
    OtherShards(TargetKind),
    /// Requests with credentials that are not configured.
    Unattributed,
}

/// Whether a section begins with its family's header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Header {
    /// If there are targets: a family without rows is left out, as the prometheus crate does.
    WithRows,
    /// Before its first row, if there is one: what few ask for takes nothing of others' pages.
    BeforeFirstRow,
    /// Rows follow, in this section or in another of the family's.
    Always,
    /// A section before had it.
    Never,
}

static SECTIONS: LazyLock<Vec<ExpositionSection>> =
    LazyLock::new(|| {
        let section = |family: &'static Family, kind: TargetKind| ExpositionSection {
            plan: FamilyPlan::new(family, kind.as_str()),
            rows_of: RowsOf::Targets(kind),
            header: Header::WithRows,
            needs: |_| true,
            of_terms: is_of_terms(family),
        };
        let mut sections = Vec::new();
        for kind in TargetKind::ALL {
            sections.extend(families(*kind).map(|family| section(family, *kind)));
            let webhook = webhook_families(*kind).iter().map(|family| section(family, *kind));
            sections.extend(webhook.map(|section| ExpositionSection {
                needs: |features| features.webhooks,
                ..section
            }));
            if *kind == TargetKind::Channel {
                let delivery = DELIVERY.iter().map(|family| section(family, *kind));
                sections.extend(delivery.map(|section| ExpositionSection {
                    needs: |features| features.webhooks || features.gateway,
                    ..section
                }));
                let counts = DELIVERY_COUNT.iter().map(|family| section(family, *kind));
                let header = Header::BeforeFirstRow;
                sections.extend(counts.map(|section| ExpositionSection { header, ..section }));
            }
        }
        let gateway = |rows_of, header| ExpositionSection {
            plan: FamilyPlan::new(&GATEWAY_TARGET, rows_label(rows_of)),
            rows_of,
            header,
            needs: |features| features.gateway,
            of_terms: false,
        };
        let mut header = Header::Always;
        for kind in GATEWAY_KINDS {
            sections.push(gateway(RowsOf::Targets(*kind), header));
            header = Header::Never;
        }
        sections.push(gateway(RowsOf::Unattributed, header));
        let other_shards = GATEWAY_KINDS.iter();
        sections.extend(other_shards.map(|kind| gateway(RowsOf::OtherShards(*kind), header)));
        sections
    });

/// The label that names whose a row is.
const fn rows_label(rows_of: RowsOf) -> &'static str {
    match rows_of {
        RowsOf::Targets(kind) | RowsOf::OtherShards(kind) => kind.as_str(),
        // An unknown credential is whoever's; most upstreams have nothing but channels.
        RowsOf::Unattributed => TargetKind::Channel.as_str(),
    }
}

/// A page of metrics that is written as far as its reader takes it.
pub struct Exposition {
    view: FleetView,
    format: Format,
    features: Features,
    own: Option<Own>,
    place: Place,
    scratch: Scratch,
    /// Whether the family that is being written has its header, if it is to have one.
    is_headed: bool,
    /// Whether any channel had had terms when the page was begun.
    has_terms: bool,
}

/// The exporter's own metrics, and since when they count.
struct Own {
    families: Vec<MetricFamily>,
    created: Option<String>,
}

/// How far the page is written.
#[derive(Clone, Copy)]
enum Place {
    Own,
    ExpositionSection { section: usize, target: usize },
    End,
}

impl Exposition {
    /// The page of these targets.
    pub fn new(view: FleetView, exporter: &ExporterMetrics, format: Format) -> Self {
        let created = exporter.created().millis() as f64 / 1000.0;
        let created = (format == Format::OpenMetrics).then(|| number(created));
        let own = Some(Own { families: exporter.gather(), created });
        let (features, scratch) = (exporter.features(), Scratch::new(format));
        let has_terms = view.look(|targets| targets.has_had_terms());
        let place = Place::Own;
        Self { view, format, features, own, place, scratch, is_headed: false, has_terms }
    }

    /// Appends about `size` bytes more; returns whether there is more to come.
    pub fn write_block(&mut self, size: usize, out: &mut BytesMut) -> bool {
        let full = out.len() + size;
        while out.len() < full {
            self.place = match self.place {
                Place::Own => {
                    if let Some(own) = self.own.take() {
                        for family in &own.families {
                            write_family(family, self.format, own.created.as_deref(), out);
                        }
                    }
                    Place::ExpositionSection { section: 0, target: 0 }
                }
                Place::ExpositionSection { section, target } => match SECTIONS.get(section) {
                    Some(this) if (this.needs)(self.features) => {
                        match self.write_section(this, target, full, out) {
                            Some(target) => Place::ExpositionSection { section, target },
                            None => Place::ExpositionSection { section: section + 1, target: 0 },
                        }
                    }
                    Some(_) => Place::ExpositionSection { section: section + 1, target: 0 },
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

    /// Writes rows until the block is full; returns the target to go on with, or `None` after the
    /// last.
    fn write_section(
        &mut self,
        section: &ExpositionSection,
        from: usize,
        full: usize,
        out: &mut BytesMut,
    ) -> Option<usize> {
        let now = self.view.now;
        let headed = match (section.header, section.rows_of) {
            (Header::WithRows, RowsOf::Targets(kind)) => self.view.count(kind) > 0,
            (Header::Always | Header::WithRows, _) => true,
            (Header::Never | Header::BeforeFirstRow, _) => false,
        };
        if from == 0 {
            self.is_headed = section.header != Header::BeforeFirstRow;
            self.scratch.begin_family();
            if headed {
                section.plan.header(self.format, out);
            }
        }
        if section.of_terms && !self.has_terms {
            return None;
        }
        let (scratch, start) = (&mut self.scratch, out.len());
        let next = self.view.look(|targets| match section.rows_of {
            RowsOf::Targets(kind) => {
                let named = targets.named(kind, from);
                let named = named.filter(|(_, _, target)| !section.of_terms || target.has_terms());
                let counted = named.map(|(at, NamedTarget { provider, name, .. }, target)| {
                    (at, Counted { provider, name, created: &target.created }, target)
                });
                section.plan.write(counted, now, full, scratch, out)
            }
            RowsOf::OtherShards(kind) => {
                for (at, one) in targets.passed().iter().enumerate().skip(from) {
                    if one.kind != kind {
                        continue;
                    }
                    if out.len() >= full && at > from {
                        return Some(at);
                    }
                    let counts = RequestCounts::answer_counts(&one.requests);
                    let (provider, created) = (one.provider, &one.created);
                    let of = Counted { provider, name: one.name.as_str().as_bytes(), created };
                    section.plan.write_counts(of, Some(counts), scratch, out);
                }
                None
            }
            RowsOf::Unattributed => {
                for one in targets.unattributed() {
                    let counts = RequestCounts::answer_counts(&one.requests);
                    let of = Counted {
                        provider: one.provider,
                        name: UNKNOWN_CREDENTIAL.as_bytes(),
                        created: &one.created,
                    };
                    section.plan.write_counts(of, Some(counts), scratch, out);
                }
                None
            }
        });
        if !self.is_headed && out.len() > start {
            let rows = out.split_off(start);
            section.plan.header(self.format, out);
            out.extend_from_slice(&rows);
            self.is_headed = true;
        }
        next
    }

    /// The whole page at once.
    pub fn into_bytes(mut self) -> Vec<u8> {
        let mut out = BytesMut::new();
        while self.write_block(usize::MAX / 2, &mut out) {}
        out.into()
    }
}

/// Writes one of the prometheus crate's families, in our order of lines and numbers.
fn write_family(family: &MetricFamily, format: Format, created: Option<&str>, out: &mut BytesMut) {
    let kind = match family.get_field_type() {
        MetricType::COUNTER => "counter",
        MetricType::HISTOGRAM => "histogram",
        _ => "gauge",
    };
    write_header(family.name(), kind, family.help(), format, out);
    let created = created.filter(|_| kind != "gauge");
    let created = created.map(|created| (created_name(family.name()), created));
    for sample in family.get_metric() {
        match family.get_field_type() {
            MetricType::COUNTER => {
                let count = number(sample.get_counter().get_value());
                write_sample(family.name(), sample, None, &count, out);
            }
            MetricType::HISTOGRAM => write_histogram(family.name(), sample, out),
            _ => {
                let value = number(sample.get_gauge().get_value());
                write_sample(family.name(), sample, None, &value, out);
            }
        }
        if let Some((name, created)) = &created {
            write_sample(name, sample, None, created, out);
        }
    }
}

fn write_histogram(name: &str, sample: &Sample, out: &mut BytesMut) {
    let histogram = sample.get_histogram();
    let bucket = format!("{name}_bucket");
    for step in histogram.get_bucket() {
        let le = number(step.upper_bound());
        let count = number(step.cumulative_count() as f64);
        write_sample(&bucket, sample, Some(&le), &count, out);
    }
    let count = number(histogram.get_sample_count() as f64);
    write_sample(&bucket, sample, Some("+Inf"), &count, out);
    let sum = number(histogram.get_sample_sum());
    write_sample(&format!("{name}_sum"), sample, None, &sum, out);
    write_sample(&format!("{name}_count"), sample, None, &count, out);
}

fn write_sample(name: &str, sample: &Sample, le: Option<&str>, value: &str, out: &mut BytesMut) {
    out.extend_from_slice(name.as_bytes());
    let mut labels = BytesMut::new();
    for label in sample.get_label() {
        write_label(label.name(), label.value(), &mut labels);
    }
    if let Some(le) = le {
        write_label("le", le, &mut labels);
    }
    if let Some((_, labels)) = labels.split_first() {
        out.put_u8(b'{');
        out.extend_from_slice(labels);
        out.put_u8(b'}');
    }
    out.put_u8(b' ');
    out.extend_from_slice(value.as_bytes());
    out.put_u8(b'\n');
}

/// A number as both formats write it.
fn number(value: f64) -> String {
    let mut text = String::new();
    let written =
        if value == f64::INFINITY { write!(text, "+Inf") } else { write!(text, "{value}") };
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
    text
}
