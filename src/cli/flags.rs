//! The one list of commands and flags: what is read, `--help`, completions and the manual page come
//! from it.
//!
//! Not here: what they do, and the settings that have a variable alone.

/// A flag.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flag {
    /// Its name, without the dashes.
    pub(super) name: &'static str,
    /// Its short form, without the dash.
    pub(super) short: Option<char>,
    /// What follows it, if anything does.
    pub(super) value: FlagValue,
    /// The variable that it stands for.
    pub(super) variable: Option<&'static str>,
    pub(super) meaning: &'static str,
}

/// What follows a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlagValue {
    Nothing,
    File,
    Address,
    OneOf(&'static [&'static str]),
}

impl FlagValue {
    /// The word that stands for it.
    pub(super) const fn placeholder(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::File => "FILE",
            Self::Address => "ADDRESS",
            Self::OneOf(_) => "WORD",
        }
    }
}

impl Flag {
    const fn switch(name: &'static str, short: Option<char>, meaning: &'static str) -> Self {
        Self { name, short, value: FlagValue::Nothing, variable: None, meaning }
    }

    const fn setting(
        name: &'static str,
        value: FlagValue,
        variable: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { name, short: None, value, variable: Some(variable), meaning }
    }

    /// How it is typed.
    pub(super) fn usage(&self) -> String {
        let long = match self.value {
            FlagValue::Nothing => format!("--{}", self.name),
            value => format!("--{}={}", self.name, value.placeholder()),
        };
        match self.short {
            Some(short) => format!("-{short}, {long}"),
            None => long,
        }
    }
}

/// A command.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    /// The flags that it alone takes.
    pub(super) flags: &'static [Flag],
    /// The word that must follow it, one of these.
    pub(super) argument: Option<(&'static str, &'static [&'static str])>,
}

impl Command {
    /// How it is typed.
    pub(super) fn usage(&self) -> String {
        match self.argument {
            Some((placeholder, _)) => format!("{} {placeholder}", self.name),
            None => self.name.to_owned(),
        }
    }
}

pub(super) const HELP: Flag = Flag::switch("help", Some('h'), "Print this");
pub(super) const VERSION: Flag = Flag::switch("version", Some('V'), "Print the version");
pub(super) const JSON: Flag = Flag::switch("json", None, "Print JSON");
pub(super) const OFFLINE: Flag =
    Flag::switch("offline", None, "Validate the settings without making any requests");
pub(super) const VERBOSE: Flag =
    Flag::switch("verbose", None, "List every target, including all healthy ones");

/// The flags that every command takes. Each stands for a variable, or prints something.
pub(super) const COMMON: &[Flag] = &[
    Flag::setting(
        "config.file",
        FlagValue::File,
        "CONFIG_FILE",
        "The settings file: YAML with channels, tokens and sources",
    ),
    Flag::setting(
        "web.listen-address",
        FlagValue::Address,
        "LISTEN_ADDRESS",
        "Where /metrics and the other pages are served",
    ),
    Flag::setting(
        "web.config.file",
        FlagValue::File,
        "WEB_CONFIG_FILE",
        "Prometheus' web configuration file: TLS and basic authentication",
    ),
    Flag::setting(
        "log.level",
        FlagValue::OneOf(&["error", "warn", "info", "debug", "trace"]),
        "LOG_LEVEL",
        "Minimum log level",
    ),
    Flag::setting("log.format", FlagValue::OneOf(&["text", "json"]), "LOG_FORMAT", "Log format"),
    HELP,
    VERSION,
];

/// The shells that completions are written for.
pub(super) const SHELLS: &[&str] = &["bash", "zsh", "fish"];

/// The commands beside running, which has no name.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "demo",
        meaning: "Run without settings or network: a simulator plays a day of channel life in \
                  minutes",
        flags: &[],
        argument: None,
    },
    Command {
        name: "check",
        meaning: "Poll every target once and print its status. Exits with 0 if all targets are \
            healthy, 1 if any is not, 2 if the settings are invalid",
        flags: &[JSON, OFFLINE, VERBOSE],
        argument: None,
    },
    Command {
        name: "healthcheck",
        meaning: "Query /healthz of the local exporter; for container health checks without a \
            shell",
        flags: &[],
        argument: None,
    },
    Command {
        name: "completions",
        meaning: "Print completions for a shell: bash, zsh or fish",
        flags: &[],
        argument: Some(("SHELL", SHELLS)),
    },
    Command {
        name: "man",
        meaning: "Print the manual page, for man(1)",
        flags: &[],
        argument: None,
    },
];

/// What the program is for, in a sentence.
pub(super) const ABOUT: &str = "Watches WhatsApp lines and the access tokens behind them, and \
    exports their status to Prometheus.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_of_a_setting_names_a_variable_that_there_is() {
        let variables = crate::config::variables();
        for flag in COMMON.iter().filter(|flag| flag.value != FlagValue::Nothing) {
            let known = variables.iter().any(|known| Some(known.name) == flag.variable);
            assert!(known, "--{} stands for {:?}", flag.name, flag.variable);
        }
    }
}
