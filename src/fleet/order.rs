//! Which targets there are, by kind and in order.
//!
//! Not here: how they are. What names a target stands here a second time, all of it in one piece: a
//! scrape reads it once for each family, and following pointers to the names of a large fleet took
//! longer than writing its rows.

use super::listed_index::ListedIndex;
use super::target_ref::TargetRef;
use crate::domain::TargetKind;
use crate::target::Target;
use crate::upstream::ProviderId;

/// The targets there are.
#[derive(Debug, Default)]
pub(super) struct Order {
    kinds: [OrderOfKind; TargetKind::COUNT],
    listed: ListedIndex,
}

#[derive(Debug, Default)]
struct OrderOfKind {
    entries: Vec<OrderEntry>,
    /// All names, one after the other.
    names: Vec<u8>,
}

#[derive(Debug)]
struct OrderEntry {
    target: TargetRef,
    provider: ProviderId,
    /// Where the name ends; it begins where the last one ended.
    name_end: u32,
}

/// A target, and what names it.
#[derive(Debug, Clone, Copy)]
pub struct NamedTarget<'a> {
    /// What finds it.
    pub(super) target: TargetRef,
    /// The label `provider`.
    pub provider: ProviderId,
    /// Its name.
    pub name: &'a [u8],
}

impl Order {
    /// No targets yet. There will be so many, mostly channels.
    pub(super) fn with_capacity(count: usize) -> Self {
        let mut order = Self::default();
        let channels = &mut order.kinds[TargetKind::Channel.index()];
        channels.entries.reserve_exact(count);
        // Most names are not longer.
        channels.names.reserve_exact(16 * count);
        order
    }

    /// Adds a target behind the last of its kind.
    pub(super) fn push(&mut self, reference: TargetRef, target: &Target) {
        let OrderOfKind { entries, names } = &mut self.kinds[target.kind.index()];
        names.extend_from_slice(target.name.as_str().as_bytes());
        // Names are shorter than 64 letters, so these are more than 60 million targets.
        let name_end = u32::try_from(names.len()).unwrap_or(u32::MAX);
        let provider = target.provider();
        let position = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        self.listed.push(position, target);
        entries.push(OrderEntry { target: reference, provider, name_end });
    }

    pub(super) fn shrink_to_fit(&mut self) {
        for OrderOfKind { entries, names } in &mut self.kinds {
            entries.shrink_to_fit();
            names.shrink_to_fit();
        }
        self.listed.shrink_to_fit();
    }

    /// How many targets of a kind there are.
    pub(super) const fn count(&self, kind: TargetKind) -> usize {
        self.kinds[kind.index()].entries.len()
    }

    /// The targets of a kind.
    pub(super) fn of(&self, kind: TargetKind) -> impl Iterator<Item = TargetRef> {
        self.kinds[kind.index()].entries.iter().map(|entry| entry.target)
    }

    /// The channels that are known by this source or account alone.
    pub(super) fn listed_by(&self, lister: &Target) -> impl Iterator<Item = TargetRef> {
        let channels = &self.kinds[TargetKind::Channel.index()].entries;
        let positions = self.listed.of(lister).iter();
        positions.filter_map(|at| Some(channels.get(*at as usize)?.target))
    }

    /// The targets of a kind from a position on, with their positions and what names each.
    pub(super) fn named(
        &self,
        kind: TargetKind,
        from: usize,
    ) -> impl Iterator<Item = (usize, NamedTarget<'_>)> {
        let OrderOfKind { entries, names } = &self.kinds[kind.index()];
        let (before, after) = entries.split_at(from.min(entries.len()));
        let mut start = before.last().map_or(0, |entry| entry.name_end);
        after.iter().zip(from..).filter_map(move |(entry, at)| {
            let name = names.get(start as usize..entry.name_end as usize);
            start = entry.name_end;
            Some((at, NamedTarget { target: entry.target, provider: entry.provider, name: name? }))
        })
    }

    /// All targets, those of one kind together.
    pub(super) fn all(&self) -> impl Iterator<Item = TargetRef> {
        TargetKind::ALL.iter().flat_map(|kind| self.of(*kind))
    }
}
