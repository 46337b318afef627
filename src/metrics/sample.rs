//! One sample as text: the fixed bytes around its name, and its value.
//!
//! Not here: which samples a family has; that is `plan.rs`.

use std::sync::Arc;

use bytes::BytesMut;

use super::catalog::Value;
use crate::domain::Timestamp;
use crate::upstream::ProviderId;

/// The bytes around a target's name and a row's value.
pub(super) struct Fixed {
    /// `name{provider="…",channel="`; the label is one for all kinds of targets that share the
    /// family.
    pub(super) before: Box<[u8]>,
    /// `",status="…"} ` for each row, or `",version="` for each label of a row that says what the
    /// target is; the same for all providers.
    pub(super) after: Arc<[Box<[u8]>]>,
    /// `before` in the sample that says since when a counter counts; `None` if this is no counter.
    pub(super) created: Option<Box<[u8]>>,
}

/// Whose rows are written.
#[derive(Clone, Copy)]
pub(super) struct Counted<'a> {
    pub(super) provider: ProviderId,
    pub(super) name: &'a [u8],
    /// Since when its counters count; not looked at where it is not said.
    pub(super) created: &'a Timestamp,
}

/// One row of a family.
#[derive(Clone, Copy)]
pub(super) struct SampleRow<'a> {
    pub(super) name: &'a [u8],
    /// Which of the family's rows.
    pub(super) at: usize,
    /// Since when it counts, as it is written at the end of a line; `None` where that is not said.
    pub(super) created: Option<&'a [u8]>,
}

impl Fixed {
    /// Writes one row, and since when it counts.
    pub(super) fn write(&self, row: SampleRow<'_>, value: Value, out: &mut BytesMut) {
        let (name, after) = (row.name, &self.after[row.at]);
        for part in [&self.before, name, after] {
            out.extend_from_slice(part);
        }
        write_value_line(value, out);
        if let Some((before, created)) = self.created.as_ref().zip(row.created) {
            for part in [before, name, after, created] {
                out.extend_from_slice(part);
            }
        }
    }
}

/// Writes a value, and ends its line.
pub(super) fn write_value_line(value: Value, out: &mut BytesMut) {
    match value {
        Value::Int(number) => {
            out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            out.extend_from_slice(b"\n");
        }
        Value::Millis(millis) => write_seconds_line(millis, out),
        Value::Infinity => out.extend_from_slice(b"+Inf\n"),
    }
}

/// Writes milliseconds as seconds, without zeros behind, and ends the line.
fn write_seconds_line(millis: i64, out: &mut BytesMut) {
    if millis < 0 {
        out.extend_from_slice(b"-");
    }
    let millis = millis.unsigned_abs();
    let mut digits = itoa::Buffer::new();
    let seconds = digits.format(millis / 1000).as_bytes();
    // A copy whose length the compiler knows is no call, and a time of our days has ten digits.
    match <&[u8; 10]>::try_from(seconds) {
        Ok(ten) => out.extend_from_slice(ten),
        Err(_) => out.extend_from_slice(seconds),
    }
    let part = millis % 1000;
    if part == 0 {
        return out.extend_from_slice(b"\n");
    }
    let [a, b, c] = [digit(part / 100), digit(part / 10 % 10), digit(part % 10)];
    match (b, c) {
        (b'0', b'0') => out.extend_from_slice(&[b'.', a, b'\n']),
        (_, b'0') => out.extend_from_slice(&[b'.', a, b, b'\n']),
        _ => out.extend_from_slice(&[b'.', a, b, c, b'\n']),
    }
}

/// Of a number below 10.
const fn digit(number: u64) -> u8 {
    b'0' + number as u8
}
