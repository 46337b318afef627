//! What a person typed, read into a command and the settings that it runs with.
//!
//! Not here: which commands and flags there are (`flags.rs`). No sentence repeats what was typed:
//! it may be a secret in the wrong place.

use std::ffi::{OsStr, OsString};

use lexopt::Arg;

use super::flags::{COMMANDS, COMMON, Command, Flag, FlagValue, HELP, VERSION};
use crate::input::{Problems, nearest};

/// What is to be done.
pub(super) struct Invocation {
    /// `None` is to run.
    pub(super) command: Option<&'static Command>,
    /// The word that followed the command.
    pub(super) argument: Option<&'static str>,
    /// The switches that were typed.
    switches: Vec<&'static Flag>,
    pub(super) environment: Environment,
}

impl Invocation {
    /// Whether this switch was typed.
    pub(super) fn has(&self, switch: &Flag) -> bool {
        self.switches.contains(&switch)
    }
}

/// The variables that the settings are read from: those of the process, and flags in their place.
pub(super) struct Environment {
    /// Their names and values.
    pub(super) variables: Vec<(OsString, OsString)>,
    /// The flags that stand for one.
    flags: Vec<&'static Flag>,
}

impl Environment {
    /// Whether a variable is there and not empty.
    pub(super) fn has(&self, name: &str) -> bool {
        self.variables.iter().any(|(other, value)| OsStr::new(name) == other && !value.is_empty())
    }

    /// The sentences about mistakes, which name the flag where a flag was typed.
    pub(super) fn sentences(&self, problems: &Problems) -> Vec<String> {
        let by_flag = |sentence: &str| {
            self.flags.iter().find_map(|flag| {
                let rest = sentence.strip_prefix(flag.variable?)?;
                rest.starts_with([':', ' ']).then(|| format!("--{}{rest}", flag.name))
            })
        };
        problems.iter().map(|one| by_flag(one).unwrap_or_else(|| one.to_owned())).collect()
    }
}

/// Reads what was typed, over the variables of the process.
///
/// # Errors
///
/// A sentence that says what is wrong and what to do.
pub(super) fn read(
    typed: impl IntoIterator<Item = OsString>,
    variables: Vec<(OsString, OsString)>,
) -> Result<Invocation, String> {
    let mut parser = lexopt::Parser::from_args(typed);
    let mut command: Option<&'static Command> = None;
    let mut argument = None;
    let mut switches: Vec<&'static Flag> = Vec::new();
    let mut environment = Environment { variables, flags: Vec::new() };
    while let Some(next) = parser.next().map_err(|error| malformed(&error))? {
        match next {
            Arg::Value(word) => match (command, argument) {
                (None, _) if word == "help" => switches.push(&HELP),
                (None, _) => command = Some(the_command(&word)?),
                (Some(command), None) => argument = Some(the_argument(command, &word)?),
                (Some(command), Some(_)) => return Err(nothing_more(command)),
            },
            Arg::Long(_) | Arg::Short(_) => {
                let flag = the_flag(&next, command)?;
                if flag.value == FlagValue::Nothing {
                    switches.push(flag);
                } else {
                    let needs = || format!("--{} needs a value: {}", flag.name, flag.usage());
                    let value = parser.value().map_err(|_| needs())?;
                    environment.set(flag, value);
                }
            }
        }
    }
    let has = |flag: &Flag| switches.contains(&flag);
    if has(&HELP) && has(&VERSION) {
        return Err("use either --help or --version, not both".to_owned());
    }
    if let Some(Command { name, argument: Some((placeholder, words)), .. }) = command
        && argument.is_none()
        && !has(&HELP)
        && !has(&VERSION)
    {
        return Err(format!("`{name}` needs a {placeholder}: {}", words.join(", ")));
    }
    Ok(Invocation { command, argument, switches, environment })
}

impl Environment {
    fn set(&mut self, flag: &'static Flag, value: OsString) {
        let Some(variable) = flag.variable else { return };
        self.variables.retain(|(name, _)| name != variable);
        self.variables.push((variable.into(), value));
        self.flags.push(flag);
    }
}

const MORE: &str = "`whatsapp-exporter --help` lists commands and flags";

fn malformed(error: &lexopt::Error) -> String {
    match error {
        lexopt::Error::UnexpectedValue { option, .. } if is_plain(option) => {
            format!("{option} takes no value; {MORE}")
        }
        _ => format!("invalid flag; {MORE}"),
    }
}

fn the_command(word: &OsStr) -> Result<&'static Command, String> {
    let word = word.to_str().unwrap_or_default();
    COMMANDS.iter().find(|command| command.name == word).ok_or_else(|| {
        let names = COMMANDS.iter().map(|command| command.name);
        let meant = nearest(word, names);
        let meant = meant.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
        format!("unknown command{meant}; {MORE}, and without a command the exporter runs")
    })
}

fn the_argument(command: &Command, word: &OsStr) -> Result<&'static str, String> {
    let Some((placeholder, words)) = command.argument else { return Err(nothing_more(command)) };
    let found = words.iter().find(|known| **known == word).copied();
    found.ok_or_else(|| {
        format!("`{}`: {placeholder} must be one of {}", command.name, words.join(", "))
    })
}

fn nothing_more(command: &Command) -> String {
    format!("`{}` takes no further arguments, only flags; {MORE}", command.usage())
}

fn the_flag(typed: &Arg<'_>, command: Option<&'static Command>) -> Result<&'static Flag, String> {
    let own = command.map_or(&[] as &[Flag], |command| command.flags);
    let mut known = COMMON.iter().chain(own);
    let is_typed = |flag: &&Flag| match typed {
        Arg::Long(name) => flag.name == *name,
        Arg::Short(letter) => flag.short == Some(*letter),
        Arg::Value(_) => false,
    };
    if let Some(flag) = known.clone().find(is_typed) {
        return Ok(flag);
    }
    for command in COMMANDS {
        if let Some(flag) = command.flags.iter().find(is_typed) {
            let name = command.name;
            return Err(format!(
                "--{} is a flag of `{name}`, and comes after it; {MORE}",
                flag.name
            ));
        }
    }
    let Arg::Long(name) = typed else { return Err(format!("unknown flag; {MORE}")) };
    let shown =
        if is_plain(name) { format!("unknown flag --{name}") } else { "unknown flag".into() };
    let by_variable = crate::config::variables().into_iter().find(|variable| {
        let wanted = name.replace(['.', '-'], "_");
        variable.name.eq_ignore_ascii_case(&wanted)
    });
    Err(match (nearest(name, known.by_ref().map(|flag| flag.name)), by_variable) {
        (Some(meant), _) => format!("{shown}; did you mean --{meant}?"),
        (None, Some(variable)) => format!("{shown}; set the variable {} instead", variable.name),
        (None, None) => {
            format!("{shown}; {MORE}; most settings are variables, which it lists too")
        }
    })
}

/// Whether a flag's name can be shown: a secret in its place has other letters, or more of them.
fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'.' || byte == b'-';
    name.len() <= 32 && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::super::flags::JSON;
    use super::*;

    fn typed(words: &[&str]) -> Result<Invocation, String> {
        let variables = vec![("LOG_LEVEL".into(), "info".into()), ("X".into(), "y".into())];
        read(words.iter().map(|word| OsString::from(*word)), variables)
    }

    fn variable(invocation: &Invocation, name: &str) -> Vec<String> {
        let all = invocation.environment.variables.iter();
        let named = all.filter(|(other, _)| other == name);
        named.map(|(_, value)| value.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_flag_wins_over_its_variable_before_and_after_a_command() {
        for words in [
            &["--log.level=debug", "check", "--json"][..],
            &["check", "--json", "--log.level", "debug"],
            &["--log.level", "warn", "check", "--log.level=debug", "--json"],
        ] {
            let read = typed(words).unwrap();
            assert_eq!(read.command.map(|command| command.name), Some("check"));
            assert!(read.has(&JSON));
            assert_eq!(variable(&read, "LOG_LEVEL"), ["debug"], "{words:?}");
            assert_eq!(variable(&read, "X"), ["y"]);
        }
        let plain = typed(&[]).unwrap();
        assert!(plain.command.is_none() && variable(&plain, "LOG_LEVEL") == ["info"]);
    }

    #[test]
    fn mistakes_name_the_flag_where_a_flag_was_typed() {
        let mut problems = Problems::default();
        problems.add("LOG_LEVEL: must be one of a, b");
        problems.add("LOG_FORMAT: must be `text` or `json`");
        let read = typed(&["--log.level=loud"]).unwrap();
        let told = read.environment.sentences(&problems);
        assert_eq!(told[0], "--log.level: must be one of a, b");
        assert_eq!(told[1], "LOG_FORMAT: must be `text` or `json`");
    }

    #[test]
    fn what_is_wrong_is_told_in_a_sentence_that_repeats_no_secret() {
        for (words, told) in [
            (
                &["--config-file=s3cret"][..],
                "unknown flag --config-file; did you mean --config.file?",
            ),
            (&["--config.fil=s3cret"], "unknown flag --config.fil; did you mean --config.file?"),
            (&["--state-file=s3cret"], "set the variable STATE_FILE instead"),
            (&["--s3cret"], "unknown flag; `whatsapp-exporter --help`"),
            (&["s3cret"], "unknown command; `whatsapp-exporter --help`"),
            (&["chekc"], "unknown command; did you mean `check`?"),
            (&["--config.file"], "--config.file needs a value: --config.file=FILE"),
            (&["--json"], "--json is a flag of `check`, and comes after it"),
            (&["check", "--json=s3cret"], "--json takes no value"),
            (&["check", "s3cret"], "`check` takes no further arguments"),
            (&["completions"], "`completions` needs a SHELL: bash, zsh, fish"),
            (&["completions", "s3cret"], "SHELL must be one of bash, zsh, fish"),
            (&["completions", "bash", "s3cret"], "`completions SHELL` takes no further arguments"),
            (&["--help", "--version"], "use either --help or --version"),
            (&["-x"], "unknown flag"),
        ] {
            let sentence = typed(words).err().unwrap();
            assert!(sentence.contains(told), "{words:?}: {sentence}");
            assert!(!sentence.contains("s3cret"), "{words:?}: {sentence}");
        }
    }
}
