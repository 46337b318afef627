//! The manual page, in roff, written from the lists of commands, flags and variables.
//!
//! Not here: the lists.

use std::fmt::Write as _;

use super::flags::{ABOUT, COMMANDS, COMMON, Flag, FlagValue};
use crate::config::variables;
use crate::input::Variable;

/// The page.
pub(super) fn page() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut page = format!(
        ".TH WHATSAPP-EXPORTER 1 \"\" \"whatsapp-exporter {version}\"\n.SH NAME\n\
         whatsapp-exporter \\- Prometheus exporter for WhatsApp lines and access tokens\n\
         .SH SYNOPSIS\n.B whatsapp-exporter\n[\\fICOMMAND\\fR] [\\fIFLAGS\\fR]\n\
         .SH DESCRIPTION\n{}\nWithout a command it runs until it receives SIGTERM or SIGINT. \
         Settings come from flags, from variables and from the settings file; flags win over \
         variables.\n\
         .SH COMMANDS\n",
        escaped(ABOUT)
    );
    for command in COMMANDS {
        entry(&mut page, &command.usage(), command.meaning);
        if !command.flags.is_empty() {
            page.push_str(".RS\n");
            command.flags.iter().for_each(|flag| flag_entry(&mut page, flag));
            page.push_str(".RE\n");
        }
    }
    page.push_str(".SH FLAGS\n");
    COMMON.iter().for_each(|flag| flag_entry(&mut page, flag));
    page.push_str(".SH ENVIRONMENT\nX_FILE names a file that holds X.\n");
    for Variable { name, default, meaning } in variables() {
        let default =
            if default.is_empty() { String::new() } else { format!(" Default: {default}.") };
        entry(&mut page, name, &format!("{meaning}.{default}"));
    }
    page.push_str(
        ".SH SIGNALS\n.TP\n.B SIGHUP\nReloads the settings.\n.TP\n.B SIGTERM, SIGINT\nShuts down \
         gracefully.\n.SH EXIT STATUS\n.TP\n.B 0\nAll is well.\n.TP\n.B 1\nA target is not well, \
         or the exporter cannot run.\n.TP\n.B 2\nThe settings or the command line are wrong.\n",
    );
    page
}

fn flag_entry(page: &mut String, flag: &Flag) {
    let mut meaning = format!("{}.", flag.meaning);
    if let FlagValue::OneOf(words) = flag.value {
        let _ = write!(meaning, " One of {}.", words.join(", "));
    }
    if let Some(variable) = flag.variable {
        let _ = write!(meaning, " Stands for {variable}.");
    }
    entry(page, &flag.usage(), &meaning);
}

fn entry(page: &mut String, name: &str, meaning: &str) {
    let _ = writeln!(page, ".TP\n.B {}\n{}", escaped(name), escaped(meaning));
}

/// A text that roff prints as it is.
fn escaped(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-");
    // A line that begins with one of these is a request.
    let begins = escaped.starts_with(['.', '\'']);
    if begins { format!("\\&{escaped}") } else { escaped }
}
