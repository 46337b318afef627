//! Real programs on loopback: started when they answer, ended with the test.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;

/// Long enough for a machine that is busy with other things; a test that is well never waits for
/// it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A program of the machine's.
///
/// # Panics
///
/// With the package to install, when there is none: a test that is skipped in silence proves
/// nothing.
pub fn installed(names: &[&str], package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .flat_map(|directory| names.iter().map(move |name| directory.join(name)))
        .find(|file| file.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "this test needs the program `{}`, which is not in PATH; on Debian: apt-get install \
             {package}",
            names[0]
        )
    })
}

/// An HTTP client that never asks a proxy.
pub fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().expect("a client")
}

/// A running program, killed when dropped. What it wrote is shown when the test fails.
pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
    /// Where it listens.
    pub port: u16,
}

impl Program {
    /// Starts what `command` makes for a port, until `GET ready` answers 200.
    ///
    /// The port is free when it is looked up; should somebody else be faster, another one is tried.
    pub async fn start(
        name: &str,
        directory: &Path,
        ready: &str,
        command: impl Fn(u16) -> Command,
    ) -> Self {
        let client = client();
        let mut attempt = 0;
        'port: loop {
            attempt += 1;
            let port = free_port();
            let log = directory.join(format!("{name}.{attempt}.log"));
            let output = File::create(&log).expect("a log file");
            let child = command(port)
                .stdin(Stdio::null())
                .stdout(output.try_clone().expect("a second handle"))
                .stderr(output)
                .spawn()
                .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
            let mut program = Self { name: name.to_owned(), child, log, port };
            let deadline = Instant::now() + PATIENCE;
            loop {
                if let Some(status) = program.child.try_wait().expect("a status") {
                    let taken = program.said().contains("address already in use")
                        || program.said().contains("Address already in use");
                    assert!(taken && attempt < 5, "{name} ended at once: {status}");
                    continue 'port;
                }
                let answer = client.get(program.url(ready)).send().await;
                if answer.is_ok_and(|answer| answer.status() == 200) {
                    return program;
                }
                assert!(Instant::now() < deadline, "{name} does not get ready");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The address in the first line of its log with these words, once there is one.
    pub async fn address_after(&self, words: &str) -> String {
        wait_for(&format!("{words}: address=…"), PATIENCE, async || {
            let said = self.said();
            let line = said.lines().find(|line| line.contains(words))?;
            let (_, rest) = line.split_once("address=")?;
            Some(rest.split_whitespace().next()?.to_owned())
        })
        .await
    }

    /// What it has written so far.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Program {
    #[expect(clippy::print_stderr, reason = "the test's own output, when it fails")]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let said = self.said();
            let lines: Vec<&str> = said.lines().collect();
            let last = lines.len().saturating_sub(40);
            eprintln!("--- the last lines of {} ---\n{}", self.name, lines[last..].join("\n"));
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// The exporter itself, with these settings and no others, on a port of its own.
pub async fn exporter(directory: &Path, settings: &[(&str, String)]) -> Program {
    Program::start("whatsapp-exporter", directory, "/readyz", |port| {
        let mut command = Command::new(crate::common::binary());
        command
            .env_clear()
            .env("LISTEN_ADDRESS", format!("127.0.0.1:{port}"))
            .env("LOG_LEVEL", "debug")
            .envs(settings.iter().map(|(name, value)| (name, value)));
        command
    })
    .await
}

/// Asks again and again until there is an answer.
///
/// # Panics
///
/// With what was waited for, when it does not come.
pub async fn wait_for<T>(
    what: &str,
    patience: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {patience:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
