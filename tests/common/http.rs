//! HTTP by hand: what is on the wire is what is tested, so no library stands between.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    /// In the order they came, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Without the marks of chunks.
    pub body: Vec<u8>,
}

impl Reply {
    /// All values of a header, joined as if they had been one line.
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> =
            self.headers.iter().filter(|(key, _)| key == name).map(|(_, v)| v.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    /// The body, decompressed if it came so.
    pub fn plain(&self) -> Vec<u8> {
        if self.header("content-encoding").is_none() {
            return self.body.clone();
        }
        assert_eq!(self.header("content-encoding").as_deref(), Some("gzip"));
        let mut plain = Vec::new();
        flate2::read::MultiGzDecoder::new(&*self.body).read_to_end(&mut plain).expect("gzip");
        plain
    }

    /// All of it in one text, to search.
    pub fn whole(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.headers {
            let _ = writeln!(text, "{name}: {value}");
        }
        text + &String::from_utf8_lossy(&self.plain())
    }
}

pub fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> io::Result<Reply> {
    ask(address, "GET", path, headers)
}

/// Sends a request on a connection of its own and reads the answer to the end.
pub fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> io::Result<Reply> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let mut stream = connect(address)?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    read(&bytes, method == "HEAD")
        .ok_or_else(|| io::Error::other(format!("not HTTP: {}", String::from_utf8_lossy(&bytes))))
}

/// Sends a request with a body on a connection of its own.
pub fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl AsRef<[u8]>,
) -> io::Result<Reply> {
    Line::open(address)?.send(method, path, headers, body.as_ref())
}

/// A connection that is kept for one request after the other.
pub struct Line(TcpStream);

impl Line {
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Sends a request and reads its answer, which must have a length.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Reply> {
        let mut bytes = head(method, path, headers, Some(body.len())).into_bytes();
        bytes.extend_from_slice(body);
        self.0.write_all(&bytes)?;
        self.reply(method == "HEAD")
    }

    /// Sends bytes as they are.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.0.write_all(bytes.as_ref())
    }

    /// Sends nothing more.
    pub fn end(&self) -> io::Result<()> {
        self.0.shutdown(std::net::Shutdown::Write)
    }

    /// Reads one answer.
    pub fn reply(&mut self, head_only: bool) -> io::Result<Reply> {
        let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
        loop {
            if let Some(reply) = read(&bytes, head_only) {
                return Ok(reply);
            }
            let size = self.0.read(&mut chunk)?;
            if size == 0 {
                return Err(io::Error::other(format!(
                    "closed after {}",
                    String::from_utf8_lossy(&bytes)
                )));
            }
            bytes.extend_from_slice(&chunk[..size]);
        }
    }
}

/// A request's head; without a length the body is chunked.
pub fn head(method: &str, path: &str, headers: &[(&str, &str)], length: Option<usize>) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\n");
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    match length {
        Some(length) => {
            let _ = write!(head, "Content-Length: {length}\r\n\r\n");
        }
        None => head.push_str("Transfer-Encoding: chunked\r\n\r\n"),
    }
    head
}

/// A connection whose every step has a deadline.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(30))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.set_write_timeout(Some(Duration::from_secs(60)))?;
    Ok(stream)
}

/// Reads a whole answer; `None` when it is not one.
pub fn read(bytes: &[u8], head_only: bool) -> Option<Reply> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let rest = &bytes[end + 4..];
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut reply = Reply { status, headers, body: Vec::new() };
    if head_only {
        // Nothing may follow the head.
        return rest.is_empty().then_some(reply);
    }
    reply.body = if reply.header("transfer-encoding").as_deref() == Some("chunked") {
        dechunk(rest)?
    } else {
        let length: usize = reply.header("content-length")?.parse().ok()?;
        (rest.len() == length).then(|| rest.to_vec())?
    };
    Some(reply)
}

fn dechunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        rest = &rest[end + 2..];
        body.extend_from_slice(rest.get(..size)?);
        if rest.get(size..size + 2)? != b"\r\n" {
            return None;
        }
        rest = &rest[size + 2..];
        if size == 0 {
            return rest.is_empty().then_some(body);
        }
    }
}
