//! The exporter as it is shipped: found and started.
//!
//! Not here: its settings, and measuring it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crate::Result;
use crate::http::Connection;
use crate::process::{Process, free_address};

/// The release binary: the one in `BENCH_BINARY`, or the one beside this program. Nothing is built
/// here, so that what is measured is what `cargo build --release` makes.
pub fn locate(directory: &Path) -> Result<PathBuf> {
    if let Some(other) = std::env::var_os("BENCH_BINARY") {
        return Ok(other.into());
    }
    if cfg!(debug_assertions) {
        return Err(
            "only a release build is worth measuring; use `make bench` or `make soak`".into()
        );
    }
    let release = std::env::current_exe()?.with_file_name("whatsapp-exporter");
    // A copy, so that another build meanwhile changes nothing.
    let copy = directory.join("whatsapp-exporter");
    fs::copy(&release, &copy).map_err(|error| {
        format!("{}: {error}; `cargo build --release --locked` makes it", release.display())
    })?;
    Ok(copy)
}

/// A running exporter.
pub struct ExporterProcess {
    /// The process, for its memory and CPU time.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
    /// Header lines that its own visitors send.
    pub headers: String,
}

impl ExporterProcess {
    /// Starts it with these settings and no other variable, and waits until it listens.
    pub fn start(binary: &Path, directory: &Path, settings: &[(&str, String)]) -> Result<Self> {
        let exporter = Self::spawn(binary, directory, settings)?;
        exporter.process.listens(exporter.address)?;
        Ok(exporter)
    }

    /// Starts it with so many descriptors at most, and waits until it listens.
    pub fn start_with_descriptors(
        binary: &Path,
        directory: &Path,
        settings: &[(&str, String)],
        descriptors: u32,
    ) -> Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("ulimit -n {descriptors} && exec \"$0\"")]).arg(binary);
        let exporter = Self::spawn_command(command, directory, settings)?;
        exporter.process.listens(exporter.address)?;
        Ok(exporter)
    }

    /// Starts it without waiting.
    pub fn spawn(binary: &Path, directory: &Path, settings: &[(&str, String)]) -> Result<Self> {
        Self::spawn_command(Command::new(binary), directory, settings)
    }

    fn spawn_command(
        mut command: Command,
        directory: &Path,
        settings: &[(&str, String)],
    ) -> Result<Self> {
        let address = free_address()?;
        command
            .env_clear()
            .env("LISTEN_ADDRESS", address.to_string())
            .env("LOG_LEVEL", "warn")
            .envs(settings.iter().map(|(name, value)| (name, value)));
        let process = Process::start(command, directory)?;
        Ok(Self { process, address, headers: String::new() })
    }

    /// A connection of the client that costs nothing.
    pub fn connect(&self) -> Result<Connection> {
        Ok(Connection::open(self.address)?.with_headers(&self.headers))
    }

    /// Fails unless so many channels are known to be authorized: a fast answer about nothing is
    /// worth nothing.
    pub fn all_well(&self, channels: usize) -> Result<()> {
        let page = String::from_utf8(self.connect()?.get("/metrics")?.body)?;
        let well = page
            .lines()
            .filter(|line| line.starts_with("whatsapp_channel_authorized{") && line.ends_with(" 1"))
            .count();
        if well != channels {
            let said: String = self.process.said().chars().take(2000).collect();
            return Err(format!("{well} of {channels} channels are authorized\n{said}").into());
        }
        Ok(())
    }

    /// Waits until so many channels are known to be authorized: on a busy machine the first polls
    /// take their time.
    pub fn settled(&self, channels: usize) -> Result<()> {
        for _ in 0..15 {
            if self.all_well(channels).is_ok() {
                return Ok(());
            }
            sleep(Duration::from_secs(2));
        }
        self.all_well(channels)
    }
}
