//! The exporter as it is shipped: built without what only tests need, set up with generated settings, and started.
//!
//! Not here: measuring it.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::Result;
use crate::http::Connection;
use crate::process::{Process, free_address};
use crate::upstream::CHANNEL_SECRET;

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

/// How the channels of a fleet are asked.
pub struct Fleet<'a> {
    pub channels: usize,
    pub upstream: SocketAddr,
    pub interval: &'a str,
    /// Whether each channel's requests can be told apart by their path.
    pub told_apart: bool,
}

impl Fleet<'_> {
    /// Writes the settings file and its secret; returns the variables that name them.
    pub fn settings(&self, directory: &Path) -> Result<Vec<(&'static str, String)>> {
        fs::write(directory.join("token"), CHANNEL_SECRET)?;
        let mut text = String::from("channels:\n");
        for number in 0..self.channels {
            write!(text, "- name: shop-{number:06}\n  token_file: token\n")?;
            if self.told_apart {
                writeln!(text, "  api_url: http://{}/c/{number}", self.upstream)?;
            }
        }
        let apart = if self.told_apart { "-apart" } else { "" };
        let file = directory.join(format!("settings-{}{apart}.yaml", self.channels));
        fs::write(&file, text)?;
        let timeout = if self.interval == "1s" { "1s" } else { "10s" };
        Ok(vec![
            ("CONFIG_FILE", file.to_string_lossy().into_owned()),
            ("WHAPI_API_URL", format!("http://{}", self.upstream)),
            ("WHAPI_POLL_INTERVAL", self.interval.to_owned()),
            ("POLL_TIMEOUT", timeout.to_owned()),
        ])
    }
}
