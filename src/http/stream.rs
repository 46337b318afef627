//! The socket of a connection, as TLS and hyper read and write it: it tells when a request begins
//! and when a reader stalls.
//!
//! Not here: what follows from that (`connections.rs`).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::connections::Slot;
use crate::shared_socket;
use crate::write_queue::QueuedWriter;

/// A reader that took this much since it was last waited for is not stalled.
const TAKES: usize = 32 * 1024;

/// A socket that keeps its slot informed.
pub(super) struct WatchedStream {
    tcp: Arc<TcpStream>,
    slot: Arc<Slot>,
    /// Its way into the queue, if its short writes come together with those of others.
    writer: Option<QueuedWriter>,
    /// Whether its reader is behind, and how much it took since.
    behind: Option<usize>,
}

impl WatchedStream {
    pub(super) const fn new(
        tcp: Arc<TcpStream>,
        slot: Arc<Slot>,
        writer: Option<QueuedWriter>,
    ) -> Self {
        Self { tcp, slot, writer, behind: None }
    }

    fn wrote(&mut self, wrote: io::Result<usize>) -> Poll<io::Result<usize>> {
        if let (Some(took), Ok(size)) = (&mut self.behind, &wrote) {
            *took += size;
            if *took >= TAKES {
                self.keeps_up();
            }
        }
        Poll::Ready(wrote)
    }

    fn lags(&mut self) {
        if self.behind.is_none() {
            self.behind = Some(0);
            self.slot.stalled();
        }
    }

    fn keeps_up(&mut self) {
        if self.behind.take().is_some() {
            self.slot.flowing();
        }
    }

    /// Waits until what is queued is written, if it has had its turn; with `now` whether it has or
    /// not.
    fn poll_queued(&mut self, cx: &mut Context<'_>, now: bool) -> Poll<io::Result<()>> {
        let Some(writer) = &self.writer else { return Poll::Ready(Ok(())) };
        let written = writer.poll_written(cx, now);
        if written.is_pending() {
            self.lags();
        }
        written
    }

    fn poll_writing(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // How much a reader that is behind takes is told by the system alone.
        if let Some(writer) = self.writer.as_ref().filter(|_| self.behind.is_none())
            && let Some(size) = writer.take(cx, slices)?
        {
            return Poll::Ready(Ok(size));
        }
        ready!(self.poll_queued(cx, true))?;
        match shared_socket::poll_write(&self.tcp, cx, slices) {
            Poll::Ready(wrote) => self.wrote(wrote),
            Poll::Pending => {
                self.lags();
                Poll::Pending
            }
        }
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(shared_socket::poll_read(&self.tcp, cx, buffer))?;
        self.slot.received(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_writing(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_writing(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Whoever flushes has nothing more to write.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_queued(cx, false))?;
        self.keeps_up();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_queued(cx, true))?;
        Poll::Ready(shared_socket::end_writing(&self.tcp))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::http::connections::Connections;
    use crate::http::limits::LIMITS_OF_TESTS;
    use crate::http::socket::has_unread;
    use crate::write_queue::WriteQueue;

    /// The server's end of a connection, and the client's.
    async fn connected(queue: Option<WriteQueue>) -> (WatchedStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let tcp = Arc::new(listener.accept().await.unwrap().0);
        let slot = Connections::new(LIMITS_OF_TESTS).open(Some(Arc::clone(&tcp)));
        let slot = Arc::new(slot.unwrap_or_else(|why| panic!("{why:?}")));
        let writer = queue.map(|queue| queue.writer(Arc::clone(&tcp)));
        (WatchedStream::new(tcp, slot, writer), client)
    }

    #[tokio::test]
    async fn a_short_write_waits_for_others_where_writes_come_together() {
        for (queue, waits) in [(Some(WriteQueue::default()), true), (None, false)] {
            let (mut stream, client) = connected(queue).await;
            stream.tcp.writable().await.unwrap();
            stream.write_all(b"x").await.unwrap();
            stream.flush().await.unwrap();
            if !waits {
                client.readable().await.unwrap();
            }
            assert_eq!(has_unread(&client), !waits);
            tokio::task::yield_now().await;
            client.readable().await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_waits_is_written_before_the_end() {
        let (mut stream, mut client) = connected(Some(WriteQueue::default())).await;
        stream.write_all(b"last words").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut all = String::new();
        client.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "last words");
    }
}
