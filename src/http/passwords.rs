//! Checks passwords on threads of their own: bcrypt is meant to be slow, and neither requests nor
//! name look-ups wait for it.
//!
//! Not here: what is checked against what.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::lock::lock;

/// Checks at a time.
const THREADS: usize = 2;
/// Checks that wait.
const QUEUE: usize = 16;
/// Checks of one address that wait, so that one client cannot fill the queue.
const PER_CLIENT: usize = 8;
/// bcrypt needs 4 KiB.
const STACK: usize = 256 * 1024;

/// Checks a few at a time.
#[derive(Default)]
pub(super) struct PasswordChecks(Arc<Work>);

#[derive(Default)]
struct Work {
    queue: Mutex<CheckQueue>,
    added: Condvar,
}

#[derive(Default)]
struct CheckQueue {
    waiting: VecDeque<Check>,
    /// Threads that were started, which the first checks do.
    threads: usize,
    /// Whether nobody is left who could ask.
    over: bool,
}

struct Check {
    ip: IpAddr,
    run: Box<dyn FnOnce() -> bool + Send>,
    answer: oneshot::Sender<bool>,
}

impl PasswordChecks {
    /// The result of a check; `None` when too many wait. A check that has begun is finished, though
    /// the client may have gone.
    pub(super) async fn check(
        &self,
        ip: IpAddr,
        run: impl FnOnce() -> bool + Send + 'static,
    ) -> Option<bool> {
        let (answer, answered) = oneshot::channel();
        self.add(Check { ip, run: Box::new(run), answer })?;
        answered.await.ok()
    }

    fn add(&self, check: Check) -> Option<()> {
        let mut queue = self.0.queue();
        // Whoever has hung up is not waited for.
        queue.waiting.retain(|other| !other.answer.is_closed());
        let own = queue.waiting.iter().filter(|other| other.ip == check.ip).count();
        if queue.waiting.len() >= QUEUE || own >= PER_CLIENT {
            return None;
        }
        if queue.threads < THREADS {
            let work = Arc::clone(&self.0);
            let thread = std::thread::Builder::new().name("passwords".to_owned());
            match thread.stack_size(STACK).spawn(move || work.run()) {
                Ok(_) => queue.threads += 1,
                Err(_) if queue.threads > 0 => {}
                Err(_) => return None,
            }
        }
        queue.waiting.push_back(check);
        self.0.added.notify_one();
        Some(())
    }
}

impl Work {
    fn queue(&self) -> MutexGuard<'_, CheckQueue> {
        lock(&self.queue)
    }

    fn run(&self) {
        loop {
            let mut queue = self.queue();
            let check = loop {
                match queue.waiting.pop_front() {
                    _ if queue.over => return,
                    Some(check) => break check,
                    None => {
                        queue = self.added.wait(queue).unwrap_or_else(PoisonError::into_inner);
                    }
                }
            };
            drop(queue);
            if !check.answer.is_closed() {
                let good = catch_unwind(AssertUnwindSafe(check.run)).unwrap_or(false);
                let _ = check.answer.send(good);
            }
        }
    }
}

impl Drop for PasswordChecks {
    fn drop(&mut self) {
        self.0.queue().over = true;
        self.0.added.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn client(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    #[tokio::test]
    async fn checks_are_answered_one_after_the_other() {
        let checks = PasswordChecks::default();
        for good in [true, false, true] {
            assert_eq!(checks.check(client(1), move || good).await, Some(good));
        }
        let panicking = checks.check(client(1), || panic!("a mistake")).await;
        assert_eq!(panicking, Some(false));
        assert_eq!(checks.check(client(1), || true).await, Some(true), "the thread is still there");
    }

    #[tokio::test]
    async fn the_queue_is_bounded_in_all_and_for_each_client() {
        let checks = PasswordChecks::default();
        let add = |last: u8, run: Box<dyn FnOnce() -> bool + Send>| {
            let (answer, answered) = oneshot::channel();
            checks.add(Check { ip: client(last), run, answer }).map(|()| answered)
        };
        let (begun, began) = mpsc::channel::<()>();
        let mut at_work = Vec::new();
        for _ in 0..THREADS {
            let ((go, wait), begun) = (mpsc::channel::<()>(), begun.clone());
            let run = move || begun.send(()).is_ok() && wait.recv().is_ok();
            at_work.push((add(0, Box::new(run)).unwrap(), go));
            // It is at work, and no longer in the queue.
            began.recv().unwrap();
        }
        let one: Vec<_> = (0..PER_CLIENT).map(|_| add(1, Box::new(|| true)).unwrap()).collect();
        assert!(add(1, Box::new(|| true)).is_none());
        let rest: Vec<_> =
            (PER_CLIENT..QUEUE).map(|_| add(2, Box::new(|| true)).unwrap()).collect();
        assert!(add(3, Box::new(|| true)).is_none());
        // Who hangs up makes room, and costs no work.
        drop(one);
        assert!(add(3, Box::new(|| true)).is_some());
        for (answered, go) in at_work {
            go.send(()).unwrap();
            assert_eq!(answered.await, Ok(true));
        }
        for answered in rest {
            assert_eq!(answered.await, Ok(true));
        }
    }
}
