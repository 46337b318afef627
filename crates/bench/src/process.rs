//! Processes that the benchmark starts, and what /proc says about them. Every one of them is ended
//! with the benchmark.
//!
//! Not here: what is started.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::Result;
use crate::statistics::{millis, most, quantile};

static RUNNING: Mutex<BTreeMap<u32, Child>> = Mutex::new(BTreeMap::new());

fn running() -> MutexGuard<'static, BTreeMap<u32, Child>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends everything that was started.
fn end_all() {
    for child in running().values_mut() {
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Waits for somebody to interrupt the benchmark, and then leaves nothing behind.
pub async fn end_all_when_interrupted(directory: PathBuf) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut one), Ok(mut other)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    tokio::select! { _ = one.recv() => {}, _ = other.recv() => {} }
    end_all();
    let _ = fs::remove_dir_all(directory);
    std::process::exit(130);
}

/// A process that ends when this is dropped.
pub struct Process {
    pid: u32,
    name: String,
    errors: PathBuf,
}

impl Process {
    /// Starts it with what it prints going to files in `directory`.
    pub fn start(mut command: Command, directory: &Path) -> Result<Self> {
        let program = PathBuf::from(command.get_program());
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let number = running().len();
        let errors = directory.join(format!("{name}-{number}.log"));
        let log = fs::File::create(&errors)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child =
            command.spawn().map_err(|error| format!("{name} cannot be started: {error}"))?;
        let pid = child.id();
        running().insert(pid, child);
        Ok(Self { pid, name, errors })
    }

    /// Waits until it takes connections.
    pub fn listens(&self, address: SocketAddr) -> Result<()> {
        let began = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            let ended =
                running().get_mut(&self.pid).is_none_or(|c| !matches!(c.try_wait(), Ok(None)));
            if ended || began.elapsed() > Duration::from_secs(30) {
                let said = fs::read_to_string(&self.errors).unwrap_or_default();
                return Err(format!("{} does not listen on {address}: {said}", self.name).into());
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        Ok(())
    }

    /// What it printed so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.errors).unwrap_or_default()
    }

    /// Memory as the kernel counts it.
    pub fn memory(&self) -> Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let kib = |name: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number =
                line.and_then(|rest| rest.trim_start_matches(':').split_whitespace().next());
            Ok(number.ok_or_else(|| format!("/proc has no {name}"))?.parse()?)
        };
        Ok(Memory { now: kib("VmRSS")?, peak: kib("VmHWM")?, own: kib("RssAnon")? })
    }

    /// Open file descriptors.
    pub fn descriptors(&self) -> Result<u64> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.pid))?.count() as u64)
    }

    /// Threads.
    pub fn threads(&self) -> Result<u64> {
        Ok(fs::read_dir(format!("/proc/{}/task", self.pid))?.count() as u64)
    }

    /// Sends it a signal by its name, such as `HUP`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("kill").args(["-s", name, &self.pid.to_string()]).status()?;
        if status.success() { Ok(()) } else { Err(format!("{name} cannot be sent").into()) }
    }

    /// CPU time spent by all its threads: nanoseconds where the kernel counts them, else clock
    /// ticks.
    pub fn cpu(&self) -> Result<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            nanos += text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        }
        if nanos > 0 {
            return Ok(Duration::from_nanos(nanos));
        }
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let fields = stat.rsplit(") ").next().unwrap_or_default();
        let ticks: u64 =
            fields.split(' ').skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
        // Linux shows ticks of 1/100 s on every architecture we ship for.
        Ok(Duration::from_millis(ticks * 10))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = running().remove(&self.pid);
        if let Some(mut child) = child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Memory, in KiB.
#[derive(Clone, Copy)]
pub struct Memory {
    /// Resident now.
    pub now: u64,
    /// The most that was ever resident.
    pub peak: u64,
    /// Without the program's own pages, which are the file's.
    pub own: u64,
}

/// How late a thread that only sleeps wakes up meanwhile: what the machine itself adds to every
/// wait, whoever waits.
pub struct Noise {
    over: Arc<AtomicBool>,
    sleeper: JoinHandle<Vec<f64>>,
}

impl Noise {
    /// Starts the thread.
    pub fn listen() -> Self {
        const NAP: Duration = Duration::from_millis(2);
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let sleeper = std::thread::spawn(move || {
            let mut late = Vec::new();
            while !told.load(Ordering::Relaxed) {
                let began = Instant::now();
                std::thread::sleep(NAP);
                late.push(millis(began.elapsed().saturating_sub(NAP)));
            }
            late
        });
        Self { over, sleeper }
    }

    /// The 99th percentile, in milliseconds.
    pub fn p99(self) -> f64 {
        quantile(&self.end(), 0.99)
    }

    /// The longest, in milliseconds.
    pub fn longest(self) -> f64 {
        most(&self.end())
    }

    fn end(self) -> Vec<f64> {
        self.over.store(true, Ordering::Relaxed);
        self.sleeper.join().unwrap_or_default()
    }
}

/// A port that was free a moment ago.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Whether the server's side of a connection is still open; its client need not read to know.
pub fn is_open(server: SocketAddr, client: SocketAddr) -> Result<bool> {
    let (server, client) = (format!(":{:04X}", server.port()), format!(":{:04X}", client.port()));
    // Fields: number, local address, remote address, state; 01 is ESTABLISHED.
    Ok(fs::read_to_string("/proc/net/tcp")?.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().take(4).collect();
        matches!(fields[..], [_, local, remote, "01"]
            if local.ends_with(&server) && remote.ends_with(&client))
    }))
}
