//! Attacks, all at once and all the time: readers that take nothing, wrong passwords whose senders
//! hang up, half heads, webhooks that stall, and an upstream that hangs with the requests of an
//! application waiting for it. Among them somebody who behaves, whose every request must succeed.
//!
//! Not here: scrapes (`scrapes.rs`), and visitors who are only odd (`visitors.rs`).

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use super::Storm;
use whatsapp_exporter_bench::Result;
use whatsapp_exporter_bench::exporter::ExporterProcess;
use whatsapp_exporter_bench::http::Connection;
use whatsapp_exporter_bench::process::free_address;
use whatsapp_exporter_bench::statistics::{millis, most};

/// What systemd and most shells allow, soft and hard.
pub const DESCRIPTORS: u32 = 1024;
/// The limit in `deploy/kubernetes`.
pub const MEMORY_KIB: u64 = 64 * 1024;
/// How the names of the channels here begin.
pub const NAMES: &str = "other-";
/// Channels here that are well.
pub const WELL: usize = 1;

/// `prometheus:soak`, and bcrypt of `soak` at a cost of 10.
const PASSWORD: &str = "Authorization: Basic cHJvbWV0aGV1czpzb2Fr\r\n";
const HASH: &str = "$2b$10$abcdefghijklmnopqrstuuAPc1/AeqoF3vN.LTkorysXej1mtwJSG";
const WRONG: &str = "Authorization: Basic cHJvbWV0aGV1czp3cm9uZw==\r\n";
/// What webhooks must carry.
pub const WEBHOOK_SECRET: &str = "webhookSecretOfTheSoak";

/// Channels whose upstream hangs.
const HANGING: usize = 200;
/// Within the bounds that 1,024 descriptors leave: 353 connections to the gateway, 189 requests.
const WAITING: usize = 140;
/// Connections of the application that behaves.
pub const WORKERS: usize = 40;
const HALF_HEADS: usize = 100;
/// The listener has 212 connections.
const STALLED_READERS: usize = 60;
const STALLED_WEBHOOKS: usize = 60;
/// How long a webhook may wait for its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whom the attacks go to.
pub struct Attacks {
    gateway: SocketAddr,
    hanging: SocketAddr,
    quick: SocketAddr,
}

/// What became of those who behave, and how many attacks there were.
#[derive(Default)]
pub struct Besieged {
    pub millis: Vec<f64>,
    pub failed: Vec<String>,
    pub attacks: u64,
}

impl Besieged {
    pub fn asked(&mut self, what: impl FnOnce() -> Result<u16>) -> bool {
        let began = Instant::now();
        let status = what();
        self.millis.push(millis(began.elapsed()));
        match status {
            Ok(200) if began.elapsed() <= PATIENCE => return true,
            Ok(200) => self.failed.push(format!("it took {:?}", began.elapsed())),
            Ok(status) => self.failed.push(format!("HTTP {status}")),
            Err(error) => self.failed.push(error.to_string()),
        }
        false
    }

    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.millis.extend(other.millis);
        self.failed.extend(other.failed);
        self.attacks += other.attacks;
    }

    /// Whether there was somebody, and nobody failed.
    pub fn is_served(&self) -> bool {
        self.failed.is_empty() && !self.millis.is_empty()
    }

    /// For the table.
    pub fn show(&self) -> String {
        let longest = if self.millis.is_empty() { 0.0 } else { most(&self.millis) };
        format!("{}; {} failed; longest {longest:.0} ms", self.millis.len(), self.failed.len())
    }
}

impl Attacks {
    /// The upstreams of the attacked: one that takes requests and answers none, and one that
    /// answers at once.
    pub fn start(runtime: &Handle) -> Result<Self> {
        let (gateway, hanging) = (free_address()?, upstream(runtime, None)?);
        let body = r#"{"status": {"text": "AUTH"}}"#;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let quick = upstream(runtime, Some(answer))?;
        Ok(Self { gateway, hanging, quick })
    }

    /// The settings that the attacks need.
    pub fn settings(&self, directory: &Path) -> Result<Vec<(&'static str, String)>> {
        let web = directory.join("web.yaml");
        std::fs::write(&web, format!("basic_auth_users:\n  prometheus: {HASH}\n"))?;
        Ok(vec![
            ("GATEWAY_ADDRESS", self.gateway.to_string()),
            ("WEBHOOK_SECRET", WEBHOOK_SECRET.to_owned()),
            ("WEB_CONFIG_FILE", web.to_string_lossy().into_owned()),
        ])
    }

    /// What those who know the password send.
    pub fn password() -> String {
        PASSWORD.to_owned()
    }

    /// The channels of the attacked, as lines of the settings.
    pub fn channels(&self, directory: &Path) -> Result<Vec<String>> {
        let channel = |name: &str, secret: &str, upstream: SocketAddr| {
            format!("name: {NAMES}{name}, token_file: {secret}, api_url: \"http://{upstream}\"")
        };
        for secret in ["hanging", "quick"] {
            std::fs::write(directory.join(secret), secret)?;
        }
        let quick = channel("quick", "quick", self.quick) + ", channel_id: QUICK";
        let hanging = (0..HANGING).map(|at| channel(&at.to_string(), "hanging", self.hanging));
        Ok(hanging.chain([quick]).collect())
    }

    /// Readers of two pages that take nothing.
    pub fn stalled_readers(&self, storm: &Storm, exporter: &ExporterProcess) -> Result<Besieged> {
        hold(storm, STALLED_READERS, Duration::from_millis(150), |turn| {
            let path = if turn % 2 == 0 { "/metrics" } else { "/api/status" };
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.set_recv_buffer_size(2048)?;
            socket.connect(&exporter.address.into())?;
            let mut stream: TcpStream = socket.into();
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n{PASSWORD}\r\n"
            );
            // Asked for so often that no buffer of the system holds all answers.
            let _ = stream.write_all(request.repeat(20).as_bytes());
            Ok(stream)
        })
    }

    /// Wrong passwords whose senders do not wait for the answer.
    pub fn wrong_passwords(&self, storm: &Storm, exporter: &ExporterProcess) -> Result<Besieged> {
        hold(storm, 2, Duration::from_millis(50), |_| {
            let mut stream = TcpStream::connect(exporter.address)?;
            let request = format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{WRONG}\r\n");
            let _ = stream.write_all(request.as_bytes());
            Ok(stream)
        })
    }

    /// Half heads at the gateway.
    pub fn half_heads(&self, storm: &Storm) -> Result<Besieged> {
        hold(storm, HALF_HEADS, Duration::from_millis(100), |_| {
            let mut stream = TcpStream::connect(self.gateway)?;
            let _ = stream.write_all(b"POST /whapi/messages/text HTTP/1.1\r\nHost: loc");
            Ok(stream)
        })
    }

    /// Webhooks whose bodies never come, most of them announced as large.
    pub fn stalled_webhooks(&self, storm: &Storm, exporter: &ExporterProcess) -> Result<Besieged> {
        hold(storm, STALLED_WEBHOOKS, Duration::from_millis(100), |turn| {
            let mut stream = TcpStream::connect(exporter.address)?;
            let length = if turn % 4 == 0 { 600 } else { 1024 * 1024 };
            let head = format!(
                "POST /webhook/whapi HTTP/1.1\r\nHost: x\r\nX-Webhook-Secret: {WEBHOOK_SECRET}\r\n\
                 Content-Length: {length}\r\n\r\n"
            );
            let _ = stream.write_all(head.as_bytes());
            // As much as the exporter takes of it at once.
            stream.set_nonblocking(true)?;
            let _ = stream.write(&vec![b' '; length - 1]);
            Ok(stream)
        })
    }

    /// Requests of the application that wait for the upstream that hangs.
    pub fn waiting_requests(&self, storm: &Storm) -> Result<Besieged> {
        hold(storm, WAITING, Duration::from_millis(100), |_| {
            let mut stream = TcpStream::connect(self.gateway)?;
            let request = "POST /whapi/messages/text HTTP/1.1\r\nHost: x\r\n\
                 Authorization: Bearer hanging\r\nContent-Length: 2\r\n\r\n{}";
            let _ = stream.write_all(request.as_bytes());
            Ok(stream)
        })
    }

    /// Good webhooks.
    pub fn webhooks(&self, storm: &Storm, exporter: &ExporterProcess) -> Result<Besieged> {
        let event = r#"{"channel_id": "QUICK", "event": {"type": "users", "event": "post"}}"#;
        let secret = format!("X-Webhook-Secret: {WEBHOOK_SECRET}\r\n");
        let mut seen = Besieged::default();
        while !storm.is_over() {
            seen.asked(|| {
                let connection = Connection::open(exporter.address)?.with_headers(&secret);
                Ok({ connection }.post_body("/webhook/whapi", event)?.status)
            });
            sleep(Duration::from_millis(250));
        }
        Ok(seen)
    }

    /// An application that behaves, with connections that it keeps.
    pub fn requests(&self, storm: &Storm) -> Result<Besieged> {
        let mut workers: Vec<Option<Connection>> = (0..WORKERS).map(|_| None).collect();
        let mut seen = Besieged::default();
        while !storm.is_over() {
            for kept in &mut workers {
                let good = seen.asked(|| {
                    let connection = match kept {
                        Some(connection) => connection,
                        None => {
                            let credential = "Authorization: Bearer quick\r\n";
                            let fresh = Connection::open(self.gateway)?;
                            kept.insert(fresh.with_headers(credential))
                        }
                    };
                    Ok(connection.post_body("/whapi/messages/text", "{}")?.status)
                });
                if !good {
                    *kept = None;
                }
                sleep(Duration::from_millis(25));
            }
        }
        Ok(seen)
    }
}

/// Keeps so many connections, one of which is replaced every so often, until the storm is over.
fn hold(
    storm: &Storm,
    count: usize,
    every: Duration,
    mut open: impl FnMut(u64) -> Result<TcpStream>,
) -> Result<Besieged> {
    let mut held = Vec::new();
    let mut seen = Besieged::default();
    while !storm.is_over() {
        let stream = open(seen.attacks)?;
        seen.attacks += 1;
        if held.len() < count {
            held.push(stream);
            sleep(every / 10);
            continue;
        }
        let left = std::mem::replace(&mut held[fastrand::usize(..count)], stream);
        // Half of them go with a reset instead of a goodbye.
        if fastrand::bool() {
            let _ = SockRef::from(&left).set_linger(Some(Duration::ZERO));
        }
        sleep(every);
    }
    Ok(seen)
}

/// Takes every request, and answers each with this; or none at all.
fn upstream(runtime: &Handle, answer: Option<String>) -> Result<SocketAddr> {
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
    let address = listener.local_addr()?;
    runtime.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut some = [0; 4096];
                let mut seen = Vec::new();
                while let Ok(size @ 1..) = stream.read(&mut some).await {
                    seen.extend_from_slice(&some[..size]);
                    // One request at a time; those of the application end in an empty object.
                    let whole = seen.ends_with(b"\r\n\r\n{}")
                        || seen.starts_with(b"GET ") && seen.ends_with(b"\r\n\r\n");
                    let Some(answer) = answer.as_ref().filter(|_| whole) else { continue };
                    seen.clear();
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(address)
}
