//! What can be written of a family before any value is known: the fixed bytes between names and
//! values.
//!
//! Not here: the catalog itself, and the order in which families are written.

use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};

use super::catalog::{Family, Kind, Label, Metric, Rows, Value, Values};
use super::format::Format;
use super::sample::{Counted, Fixed, SampleRow, write_value};
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
    pub(super) fn new(family: &'static Family, label: &str) -> Self {
        let rows = match family.rows {
            Rows::OneOf(_)
            | Rows::Counts(_)
            | Rows::CountsIfAny(_)
            | Rows::LargeCounts(_)
            | Rows::SingleOf(_)
            | Rows::Each(_) => combinations(family.metric.labels),
            Rows::One(_) | Rows::Scopes(_) | Rows::Info(_) => vec![String::new()],
        };
        let after: Arc<[Box<[u8]>]> = rows.iter().map(|row| bytes(format!("\"{row}}} "))).collect();
        let fixed = |provider: ProviderId| {
            let before =
                |name: &str| bytes(format!("{name}{{provider=\"{}\",{label}=\"", provider.label()));
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

    /// Writes one target's rows.
    pub(super) fn write(
        &self,
        of: Counted<'_>,
        target: &Watched,
        now: Now,
        scratch: &mut Scratch,
        out: &mut BytesMut,
    ) {
        let fixed = &self.fixed[of.provider.index()];
        match self.family.rows {
            Rows::One(value) => {
                if let Some(value) = value(target, now) {
                    scratch.one(fixed, of, value, out);
                }
            }
            Rows::OneOf(which) => {
                let mut rows = scratch.zeros(fixed, of, out);
                if let Some(which) = which(target, now) {
                    rows.set(which, 1);
                }
            }
            Rows::Counts(counts) => {
                self.write_counts(of, counts(target), scratch, out);
            }
            Rows::CountsIfAny(counts) => {
                if let Some(counts) = counts(target) {
                    self.write_counts(of, Some(counts), scratch, out);
                }
            }
            Rows::LargeCounts(counts) => {
                self.write_counts(of, counts(target), scratch, out);
            }
            Rows::Each(value) => {
                for at in 0..fixed.after.len() {
                    if let Some(value) = value(target, now, at) {
                        let created = scratch.created(of.created);
                        fixed.write(SampleRow { name: of.name, at, created }, value, out);
                    }
                }
            }
            Rows::SingleOf(row) => {
                if let Some((at, value)) = row(target, now) {
                    let created = scratch.created(of.created);
                    fixed.write(SampleRow { name: of.name, at, created }, value, out);
                }
            }
            Rows::Scopes(row) => {
                let mut at = 0;
                while let Some((scope, value)) = row(target, at) {
                    for part in [&fixed.before, of.name, b"\",scope=\"", scope.as_bytes(), b"\"} "]
                    {
                        out.extend_from_slice(part);
                    }
                    write_value(value, out);
                    out.put_u8(b'\n');
                    at += 1;
                }
            }
            Rows::Info(values) => {
                if let Some(values) = values(target) {
                    out.extend_from_slice(&fixed.before);
                    out.extend_from_slice(of.name);
                    out.put_u8(b'"');
                    for (label, value) in self.family.metric.labels.iter().zip(values) {
                        write_label(label.name, value, out);
                    }
                    out.extend_from_slice(b"} 1\n");
                }
            }
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
        let fixed = &self.fixed[of.provider.index()];
        let counts = counts.unwrap_or_default();
        if counts.iter().all(|count| (*count).into() < 10) {
            let mut rows = scratch.zeros(fixed, of, out);
            for (at, count) in counts.iter().enumerate() {
                // Checked above.
                let digit = (*count).into() as u8;
                if digit > 0 {
                    rows.set(at, digit);
                }
            }
        } else {
            let created = scratch.created(of.created);
            for (at, count) in counts.iter().enumerate() {
                let count = i64::try_from((*count).into()).unwrap_or(i64::MAX);
                fixed.write(SampleRow { name: of.name, at, created }, Value::Int(count), out);
            }
        }
    }
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

/// Writes `,name="value"` with the value escaped as both formats ask.
pub(super) fn write_label(name: &str, value: &str, out: &mut BytesMut) {
    out.put_u8(b',');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    let is_special = |byte: &u8| matches!(byte, b'\\' | b'"' | b'\n');
    let plain = value.bytes().position(|byte| is_special(&byte)).unwrap_or(value.len());
    out.extend_from_slice(&value.as_bytes()[..plain]);
    for byte in value.bytes().skip(plain) {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            other => out.put_u8(other),
        }
    }
    out.put_u8(b'"');
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
                let of = Counted { provider, name: name.as_bytes(), created: since };
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
            write_value(Value::Millis(millis), &mut out);
            assert_eq!(String::from_utf8(out.into()).unwrap(), shown);
        }
    }

    #[test]
    fn labels_are_escaped() {
        let mut out = BytesMut::new();
        write_label("application", "Lucky \"Shrub\" \\ \n", &mut out);
        assert_eq!(&out[..], br#",application="Lucky \"Shrub\" \\ \n""#);
    }
}
