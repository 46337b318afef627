//! A real Alertmanager.

use std::path::Path;
use std::process::Command;

use super::program::{Program, installed};

/// A running Alertmanager.
pub struct Alertmanager {
    program: Program,
}

impl Alertmanager {
    /// Starts one with these settings, in `directory`, alone and not in a cluster.
    pub async fn start(directory: &Path, settings: &str) -> Self {
        // Debian's name, and the project's own.
        let names = ["prometheus-alertmanager", "alertmanager"];
        let binary = installed(&names, "prometheus-alertmanager");
        let file = directory.join("alertmanager.yaml");
        std::fs::write(&file, settings).expect("the settings");
        let program = Program::start("alertmanager", directory, "/-/ready", |port| {
            let mut command = Command::new(&binary);
            command
                .current_dir(directory)
                .arg(format!("--config.file={}", file.display()))
                .arg(format!("--storage.path={}", directory.join("alertmanager").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .arg("--cluster.listen-address=");
            command
        })
        .await;
        Self { program }
    }

    /// Its host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.program.port)
    }
}
