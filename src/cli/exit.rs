//! What all commands share: exit codes, errors on the terminal, and the runtime.
//!
//! Not here: the commands.

use std::io::{self, Write as _};

/// All is well.
pub const OK: u8 = 0;
/// A target is not well, or the exporter cannot run.
pub const UNHEALTHY: u8 = 1;
/// The settings or the command line are wrong.
pub const USAGE: u8 = 2;

/// Prints sentences, each on a line of its own.
pub(super) fn complain<'a>(sentences: impl IntoIterator<Item = &'a str>) {
    for sentence in sentences {
        say(&format!("error: {sentence}"));
    }
}

/// Prints what may be a mistake and stops nothing.
pub(super) fn warn(sentences: impl IntoIterator<Item = impl std::fmt::Display>) {
    for sentence in sentences {
        say(&format!("warning: {sentence}"));
    }
}

/// Whoever closed the other end does not want to know, and the exit code tells the rest.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints a text. A reader that has read enough, such as `head`, is no error.
pub(super) fn print(text: &str) -> u8 {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain([format!("the output cannot be written: {error}").as_str()]);
            UNHEALTHY
        }
        _ => OK,
    }
}

/// A runtime on this thread alone: the work is I/O, and one thread costs least memory.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, u8> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        say(&format!("error: the runtime cannot be started: {error}"));
        UNHEALTHY
    })
}
