//! `--help`: commands, flags and variables.
//!
//! Not here: the lists themselves.

use std::fmt::Write as _;

use super::flags::{ABOUT, COMMANDS, COMMON, Flag, FlagValue};
use crate::config::variables;
use crate::input::Variable;

/// The width of the first column.
const FIRST: usize = 30;

/// What `--help` prints.
pub(super) fn text() -> String {
    let mut text = format!("{ABOUT}\n\nUsage: whatsapp-exporter [COMMAND] [FLAGS]\n\nCommands:\n");
    row(&mut text, "(none)", "Run. Settings come from flags, variables and the settings file");
    for command in COMMANDS {
        row(&mut text, &command.usage(), command.meaning);
        command.flags.iter().for_each(|flag| flag_row(&mut text, flag));
    }
    text.push_str("\nFlags, which win over variables:\n");
    COMMON.iter().for_each(|flag| flag_row(&mut text, flag));
    text.push_str("\nVariables (X_FILE names a file that holds X):\n");
    for Variable { name, default, meaning } in variables() {
        let default = if default.is_empty() { String::new() } else { format!(" [{default}]") };
        row(&mut text, name, &format!("{meaning}{default}"));
    }
    text
}

fn flag_row(text: &mut String, flag: &Flag) {
    let mut meaning = flag.meaning.to_owned();
    if let FlagValue::OneOf(words) = flag.value {
        let _ = write!(meaning, ": {}", words.join(", "));
    }
    if let Some(variable) = flag.variable {
        let _ = write!(meaning, " (${variable})");
    }
    row(text, &format!("  {}", flag.usage()), &meaning);
}

fn row(text: &mut String, first: &str, second: &str) {
    let _ = writeln!(text, "  {first:<FIRST$} {second}");
}
