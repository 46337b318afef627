//! The channels that a source, or one of its accounts, alone tells of.
//!
//! Not here: what is listed; that is `target/`.

use super::{Applied, Change, Fleet, TargetRef, apply};
use crate::domain::{Failure, Now, SentAt};
use crate::lock::lock;
use crate::target::Target;
use crate::upstream::Fact;

impl Fleet {
    /// The channels that are known by this source or account alone.
    pub fn listed_by(&self, lister: &Target) -> Vec<TargetRef> {
        lock(&self.table).order().listed_by(lister).collect()
    }

    /// Applies the failure of a list, of a source or of one of its accounts, to those of these
    /// channels that are known by it alone. Returns what people should hear of.
    pub fn fail_listed(
        &self,
        channels: &[TargetRef],
        lister: &Target,
        now: Now,
        failure: &Failure,
    ) -> Vec<Change> {
        let mut table = self.changing();
        let failed = channels.iter().filter_map(|channel| {
            table.get(*channel).filter(|watched| watched.target.is_known_by(lister))?;
            let fact = Fact::Channel(Err(failure.clone()));
            table.change(*channel, |one| apply(one, now, SentAt::now(now), false, fact))
        });
        let changes = failed.flat_map(|applied: Applied| applied.changes).collect();
        drop(table);
        self.updated.notify_waiters();
        changes
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock;
    use crate::domain::{FailureReason, TargetKind};
    use crate::target::Name;

    /// A target that this source, and this account of it, list.
    fn listed(kind: TargetKind, name: &str, source: &str, account: Option<&str>) -> Arc<Target> {
        let mut target = Target::of_test(kind, name);
        let options = Arc::make_mut(&mut target.options);
        options.source = Name::new(source).ok();
        options.account = account.and_then(|account| Name::new(account).ok());
        Arc::new(target)
    }

    #[test]
    fn a_list_that_fails_is_the_failure_of_its_own_channels_alone() {
        let source = |name| Arc::new(Target::of_test(TargetKind::Source, name));
        let channel = |name, source, account| listed(TargetKind::Channel, name, source, account);
        let account = listed(TargetKind::Account, "account", "two", None);
        let targets = vec![
            source("one"),
            source("two"),
            Arc::clone(&account),
            channel("a", "one", None),
            channel("b", "two", None),
            channel("c", "one", None),
            channel("d", "two", Some("account")),
            channel("account", "two", Some("another")),
            Arc::new(Target::of_test(TargetKind::Channel, "e")),
        ];
        let now = clock::now();
        let fleet = Fleet::new(targets, now, false);
        let names = |refs: Vec<TargetRef>| -> Vec<String> {
            let name = |one: &TargetRef| fleet.look(*one, |one| one.target.name.to_string());
            refs.iter().filter_map(name).collect()
        };
        assert_eq!(names(fleet.listed_by(&source("one"))), ["a", "c"]);
        assert_eq!(names(fleet.listed_by(&source("two"))), ["b"]);
        assert_eq!(names(fleet.listed_by(&account)), ["d"]);
        assert_eq!(names(fleet.listed_by(&source("none"))), [""; 0]);

        let failure = Failure::new(FailureReason::Connect, "");
        fleet.fail_listed(&fleet.refs(), &source("one"), now, &failure);
        let polls = |one: &TargetRef| fleet.look(*one, |one| one.polls().polls() > 0);
        let failed = fleet.refs().into_iter().filter(|one| polls(one) == Some(true)).collect();
        assert_eq!(names(failed), ["a", "c"]);
    }
}
