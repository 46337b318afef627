//! Having targets polled out of turn, as when an application was just refused.
//!
//! Not here: the queue.

use tokio::sync::mpsc;

use crate::fleet::TargetRef;

/// Asks the poller to poll targets soon.
#[derive(Clone)]
pub struct PollNow(mpsc::Sender<TargetRef>);

impl PollNow {
    /// A handle, and what it sends.
    pub(super) fn new() -> (Self, mpsc::Receiver<TargetRef>) {
        let (sender, receiver) = mpsc::channel(64);
        (Self(sender), receiver)
    }

    /// Polls this target soon: at once, or two seconds after it was last polled out of turn. Polls
    /// that are spaced out after a refusal stay so.
    pub fn poll(&self, target: TargetRef) {
        // With so many waiting, this one is not the first to notice.
        let _ = self.0.try_send(target);
    }
}
