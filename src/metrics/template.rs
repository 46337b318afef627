//! All rows of a family for names of one length, copied as a whole and then filled in: most values
//! are zeros, and most names in a fleet are of a few lengths.
//!
//! Not here: what the rows are; that is `plan.rs`.

use bytes::BytesMut;

use super::catalog::Value;
use super::format::Format;
use super::sample::{Counted, Fixed, SampleRow, write_value};
use crate::domain::Timestamp;

/// What is kept from one target to the next while one family is written.
pub(super) struct Scratch {
    says_created: bool,
    /// The time that was written last: most targets of a fleet began together.
    created: Option<(Timestamp, BytesMut)>,
    /// By provider and length of the name.
    templates: Vec<Vec<Template>>,
}

impl Scratch {
    pub(super) const fn new(format: Format) -> Self {
        let says_created = matches!(format, Format::OpenMetrics);
        Self { says_created, created: None, templates: Vec::new() }
    }

    /// Forgets the last family.
    pub(super) fn begin_family(&mut self) {
        self.templates.clear();
    }

    /// Whether this format says since when a counter counts.
    pub(super) const fn says_created(&self) -> bool {
        self.says_created
    }

    /// The time as it is written, if this format says it.
    #[inline]
    pub(super) fn created(&mut self, at: Timestamp) -> Option<&[u8]> {
        if self.says_created { self.written(at) } else { None }
    }

    fn written(&mut self, at: Timestamp) -> Option<&[u8]> {
        if self.created.as_ref().is_none_or(|(last, _)| *last != at) {
            let mut text = BytesMut::new();
            write_value(at.into(), &mut text);
            self.created = Some((at, text));
        }
        self.created.as_ref().map(|(_, text)| &**text)
    }

    /// Writes all rows of a target as zeros.
    pub(super) fn zeros<'a>(
        &'a mut self,
        fixed: &Fixed,
        of: Counted<'_>,
        out: &'a mut BytesMut,
    ) -> Written<'a> {
        let template = self.template(fixed, of);
        let start = out.len();
        out.extend_from_slice(&template.bytes);
        let rows = &mut out[start..];
        put(of.name, &template.names, rows);
        Written { rows, values: &template.values }
    }

    /// Writes the row of a family that has one for each target.
    pub(super) fn one(&mut self, fixed: &Fixed, of: Counted<'_>, value: Value, out: &mut BytesMut) {
        if let Value::Int(digit @ 0..=9) = value {
            // Checked in this line's pattern.
            return self.zeros(fixed, of, out).set(0, digit as u8);
        }
        let template = self.template(fixed, of);
        let at = template.values[0];
        let start = out.len();
        out.extend_from_slice(&template.bytes[..at]);
        put(of.name, &template.names[..1], &mut out[start..]);
        write_value(value, out);
        let start = out.len();
        out.extend_from_slice(&template.bytes[at + 1..]);
        if let Some(created) = template.names.get(1) {
            put(of.name, &[created - at - 1], &mut out[start..]);
        }
    }

    #[inline]
    fn template(&mut self, fixed: &Fixed, of: Counted<'_>) -> &Template {
        let (provider, length) = (of.provider.index(), of.name.len());
        let known = self.templates.get(provider).and_then(|templates| templates.get(length));
        let fits = |template: &Template| {
            !(template.bytes.is_empty() || self.says_created && template.created != of.created)
        };
        if !known.is_some_and(fits) {
            self.make_template(fixed, of);
        }
        &self.templates[provider][length]
    }

    #[cold]
    fn make_template(&mut self, fixed: &Fixed, of: Counted<'_>) {
        let (provider, length) = (of.provider.index(), of.name.len());
        // Two borrows of different fields, so the time is drawn first.
        self.created(of.created);
        let created = self.created.as_ref().filter(|_| self.says_created);
        let created = created.map(|(_, text)| &**text);
        if self.templates.len() <= provider {
            self.templates.resize_with(provider + 1, Vec::new);
        }
        let templates = &mut self.templates[provider];
        if templates.len() <= length {
            templates.resize_with(length + 1, Template::default);
        }
        templates[length] = Template::new(fixed, of, created);
    }
}

/// Puts a name in its places. A copy whose length the compiler knows is no call.
fn put(name: &[u8], places: &[usize], rows: &mut [u8]) {
    match name.len() {
        4..8 => put_ends::<4>(name, places, rows),
        8..16 => put_ends::<8>(name, places, rows),
        16..=32 => put_ends::<16>(name, places, rows),
        length => {
            for at in places {
                rows[*at..*at + length].copy_from_slice(name);
            }
        }
    }
}

/// Puts the first and the last bytes of a name in their places, which together are all of it.
fn put_ends<const N: usize>(name: &[u8], places: &[usize], rows: &mut [u8]) {
    let Some((first, last)) = name.first_chunk::<N>().zip(name.last_chunk::<N>()) else { return };
    for at in places {
        let place = &mut rows[*at..*at + name.len()];
        place.first_chunk_mut::<N>().into_iter().for_each(|chunk| *chunk = *first);
        place.last_chunk_mut::<N>().into_iter().for_each(|chunk| *chunk = *last);
    }
}

/// The rows of one family with zeros.
#[derive(Default)]
struct Template {
    bytes: BytesMut,
    /// Where the name stands.
    names: Vec<usize>,
    /// Where the values stand, one for each row.
    values: Vec<usize>,
    /// Since when they count, if the rows say it.
    created: Timestamp,
}

impl Template {
    fn new(fixed: &Fixed, of: Counted<'_>, created: Option<&[u8]>) -> Self {
        let mut template = Self { created: of.created, ..Self::default() };
        let bytes = &mut template.bytes;
        for (at, after) in fixed.after.iter().enumerate() {
            let start = bytes.len();
            fixed.write(SampleRow { name: of.name, at, created }, Value::Int(0), bytes);
            let name = start + fixed.before.len();
            let value = name + of.name.len() + after.len();
            template.names.push(name);
            template.values.push(value);
            if let Some(before) = fixed.created.as_ref().filter(|_| created.is_some()) {
                template.names.push(value + b"0\n".len() + before.len());
            }
        }
        template
    }
}

/// Rows just written, all zeros.
pub(super) struct Written<'a> {
    rows: &'a mut [u8],
    values: &'a [usize],
}

impl Written<'_> {
    /// Gives a row another value, of one digit.
    pub(super) fn set(&mut self, at: usize, digit: u8) {
        if let Some(value) = self.values.get(at) {
            self.rows[*value] = b'0' + digit;
        }
    }
}
