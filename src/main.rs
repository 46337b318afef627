//! The program: hands its arguments to the commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    whatsapp_exporter::cli::main(std::env::args_os().skip(1))
}
