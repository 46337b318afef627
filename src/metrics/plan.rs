//! What can be written of a family before any value is known: the fixed bytes between names and
//! values.
//!
//! Not here: the catalog itself, and the order in which families are written.

use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};

use super::catalog::{Family, Kind, Label, Metric, Rows, Value, Values};
use super::format::Format;
use super::sample::{Counted, Fixed, SampleRow, write_value_line};
use super::template::Scratch;
use crate::domain::Now;
use crate::fleet::Watched;
use crate::providers;
use crate::upstream::ProviderId;

/// One family, ready to be written for any number of targets.
pub(super) struct FamilyPlan {
    family: &'static Family,
    /// For each provider.
    fixed: Vec<Fixed>,
}

impl FamilyPlan {
    /// The plan of a family whose rows name their target by this label.
    pub(super) fn new(family: &'static Family, name_label: &str) -> Self {
        let row = |labels: &String| bytes(format!("\"{labels}}} "));
        let label = |label: &Label| bytes(format!("\",{}=\"", label.name));
        let after: Arc<[Box<[u8]>]> = match family.rows {
            Rows::OneOf(_)
            | Rows::Counts(_)
            | Rows::CountsIfAny(_)
            | Rows::LargeCounts(_)
            | Rows::SingleOf(_)
            | Rows::Each(_) => combinations(family.metric.labels).iter().map(row).collect(),
            Rows::One(_) | Rows::Scopes(_) => [row(&String::new())].into(),
            Rows::Info(_) => family.metric.labels.iter().map(label).collect(),
        };
        let fixed = |provider: ProviderId| {
            let before = |name: &str| {
                bytes(format!("{name}{{provider=\"{}\",{name_label}=\"", provider.label()))
            };
            Fixed {
                before: before(family.metric.name),
                after: Arc::clone(&after),
                created: (family.metric.kind == Kind::Counter)
                    .then(|| before(&created_name(family.metric.name))),
            }
        };
        Self { family, fixed: providers::all().map(fixed).collect() }
    }

    pub(super) fn header(&self, format: Format, out: &mut BytesMut) {
        header(&self.family.metric, format, out);
    }

    /// Writes the rows of these targets, each with its position, until `out` is `full` bytes long.
    /// Returns the position to go on with, or `None` after the last.
    pub(super) fn write<'a>(
        &self,
        targets: impl Iterator<Item = (usize, Counted<'a>, &'a Watched)>,
        now: Now,
        full: usize,
        scratch: &mut Scratch,
        out: &mut BytesMut,
    ) -> Option<usize> {
        let fixed = |of: Counted<'_>| &self.fixed[of.provider.index()];
        // What the rows are is told apart once, not for each target.
        match self.family.rows {
            Rows::One(value) => each(targets, full, out, |of, target, out| {
                if let Some(value) = value(target, now) {
                    scratch.template(&self.fixed, of).one(of.name, value, out);
                }
            }),
            Rows::OneOf(which) => each(targets, full, out, |of, target, out| {
                let template = scratch.template(&self.fixed, of);
                let rows = template.zeros(of.name, out);
                if let Some(which) = which(target, now) {
                    template.set(which, 1, rows);
                }
            }),
            Rows::Counts(counts) => each(targets, full, out, |of, target, out| {
                self.write_counts(of, counts(target), scratch, out);
            }),
            Rows::CountsIfAny(counts) => each(targets, full, out, |of, target, out| {
                if let Some(counts) = counts(target) {
                    self.write_counts(of, Some(counts), scratch, out);
                }
            }),
            Rows::LargeCounts(counts) => each(targets, full, out, |of, target, out| {
                self.write_counts(of, counts(target), scratch, out);
            }),
            Rows::Each(value) => each(targets, full, out, |of, target, out| {
                let fixed = fixed(of);
                for at in 0..fixed.after.len() {
                    if let Some(value) = value(target, now, at) {
                        let created = scratch.created(*of.created);
                        fixed.write(SampleRow { name: of.name, at, created }, value, out);
                    }
                }
            }),
            Rows::SingleOf(row) => each(targets, full, out, |of, target, out| {
                if let Some((at, value)) = row(target, now) {
                    let created = scratch.created(*of.created);
                    fixed(of).write(SampleRow { name: of.name, at, created }, value, out);
                }
            }),
            Rows::Scopes(row) => each(targets, full, out, |of, target, out| {
                let rows = (0..).map_while(|at| row(target, at));
                for (scope, value) in rows {
                    let before = &fixed(of).before;
                    for part in [before, of.name, b"\",scope=\"", scope.as_bytes(), b"\"} "] {
                        out.extend_from_slice(part);
                    }
                    write_value_line(value, out);
                }
            }),
            Rows::Info(values) => each(targets, full, out, |of, target, out| {
                if let Some(values) = values(target) {
                    let Fixed { before, after, .. } = fixed(of);
                    out.extend_from_slice(before);
                    out.extend_from_slice(of.name);
                    for (label, value) in after.iter().zip(values) {
                        out.extend_from_slice(label);
                        write_escaped(value, out);
                    }
                    out.extend_from_slice(b"\"} 1\n");
                }
            }),
        }
    }

    /// Writes the rows of these counts, or zeros.
    pub(super) fn write_counts<N: Copy + Into<u64>>(
        &self,
        of: Counted<'_>,
        counts: Option<&[N]>,
        scratch: &mut Scratch,
        out: &mut BytesMut,
    ) {
        let counts = counts.unwrap_or_default();
        let most = counts.iter().fold(0, |most, count| (*count).into().max(most));
        if most < 10 {
            let template = scratch.template(&self.fixed, of);
            let rows = template.zeros(of.name, out);
            // Most targets have counted nothing.
            if most > 0 {
                for (at, count) in counts.iter().enumerate() {
                    // Checked above.
                    template.set(at, (*count).into() as u8, rows);
                }
            }
        } else {
            let fixed = &self.fixed[of.provider.index()];
            let created = scratch.created(*of.created);
            for (at, count) in counts.iter().enumerate() {
                let count = i64::try_from((*count).into()).unwrap_or(i64::MAX);
                fixed.write(SampleRow { name: of.name, at, created }, Value::Int(count), out);
            }
        }
    }
}

/// Writes the rows of each target until `out` is `full` bytes long. A function for each way to
/// write: in one large function the values of the loop would not stay in registers.
#[inline(never)]
fn each<'a>(
    targets: impl Iterator<Item = (usize, Counted<'a>, &'a Watched)>,
    full: usize,
    out: &mut BytesMut,
    mut write: impl FnMut(Counted<'a>, &'a Watched, &mut BytesMut),
) -> Option<usize> {
    for (at, of, target) in targets {
        write(of, target, out);
        if out.len() >= full {
            return Some(at + 1);
        }
    }
    None
}

/// These are kept for good, so without room to grow.
fn bytes(text: String) -> Box<[u8]> {
    text.into_bytes().into()
}

/// The name of the sample that says since when a counter, or a histogram, counts.
pub(super) fn created_name(name: &str) -> String {
    format!("{}_created", name.strip_suffix("_total").unwrap_or(name))
}

/// `,a="x",b="y"` for each combination of the closed labels' values, the last label running
/// fastest.
fn combinations(labels: &[Label]) -> Vec<String> {
    labels.iter().fold(vec![String::new()], |rows, label| {
        let Values::Closed(words) = label.values else { return rows };
        rows.iter()
            .flat_map(|row| {
                words.iter().map(move |word| format!("{row},{}=\"{word}\"", label.name))
            })
            .collect()
    })
}

/// Writes the `# HELP` and `# TYPE` lines.
pub(super) fn header(metric: &Metric, format: Format, out: &mut BytesMut) {
    write_header(metric.name, metric.kind.as_str(), metric.help, format, out);
}

pub(super) fn write_header(name: &str, kind: &str, help: &str, format: Format, out: &mut BytesMut) {
    // OpenMetrics names a counter's family without its suffix.
    let name = match format {
        Format::OpenMetrics if kind == "counter" => name.strip_suffix("_total").unwrap_or(name),
        _ => name,
    };
    let mut line =
        |parts: [&str; 6]| parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    line(["# HELP ", name, " ", help, "\n", ""]);
    line(["# TYPE ", name, " ", kind, "\n", ""]);
    if format == Format::OpenMetrics {
        // OpenMetrics: a unit is the last part of the name.
        for unit in ["seconds", "bytes"] {
            if name.ends_with(unit) {
                line(["# UNIT ", name, " ", unit, "\n", ""]);
            }
        }
    }
}

/// Writes `,name="value"`.
pub(super) fn write_label(name: &str, value: &str, out: &mut BytesMut) {
    for part in [",", name, "=\""] {
        out.extend_from_slice(part.as_bytes());
    }
    write_escaped(value.as_bytes(), out);
    out.put_u8(b'"');
}

/// Writes a label's value, escaped as both formats ask.
fn write_escaped(value: &[u8], out: &mut BytesMut) {
    let is_special = |byte: &u8| matches!(byte, b'\\' | b'"' | b'\n');
    let plain = value.iter().position(is_special).unwrap_or(value.len());
    let (plain, rest) = value.split_at(plain);
    out.extend_from_slice(plain);
    for byte in rest {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            other => out.put_u8(*other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Timestamp;
    use crate::metrics::catalog::GATEWAY_TARGET;

    proptest! {
        #[test]
        fn rows_are_the_same_whether_copied_or_written_one_by_one(
            targets in prop::collection::vec(
                (
                    "[a-z]{1,40}",
                    0_usize..2,
                    prop_oneof![Just(1_795_000_000_010), Just(1_795_000_000_000)],
                    prop::collection::vec(
                        prop_oneof![0_u64..12, any::<u32>().prop_map(u64::from)],
                        9,
                    ),
                ),
                1..9,
            ),
            open_metrics: bool,
        ) {
            let format = if open_metrics { Format::OpenMetrics } else { Format::Text };
            let plan = FamilyPlan::new(&GATEWAY_TARGET, "channel");
            let mut scratch = Scratch::new(format);
            let (mut out, mut expected) = (BytesMut::new(), String::new());
            for (name, provider, created, counts) in &targets {
                let provider = providers::all().nth(*provider).unwrap();
                let since = Timestamp::from_millis(*created);
                let of = Counted { provider, name: name.as_bytes(), created: &since };
                plan.write_counts(of, Some(counts), &mut scratch, &mut out);
                for (code, count) in crate::domain::AnswerClass::LABELS.iter().zip(counts) {
                    let labels =
                        format!("{{provider=\"{}\",channel=\"{name}\",\
                            code=\"{code}\"}}", provider.label());
                    expected += &format!("whatsapp_gateway_requests_total{labels} {count}\n");
                    if open_metrics {
                        let created = *created as f64 / 1000.0;
                        expected += &format!("whatsapp_gateway_requests_created{labels} \
                            {created}\n");
                    }
                }
            }
            prop_assert_eq!(String::from_utf8(out.into()).unwrap(), expected);
        }
    }

    #[test]
    fn milliseconds_are_shown_as_seconds() {
        for (millis, shown) in [
            (0, "0"),
            (1, "0.001"),
            (-1, "-0.001"),
            (1500, "1.5"),
            (-61_000, "-61"),
            (1_795_000_000_010, "1795000000.01"),
            (30_000, "30"),
        ] {
            let mut out = BytesMut::new();
            write_value_line(Value::Millis(millis), &mut out);
            assert_eq!(String::from_utf8(out.into()).unwrap(), format!("{shown}\n"));
        }
    }

    #[test]
    fn labels_are_escaped() {
        let mut out = BytesMut::new();
        write_label("application", "Lucky \"Shrub\" \\ \n", &mut out);
        assert_eq!(&out[..], br#",application="Lucky \"Shrub\" \\ \n""#);
    }
}
