//! The socket of a connection, as TLS and hyper read and write it: it tells when a request begins
//! and when a reader stalls.
//!
//! Not here: what follows from that (`connections.rs`).

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use super::connections::Slot;
use crate::write_turn::WriteTurn;

/// A reader that took this much since it was last waited for is not stalled.
const TAKES: usize = 32 * 1024;

/// A socket that keeps its slot informed.
pub(super) struct WatchedStream {
    tcp: Arc<TcpStream>,
    slot: Arc<Slot>,
    turn: WriteTurn,
    /// Whether its reader is behind, and how much it took since.
    behind: Option<usize>,
}

impl WatchedStream {
    pub(super) const fn new(tcp: Arc<TcpStream>, slot: Arc<Slot>, turn: WriteTurn) -> Self {
        Self { tcp, slot, turn, behind: None }
    }

    fn wrote(&mut self, wrote: io::Result<usize>) -> Poll<io::Result<usize>> {
        self.turn.written();
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

    /// Reads what has come. When it left room, nothing more has come: to say so, as if a further
    /// read had been in vain, saves the system call that would find it out.
    fn read(&self, buffer: &mut ReadBuf<'_>) -> io::Result<usize> {
        let room = buffer.remaining();
        let mut read = Err(io::ErrorKind::WouldBlock.into());
        let _ = self.tcp.try_io(Interest::READABLE, || {
            read = self.tcp.try_read_buf(buffer);
            match read {
                Ok(size) if 0 < size && size < room => Err(io::ErrorKind::WouldBlock.into()),
                _ => Ok(()),
            }
        });
        read
    }

    fn poll_writing(
        &mut self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        ready!(self.turn.poll(cx));
        loop {
            match self.tcp.poll_write_ready(cx) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => {
                    self.lags();
                    return Poll::Pending;
                }
            }
            match write(&self.tcp) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                wrote => return self.wrote(wrote),
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
        loop {
            ready!(self.tcp.poll_read_ready(cx))?;
            match self.read(buffer) {
                Ok(size) => {
                    self.slot.received(size);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_writing(cx, |tcp| tcp.try_write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_writing(cx, |tcp| tcp.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Whoever flushes has nothing more to write.
    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.keeps_up();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match SockRef::from(&*self.tcp).shutdown(Shutdown::Write) {
            // The other end is gone already.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            done => Poll::Ready(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;
    use crate::http::connections::Connections;
    use crate::http::limits::LIMITS_OF_TESTS;

    /// The server's end of a connection, and the client's.
    async fn connected(turn: WriteTurn) -> (WatchedStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let tcp = Arc::new(listener.accept().await.unwrap().0);
        let slot = Connections::new(LIMITS_OF_TESTS).open(Some(Arc::clone(&tcp)));
        let slot = Arc::new(slot.unwrap_or_else(|why| panic!("{why:?}")));
        (WatchedStream::new(tcp, slot, turn), client)
    }

    async fn polls_of_a_write(stream: &mut WatchedStream) -> usize {
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            Pin::new(&mut *stream).poll_write(cx, b"x")
        })
        .await
        .unwrap();
        polls
    }

    #[tokio::test]
    async fn each_write_waits_for_its_turn_where_writes_come_together() {
        let (mut stream, _client) = connected(WriteTurn::new(true)).await;
        stream.tcp.writable().await.unwrap();
        for _ in 0..2 {
            assert_eq!(polls_of_a_write(&mut stream).await, 2);
            stream.flush().await.unwrap();
        }
        let (mut stream, _client) = connected(WriteTurn::new(false)).await;
        stream.tcp.writable().await.unwrap();
        assert_eq!(polls_of_a_write(&mut stream).await, 1);
    }
}
