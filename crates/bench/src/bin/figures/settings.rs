//! Generated settings for a fleet of channels.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::upstream::CHANNEL_SECRET;
use whatsapp_exporter_bench::Result;

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
