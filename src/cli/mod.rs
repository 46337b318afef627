//! The commands: what a person types.
//!
//! Not here: what they are made of. This is the only place that prints.
#![expect(clippy::print_stdout, reason = "commands speak to a terminal")]
#![expect(clippy::disallowed_methods, reason = "commands read the environment, and may block")]

mod arguments;
mod check;
mod completions;
mod demo;
mod exit;
mod flags;
mod healthcheck;
mod help;
pub mod logging;
mod man;
mod run;
mod start_log;

use std::ffi::OsString;
use std::process::ExitCode;

use arguments::Invocation;
use exit::print;
pub use exit::{OK, UNHEALTHY, USAGE};

/// Runs the command that the arguments name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let code = match arguments::read(arguments, variables()) {
        Ok(invocation) => perform(&invocation),
        Err(sentence) => {
            exit::complain([sentence.as_str()]);
            USAGE
        }
    };
    ExitCode::from(code)
}

/// The variables of the process, and the host's name, which not everybody exports.
fn variables() -> Vec<(OsString, OsString)> {
    let mut variables: Vec<_> = std::env::vars_os().collect();
    if variables.iter().all(|(name, _)| name != "HOSTNAME") {
        let system = rustix::system::uname();
        let name = system.nodename().to_string_lossy().into_owned();
        variables.push(("HOSTNAME".into(), name.into()));
    }
    variables
}

fn perform(invocation: &Invocation) -> u8 {
    let environment = &invocation.environment;
    if invocation.has(&flags::HELP) {
        return print(&help::text());
    }
    if invocation.has(&flags::VERSION) {
        return print(&format!("whatsapp-exporter {}\n", env!("CARGO_PKG_VERSION")));
    }
    match invocation.command.map(|command| command.name) {
        Some("demo") => demo::run(environment),
        Some("check") => check::run(invocation),
        Some("healthcheck") => healthcheck::run(environment),
        Some("completions") => print(&completions::script(invocation.argument.unwrap_or_default())),
        Some("man") => print(&man::page()),
        _ => run::run(environment),
    }
}
