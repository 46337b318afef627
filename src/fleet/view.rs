//! A look at the targets, for readers that take their time.
//!
//! Not here: what is shown of a target.

use std::sync::{Arc, Mutex};

use super::order::{NamedTarget, Order};
use super::passed::PassedRequests;
use super::table::Table;
use super::watched::{Unattributed, Watched};
use crate::domain::{Now, TargetKind};
use crate::lock::lock;

/// The targets that there were when somebody began to look. How they are is read anew at each look,
/// so that a slow reader keeps no copy of a whole fleet. A target that a reload removes meanwhile
/// is gone.
#[derive(Debug, Clone)]
pub struct FleetView {
    /// When the look began: ages are told as of this time.
    pub now: Now,
    pub(super) table: Arc<Mutex<Table>>,
    pub(super) order: Arc<Order>,
}

/// The targets while nothing else gets at them.
#[derive(Clone, Copy)]
pub struct Targets<'a> {
    table: &'a Table,
    order: &'a Order,
}

impl FleetView {
    /// Looks at the targets. Nothing else gets at them meanwhile, so it should be short.
    pub fn look<R>(&self, see: impl FnOnce(Targets<'_>) -> R) -> R {
        let table = lock(&self.table);
        see(Targets { table: &table, order: &self.order })
    }

    /// How many targets of a kind there are.
    pub fn count(&self, kind: TargetKind) -> usize {
        self.order.count(kind)
    }
}

impl<'a> Targets<'a> {
    /// The target of this kind and name.
    pub fn find(self, kind: TargetKind, name: &str) -> Option<&'a Watched> {
        self.table.get(self.table.find(kind, name)?)
    }

    /// The targets of a kind, in order.
    pub fn of(self, kind: TargetKind) -> impl Iterator<Item = &'a Watched> {
        self.from(kind, 0).map(|(_, watched)| watched)
    }

    /// The same from a position on, with their positions.
    pub fn from(
        self,
        kind: TargetKind,
        position: usize,
    ) -> impl Iterator<Item = (usize, &'a Watched)> {
        self.named(kind, position).map(|(at, _, watched)| (at, watched))
    }

    /// The same with what names them, without a look at their settings.
    pub fn named(
        self,
        kind: TargetKind,
        position: usize,
    ) -> impl Iterator<Item = (usize, NamedTarget<'a>, &'a Watched)> {
        let named = self.order.named(kind, position);
        named.filter_map(move |(at, named)| Some((at, named, self.table.get(named.target)?)))
    }

    /// Whether any channel has had terms since the start.
    pub const fn has_had_terms(self) -> bool {
        self.table.has_had_terms()
    }

    /// The application's requests with credentials of other shards' targets.
    pub fn passed(self) -> &'a [PassedRequests] {
        self.table.passed.rows()
    }

    /// What is known of unknown credentials, by provider.
    pub fn unattributed(self) -> &'a [Unattributed] {
        &self.table.unattributed
    }
}
