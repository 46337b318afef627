//! The socket of a connection, as TLS and hyper read and write it: it tells when a request begins and when a reader stalls.
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

/// A reader that took this much since it was last waited for is not stalled.
const TAKES: usize = 32 * 1024;

/// So many connections may each have the whole bound of what is not sent yet.
const SHARERS: usize = 32;
/// Each may have this much.
const LEAST_UNSENT: u32 = 16 * 1024;

/// A socket that keeps its slot informed.
pub(super) struct WatchedStream {
    tcp: Arc<TcpStream>,
    slot: Arc<Slot>,
    /// Whether its reader is behind, and how much it took since.
    behind: Option<usize>,
}

impl WatchedStream {
    pub(super) const fn new(tcp: Arc<TcpStream>, slot: Arc<Slot>) -> Self {
        Self { tcp, slot, behind: None }
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

    fn poll_writing(
        &mut self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
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
            match self.tcp.try_read_buf(buffer) {
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

/// Whether all of a head waits to be read, or what the parser can tell to be none. It is left there: a head that is not whole costs
/// this process nothing.
fn is_whole(tcp: &TcpStream, largest: usize) -> io::Result<bool> {
    let mut buffer = [0; LARGEST];
    let room = &mut buffer[..largest.min(LARGEST)];
    let (_, size) = rustix::net::recv(tcp, &mut *room, PEEK)?;
    let seen = &room[..size];
    let begins_head = seen.first().is_some_and(u8::is_ascii_alphabetic);
    Ok(!begins_head || size == room.len() || ends_head(seen))
}

const LARGEST: usize = 32 * 1024;
const PEEK: rustix::net::RecvFlags =
    rustix::net::RecvFlags::PEEK.union(rustix::net::RecvFlags::DONTWAIT);

/// Whether there is an empty line, as the parser knows it.
fn ends_head(seen: &[u8]) -> bool {
    let mut breaks = seen.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    breaks.any(|(at, _)| matches!(&seen[at + 1..], [b'\n', ..] | [b'\r', b'\n', ..]))
}

/// Bounds what waits in the system to be sent; less for each, the more share it.
pub(super) fn bound_unsent(tcp: &TcpStream, bound: u32, others: usize) {
    let shared = bound / u32::try_from(1 + others / SHARERS).unwrap_or(u32::MAX);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = SockRef::from(tcp).set_tcp_notsent_lowat(shared.max(LEAST_UNSENT));
}

/// Whether anything waits to be read, the end of the connection included.
pub(super) fn has_unread(tcp: &TcpStream) -> bool {
    rustix::net::recv(tcp, &mut [0; 1][..], PEEK).is_ok()
}

/// Waits until anything has come, or the end of the connection.
pub(super) async fn first_byte(tcp: &TcpStream) -> io::Result<()> {
    until(tcp, || Ok(has_unread(tcp))).await
}

/// Waits until a whole head has come, or the end of the connection.
pub(super) async fn whole_head(tcp: &TcpStream, largest: usize) -> io::Result<()> {
    until(tcp, || is_whole(tcp, largest)).await
}

/// Waits until enough has come. It is looked at each time when more has.
async fn until(tcp: &TcpStream, enough: impl Fn() -> io::Result<bool>) -> io::Result<()> {
    loop {
        if tcp.ready(Interest::READABLE).await?.is_read_closed() {
            return Ok(());
        }
        // To say that it would block makes the next wait end with more than there is now.
        let looked = tcp.try_io(Interest::READABLE, || match enough()? {
            true => Ok(()),
            false => Err(io::ErrorKind::WouldBlock.into()),
        });
        match looked {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_an_empty_line() {
        for (text, ends) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
            ("GET / HTTP/1.1\nHost: a\n\n", true),
            ("GET / HTTP/1.1\nHost: a\n\r\nbody", true),
            ("GET / HTTP/1.1\r\nHost: a\r\n", false),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r", false),
            ("", false),
        ] {
            assert_eq!(ends_head(text.as_bytes()), ends, "{text:?}");
        }
    }
}
