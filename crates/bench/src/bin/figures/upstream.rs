//! What is polled: the simulator behind TLS for one channel and one token; for fleets a responder
//! that sends one saved answer.
//!
//! The responder stands in for the simulator because the simulator keeps a ledger of every request;
//! its answer is the simulator's, byte for byte. It runs in a thread of the benchmark, so none of
//! its work is counted as the exporter's.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use whatsapp_simulator::{MetaToken, Simulator, WhapiChannel};

use whatsapp_exporter_bench::Result;
use whatsapp_exporter_bench::http::Connection;

pub const CHANNEL_SECRET: &str = "benchChannelSecret";
pub const TOKEN_SECRET: &str = "EAAbenchTokenSecret";
pub const HEALTH: &str = "/health?wakeup=false";

/// The simulator with one healthy channel and one healthy token.
pub fn simulator(runtime: &Handle) -> Result<Simulator> {
    let simulator = runtime.block_on(Simulator::start())?;
    simulator.set_channel(CHANNEL_SECRET, WhapiChannel::new("bench"));
    simulator.set_token(TOKEN_SECRET, MetaToken::new("bench"));
    Ok(simulator)
}

/// Answers every request with one answer of the simulator's: that for a healthy channel, or a list.
pub struct Responder {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    answer: Vec<u8>,
    answered: AtomicU64,
    /// When `/c/<number>/…` was first asked for.
    first: Mutex<Vec<Option<Instant>>>,
}

impl Responder {
    pub fn start(runtime: &Handle) -> Result<Self> {
        let simulator = simulator(runtime)?;
        let authorization = format!("Authorization: Bearer {CHANNEL_SECRET}\r\n");
        let health = Connection::open(simulator.address())?.get_with(HEALTH, &authorization)?;
        if health.status != 200 {
            return Err("the simulator does not answer".into());
        }
        Self::sending(runtime, &health.body)
    }

    /// Answers every request with this JSON.
    pub fn sending(runtime: &Handle, body: &[u8]) -> Result<Self> {
        let mut answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        answer.extend_from_slice(body);
        let shared =
            Arc::new(Shared { answer, answered: AtomicU64::new(0), first: Mutex::default() });
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let address = listener.local_addr()?;
        runtime.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared })
    }

    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// From now on takes note of the first request for each of so many numbers.
    pub fn watch(&self, numbers: usize) {
        *self.shared.first.lock().unwrap_or_else(PoisonError::into_inner) = vec![None; numbers];
    }

    /// When each number was first asked for.
    pub fn watched(&self) -> Vec<Option<Instant>> {
        std::mem::take(&mut *self.shared.first.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&shared)));
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let _ = setsockopt(&stream, sockopt::ReceiveTimestampns, &true);
    let mut buffer = [0; 4096];
    let mut end = 0;
    loop {
        let arrived = match receive(&stream, &mut buffer[end..]).await {
            Ok((0, _)) | Err(_) => return,
            Ok((more, arrived)) => {
                end += more;
                arrived
            }
        };
        // One request at a time: neither the exporter nor its peers send the next before the
        // answer.
        if !buffer[..end].ends_with(b"\r\n\r\n") {
            continue;
        }
        if let Some(number) = number(&buffer[..end]) {
            let mut first = shared.first.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(slot) = first.get_mut(number) {
                slot.get_or_insert(arrived);
            }
        }
        end = 0;
        shared.answered.fetch_add(1, Ordering::Relaxed);
        if stream.write_all(&shared.answer).await.is_err() {
            return;
        }
    }
}

/// Reads what has come, and tells when it came by the system's own note, where it keeps one: this
/// thread reads it later, the more so while the other core reads scrapes.
async fn receive(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<(usize, Instant)> {
    stream
        .async_io(Interest::READABLE, || {
            let mut slices = [IoSliceMut::new(buffer)];
            let mut space = nix::cmsg_space!(TimeSpec);
            let (socket, space) = (stream.as_raw_fd(), Some(&mut space[..]));
            let message = recvmsg::<()>(socket, &mut slices, space, MsgFlags::MSG_DONTWAIT)?;
            let noted = message.cmsgs()?.find_map(|part| match part {
                ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
                _ => None,
            });
            let age = noted.map(|at| SystemTime::UNIX_EPOCH + at).and_then(|at| at.elapsed().ok());
            Ok((message.bytes, Instant::now() - age.unwrap_or_default()))
        })
        .await
}

/// The number in `GET /c/<number>/health…`.
fn number(request: &[u8]) -> Option<usize> {
    let rest = request.strip_prefix(b"GET /c/")?;
    let digits = rest.split(|byte| *byte == b'/').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
