//! The table of all targets: one row each, found by kind and name or by the upstream's id.
//!
//! Not here: what happens to a row.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;

use super::order::Order;
use super::passed::Passed;
use super::table_rows::TableRows;
use super::target_ref::TargetRef;
use super::unknown_ids::{LastLook, UnknownIds};
use super::waiting::{WaitingIndex, WaitingMessages};
use super::watched::{TargetState, Unattributed, Watched};
use crate::domain::{ChannelState, MessageMemory, Now, ShortText, TargetKind};
use crate::target::{OtherShards, Target};
use crate::upstream::ProviderId;

/// All targets.
#[derive(Debug)]
pub(super) struct Table {
    rows: TableRows,
    /// How often each row was used anew. Apart from the rows, which a scrape reads again and again:
    /// the generations of a large fleet stay in the processor's cache.
    generations: Vec<u32>,
    free: Vec<u32>,
    order: Arc<Order>,
    hasher: RandomState,
    by_name: HashTable<u32>,
    /// The hash of each row's id, and the row. In order: however many rows have one id, each is
    /// found and removed at once.
    by_id: BTreeSet<(u32, u32)>,
    waiting: WaitingIndex,
    /// Whether any channel has had terms. Most fleets have none, and to look for them in each
    /// channel took a hundredth of a scrape.
    has_had_terms: bool,
    /// The messages of all channels that were told of lately.
    pub(super) messages: MessageMemory,
    pub(super) unattributed: Vec<Unattributed>,
    other_shards: Arc<OtherShards>,
    pub(super) passed: Passed,
    unknown_ids: UnknownIds,
}

impl Table {
    pub(super) fn new(unattributed: Vec<Unattributed>) -> Self {
        Self {
            rows: TableRows::default(),
            generations: Vec::new(),
            free: Vec::new(),
            order: Arc::default(),
            hasher: RandomState::new(),
            by_name: HashTable::new(),
            by_id: BTreeSet::new(),
            waiting: WaitingIndex::default(),
            has_had_terms: false,
            messages: MessageMemory::default(),
            unattributed,
            other_shards: Arc::default(),
            passed: Passed::default(),
            unknown_ids: UnknownIds::default(),
        }
    }

    /// The targets of other shards.
    pub(super) fn other_shards(&self) -> Arc<OtherShards> {
        Arc::clone(&self.other_shards)
    }

    /// Whether any channel has had terms since the start.
    pub(super) const fn has_had_terms(&self) -> bool {
        self.has_had_terms
    }

    /// Says which targets other shards watch from now on.
    pub(super) fn set_other_shards(&mut self, other_shards: OtherShards) {
        self.passed.retain(|kind, name| other_shards.has_name(kind, name));
        self.other_shards = Arc::new(other_shards);
    }

    pub(super) fn order(&self) -> Arc<Order> {
        Arc::clone(&self.order)
    }

    /// Says which targets there are from now on.
    pub(super) fn set_order(&mut self, mut order: Order) {
        order.shrink_to_fit();
        self.unknown_ids.forget();
        self.order = Arc::new(order);
    }

    #[inline]
    pub(super) fn get(&self, target: TargetRef) -> Option<&Watched> {
        self.is_current(target).then(|| self.rows.get(target.row))?
    }

    pub(super) fn get_mut(&mut self, target: TargetRef) -> Option<&mut Watched> {
        if !self.is_current(target) {
            return None;
        }
        self.rows.get_mut(target.row)
    }

    #[inline]
    fn is_current(&self, target: TargetRef) -> bool {
        self.generations.get(target.row as usize) == Some(&target.generation)
    }

    /// Every row that is in use.
    pub(super) fn refs(&self) -> impl Iterator<Item = TargetRef> {
        self.rows.used().map(|row| self.reference(row))
    }

    pub(super) fn find(&self, kind: TargetKind, name: &str) -> Option<TargetRef> {
        let hash = self.hash_name(kind, name);
        let found = self.by_name.find(hash, |row| {
            self.rows.get(*row).is_some_and(|watched| {
                watched.target.kind == kind && watched.target.name.as_str() == name
            })
        });
        found.map(|row| self.reference(*row))
    }

    /// The target of this kind with this id of the upstream's; of this source, if one is named.
    /// `None` also where none is named and several sources have it.
    pub(super) fn find_by_id(
        &self,
        kind: TargetKind,
        provider: ProviderId,
        source: Option<&str>,
        id: &str,
    ) -> Option<TargetRef> {
        let first = self.with_id(kind, provider, source, id).next();
        first.filter(|_| source.is_some() || !self.has_several(kind, provider, id))
    }

    /// Whether targets of this kind have this id at several sources, each a server of its own.
    pub(super) fn has_several(&self, kind: TargetKind, provider: ProviderId, id: &str) -> bool {
        let found = self.with_id(kind, provider, None, id);
        let mut sources = found.filter_map(|target| Some(self.get(target)?.target.source()));
        let first = sources.next();
        sources.any(|other| Some(other) != first)
    }

    /// Whether a channel of this provider has yet to tell its id, or a source to list its channels.
    pub(super) fn may_learn_ids(&mut self, provider: ProviderId, now: Now) -> bool {
        let waits = |target: &TargetRef| {
            self.get(*target).is_some_and(|watched| {
                watched.provider() == provider
                    && (watched.may_yet_report_its_id() || watched.may_yet_list())
            })
        };
        match self.unknown_ids.last(provider, now) {
            Some(LastLook::Waits(target)) if waits(&target) => return true,
            Some(LastLook::None(_)) => return false,
            _ => {}
        }
        let kinds = [TargetKind::Channel, TargetKind::Source];
        let found = kinds.iter().flat_map(|kind| self.order.of(*kind)).find(waits);
        self.unknown_ids.looked(provider, now, found);
        found.is_some()
    }

    /// Whether the id of this channel is unique in its source's list alone, and another source of
    /// the provider has not listed its own yet.
    pub(super) fn may_be_of_another_source(&self, of: TargetRef, provider: ProviderId) -> bool {
        let scope = self.get(of).and_then(|watched| watched.target.id_scope());
        scope.is_some_and(|scope| {
            self.order().of(TargetKind::Source).filter_map(|source| self.get(source)).any(
                |source| {
                    source.provider() == provider
                        && source.target.name != *scope
                        && source.may_yet_list()
                },
            )
        })
    }

    fn with_id(
        &self,
        kind: TargetKind,
        provider: ProviderId,
        source: Option<&str>,
        id: &str,
    ) -> impl Iterator<Item = TargetRef> {
        let hash = self.hash_id(provider, id);
        let rows = self.by_id.range((hash, 0)..=(hash, u32::MAX)).map(|(_, row)| *row);
        let found = rows.filter(move |row| {
            self.rows.get(*row).is_some_and(|watched| {
                watched.target.kind == kind
                    && watched.provider() == provider
                    && watched.id().is_some_and(|own| **own == *id)
                    && source.is_none_or(|source| {
                        watched.target.source().is_some_and(|own| own.as_str() == source)
                    })
            })
        });
        found.map(|row| self.reference(row))
    }

    /// Adds a target. One of the same kind and name is no longer found by its name.
    pub(super) fn insert(&mut self, watched: Watched) -> TargetRef {
        let row = self.free.pop().unwrap_or_else(|| {
            self.generations.push(0);
            self.rows.add()
        });
        self.has_had_terms |= watched.has_terms();
        self.rows.set(row, Some(watched));
        self.index_name(row);
        self.index_id(row);
        self.reference(row)
    }

    /// Removes a target. Nothing finds it from now on.
    pub(super) fn remove(&mut self, target: TargetRef) {
        let Some(watched) = self.get(target) else { return };
        let name_hash = self.hash_name(watched.target.kind, watched.target.name.as_str());
        let id_hash = self.id_hash(target.row);
        self.forget_name(target, name_hash);
        self.forget_id(target.row, id_hash);
        self.waiting.moved(target.row, self.waiting_messages(target.row), None);
        self.rows.set(target.row, None);
        let generation = &mut self.generations[target.row as usize];
        *generation = generation.wrapping_add(1);
        self.free.push(target.row);
    }

    /// Puts a target's new settings in the place of the old ones.
    pub(super) fn set_target(&mut self, target: TargetRef, settings: Arc<Target>) {
        let renamed = self.get(target).filter(|watched| watched.target.name != settings.name);
        let before = renamed.map(|one| self.hash_name(settings.kind, one.target.name.as_str()));
        self.change(target, |watched| watched.set_target(settings));
        if let Some(before) = before {
            self.forget_name(target, before);
            self.index_name(target.row);
        }
    }

    /// Has a row found by its name, and no longer another of the same name.
    fn index_name(&mut self, row: u32) {
        let Some(watched) = self.rows.get(row) else { return };
        let target = Arc::clone(&watched.target);
        let hash = self.hash_name(target.kind, target.name.as_str());
        if let Some(old) = self.find(target.kind, target.name.as_str()) {
            self.forget_name(old, hash);
        }
        let Self { by_name, rows, hasher, .. } = self;
        by_name.insert_unique(hash, row, |other| {
            let target = rows.get(*other).map(|watched| &watched.target);
            target.map_or(0, |target| hash_name(hasher, target.kind, target.name.as_str()))
        });
    }

    /// Changes a row, and keeps all that finds it right.
    pub(super) fn change<R>(
        &mut self,
        target: TargetRef,
        change: impl FnOnce(&mut Watched) -> R,
    ) -> Option<R> {
        self.change_row(target, |watched, _| change(watched))
    }

    /// Changes a row and what is known of messages. Where too many wait, the oldest give way.
    pub(super) fn change_messages<R>(
        &mut self,
        target: TargetRef,
        change: impl FnOnce(&mut Watched, &mut MessageMemory) -> R,
    ) -> Option<R> {
        let result = self.change_row(target, change);
        while let Some(row) = self.waiting.too_many() {
            self.change_row(self.reference(row), |watched, memory| {
                if let TargetState::Channel(state) = &mut watched.state {
                    state.forget_oldest_message(memory);
                }
            });
        }
        result
    }

    fn change_row<R>(
        &mut self,
        target: TargetRef,
        change: impl FnOnce(&mut Watched, &mut MessageMemory) -> R,
    ) -> Option<R> {
        let row = RowChange::begin(self, target)?;
        let Self { rows, messages, .. } = &mut *row.table;
        Some(change(rows.get_mut(target.row)?, messages))
    }

    fn waiting_messages(&self, row: u32) -> WaitingMessages {
        self.rows.get(row)?.channel().and_then(ChannelState::waiting_messages)
    }

    fn reference(&self, row: u32) -> TargetRef {
        TargetRef { row, generation: self.generations[row as usize] }
    }

    fn hash_name(&self, kind: TargetKind, name: &str) -> u64 {
        hash_name(&self.hasher, kind, name)
    }

    fn hash_id(&self, provider: ProviderId, id: &str) -> u32 {
        self.hasher.hash_one((provider, id)) as u32
    }

    /// The hash of a row's id, if it has one.
    fn id_hash(&self, row: u32) -> Option<u32> {
        let watched = self.rows.get(row)?;
        watched.id().map(|id| self.hash_id(watched.provider(), id))
    }

    fn forget_name(&mut self, target: TargetRef, hash: u64) {
        if let Ok(entry) = self.by_name.find_entry(hash, |row| *row == target.row) {
            entry.remove();
        }
    }

    fn forget_id(&mut self, row: u32, hash: Option<u32>) {
        if let Some(hash) = hash {
            self.by_id.remove(&(hash, row));
        }
    }

    fn index_id(&mut self, row: u32) {
        if let Some(hash) = self.id_hash(row) {
            self.by_id.insert((hash, row));
        }
    }
}

/// A row while it is changed. What finds it is put right when this is dropped, so that a panic in
/// the change leaves nothing wrong behind.
struct RowChange<'a> {
    table: &'a mut Table,
    row: u32,
    provider: ProviderId,
    id: Option<ShortText>,
    waiting: WaitingMessages,
}

impl<'a> RowChange<'a> {
    fn begin(table: &'a mut Table, target: TargetRef) -> Option<Self> {
        let watched = table.get(target)?;
        let (provider, id) = (watched.provider(), watched.id().cloned());
        let waiting = table.waiting_messages(target.row);
        Some(Self { table, row: target.row, provider, id, waiting })
    }
}

impl Drop for RowChange<'_> {
    fn drop(&mut self) {
        let Self { table, row, provider, id, waiting } = self;
        let Some(watched) = table.rows.get(*row) else { return };
        table.has_had_terms |= watched.has_terms();
        // Compared as it is: to hash it twice took longer than most changes.
        if watched.provider() != *provider || watched.id() != id.as_ref() {
            let before = id.take().map(|id| table.hash_id(*provider, &id));
            table.forget_id(*row, before);
            table.index_id(*row);
        }
        table.waiting.moved(*row, *waiting, table.waiting_messages(*row));
    }
}

fn hash_name(hasher: &RandomState, kind: TargetKind, name: impl Hash) -> u64 {
    hasher.hash_one((kind, name))
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Duration;

    use super::*;
    use crate::clock;
    use crate::domain::{
        MessageEvent, MessageId, MessageStatus, Origin, Renewal, Subscription, SubscriptionMode,
        WebhookOutcome,
    };
    use crate::target::Name;

    fn channel(name: &str, source: &str, id: &str) -> Watched {
        let mut target = Target::of_test(TargetKind::Channel, name);
        target.id = Some(id.into());
        Arc::make_mut(&mut target.options).source = Name::new(source).ok();
        Watched::new(Arc::new(target), clock::now(), false)
    }

    #[test]
    fn each_of_several_targets_with_one_id_is_found_until_it_goes() {
        let mut table = Table::new(Vec::new());
        let [one, two] = ["one", "two"].map(|name| table.insert(channel(name, name, "default")));
        let other = table.insert(channel("other", "two", "sales"));
        let provider = ProviderId::new(&(0, "test"));
        let found =
            |table: &Table, source, id| table.find_by_id(TargetKind::Channel, provider, source, id);
        assert_eq!(found(&table, Some("one"), "default"), Some(one));
        assert_eq!(found(&table, Some("two"), "default"), Some(two));
        assert_eq!(found(&table, Some("two"), "sales"), Some(other));
        table.remove(one);
        assert_eq!(found(&table, Some("one"), "default"), None);
        assert_eq!(found(&table, None, "default"), Some(two));
        table.remove(two);
        assert_eq!(found(&table, None, "default"), None);
        assert_eq!(found(&table, None, "sales"), Some(other));
    }

    #[test]
    fn terms_are_noticed_whether_they_are_told_or_restored() {
        let subscribe = |watched: &mut Watched| {
            let now = clock::now();
            let subscription = Subscription {
                expiry: None,
                mode: SubscriptionMode::Trial,
                renewal: Renewal::Unknown,
            };
            if let TargetState::Channel(state) = &mut watched.state {
                state.subscribed(now, subscription);
            }
        };
        let mut table = Table::new(Vec::new());
        let told = table.insert(channel("one", "one", "1"));
        assert!(!table.has_had_terms());
        table.change(told, subscribe);
        assert!(table.has_had_terms());
        let mut restored = channel("two", "one", "2");
        subscribe(&mut restored);
        let mut table = Table::new(Vec::new());
        table.insert(restored);
        assert!(table.has_had_terms());
    }

    #[test]
    fn a_channel_that_has_yet_to_tell_its_id_is_found_also_after_a_reload() {
        let (provider, now) = (ProviderId::new(&(0, "test")), clock::now());
        let mut table = Table::new(Vec::new());
        let watch = |table: &mut Table, channels: &[(&str, Option<&str>)]| {
            let mut order = Order::default();
            for (name, id) in channels {
                let mut target = Target::of_test(TargetKind::Channel, name);
                target.id = id.map(Into::into);
                let target = Arc::new(target);
                order.push(table.insert(Watched::new(Arc::clone(&target), now, false)), &target);
            }
            table.set_order(order);
        };
        watch(&mut table, &[("known", Some("1"))]);
        assert!(!table.may_learn_ids(provider, now));
        watch(&mut table, &[("known", Some("1")), ("new", None)]);
        assert!(table.may_learn_ids(provider, now), "at once");
        assert!(table.may_learn_ids(provider, now.plus(Duration::from_hours(1))));
        assert!(!table.may_learn_ids(ProviderId::new(&(1, "other")), now));
        watch(&mut table, &[]);
        assert!(!table.may_learn_ids(provider, now));
    }

    #[test]
    fn a_panic_in_a_change_leaves_the_messages_and_what_finds_a_row_right() {
        let now = clock::now();
        let mut table = Table::new(Vec::new());
        let row = table.insert(channel("one", "one", "1"));
        let tell = |watched: &mut Watched, memory: &mut MessageMemory, id, status| {
            let TargetState::Channel(state) = &mut watched.state else { panic!("a channel") };
            let id = MessageId::from_hash(id);
            let event = match status {
                Some(status) => MessageEvent::status(id, None, Some(status), None),
                None => MessageEvent::outbound(id, None, Origin::Api, None),
            };
            state.message_told(now, memory, &event)
        };
        let told = |table: &mut Table, id, status| {
            table.change_messages(row, |watched, memory| tell(watched, memory, id, status))
        };
        let sent = Some(MessageStatus::Sent);
        assert_eq!(told(&mut table, 1, sent), Some(WebhookOutcome::Applied));
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            table.change_messages(row, |watched, memory| {
                tell(watched, memory, 2, None);
                let mut settings = Target::clone(&watched.target);
                settings.id = Some("2".into());
                watched.target = Arc::new(settings);
                panic!("on purpose");
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(told(&mut table, 1, sent), Some(WebhookOutcome::Duplicate), "it is known");
        let provider = ProviderId::new(&(0, "test"));
        let found = |id| table.find_by_id(TargetKind::Channel, provider, None, id);
        assert_eq!((found("1"), found("2")), (None, Some(row)));
        let waiting = table.waiting_messages(row.row);
        assert_eq!(waiting.map(|(_, count)| count), Some(1));
        let mut expected = WaitingIndex::default();
        expected.moved(row.row, None, waiting);
        assert_eq!(format!("{:?}", table.waiting), format!("{expected:?}"));
    }
}
