//! What can be written of a family before any value is known: the fixed bytes between names and values.
//!
//! Not here: the catalog itself, and the order in which families are written.

use super::catalog::{Family, Label, Labelled, Metric, Rows, Value, Values};
use super::exposition::Format;
use crate::domain::{Moment, Provider};

/// One family, ready to be written for any number of targets.
pub(super) struct FamilyPlan<S: 'static> {
    family: &'static Family<S>,
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

impl<S: Labelled> FamilyPlan<S> {
    /// The plan of a family whose rows name their target by this label.
    pub(super) fn new(family: &'static Family<S>, label: &str) -> Self {
        let rows = match family.rows {
            Rows::Each(_) => combinations(family.metric.labels),
            _ => vec![String::new()],
        };
        let fixed = Provider::ALL
            .iter()
            .map(|provider| {
                let before = format!(
                    "{}{{provider=\"{}\",{}=\"",
                    family.metric.name,
                    provider.word(),
                    label
                );
                let after: Vec<Vec<u8>> =
                    rows.iter().map(|row| format!("\"{row}}} ").into_bytes()).collect();
                let zero = after
                    .iter()
                    .enumerate()
                    .map(|(at, after)| {
                        let last = at + 1 == rows.len();
                        let next = if last { "" } else { &before };
                        [after, b"0\n".as_slice(), next.as_bytes()].concat()
                    })
                    .collect();
                Fixed { before: before.into_bytes(), after, zero }
            })
            .collect();
        Self { family, fixed }
    }

    pub(super) fn header(&self, format: Format, out: &mut Vec<u8>) {
        header(&self.family.metric, format, out);
    }

    /// Writes one target's rows.
    pub(super) fn write(&self, target: &S, now: Moment, out: &mut Vec<u8>) {
        let fixed = &self.fixed[target.provider().index()];
        let name = target.name().as_bytes();
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
            Rows::Each(value) => {
                let rows = fixed.after.len();
                out.extend_from_slice(&fixed.before);
                for (row, (after, zero)) in fixed.after.iter().zip(&fixed.zero).enumerate() {
                    out.extend_from_slice(name);
                    match value(target, now, row) {
                        Value::Int(0) => out.extend_from_slice(zero),
                        value => {
                            out.extend_from_slice(after);
                            write_value(value, out);
                            out.push(b'\n');
                            if row + 1 < rows {
                                out.extend_from_slice(&fixed.before);
                            }
                        }
                    }
                }
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
    write_header(metric.name, metric.kind.word(), metric.help, format, out);
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
