//! Writes that come together.
//!
//! Not here: what is written. A peer that sleeps has to be woken for a write, which can cost the
//! writer more than the write itself. Where many connections are busy, writes in close succession
//! find it awake. So what is short waits in memory until every task that is ready has run, and is
//! then written for all of them at once.

use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};

use tokio::net::TcpStream;

use crate::lock::lock;

/// The most that waits of one connection. Messages and their answers are shorter; what is longer
/// is written at once.
const MAX_WAITING: usize = 8 * 1024;

/// The connections that have something to write.
#[derive(Debug, Clone, Default)]
pub struct WriteQueue(Arc<Mutex<Vec<Arc<Outbox>>>>);

/// What one connection has to write.
#[derive(Debug)]
struct Outbox {
    tcp: Arc<TcpStream>,
    waiting: Mutex<QueuedBytes>,
}

#[derive(Debug, Default)]
struct QueuedBytes {
    bytes: Vec<u8>,
    /// How much of it is written.
    written: usize,
    /// Whether it has had its turn, and not all of it could be written.
    is_behind: bool,
    /// Why nothing can be written any more. The connection is told at its next write.
    failed: Option<io::Error>,
    /// Whoever has to be told that it is behind, or that it failed.
    waker: Option<Waker>,
}

/// A connection's way into the queue.
#[derive(Debug)]
pub struct QueuedWriter {
    queue: WriteQueue,
    outbox: Arc<Outbox>,
}

impl WriteQueue {
    /// A way into the queue for what is to be written to this socket.
    pub fn writer(&self, tcp: Arc<TcpStream>) -> QueuedWriter {
        let outbox = Arc::new(Outbox { tcp, waiting: Mutex::default() });
        QueuedWriter { queue: self.clone(), outbox }
    }

    fn push(&self, outbox: Arc<Outbox>) {
        let mut queue = lock(&self.0);
        queue.push(outbox);
        if queue.len() == 1 {
            // It runs after the tasks that are ready now.
            let queue = self.clone();
            tokio::spawn(async move { queue.write_all() });
        }
    }

    fn write_all(&self) {
        let waiting = std::mem::take(&mut *lock(&self.0));
        waiting.iter().for_each(|outbox| outbox.write());
    }
}

impl Outbox {
    /// Writes what waits, as far as the socket takes it.
    fn write(&self) {
        let mut waiting = lock(&self.waiting);
        let wrote = waiting.write(|bytes| self.tcp.try_write(bytes));
        waiting.is_behind = !waiting.is_empty();
        let waker = waiting.waker.take().filter(|_| wrote.is_err() || waiting.is_behind);
        waker.into_iter().for_each(Waker::wake);
        waiting.failed = wrote.err();
    }
}

impl QueuedBytes {
    const fn is_empty(&self) -> bool {
        self.written == self.bytes.len()
    }

    /// Writes until nothing is left or nothing more is taken. What cannot be written is dropped.
    fn write(&mut self, write: impl Fn(&[u8]) -> io::Result<usize>) -> io::Result<()> {
        while !self.is_empty() {
            match write(&self.bytes[self.written..]) {
                Ok(size) => self.written += size,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => {
                    self.clear();
                    return Err(error);
                }
            }
        }
        self.clear();
        Ok(())
    }

    /// Adds bytes behind those that wait.
    fn add(&mut self, slices: &[IoSlice<'_>], length: usize) {
        let mut bytes = Vec::with_capacity(self.bytes.len() + length);
        bytes.extend_from_slice(&self.bytes);
        slices.iter().for_each(|slice| bytes.extend_from_slice(slice));
        overwrite(&mut std::mem::replace(&mut self.bytes, bytes));
    }

    /// An idle connection keeps no memory for this.
    fn clear(&mut self) {
        overwrite(&mut std::mem::take(&mut self.bytes));
        self.written = 0;
    }
}

impl Drop for QueuedBytes {
    fn drop(&mut self) {
        self.clear();
    }
}

/// What people write to each other does not stay in freed memory.
fn overwrite(bytes: &mut [u8]) {
    bytes.fill(0);
    std::hint::black_box(bytes);
}

impl QueuedWriter {
    /// Takes bytes that are written soon, and returns how many; `None` if they are to be written
    /// now, and when all that waits is written.
    ///
    /// # Errors
    ///
    /// Why what was taken before could not be written.
    pub fn take(&self, context: &Context<'_>, slices: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        let mut waiting = lock(&self.outbox.waiting);
        if let Some(error) = waiting.failed.take() {
            return Err(error);
        }
        let length = slices.iter().map(|slice| slice.len()).sum::<usize>();
        if waiting.is_behind || waiting.bytes.len() + length > MAX_WAITING {
            return Ok(None);
        }
        let is_queued = !waiting.is_empty();
        waiting.add(slices, length);
        if !waiting.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            waiting.waker = Some(context.waker().clone());
        }
        drop(waiting);
        if !is_queued && length > 0 {
            self.queue.push(Arc::clone(&self.outbox));
        }
        Ok(Some(length))
    }

    /// Waits until all that was taken is written, if it has had its turn; with `now` without
    /// waiting for that.
    ///
    /// # Errors
    ///
    /// Why it could not be written.
    pub fn poll_written(&self, context: &mut Context<'_>, now: bool) -> Poll<io::Result<()>> {
        let Outbox { tcp, waiting } = &*self.outbox;
        let mut waiting = lock(waiting);
        if let Some(error) = waiting.failed.take() {
            return Poll::Ready(Err(error));
        }
        while !waiting.is_empty() && (now || waiting.is_behind) {
            waiting.is_behind = true;
            ready!(tcp.poll_write_ready(context))?;
            waiting.write(|bytes| tcp.try_write(bytes))?;
        }
        waiting.is_behind = false;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    async fn connected() -> (Arc<TcpStream>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        near.writable().await.unwrap();
        (Arc::new(near), listener.accept().await.unwrap().0)
    }

    fn take(writer: &QueuedWriter, context: &Context<'_>, bytes: &[u8]) -> Option<usize> {
        writer.take(context, &[IoSlice::new(bytes)]).unwrap()
    }

    #[tokio::test]
    async fn what_is_short_is_written_after_the_tasks_that_are_ready() {
        let queue = WriteQueue::default();
        let (mut writers, mut far) = (vec![], vec![]);
        for _ in 0..3 {
            let (near, peer) = connected().await;
            writers.push(queue.writer(near));
            far.push(peer);
        }
        poll_fn(|context| {
            for writer in &writers {
                assert_eq!(take(writer, context, b"first "), Some(6));
                assert_eq!(take(writer, context, b"second"), Some(6));
                assert_eq!(take(writer, context, &[b'x'; MAX_WAITING]), None);
                assert!(writer.poll_written(context, false).is_ready());
            }
            Poll::Ready(())
        })
        .await;
        let buffer = &mut [0; 64];
        for peer in &far {
            assert_eq!(peer.try_read(buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        }
        // This task is ready again, and behind the one that writes.
        tokio::task::yield_now().await;
        for peer in &far {
            peer.readable().await.unwrap();
            assert_eq!(peer.try_read(buffer).unwrap(), 12);
            assert_eq!(&buffer[..12], b"first second");
        }
        assert!(queue.0.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_a_slow_reader_does_not_take_yet_is_written_before_what_follows() {
        let (near, mut far) = connected().await;
        let writer = WriteQueue::default().writer(Arc::clone(&near));
        let (mut filled, mut taken) = (0, 0);
        // Until the system takes no more.
        while let Ok(size) = near.try_write(&[b'a'; 64 * 1024]) {
            filled += size;
        }
        poll_fn(|context| {
            taken += take(&writer, context, &[b'b'; 100]).unwrap();
            Poll::Ready(())
        })
        .await;
        tokio::task::yield_now().await;
        let reading = tokio::spawn(async move {
            let mut all = Vec::new();
            far.read_to_end(&mut all).await.unwrap();
            all
        });
        poll_fn(|context| {
            if writer.poll_written(context, false).is_pending() {
                assert_eq!(take(&writer, context, b"c"), None, "it would overtake");
                return Poll::Pending;
            }
            taken += take(&writer, context, b"c").unwrap();
            Poll::Ready(())
        })
        .await;
        poll_fn(|context| writer.poll_written(context, true)).await.unwrap();
        drop((writer, near));
        let all = reading.await.unwrap();
        assert_eq!((all.len(), taken), (filled + taken, 101));
        assert!(all.ends_with(&[&[b'b'; 100][..], b"c"].concat()));
    }

    #[tokio::test]
    async fn a_failure_is_told_at_the_next_write() {
        let (near, far) = connected().await;
        let writer = WriteQueue::default().writer(Arc::clone(&near));
        socket2::SockRef::from(&far).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(far);
        near.readable().await.unwrap();
        poll_fn(|context| {
            assert_eq!(take(&writer, context, b"lost"), Some(4));
            Poll::Ready(())
        })
        .await;
        tokio::task::yield_now().await;
        let told = poll_fn(|context| {
            Poll::Ready(
                writer.take(context, &[IoSlice::new(b"more")]).map_err(|error| error.kind()),
            )
        });
        let kinds = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
        assert!(kinds.contains(&told.await.unwrap_err()));
    }
}
