//! Reading from and writing to a socket that others hold too, as tokio does with one of its own.
//!
//! Not here: when what is short is written; see `write_queue.rs`.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{Interest, ReadBuf};
use tokio::net::TcpStream;

/// Reads what has come, or waits for something.
///
/// # Errors
///
/// Those of the system.
pub fn poll_read(
    tcp: &TcpStream,
    context: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    loop {
        ready!(tcp.poll_read_ready(context))?;
        match read(tcp, buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return Poll::Ready(read.map(drop)),
        }
    }
}

/// Reads what has come. When it left room, nothing more has come: to say so, as if a further read
/// had been in vain, saves the system call that would find it out.
fn read(tcp: &TcpStream, buffer: &mut ReadBuf<'_>) -> io::Result<usize> {
    let room = buffer.remaining();
    let mut read = Err(io::ErrorKind::WouldBlock.into());
    let _ = tcp.try_io(Interest::READABLE, || {
        read = tcp.try_read_buf(buffer);
        match read {
            Ok(size) if 0 < size && size < room => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(()),
        }
    });
    read
}

/// Writes as much as is taken, or waits until something is.
///
/// # Errors
///
/// Those of the system.
pub fn poll_write(
    tcp: &TcpStream,
    context: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    loop {
        ready!(tcp.poll_write_ready(context))?;
        match tcp.try_write_vectored(slices) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            wrote => return Poll::Ready(wrote),
        }
    }
}

/// Tells the other end that nothing more is written.
///
/// # Errors
///
/// Those of the system.
pub fn end_writing(tcp: &TcpStream) -> io::Result<()> {
    match SockRef::from(tcp).shutdown(Shutdown::Write) {
        // The other end is gone already.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        done => done,
    }
}
