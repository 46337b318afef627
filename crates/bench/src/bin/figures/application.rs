//! An application that sends messages, and an API that takes them: both cost little, so that what
//! stands between them is measured.
//!
//! Not here: what stands between them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

use crate::upstream::CHANNEL_SECRET;
use whatsapp_exporter_bench::Result;
use whatsapp_exporter_bench::statistics::millis;

/// What one request carries, and its answer.
#[derive(Clone, Copy)]
pub enum Load {
    /// A text message.
    Message,
    /// A mebibyte there and a mebibyte back.
    Media,
}

const MEBIBYTE: usize = 1024 * 1024;

impl Load {
    const fn path(self) -> &'static str {
        match self {
            Self::Message => "/messages/text",
            Self::Media => "/media",
        }
    }

    fn body(self) -> Vec<u8> {
        match self {
            Self::Message => {
                br#"{"to":"61371989950","body":"Your parcel arrives today between 10 and 12."}"#
                    .to_vec()
            }
            Self::Media => vec![b'x'; MEBIBYTE],
        }
    }

    fn request(self, prefix: &str) -> Vec<u8> {
        let (path, body) = (self.path(), self.body());
        let mut request = format!(
            "POST {prefix}{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \
                {CHANNEL_SECRET}\r\n\
             User-Agent: application/1.0\r\nAccept: application/json\r\nContent-Type: application/\
             json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(&body);
        request
    }
}

/// An API that answers `/messages/text` with what Whapi answers there, and `/media` with a
/// mebibyte.
pub struct Api {
    pub address: SocketAddr,
}

impl Api {
    pub fn start(runtime: &Handle) -> Result<Self> {
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let address = listener.local_addr()?;
        let head = |length: usize| {
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \
                {length}\r\n\r\n"
            )
            .into_bytes()
        };
        let sent = br#"{"sent":true,"message":{"id":"p.w30M7-g4CA","from_me":true,"type":"text",
            "chat_id":"61371989950@s.whatsapp.net","status":"pending"}}"#;
        let health = br#"{"start_at":1795000000,"uptime":86412,"status":{"code":4,"text":"AUTH"}}"#;
        let answers = Arc::new([
            [head(sent.len()), sent.to_vec()].concat(),
            [head(MEBIBYTE), vec![b'y'; MEBIBYTE]].concat(),
            [head(health.len()), health.to_vec()].concat(),
        ]);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answers = Arc::clone(&answers);
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    let mut line = Line { stream, buffer: vec![0; 64 * 1024], filled: 0 };
                    while let Ok(head) = line.message().await {
                        let answer = match head {
                            head if head.starts_with(b"GET") => &answers[2],
                            head if head.windows(6).take(64).any(|six| six == b"/media") => {
                                &answers[1]
                            }
                            _ => &answers[0],
                        };
                        if line.stream.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Ok(Self { address })
    }
}

/// One end of a connection on which whole messages follow each other.
struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Line {
    /// Reads a message to its end and returns its head.
    async fn message(&mut self) -> Result<Vec<u8>> {
        let end = loop {
            let four = self.buffer[..self.filled].windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = four {
                break end + 4;
            }
            self.fill().await?;
        };
        let head = self.buffer[..end].to_vec();
        let mut left = length(&head)?;
        let here = left.min(self.filled - end);
        left -= here;
        self.buffer.copy_within(end + here..self.filled, 0);
        self.filled -= end + here;
        while left > 0 {
            let room = left.min(self.buffer.len());
            let more = self.stream.read(&mut self.buffer[..room]).await?;
            if more == 0 {
                return Err("the connection was closed in the middle of a body".into());
            }
            left -= more;
        }
        Ok(head)
    }

    async fn fill(&mut self) -> Result<()> {
        let more = self.stream.read(&mut self.buffer[self.filled..]).await?;
        self.filled += more;
        if more == 0 { Err("the connection was closed".into()) } else { Ok(()) }
    }
}

/// The body's length; none means no body.
fn length(head: &[u8]) -> Result<usize> {
    let head = std::str::from_utf8(head)?;
    let value = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim())
    });
    match value {
        Some(value) => Ok(value.parse()?),
        None if head.to_ascii_lowercase().contains("chunked") => {
            Err("chunked is not read here".into())
        }
        None => Ok(0),
    }
}

/// Sends one request after the other for a while and returns how many milliseconds each took.
async fn send(
    address: SocketAddr,
    request: &[u8],
    until: Instant,
    count: &AtomicU64,
) -> Result<Vec<f64>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut line = Line { stream, buffer: vec![0; 64 * 1024], filled: 0 };
    let mut times = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        line.stream.write_all(request).await?;
        let head = line.message().await?;
        if !head.starts_with(b"HTTP/1.1 200") {
            return Err(String::from_utf8_lossy(&head).lines().next().unwrap_or("").into());
        }
        times.push(millis(began.elapsed()));
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(times)
}

/// What an application met.
pub struct Met {
    pub requests: u64,
    pub took: Duration,
    /// Of each request, in milliseconds.
    pub times: Vec<f64>,
}

impl Met {
    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }
}

/// Sends over so many connections at a time for so long.
pub fn apply(
    runtime: &Handle,
    address: SocketAddr,
    prefix: &str,
    load: Load,
    connections: usize,
    length: Duration,
) -> Result<Met> {
    let request: Arc<[u8]> = load.request(prefix).into();
    let count = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let until = began + length;
    runtime.block_on(async {
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..connections {
            let (request, count) = (Arc::clone(&request), Arc::clone(&count));
            senders.spawn(async move { send(address, &request, until, &count).await });
        }
        let mut times = Vec::new();
        while let Some(sent) = senders.join_next().await {
            times.extend(sent??);
        }
        let requests = count.load(Ordering::Relaxed);
        Ok(Met { requests, took: began.elapsed(), times })
    })
}
