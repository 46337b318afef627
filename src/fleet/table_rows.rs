//! The rows of a table, which stay where they are however many there come to be.
//!
//! Not here: which row is whose.

use super::watched::Watched;

/// To move the rows of a large fleet as their number grows would take the memory of all of them
/// again.
const CHUNK: usize = 64;

/// Rows by number, some of them empty.
#[derive(Debug, Default)]
pub(super) struct TableRows(Vec<Vec<Option<Watched>>>);

impl TableRows {
    /// Adds an empty row; returns its number.
    pub(super) fn add(&mut self) -> u32 {
        if self.0.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.0.push(Vec::with_capacity(CHUNK));
        }
        let before = (self.0.len() - 1) * CHUNK;
        let Some(chunk) = self.0.last_mut() else { return 0 };
        chunk.push(None);
        u32::try_from(before + chunk.len() - 1).unwrap_or(u32::MAX)
    }

    /// What is in a row.
    #[inline]
    pub(super) fn get(&self, row: u32) -> Option<&Watched> {
        let row = row as usize;
        self.0.get(row / CHUNK)?.get(row % CHUNK)?.as_ref()
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, row: u32) -> Option<&mut Watched> {
        self.row(row)?.as_mut()
    }

    /// Puts something into a row, or nothing.
    pub(super) fn set(&mut self, row: u32, watched: Option<Watched>) {
        if let Some(place) = self.row(row) {
            *place = watched;
        }
    }

    /// The numbers of the rows that are not empty.
    pub(super) fn used(&self) -> impl Iterator<Item = u32> {
        let rows = self.0.iter().flatten().zip(0..);
        rows.filter(|(watched, _)| watched.is_some()).map(|(_, row)| row)
    }

    fn row(&mut self, row: u32) -> Option<&mut Option<Watched>> {
        let row = row as usize;
        self.0.get_mut(row / CHUNK)?.get_mut(row % CHUNK)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock;
    use crate::domain::TargetKind;
    use crate::target::Target;

    #[test]
    fn each_row_is_found_by_its_number() {
        let mut rows = TableRows::default();
        for number in 0..200 {
            assert_eq!(rows.add(), number);
            let target = Target::of_test(TargetKind::Channel, &format!("c{number}"));
            rows.set(number, Some(Watched::new(Arc::new(target), clock::now(), false)));
        }
        rows.set(64, None);
        assert_eq!(rows.used().count(), 199);
        for number in rows.used() {
            let name = rows.get(number).map(|watched| watched.target.name.as_str().to_owned());
            assert_eq!(name, Some(format!("c{number}")));
        }
        assert!(rows.get(64).is_none() && rows.get(200).is_none() && rows.get_mut(64).is_none());
    }
}
