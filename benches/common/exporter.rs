//! The exporter as it is shipped: built without what only tests need, and started.
//!
//! Not here: its settings, and measuring it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::Result;
use super::http::Connection;
use super::process::{Process, free_address};

/// Builds the program. `cargo bench` builds it too, but with the features that tests ask of shared dependencies (tokio's
/// `test-util` among them), which nobody gets who installs it.
pub fn build(directory: &Path) -> Result<PathBuf> {
    let built = PathBuf::from(env!("CARGO_BIN_EXE_whatsapp-exporter"));
    if let Some(other) = std::env::var_os("BENCH_BINARY") {
        return Ok(other.into());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--locked", "--bin", "whatsapp-exporter"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .status()?;
    if !status.success() {
        return Err("the release binary cannot be built".into());
    }
    let release = built
        .ancestors()
        .nth(2)
        .map(|target| target.join("release").join("whatsapp-exporter"))
        .ok_or("where did cargo put it?")?;
    // A copy, so that another build meanwhile changes nothing.
    let copy = directory.join("whatsapp-exporter");
    fs::copy(release, &copy)?;
    Ok(copy)
}

/// A running exporter.
pub struct Exporter {
    pub process: Process,
    pub address: SocketAddr,
}

impl Exporter {
    /// Starts it with these settings and no other variable, and waits until it listens.
    pub fn start(binary: &Path, directory: &Path, settings: &[(&str, String)]) -> Result<Self> {
        let exporter = Self::spawn(binary, directory, settings)?;
        exporter.process.listens(exporter.address)?;
        Ok(exporter)
    }

    /// Starts it without waiting.
    pub fn spawn(binary: &Path, directory: &Path, settings: &[(&str, String)]) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(binary);
        command
            .env_clear()
            .env("LISTEN_ADDRESS", address.to_string())
            .env("LOG_LEVEL", "warn")
            .envs(settings.iter().map(|(name, value)| (name, value)));
        Ok(Self { process: Process::start(command, directory)?, address })
    }

    pub fn connect(&self) -> Result<Connection> {
        Connection::open(self.address)
    }

    /// Fails unless so many channels are known to be authorized: a fast answer about nothing is worth nothing.
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

    /// Waits until so many channels are known to be authorized: on a busy machine the first polls take their time.
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
