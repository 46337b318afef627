//! The commands: what a person types.
//!
//! Not here: what they are made of. This is the only place that prints.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "commands speak to a terminal")]
#![expect(clippy::disallowed_methods, reason = "commands read the environment, and may block")]

mod check;
mod demo;
mod exit;
mod healthcheck;
pub mod logging;
mod run;
mod webhooks;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::input::Variable;
pub use exit::{OK, UNHEALTHY, USAGE};

const HELP: &str = "\
Watches WhatsApp lines and the access tokens behind them, and tells Prometheus the truth about them.

Usage: whatsapp-exporter [COMMAND]

Commands:
  (none)       Run. Settings come from the environment and from CONFIG_FILE
  demo         Run without settings or network: a simulator plays a day of channel life in minutes
  check        Ask every target once and print how it is; exits 0 when all is well, 1 when a \
  target is not,
               2 when the settings are wrong
  healthcheck  Ask the exporter that runs here whether it is alive; for a container without a shell

Options:
  -h, --help     Print this
  -V, --version  Print the version

Settings (X_FILE names a file that holds X):
";

/// Runs the command that the arguments name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let words: Vec<_> = arguments.iter().map(|word| word.to_str().unwrap_or("")).collect();
    let code = match words.as_slice() {
        [] => run::run(),
        ["demo"] => demo::run(),
        ["check"] => check::run(),
        ["healthcheck"] => healthcheck::run(),
        ["-h" | "--help" | "help"] => {
            print!("{HELP}");
            for Variable { name, default, meaning } in crate::config::variables() {
                let default =
                    if default.is_empty() { String::new() } else { format!(" [{default}]") };
                println!("  {name:<21} {meaning}{default}");
            }
            OK
        }
        ["-V" | "--version"] => {
            println!("whatsapp-exporter {}", env!("CARGO_PKG_VERSION"));
            OK
        }
        _ => {
            eprintln!("unknown command or option; `whatsapp-exporter --help` lists them");
            USAGE
        }
    };
    ExitCode::from(code)
}
