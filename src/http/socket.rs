//! A look at a socket before anything reads it: whether bytes or a whole head have come.
//!
//! Not here: reading and writing (`stream.rs`).

use std::io;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// So many connections may each have the whole bound of what is not sent yet.
const SHARERS: usize = 32;
/// Each may have this much.
const LEAST_UNSENT: u32 = 16 * 1024;

/// Whether all of a head waits to be read, or what the parser can tell to be none. It is left
/// there: a head that is not whole costs this process nothing.
fn is_whole(tcp: &TcpStream, largest: usize) -> io::Result<bool> {
    let mut buffer = [0; MAX_PEEKED];
    let seen = peek(tcp, &mut buffer[..largest.min(MAX_PEEKED)])?;
    let begins_head = seen.first().is_some_and(u8::is_ascii_alphabetic);
    Ok(!begins_head || seen.len() >= largest.min(MAX_PEEKED) || ends_head(seen))
}

/// What waits to be read, as far as it fits. It is left there.
fn peek<'a>(tcp: &TcpStream, room: &'a mut [u8]) -> io::Result<&'a [u8]> {
    let (_, size) = rustix::net::recv(tcp, &mut *room, PEEK)?;
    Ok(&room[..size])
}

const MAX_PEEKED: usize = 32 * 1024;
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
    peek(tcp, &mut [0]).is_ok()
}

/// Waits until anything has come, or the end of the connection.
pub(super) async fn first_byte(tcp: &TcpStream) -> io::Result<()> {
    until(tcp, || Ok(has_unread(tcp))).await
}

/// Waits until a whole head has come, or the end of the connection.
pub(super) async fn whole_head(tcp: &TcpStream, largest: usize) -> io::Result<()> {
    until(tcp, || is_whole(tcp, largest)).await
}

/// Waits until the whole first record of a TLS handshake has come, which is the client's hello, or
/// what is none.
pub(super) async fn whole_hello(tcp: &TcpStream) -> io::Result<()> {
    until(tcp, || {
        let mut buffer = [0; MAX_PEEKED];
        peek(tcp, &mut buffer).map(is_hello)
    })
    .await
}

/// Whether this is a whole record, or no record of a handshake at all. A record's header is its
/// type, two bytes of a version, and its length (RFC 8446, 5.1).
fn is_hello(seen: &[u8]) -> bool {
    const HANDSHAKE: u8 = 22;
    match seen {
        [HANDSHAKE, _, _, high, low, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            rest.len() >= length || seen.len() >= MAX_PEEKED
        }
        [HANDSHAKE, ..] => false,
        _ => true,
    }
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
    fn a_hello_is_a_whole_record() {
        for (seen, whole) in [
            (&[22][..], false),
            (&[22, 3, 1, 0], false),
            (&[22, 3, 1, 0, 2, 1], false),
            (&[22, 3, 1, 0, 2, 1, 0], true),
            (&[22, 3, 1, 0, 2, 1, 0, 9], true),
            (b"GET", true),
        ] {
            assert_eq!(is_hello(seen), whole, "{seen:?}");
        }
    }

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
