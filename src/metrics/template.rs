//! All rows of a family for names of one length, copied as a whole and then filled in: most values
//! are zeros, and most names in a fleet are of a few lengths.
//!
//! Not here: what the rows are; that is `plan.rs`.

use bytes::BytesMut;

use super::catalog::Value;
use super::format::Format;
use super::sample::{Counted, Fixed, SampleRow, write_value_line};
use crate::domain::Timestamp;
use crate::upstream::ProviderId;

/// What is kept from one target to the next while one family is written.
pub(super) struct Scratch {
    says_created: bool,
    /// The time that was written last: most targets of a fleet began together.
    created: Option<(Timestamp, BytesMut)>,
    templates: Vec<Template>,
    /// The template that was used last: most names are as long as the one before.
    current: usize,
}

impl Scratch {
    pub(super) const fn new(format: Format) -> Self {
        let says_created = matches!(format, Format::OpenMetrics);
        Self { says_created, created: None, templates: Vec::new(), current: 0 }
    }

    /// Forgets the last family.
    pub(super) fn begin_family(&mut self) {
        self.templates.clear();
    }

    /// Whether this format says since when a counter counts.
    pub(super) const fn says_created(&self) -> bool {
        self.says_created
    }

    /// The time as it is written at the end of a line, if this format says it.
    #[inline]
    pub(super) fn created(&mut self, at: Timestamp) -> Option<&[u8]> {
        if self.says_created { self.written(at) } else { None }
    }

    fn written(&mut self, at: Timestamp) -> Option<&[u8]> {
        if self.created.as_ref().is_none_or(|(last, _)| *last != at) {
            let mut text = BytesMut::new();
            write_value_line(at.into(), &mut text);
            self.created = Some((at, text));
        }
        self.created.as_ref().map(|(_, text)| &**text)
    }

    /// What the rows of this target are copied from.
    #[inline]
    pub(super) fn template(&mut self, fixed: &Fixed, of: Counted<'_>) -> &Template {
        let fits = self.templates.get(self.current).is_some_and(|template| template.fits(of));
        if !fits {
            self.choose_template(fixed, of);
        }
        &self.templates[self.current]
    }

    #[cold]
    fn choose_template(&mut self, fixed: &Fixed, of: Counted<'_>) {
        let known = self.templates.iter().position(|template| template.fits(of));
        self.current = known.unwrap_or_else(|| {
            let created = self.created(of.created).map(<[u8]>::to_vec);
            let template = Template::new(fixed, of, created.as_deref());
            // One time for each is enough: it hardly differs within a fleet.
            let same = |old: &Template| old.provider == of.provider && old.length == of.name.len();
            self.templates.retain(|old| !same(old));
            self.templates.push(template);
            self.templates.len() - 1
        });
    }
}

/// Puts a name in its places.
type Put = fn(&[u8], &[usize], &mut [u8]);

/// What puts names of this length in their places. A copy whose length the compiler knows is no
/// call.
const fn put_of(length: usize) -> Put {
    match length {
        4..8 => put_ends::<4>,
        8..16 => put_ends::<8>,
        16..=32 => put_ends::<16>,
        _ => put_whole,
    }
}

fn put_whole(name: &[u8], places: &[usize], rows: &mut [u8]) {
    for at in places {
        rows[*at..*at + name.len()].copy_from_slice(name);
    }
}

/// Puts the first and the last bytes of a name in their places, which together are all of it.
fn put_ends<const N: usize>(name: &[u8], places: &[usize], rows: &mut [u8]) {
    let Some((first, last)) = name.first_chunk::<N>().zip(name.last_chunk::<N>()) else { return };
    // Copies, so that the compiler keeps them at hand.
    let (first, last) = (*first, *last);
    for at in places {
        let place = &mut rows[*at..*at + name.len()];
        place[..N].copy_from_slice(&first);
        place[name.len() - N..].copy_from_slice(&last);
    }
}

/// The rows of one family with zeros, for the names of one provider and length.
pub(super) struct Template {
    provider: ProviderId,
    length: usize,
    /// Since when they count, if the rows say it.
    created: Timestamp,
    put: Put,
    bytes: BytesMut,
    /// Where the name stands.
    names: Vec<usize>,
    /// Where the values stand, one for each row.
    values: Vec<usize>,
}

impl Template {
    fn new(fixed: &Fixed, of: Counted<'_>, created: Option<&[u8]>) -> Self {
        let length = of.name.len();
        let mut template = Self {
            provider: of.provider,
            length,
            created: of.created,
            put: put_of(length),
            bytes: BytesMut::new(),
            names: Vec::new(),
            values: Vec::new(),
        };
        let bytes = &mut template.bytes;
        for (at, after) in fixed.after.iter().enumerate() {
            let start = bytes.len();
            fixed.write(SampleRow { name: of.name, at, created }, Value::Int(0), bytes);
            let name = start + fixed.before.len();
            let value = name + length + after.len();
            template.names.push(name);
            template.values.push(value);
            if let Some(before) = fixed.created.as_ref().filter(|_| created.is_some()) {
                template.names.push(value + b"0\n".len() + before.len());
            }
        }
        template
    }

    /// Writes all rows of the target of this name as zeros.
    pub(super) fn zeros<'a>(&'a self, name: &[u8], out: &'a mut BytesMut) -> Written<'a> {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let rows = &mut out[start..];
        (self.put)(name, &self.names, rows);
        Written { rows, values: &self.values }
    }

    /// Writes the row of a family that has one for each target.
    pub(super) fn one(&self, name: &[u8], value: Value, out: &mut BytesMut) {
        if let Value::Int(digit @ 0..=9) = value {
            // Checked in this line's pattern.
            return self.zeros(name, out).set(0, digit as u8);
        }
        let (at, start) = (self.values[0], out.len());
        out.extend_from_slice(&self.bytes[..at]);
        (self.put)(name, &self.names[..1], &mut out[start..]);
        write_value_line(value, out);
        // Since when it counts, if that is said.
        if let Some(created) = self.names.get(1) {
            let (start, end) = (out.len(), at + b"0\n".len());
            out.extend_from_slice(&self.bytes[end..]);
            (self.put)(name, &[created - end], &mut out[start..]);
        }
    }

    /// Whether the rows of this target differ in nothing but its name and values.
    #[inline]
    fn fits(&self, of: Counted<'_>) -> bool {
        self.length == of.name.len() && self.provider == of.provider && self.created == of.created
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
