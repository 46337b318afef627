//! An upstream by hand: it answers what a test tells it to, and keeps every byte that it was sent.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::eventually;

/// The answer to a poll of a channel that is well.
pub const AUTH: &str =
    "HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n{\"status\":{\"text\":\"AUTH\"}}";

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// The first line and the headers, each without its line's end.
    pub lines: Vec<String>,
    /// Without the marks of chunks.
    pub body: Vec<u8>,
    /// What followed the last chunk.
    pub trailers: Vec<String>,
}

impl Received {
    /// The first line.
    pub fn line(&self) -> &str {
        &self.lines[0]
    }

    /// The values of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let headers = self.lines[1..].iter().filter_map(|line| line.split_once(": "));
        headers.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }
}

/// What each connection brought.
type Connections = Arc<Mutex<Vec<Vec<u8>>>>;

/// One connection to an upstream by hand, seen from there, or to the gateway, seen from the
/// application.
pub struct Wire {
    stream: TcpStream,
    /// Read and not yet looked at.
    ahead: Vec<u8>,
    /// Every byte that came, at this place among those of all connections.
    seen: Option<(usize, Connections)>,
    sent: bool,
}

impl Wire {
    /// A connection to a listener.
    pub fn to(address: SocketAddr) -> Self {
        Self {
            stream: super::http::connect(address).expect("a connection"),
            ahead: Vec::new(),
            seen: None,
            sent: false,
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.sent = true;
        self.stream.write_all(bytes.as_ref())
    }

    /// Whether anything was sent on it yet.
    pub fn answered(&self) -> bool {
        self.sent
    }

    /// Reads some bytes; false at the end of the connection, be it orderly or not.
    pub fn read(&mut self) -> bool {
        let mut some = [0; 16 * 1024];
        let Ok(size @ 1..) = self.stream.read(&mut some) else { return false };
        self.ahead.extend_from_slice(&some[..size]);
        if let Some((at, seen)) = &self.seen {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen[*at].extend_from_slice(&some[..size]);
        }
        true
    }

    /// Reads to the end of the connection and returns all that was not looked at yet.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.read() {}
        std::mem::take(&mut self.ahead)
    }

    /// Takes what comes up to and with these bytes.
    pub fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.ahead.windows(end.len()).position(|window| window == end) {
                return Some(self.ahead.drain(..at + end.len()).collect());
            }
            if !self.read() {
                return None;
            }
        }
    }

    /// Takes so many bytes.
    pub fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.ahead.len() < count {
            if !self.read() {
                return None;
            }
        }
        Some(self.ahead.drain(..count).collect())
    }

    /// Takes a head: its lines.
    pub fn head(&mut self) -> Option<Vec<String>> {
        let head = String::from_utf8(self.until(b"\r\n\r\n")?).expect("ASCII");
        Some(head.trim_end_matches("\r\n\r\n").split("\r\n").map(str::to_owned).collect())
    }

    /// Takes a whole message, a request or an answer that may have a body.
    pub fn message(&mut self) -> Option<Received> {
        let lines = self.head()?;
        let mut received = Received { lines, body: Vec::new(), trailers: Vec::new() };
        if received.header("transfer-encoding") == ["chunked"] {
            loop {
                let size = String::from_utf8(self.until(b"\r\n")?).expect("ASCII");
                let size = usize::from_str_radix(size.trim(), 16).expect("a size");
                if size == 0 {
                    break;
                }
                received.body.extend(self.take(size)?);
                assert_eq!(self.take(2)?, b"\r\n");
            }
            loop {
                let line = String::from_utf8(self.until(b"\r\n")?).expect("ASCII");
                match line.trim_end() {
                    "" => return Some(received),
                    line => received.trailers.push(line.to_owned()),
                }
            }
        }
        if let [length] = received.header("content-length")[..] {
            received.body = self.take(length.parse().expect("a length"))?;
        }
        Some(received)
    }

    /// Ends the connection in the rudest way, by a reset.
    pub fn reset(self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).expect("an option");
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}

/// An upstream by hand.
pub struct ByHand {
    pub address: SocketAddr,
    connections: Connections,
}

impl ByHand {
    /// Listens, and has every connection served by `serve` on a thread of its own. The connection
    /// ends when `serve` does.
    pub fn start(serve: impl Fn(&mut Wire) + Send + Sync + 'static) -> Self {
        Self::owning(move |mut wire| serve(&mut wire))
    }

    /// The same, with the connection given away.
    pub fn owning(serve: impl Fn(Wire) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let connections = Connections::default();
        let (serve, all) = (Arc::new(serve), Arc::clone(&connections));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                stream.set_nodelay(true).expect("an option");
                stream.set_read_timeout(Some(super::DEADLINE)).expect("an option");
                let mut connections = all.lock().unwrap_or_else(PoisonError::into_inner);
                connections.push(Vec::new());
                let seen = Some((connections.len() - 1, Arc::clone(&all)));
                let serve = Arc::clone(&serve);
                std::thread::spawn(move || {
                    serve(Wire { stream, ahead: Vec::new(), seen, sent: false })
                });
            }
        });
        Self { address, connections }
    }

    /// Answers every request with the same bytes.
    pub fn answering(answer: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self::start(
            move |wire| {
                while wire.message().is_some() && wire.send(answer.as_ref()).is_ok() {}
            },
        )
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All bytes of every connection so far.
    pub fn connections(&self) -> Vec<Vec<u8>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All bytes of the only connection so far.
    pub fn bytes(&self) -> String {
        let all = self.connections();
        assert_eq!(all.len(), 1, "{all:?}");
        String::from_utf8_lossy(&all[0]).into_owned()
    }

    /// Waits until so many connections have come.
    pub fn until_connections(&self, count: usize) {
        eventually("connections", || (self.connections().len() >= count).then_some(()));
    }
}

/// An upstream that answers polls itself, and has the other requests answered.
pub fn watched(answer: impl Fn(&Received) -> Vec<u8> + Send + Sync + 'static) -> ByHand {
    ByHand::start(move |wire| {
        while let Some(request) = wire.message() {
            let poll = request.line().starts_with("GET /health?wakeup=false ");
            let answer = if poll { AUTH.into() } else { answer(&request) };
            if wire.send(answer).is_err() {
                return;
            }
        }
    })
}
