//! What the tests of the whole program share: the program itself, the simulated upstreams, a
//! browser by hand, and a reader of metrics. Deadlines are generous and looked at again and again,
//! since machines may be slow; no test measures time to the second.
#![allow(dead_code, reason = "each test program uses its own part of it")]

pub mod http;
pub mod metrics;
pub mod wire;

use std::ffi::OsString;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use http::Reply;
use metrics::Metrics;
use whatsapp_simulator::Simulator;

/// Longer than anything here takes on a slow machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The program: as it is shipped, where `TEST_BINARY` names it, or else as cargo built it along
/// with the tests. The optimiser has made mistakes that only the shipped one shows.
pub fn binary() -> OsString {
    let along = || env!("CARGO_BIN_EXE_whatsapp-exporter").into();
    std::env::var_os("TEST_BINARY").unwrap_or_else(along)
}

/// Looks again and again until there is something to see.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(DEADLINE, look).unwrap_or_else(|| panic!("not within {DEADLINE:?}: {what}"))
}

/// Looks again and again until there is something to see, or the deadline has passed.
pub fn within<T>(deadline: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        let looking = Instant::now();
        if let Some(seen) = look() {
            return Some(seen);
        }
        if began.elapsed() > deadline {
            return None;
        }
        // Large pages are looked at less often, since other tests run too.
        sleep(Duration::from_millis(50).max(looking.elapsed() * 3).min(Duration::from_secs(1)));
    }
}

/// Raises this process's limit of open files as far as the system lets it. For tests with more
/// connections than the usual 1,024; all tests share the process.
pub fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("a soft limit may be raised to the hard one");
}

/// A port where nothing listens, nor ever will while the tests run: many tests share this process,
/// and a port that is merely free may be another's a moment later.
pub fn closed_port() -> SocketAddr {
    use socket2::{Domain, Socket, Type};
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&any.into()).expect("a free port");
    let address = socket.local_addr().expect("an address").as_socket().expect("IPv4");
    // Bound, but not listening: connections are refused, and nobody else gets the port.
    std::mem::forget(socket);
    address
}

/// The simulated upstreams, on a thread of their own so that tests can be written without waiting
/// in the language.
pub struct Upstream {
    pub simulator: Simulator,
    pub runtime: tokio::runtime::Runtime,
}

impl Upstream {
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let simulator = runtime.block_on(Simulator::start()).expect("a free port");
        Self { simulator, runtime }
    }
}

impl std::ops::Deref for Upstream {
    type Target = Simulator;
    fn deref(&self) -> &Simulator {
        &self.simulator
    }
}

/// Files of settings and secrets, removed at the end.
pub struct Files(tempfile::TempDir);

impl Files {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn directory(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        // Renamed into place, as whoever rotates a secret should do.
        let fresh = self.path(&format!("{name}.fresh"));
        std::fs::write(&fresh, content).expect("a written file");
        std::fs::rename(fresh, &path).expect("a renamed file");
        path
    }
}

/// How the program is to be started: with a clean environment, on a port of its own.
#[derive(Clone)]
pub struct Setup {
    arguments: Vec<String>,
    variables: Vec<(OsString, OsString)>,
    descriptors: Option<(u32, u32)>,
}

impl Setup {
    pub fn new() -> Self {
        // Whatever hangs must not hang for long.
        Self::bare().set("LISTEN_ADDRESS", "127.0.0.1:0").pace("1s")
    }

    /// Watches what this simulator plays.
    pub fn of(upstream: &Simulator) -> Self {
        Self::new().set("WHAPI_API_URL", upstream.url()).set("META_API_URL", upstream.url())
    }

    /// Without even a port.
    pub fn bare() -> Self {
        Self { arguments: Vec::new(), variables: Vec::new(), descriptors: None }
    }

    pub fn argument(mut self, word: &str) -> Self {
        self.arguments.push(word.to_owned());
        self
    }

    pub fn set(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.into(), value.into()));
        self
    }

    pub fn unset(mut self, name: &str) -> Self {
        self.variables.retain(|(other, _)| other != name);
        self
    }

    /// Asks every so often, and waits as long for an answer.
    pub fn pace(self, interval: &str) -> Self {
        self.set("POLL_TIMEOUT", interval)
            .set("WHAPI_POLL_INTERVAL", interval)
            .set("META_POLL_INTERVAL", interval)
    }

    /// With a gateway that leads to this upstream.
    pub fn gateway(self, upstream: &wire::ByHand) -> Self {
        self.set("GATEWAY_ADDRESS", "127.0.0.1:0")
            .set("WHAPI_API_URL", upstream.url())
            .set("META_API_URL", upstream.url())
    }

    /// With these limits of descriptors.
    pub fn descriptors(mut self, soft: u32, hard: u32) -> Self {
        self.descriptors = Some((soft, hard));
        self
    }

    /// With a settings file of this text.
    pub fn file(self, files: &Files, yaml: &str) -> Self {
        let path = files.write("settings.yaml", yaml);
        self.set("CONFIG_FILE", path)
    }

    fn spawn(&self) -> Program {
        let binary = binary();
        let mut command = match self.descriptors {
            None => Command::new(binary),
            Some((soft, hard)) => {
                let mut shell = Command::new("/bin/sh");
                let limits =
                    format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$0\" \"$@\"");
                shell.arg("-c").arg(limits).arg(binary);
                shell
            }
        };
        let mut child = command
            .args(&self.arguments)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (stdout, stderr) = (Printed::default(), Printed::default());
        stdout.follow(child.stdout.take().expect("standard output"));
        stderr.follow(child.stderr.take().expect("standard error"));
        Program { child, stdout, stderr, address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) }
    }

    /// Starts the program and waits until it listens.
    pub fn start(&self) -> Program {
        let mut program = self.spawn();
        let begun = Instant::now();
        loop {
            if let Some(address) = program.listening() {
                program.address = address;
                return program;
            }
            let ended = program.child.try_wait().expect("a child to ask");
            assert!(
                ended.is_none() && begun.elapsed() < DEADLINE,
                "it does not listen ({ended:?}): {}",
                program.printed()
            );
            sleep(Duration::from_millis(20));
        }
    }

    /// Runs the program to its end.
    pub fn run(&self) -> Ended {
        let mut program = self.spawn();
        let status = program.wait(DEADLINE);
        Ended { code: status.code(), stdout: program.stdout.text(), stderr: program.stderr.text() }
    }
}

/// What a program that has ended left behind.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

#[derive(Clone, Default)]
struct Printed(Arc<Mutex<(Vec<u8>, bool)>>);

impl Printed {
    fn follow(&self, mut from: impl Read + Send + 'static) {
        let to = self.clone();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            loop {
                let size = from.read(&mut chunk).unwrap_or(0);
                let mut to = to.0.lock().unwrap_or_else(PoisonError::into_inner);
                to.0.extend_from_slice(&chunk[..size]);
                to.1 = size == 0;
                if size == 0 {
                    return;
                }
            }
        });
    }

    fn text(&self) -> String {
        let printed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&printed.0).into_owned()
    }

    fn ended(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

/// The program at work; it is killed when this is dropped.
pub struct Program {
    child: Child,
    stdout: Printed,
    stderr: Printed,
    pub address: SocketAddr,
}

impl Program {
    /// The address in the line that says that it listens.
    fn listening(&self) -> Option<SocketAddr> {
        self.address_after("listening")
    }

    /// Where its gateway listens.
    pub fn gateway(&self) -> SocketAddr {
        eventually("the gateway's address", || self.address_after("gateway listening"))
    }

    /// The address in the line of the log with these words, in either format.
    fn address_after(&self, words: &str) -> Option<SocketAddr> {
        let log = self.stderr.text();
        let line = log.lines().find(|line| line.contains(words))?;
        let (_, rest) = line.split_once("address")?;
        let address: String = rest
            .trim_start_matches(['"', ':', '='])
            .chars()
            .take_while(|letter| !letter.is_whitespace() && *letter != '"' && *letter != ',')
            .collect();
        address.parse().ok()
    }

    /// All it printed so far.
    pub fn printed(&self) -> String {
        self.stdout.text() + &self.stderr.text()
    }

    /// Its standard error so far. What it wrote before it answered may still be in the pipe, so
    /// this waits until nothing more comes.
    pub fn log(&self) -> String {
        let mut text = self.stderr.text();
        for _ in 0..50 {
            sleep(Duration::from_millis(200));
            let more = self.stderr.text();
            if more.len() == text.len() {
                break;
            }
            text = more;
        }
        text
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn get(&self, path: &str) -> Reply {
        http::get(self.address, path, &[]).unwrap_or_else(|error| {
            panic!("{path} is not answered: {error}; printed: {}", self.printed())
        })
    }

    /// Has it reload its settings, which must be right.
    pub fn reload(&self) {
        let reply = http::ask(self.address, "POST", "/-/reload", &[]).expect("an answer");
        assert_eq!(reply.status, 200, "{reply:?}");
    }

    pub fn metrics(&self) -> Metrics {
        let reply = self.get("/metrics");
        assert_eq!(reply.status, 200);
        Metrics::read(&reply.text())
    }

    /// Waits until the metrics are as `look` wants them.
    pub fn until<T>(&self, what: &str, look: impl Fn(&Metrics) -> Option<T>) -> T {
        within(DEADLINE, || look(&self.metrics())).unwrap_or_else(|| {
            let page = self.metrics();
            panic!("not within {DEADLINE:?}: {what}\n{}\n{page}", self.printed())
        })
    }

    /// Waits until a series has this value; `None` waits until there is no such series.
    pub fn until_is(&self, series: &str, value: impl Into<Option<f64>>) {
        let value = value.into();
        self.until(&format!("{series} is {value:?}"), |page| {
            (page.get(series) == value).then_some(())
        });
    }

    /// Waits until a series is at least this.
    pub fn until_at_least(&self, series: &str, value: f64) {
        self.until(&format!("{series} is at least {value}"), |page| {
            page.get(series).filter(|seen| *seen >= value).map(drop)
        });
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.id().to_string()]).status();
        assert!(sent.expect("the command kill").success());
    }

    /// Waits for the end.
    pub fn wait(&mut self, deadline: Duration) -> ExitStatus {
        let ended = within(deadline, || self.child.try_wait().expect("a child to ask"));
        let ended =
            ended.unwrap_or_else(|| panic!("it has not ended in {deadline:?}: {}", self.printed()));
        // What it said last may still be in the pipes.
        eventually("the output's end", || {
            (self.stdout.ended() && self.stderr.ended()).then_some(())
        });
        ended
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
