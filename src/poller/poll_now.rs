//! Having targets polled out of turn, as when an application was just refused.
//!
//! Not here: the queue.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::fleet::TargetRef;
use crate::lock::lock;

/// Asks the poller to poll targets soon.
#[derive(Clone, Default)]
pub struct PollNow(Arc<Asked>);

/// Each target once, so that none has to be dropped.
#[derive(Default)]
struct Asked {
    targets: Mutex<HashSet<TargetRef>>,
    more: Notify,
}

impl PollNow {
    /// Polls this target soon: at once, or two seconds after it was last polled out of turn. Polls
    /// that are spaced out after a refusal stay so.
    pub fn poll(&self, target: TargetRef) {
        lock(&self.0.targets).insert(target);
        self.0.more.notify_one();
    }

    /// Takes what was asked for, all at once: to find one in the queue takes as long as to find
    /// many. Waits while there is nothing.
    pub(super) async fn asked(&self) -> HashSet<TargetRef> {
        loop {
            let asked = std::mem::take(&mut *lock(&self.0.targets));
            if !asked.is_empty() {
                return asked;
            }
            self.0.more.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::clock;
    use crate::domain::TargetKind;
    use crate::fleet::Fleet;
    use crate::target::Target;

    #[tokio::test]
    async fn however_many_are_asked_for_each_is_taken_once_and_none_is_dropped() {
        let target = |at| Arc::new(Target::of_test(TargetKind::Channel, &format!("c{at}")));
        let refs = Fleet::new((0..200).map(target).collect::<Vec<_>>(), clock::now(), false).refs();
        let poll_now = PollNow::default();
        for _ in 0..2 {
            refs.iter().for_each(|target| poll_now.poll(*target));
        }
        assert_eq!(poll_now.asked().await, refs.iter().copied().collect());
        let soon = Duration::from_millis(10);
        assert!(timeout(soon, poll_now.asked()).await.is_err(), "nothing is left");
        let waiting = tokio::spawn({
            let poll_now = poll_now.clone();
            async move { poll_now.asked().await }
        });
        tokio::task::yield_now().await;
        poll_now.poll(refs[0]);
        assert_eq!(waiting.await.unwrap(), HashSet::from([refs[0]]));
    }
}
