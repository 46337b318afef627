//! A connection to an upstream whose short writes come together with those of others.
//!
//! Not here: when they are written; that is `write_queue.rs`.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::shared_socket;
use crate::write_queue::{QueuedWriter, WriteQueue};

/// A socket, and its way into the queue.
pub(super) struct QueuedStream {
    tcp: Arc<TcpStream>,
    writer: QueuedWriter,
}

impl QueuedStream {
    pub(super) fn new(tcp: TcpStream, queue: &WriteQueue) -> Self {
        let tcp = Arc::new(tcp);
        let writer = queue.writer(Arc::clone(&tcp));
        Self { tcp, writer }
    }

    fn poll_writing(
        &self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(size) = self.writer.take(context, slices)? {
            return Poll::Ready(Ok(size));
        }
        ready!(self.writer.poll_written(context, true))?;
        shared_socket::poll_write(&self.tcp, context, slices)
    }
}

impl AsyncRead for QueuedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        shared_socket::poll_read(&self.tcp, context, buffer)
    }
}

impl AsyncWrite for QueuedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_writing(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_writing(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.poll_written(context, false)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.writer.poll_written(context, true))?;
        Poll::Ready(shared_socket::end_writing(&self.tcp))
    }
}
