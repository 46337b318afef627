//! What can be written of a family before any value is known: the fixed bytes between names and values.
//!
//! Not here: the catalog itself, and the order in which families are written.

use super::catalog::{Family, Label, Metric, Rows, Value, Values};
use super::format::Format;
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

/// The bytes around a target's name and a row's value.
struct Fixed {
    /// `name{provider="…",channel="`; the label is one for all kinds of targets that share the family.
    before: Vec<u8>,
    /// `",status="…"} ` for each row.
    after: Vec<Vec<u8>>,
    /// `after`, a zero, and the beginning of the next row: most rows are zeros.
    zero: Vec<Vec<u8>>,
}

impl FamilyPlan {
    /// The plan of a family whose rows name their target by this label.
    pub(super) fn new(family: &'static Family, label: &str) -> Self {
        let rows = match family.rows {
            Rows::OneOf(_) | Rows::Counts(_) | Rows::LargeCounts(_) => {
                combinations(family.metric.labels)
            }
            Rows::One(_) | Rows::Scopes(_) | Rows::Info(_) => vec![String::new()],
        };
        let fixed = |provider: ProviderId| {
            let (name, provider) = (family.metric.name, provider.label());
            let before = format!("{name}{{provider=\"{provider}\",{label}=\"");
            let after: Vec<Vec<u8>> =
                rows.iter().map(|row| format!("\"{row}}} ").into_bytes()).collect();
            let zero = after.iter().enumerate().map(|(at, after)| {
                let next = if at + 1 == rows.len() { "" } else { &before };
                [after, b"0\n".as_slice(), next.as_bytes()].concat()
            });
            Fixed { zero: zero.collect(), before: before.into_bytes(), after }
        };
        Self { family, fixed: providers::all().map(fixed).collect() }
    }

    pub(super) fn header(&self, format: Format, out: &mut Vec<u8>) {
        header(&self.family.metric, format, out);
    }

    /// Writes one target's rows.
    pub(super) fn write(&self, target: &Watched, now: Now, out: &mut Vec<u8>) {
        let provider = target.provider();
        let fixed = &self.fixed[provider.index()];
        let name = target.target.name.as_str().as_bytes();
        match self.family.rows {
            Rows::One(value) => {
                if let Some(value) = value(target, now) {
                    for part in [&fixed.before, name, &fixed.after[0]] {
                        out.extend_from_slice(part);
                    }
                    write_value(value, out);
                    out.push(b'\n');
                }
            }
            Rows::OneOf(which) => {
                let which = which(target, now);
                fixed.write_each(name, |row| i64::from(which == Some(row)), out);
            }
            Rows::Counts(counts) => {
                self.write_counts(provider, name, counts(target), out);
            }
            Rows::LargeCounts(counts) => {
                self.write_counts(provider, name, counts(target), out);
            }
            Rows::Scopes(row) => {
                let mut at = 0;
                while let Some((scope, value)) = row(target, at) {
                    for part in [&fixed.before, name, b"\",scope=\"", scope.as_bytes(), b"\"} "] {
                        out.extend_from_slice(part);
                    }
                    write_value(value, out);
                    out.push(b'\n');
                    at += 1;
                }
            }
            Rows::Info(values) => {
                if let Some(values) = values(target) {
                    out.extend_from_slice(&fixed.before);
                    out.extend_from_slice(name);
                    out.push(b'"');
                    for (label, value) in self.family.metric.labels.iter().zip(values) {
                        write_label(label.name, value, out);
                    }
                    out.extend_from_slice(b"} 1\n");
                }
            }
        }
    }

    /// Writes the rows of these counts, or zeros.
    pub(super) fn write_counts<N: Copy + TryInto<i64>>(
        &self,
        provider: ProviderId,
        name: &[u8],
        counts: Option<&[N]>,
        out: &mut Vec<u8>,
    ) {
        let counts = counts.unwrap_or_default();
        let count = |row| counts.get(row).map_or(0, |n: &N| (*n).try_into().unwrap_or(i64::MAX));
        self.fixed[provider.index()].write_each(name, count, out);
    }
}

impl Fixed {
    fn write_each(&self, name: &[u8], value: impl Fn(usize) -> i64, out: &mut Vec<u8>) {
        let rows = self.after.len();
        out.extend_from_slice(&self.before);
        for (row, (after, zero)) in self.after.iter().zip(&self.zero).enumerate() {
            out.extend_from_slice(name);
            match value(row) {
                0 => out.extend_from_slice(zero),
                value => {
                    out.extend_from_slice(after);
                    write_value(Value::Int(value), out);
                    out.push(b'\n');
                    if row + 1 < rows {
                        out.extend_from_slice(&self.before);
                    }
                }
            }
        }
    }
}

/// `,a="x",b="y"` for each combination of the closed labels' values, the last label running fastest.
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
pub(super) fn header(metric: &Metric, format: Format, out: &mut Vec<u8>) {
    write_header(metric.name, metric.kind.as_str(), metric.help, format, out);
}

pub(super) fn write_header(name: &str, kind: &str, help: &str, format: Format, out: &mut Vec<u8>) {
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
pub(super) fn write_label(name: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b',');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    for byte in value.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            other => out.push(other),
        }
    }
    out.push(b'"');
}

fn write_value(value: Value, out: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    match value {
        Value::Int(number) => out.extend_from_slice(digits.format(number).as_bytes()),
        Value::Infinity => out.extend_from_slice(b"+Inf"),
        Value::Millis(millis) => {
            if millis < 0 {
                out.push(b'-');
            }
            let millis = millis.unsigned_abs();
            out.extend_from_slice(digits.format(millis / 1000).as_bytes());
            let part = millis % 1000;
            if part > 0 {
                let three = [b'.', digit(part / 100), digit(part / 10 % 10), digit(part % 10)];
                let zeros = three.iter().rev().take_while(|byte| **byte == b'0').count();
                out.extend_from_slice(&three[..three.len() - zeros]);
            }
        }
    }
}

const fn digit(number: u64) -> u8 {
    b'0' + (number % 10) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let mut out = Vec::new();
            write_value(Value::Millis(millis), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), shown);
        }
    }

    #[test]
    fn labels_are_escaped() {
        let mut out = Vec::new();
        write_label("application", "Lucky \"Shrub\" \\ \n", &mut out);
        assert_eq!(out, br#",application="Lucky \"Shrub\" \\ \n""#);
    }
}
