//! Completions for bash, zsh and fish, written from the list of commands and flags.
//!
//! Not here: the list.

use std::fmt::Write as _;

use super::flags::{COMMANDS, COMMON, Command, Flag, FlagValue};

/// The script for a shell of `SHELLS`.
pub(super) fn script(shell: &str) -> String {
    match shell {
        "zsh" => zsh(),
        "fish" => fish(),
        _ => bash(),
    }
}

/// What bash inserts for a flag.
fn long(flag: &Flag) -> String {
    let equals = if flag.value == FlagValue::Nothing { "" } else { "=" };
    format!("--{}{equals}", flag.name)
}

/// All words that may follow where no flag waits for a value.
fn words(command: Option<&Command>) -> String {
    let own = command.map_or(&[] as &[Flag], |command| command.flags);
    let mut words: Vec<String> = COMMON.iter().chain(own).map(long).collect();
    match command {
        None => words.extend(COMMANDS.iter().map(|command| command.name.to_owned())),
        Some(command) => {
            let argument = command.argument.map_or(&[] as &[&str], |(_, words)| words);
            words.extend(argument.iter().map(|word| (*word).to_owned()));
        }
    }
    words.join(" ")
}

fn bash() -> String {
    let mut text = "\
# bash completions of whatsapp-exporter.
_whatsapp_exporter() {
    local current=$2 before=$3 command= word
    # `=` ends a word in bash: --flag=value is three.
    if [[ $current == = ]]; then current= before=${COMP_WORDS[COMP_CWORD-1]}
    elif [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi
    COMPREPLY=()
    compopt +o nospace 2>/dev/null
    case $before in
"
    .to_owned();
    for flag in COMMON {
        let complete = match flag.value {
            FlagValue::Nothing => continue,
            FlagValue::File => "compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \
                                \"$current\"))"
                .to_owned(),
            FlagValue::Address => ":".to_owned(),
            FlagValue::OneOf(words) => {
                format!("COMPREPLY=($(compgen -W '{}' -- \"$current\"))", words.join(" "))
            }
        };
        let _ = writeln!(text, "        --{}) {complete}; return ;;", flag.name);
    }
    text.push_str("    esac\n    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n");
    let names: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
    let _ = writeln!(text, "        case $word in {}) command=$word ;; esac", names.join("|"));
    text.push_str("    done\n    case $command in\n");
    for command in COMMANDS {
        let _ = writeln!(text, "        {}) word='{}' ;;", command.name, words(Some(command)));
    }
    let _ = writeln!(text, "        *) word='{}' ;;", words(None));
    text.push_str(
        "    esac
    COMPREPLY=($(compgen -W \"$word\" -- \"$current\"))
    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -F _whatsapp_exporter whatsapp-exporter
",
    );
    text
}

/// A text between single quotes of zsh, inside brackets or after a colon.
fn zsh_quoted(text: &str) -> String {
    let mut quoted = String::new();
    for letter in text.chars() {
        match letter {
            '\'' => quoted.push_str("'\\''"),
            '[' | ']' | ':' | '\\' => {
                quoted.push('\\');
                quoted.push(letter);
            }
            _ => quoted.push(letter),
        }
    }
    quoted
}

fn zsh_flag(flag: &Flag) -> String {
    let meaning = zsh_quoted(flag.meaning);
    let name = flag.name;
    match flag.value {
        FlagValue::Nothing => match flag.short {
            Some(short) => format!("{{-{short},--{name}}}'[{meaning}]'"),
            None => format!("'--{name}[{meaning}]'"),
        },
        FlagValue::File => format!("'--{name}=[{meaning}]:file:_files'"),
        FlagValue::Address => format!("'--{name}=[{meaning}]:address:'"),
        FlagValue::OneOf(words) => {
            format!("'--{name}=[{meaning}]:word:({})'", words.join(" "))
        }
    }
}

fn zsh() -> String {
    let mut text = "#compdef whatsapp-exporter
_whatsapp_exporter() {
    local -a flags commands
    flags=(\n"
        .to_owned();
    COMMON.iter().for_each(|flag| {
        let _ = writeln!(text, "        {}", zsh_flag(flag));
    });
    text.push_str("    )\n    commands=(\n");
    for command in COMMANDS {
        let _ = writeln!(text, "        '{}:{}'", command.name, zsh_quoted(command.meaning));
    }
    text.push_str(
        "    )
    local line state
    _arguments -C $flags '1:command:->command' '*::argument:->argument'
    case $state in
        command) _describe command commands ;;
        argument)
            case $line[1] in\n",
    );
    for command in COMMANDS {
        let mut arguments = "$flags".to_owned();
        command.flags.iter().for_each(|flag| {
            let _ = write!(arguments, " {}", zsh_flag(flag));
        });
        if let Some((placeholder, words)) = command.argument {
            let _ = write!(arguments, " '1:{placeholder}:({})'", words.join(" "));
        }
        let _ = writeln!(text, "                {}) _arguments {arguments} ;;", command.name);
    }
    text.push_str(
        "            esac ;;
    esac
}
if [[ $funcstack[1] == _whatsapp_exporter ]]; then
    _whatsapp_exporter \"$@\"
else
    compdef _whatsapp_exporter whatsapp-exporter
fi
",
    );
    text
}

/// A text between single quotes of fish.
fn fish_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn fish_flag(text: &mut String, flag: &Flag, condition: &str) {
    let _ = write!(text, "complete -c whatsapp-exporter{condition} -l {}", flag.name);
    if let Some(short) = flag.short {
        let _ = write!(text, " -s {short}");
    }
    let _ = match flag.value {
        FlagValue::Nothing => Ok(()),
        FlagValue::File => write!(text, " -r -F"),
        FlagValue::Address => write!(text, " -x"),
        FlagValue::OneOf(words) => write!(text, " -x -a '{}'", words.join(" ")),
    };
    let _ = writeln!(text, " -d {}", fish_quoted(flag.meaning));
}

fn fish() -> String {
    let mut text =
        "# fish completions of whatsapp-exporter.\ncomplete -c whatsapp-exporter -f\n".to_owned();
    COMMON.iter().for_each(|flag| fish_flag(&mut text, flag, ""));
    for command in COMMANDS {
        let _ = writeln!(
            text,
            "complete -c whatsapp-exporter -n __fish_use_subcommand -a {} -d {}",
            command.name,
            fish_quoted(command.meaning)
        );
        let condition = format!(" -n '__fish_seen_subcommand_from {}'", command.name);
        command.flags.iter().for_each(|flag| fish_flag(&mut text, flag, &condition));
        if let Some((_, words)) = command.argument {
            let words = words.join(" ");
            let _ = writeln!(text, "complete -c whatsapp-exporter{condition} -a '{words}'");
        }
    }
    text
}
