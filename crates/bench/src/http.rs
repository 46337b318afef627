//! A client that costs as little as can be: one socket, one buffer, and it looks at nothing but
//! lengths.
//!
//! Not here: anything that knows who is asked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Result;

const BUFFER: usize = 256 * 1024;
/// Nothing on loopback is silent for this long, unless it is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// A kept-alive connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Sent with every request.
    headers: String,
}

/// What came back.
pub struct ClientResponse {
    /// The HTTP status.
    pub status: u16,
    /// Bytes of the body as sent, compressed or not.
    pub bytes: u64,
    /// Whether it is compressed.
    pub gzip: bool,
    /// `Content-Type`, empty when there is none.
    pub content_type: String,
    /// The body, where it was asked for.
    pub body: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let (buffer, headers) = (vec![0; BUFFER], String::new());
        Ok(Self { stream, buffer, start: 0, end: 0, headers })
    }

    /// The same, sending these header lines with every request.
    pub fn with_headers(self, headers: &str) -> Self {
        Self { headers: headers.to_owned(), ..self }
    }

    /// Asks, and counts the body's bytes without keeping them.
    pub fn count(&mut self, path: &str, gzip: bool) -> Result<u64> {
        let answer = self.exchange(path, "", gzip, false)?;
        if answer.status != 200 || answer.gzip != gzip {
            return Err(format!("{path}: HTTP {}, gzip: {}", answer.status, answer.gzip).into());
        }
        Ok(answer.bytes)
    }

    /// Asks, and keeps the body.
    pub fn get(&mut self, path: &str) -> Result<ClientResponse> {
        self.exchange(path, "", false, true)
    }

    /// Asks with further header lines, and keeps the body.
    pub fn get_with(&mut self, path: &str, headers: &str) -> Result<ClientResponse> {
        self.exchange(path, headers, false, true)
    }

    /// Sends a POST without a body, and keeps the answer's.
    pub fn post(&mut self, path: &str) -> Result<ClientResponse> {
        self.post_body(path, "")
    }

    /// Sends a POST, and keeps the answer's body.
    pub fn post_body(&mut self, path: &str, body: &str) -> Result<ClientResponse> {
        let (length, headers) = (body.len(), &self.headers);
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n");
        self.stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes())?;
        self.answer(true)
    }

    /// Asks, takes about so many bytes of the answer, and then takes no more.
    pub fn stall(mut self, path: &str, after: usize) -> Result<TcpStream> {
        self.ask(path, "", false)?;
        let mut taken = 0;
        while taken < after {
            self.fill()?;
            taken += self.end - self.start;
            self.start = self.end;
        }
        Ok(self.stream)
    }

    fn ask(&mut self, path: &str, headers: &str, gzip: bool) -> Result<()> {
        let encoding = if gzip { "Accept-Encoding: gzip\r\n" } else { "" };
        let own = &self.headers;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{own}{encoding}{headers}\r\n");
        Ok(self.stream.write_all(request.as_bytes())?)
    }

    fn exchange(
        &mut self,
        path: &str,
        headers: &str,
        gzip: bool,
        keep: bool,
    ) -> Result<ClientResponse> {
        self.ask(path, headers, gzip)?;
        self.answer(keep)
    }

    fn answer(&mut self, keep: bool) -> Result<ClientResponse> {
        let status = self.line()?.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or("not an HTTP answer")?;
        let mut answer = ClientResponse {
            status,
            bytes: 0,
            gzip: false,
            content_type: String::new(),
            body: Vec::new(),
        };
        let (mut length, mut chunked) = (None, false);
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            match (name.to_ascii_lowercase().as_str(), value.trim()) {
                ("content-length", value) => length = Some(value.parse::<u64>()?),
                ("transfer-encoding", "chunked") => chunked = true,
                ("content-type", value) => value.clone_into(&mut answer.content_type),
                ("content-encoding", "gzip") => answer.gzip = true,
                _ => {}
            }
        }
        match length {
            Some(length) => self.take(length, keep, &mut answer)?,
            None if chunked => loop {
                let size = u64::from_str_radix(self.line()?.trim(), 16)?;
                self.take(size, keep, &mut answer)?;
                self.line()?;
                if size == 0 {
                    break;
                }
            },
            None => return Err("an answer without a length".into()),
        }
        Ok(answer)
    }

    fn take(&mut self, mut bytes: u64, keep: bool, answer: &mut ClientResponse) -> Result<()> {
        answer.bytes += bytes;
        while bytes > 0 {
            if self.start == self.end {
                self.fill()?;
            }
            let part = (self.end - self.start).min(usize::try_from(bytes)?);
            if keep {
                answer.body.extend_from_slice(&self.buffer[self.start..self.start + part]);
            }
            self.start += part;
            bytes -= part as u64;
        }
        Ok(())
    }

    fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        loop {
            if self.start == self.end {
                self.fill()?;
            }
            let byte = self.buffer[self.start];
            self.start += 1;
            match byte {
                b'\n' => return Ok(String::from_utf8(line)?),
                b'\r' => {}
                other => line.push(other),
            }
        }
    }

    /// Only when everything read has been taken.
    fn fill(&mut self) -> Result<()> {
        self.start = 0;
        self.end = self.stream.read(&mut self.buffer)?;
        if self.end == 0 { Err("the connection was closed too early".into()) } else { Ok(()) }
    }
}
