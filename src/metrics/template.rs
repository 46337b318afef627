//! All rows of a family for names of one length, copied as a whole and then filled in: most values
//! are zeros, and most names in a fleet are of a few lengths.
//!
//! Not here: what the rows are; that is `plan.rs`.

use std::ops::Range;

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
    /// The template that was used last: most names are as long as the one before.
    current: Template,
    others: Vec<Template>,
}

impl Scratch {
    pub(super) fn new(format: Format) -> Self {
        let says_created = matches!(format, Format::OpenMetrics);
        Self { says_created, created: None, current: Template::none(), others: Vec::new() }
    }

    /// Forgets the last family.
    pub(super) fn begin_family(&mut self) {
        self.current = Template::none();
        self.others.clear();
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
    pub(super) fn template(&mut self, fixed: &[Fixed], of: Counted<'_>) -> &Template {
        if !self.fits(&self.current, of) {
            self.choose_template(fixed, of.provider, of.name, of.created);
        }
        &self.current
    }

    /// Whether the rows of this target differ from the template's in nothing but name and values.
    #[inline]
    fn fits(&self, template: &Template, of: Counted<'_>) -> bool {
        template.is_for(of) && (!self.says_created || template.created == *of.created)
    }

    /// Not with the target as one: where it is taken to pieces, it stays out of memory.
    #[cold]
    fn choose_template(
        &mut self,
        fixed: &[Fixed],
        provider: ProviderId,
        name: &[u8],
        created: &Timestamp,
    ) {
        let of = Counted { provider, name, created };
        let known = self.others.iter().position(|template| self.fits(template, of));
        let template = if let Some(known) = known {
            self.others.swap_remove(known)
        } else {
            // One time for each is enough: it hardly differs within a fleet.
            self.others.retain(|old| !old.is_for(of));
            let created = self.created(*of.created).map(<[u8]>::to_vec);
            Template::new(&fixed[of.provider.index()], of, created.as_deref())
        };
        let last = std::mem::replace(&mut self.current, template);
        if !last.rows.bytes.is_empty() && !last.is_for(of) {
            self.others.push(last);
        }
    }
}

/// Bytes with room for names.
#[derive(Default)]
struct Gaps {
    bytes: Vec<u8>,
    /// Where the names stand, all of them within the bytes.
    names: Vec<usize>,
}

/// Writes these bytes with a name in each gap; returns what it wrote.
type Fill = for<'a> fn(&Gaps, &[u8], &'a mut BytesMut) -> &'a mut [u8];

/// What writes names of this length. A copy whose length the compiler knows is no call.
const fn fill_of(length: usize) -> Fill {
    match length {
        4..8 => fill_ends::<4>,
        8..16 => fill_ends::<8>,
        16..=32 => fill_ends::<16>,
        _ => fill_whole,
    }
}

fn fill_whole<'a>(gaps: &Gaps, name: &[u8], out: &'a mut BytesMut) -> &'a mut [u8] {
    let written = append(&gaps.bytes, out);
    for at in &gaps.names {
        written[*at..*at + name.len()].copy_from_slice(name);
    }
    written
}

/// Copies the first and the last bytes of the name, which together are all of it.
fn fill_ends<'a, const N: usize>(gaps: &Gaps, name: &[u8], out: &'a mut BytesMut) -> &'a mut [u8] {
    let (Some(first), Some(last)) = (name.first_chunk::<N>(), name.last_chunk::<N>()) else {
        return &mut [];
    };
    // Copies, so that the compiler keeps them at hand.
    let (first, last) = (*first, *last);
    let written = append(&gaps.bytes, out);
    for at in &gaps.names {
        let place = &mut written[*at..*at + name.len()];
        place[..N].copy_from_slice(&first);
        place[name.len() - N..].copy_from_slice(&last);
    }
    written
}

#[inline]
fn append<'a>(bytes: &[u8], out: &'a mut BytesMut) -> &'a mut [u8] {
    let start = out.len();
    out.extend_from_slice(bytes);
    &mut out[start..]
}

/// The rows of one family with zeros, for the names of one provider and length.
pub(super) struct Template {
    /// The provider's row in the table.
    provider: usize,
    length: usize,
    /// Since when they count, if the rows say it.
    created: Timestamp,
    fill: Fill,
    rows: Gaps,
    /// Where the values stand, one for each row.
    values: Vec<usize>,
    /// If there is one row: what is before its value, and what follows its line.
    head: Gaps,
    tail: Gaps,
}

impl Template {
    /// One for no target.
    fn none() -> Self {
        Self {
            provider: usize::MAX,
            length: 0,
            created: Timestamp::default(),
            fill: fill_whole,
            rows: Gaps::default(),
            values: Vec::new(),
            head: Gaps::default(),
            tail: Gaps::default(),
        }
    }

    fn new(fixed: &Fixed, of: Counted<'_>, created: Option<&[u8]>) -> Self {
        let length = of.name.len();
        let (mut rows, mut values, mut names) = (BytesMut::new(), Vec::new(), Vec::new());
        for (at, after) in fixed.after.iter().enumerate() {
            let name = rows.len() + fixed.before.len();
            let value = name + length + after.len();
            fixed.write(SampleRow { name: of.name, at, created }, Value::Int(0), &mut rows);
            names.push(name);
            values.push(value);
            if let Some(before) = fixed.created.as_ref().filter(|_| created.is_some()) {
                names.push(value + ZERO.len() + before.len());
            }
        }
        let rows = Gaps { bytes: rows.into(), names };
        let (head, tail) = if let [value] = values[..] {
            (rows.part(0..value), rows.part(value + ZERO.len()..rows.bytes.len()))
        } else {
            Default::default()
        };
        Self {
            provider: of.provider.index(),
            length,
            created: *of.created,
            fill: fill_of(length),
            rows,
            values,
            head,
            tail,
        }
    }

    /// Writes all rows of the target of this name as zeros; returns them.
    #[inline]
    pub(super) fn zeros<'a>(&self, name: &[u8], out: &'a mut BytesMut) -> &'a mut [u8] {
        (self.fill)(&self.rows, name, out)
    }

    /// Gives one of the rows just written another value, of one digit.
    #[inline]
    pub(super) fn set(&self, at: usize, digit: u8, rows: &mut [u8]) {
        if let Some(value) = self.values.get(at) {
            rows[*value] = b'0' + digit;
        }
    }

    /// Writes the row of a family that has one for each target.
    #[inline]
    pub(super) fn one(&self, name: &[u8], value: Value, out: &mut BytesMut) {
        if let Value::Int(digit @ 0..=9) = value {
            // Checked in this line's pattern.
            self.set(0, digit as u8, self.zeros(name, out));
        } else {
            (self.fill)(&self.head, name, out);
            write_value_line(value, out);
            if !self.tail.bytes.is_empty() {
                (self.fill)(&self.tail, name, out);
            }
        }
    }

    /// Whether it is for names of this provider and length.
    #[inline]
    fn is_for(&self, of: Counted<'_>) -> bool {
        self.length == of.name.len() && self.provider == of.provider.index()
    }
}

/// What follows a row's name and labels.
const ZERO: &[u8] = b"0\n";

impl Gaps {
    /// A part of these bytes, with the names that stand in it.
    fn part(&self, range: Range<usize>) -> Self {
        let names = self.names.iter().filter(|at| range.contains(at)).map(|at| at - range.start);
        Self { names: names.collect(), bytes: self.bytes[range].to_vec() }
    }
}
