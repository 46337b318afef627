//! Reading from a socket that others hold too, as tokio reads from one of its own.
//!
//! Not here: writing; see `write_queue.rs`.

use std::io;
use std::task::{Context, Poll, ready};

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
