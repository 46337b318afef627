//! The command line: flags, completions as the shells read them, the manual page, and what is said
//! of variables that are no settings.

use std::path::Path;
use std::process::Command;

use crate::common::{Files, Setup, closed_port};
use whatsapp_exporter::config::{unknown_variables, variables};

/// A setup whose one channel nobody answers for.
fn quiet() -> Setup {
    Setup::new().set("WHAPI_TOKEN", "t").set("WHAPI_API_URL", format!("http://{}", closed_port()))
}

#[test]
fn a_flag_wins_over_its_variable() {
    let files = Files::new();
    files.write("token", "t");
    let url = format!("http://{}", closed_port());
    let yaml = format!("channels: [{{name: a, token_file: token, api_url: '{url}'}}]");
    let path = files.write("settings.yaml", yaml);
    let program = Setup::new()
        .set("LISTEN_ADDRESS", "nonsense")
        .set("CONFIG_FILE", "/nowhere")
        .set("LOG_FORMAT", "nonsense")
        .argument(&format!("--config.file={}", path.display()))
        .argument("--web.listen-address")
        .argument("127.0.0.1:0")
        .argument("--log.format=json")
        .argument("--log.level=debug")
        .start();
    let page = program.metrics();
    assert_eq!(
        page.get("whatsapp_channel_poll_success{provider=\"whapi\",channel=\"a\"}"),
        Some(0.0)
    );
    let log = program.log();
    assert!(log.lines().all(|line| line.starts_with('{')), "{log}");
    // The file that the flag names is the one that is watched.
    let yaml = format!("channels: [{{name: b, token_file: token, api_url: '{url}'}}]");
    files.write("settings.yaml", yaml);
    program.signal("HUP");
    program.until_is("whatsapp_channel_poll_success{provider=\"whapi\",channel=\"b\"}", 0.0);
}

#[test]
fn a_wrong_flag_is_told_in_a_sentence() {
    for (word, told) in [
        ("--log.level=loud", "error: --log.level: must be one of error, warn, info, debug, trace"),
        ("--config.file=/nowhere", "cannot be read"),
        ("--web.listen-address=nonsense", "error: --web.listen-address: is not an IP address"),
        ("--log-level=debug", "did you mean --log.level?"),
        ("--poll.timeout=3s", "set the variable POLL_TIMEOUT instead"),
    ] {
        let ended = quiet().argument(word).run();
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{word}: {ended:?}");
        assert!(ended.stderr.contains(told), "{word}: {}", ended.stderr);
    }
    let ended = Setup::bare().argument("healthcheck").argument("--web.listen-address=x").run();
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("--web.listen-address: "), "{}", ended.stderr);
}

#[test]
fn the_log_begins_with_what_runs() {
    let files = Files::new();
    let program = quiet()
        .set("GATEWAY_ADDRESS", "127.0.0.1:0")
        .set("WEBHOOK_SECRET", "secretOfTheseWebhooks")
        .set("STATE_FILE", files.path("state"))
        .set("META_TOKEN", "t")
        .set("META_API_URL", format!("http://{}", closed_port()))
        .start();
    let log = program.log();
    let first = log.lines().next().unwrap_or_default();
    for part in [
        "whatsapp-exporter starts",
        concat!("version=\"", env!("CARGO_PKG_VERSION"), "\""),
        "targets=\"1 channel, 1 token, 1 source\"",
        "tls=false",
        "gateway=\"127.0.0.1:0\"",
        "webhooks=\"on\"",
        "state_file=\"",
    ] {
        assert!(first.contains(part), "{part}: {first}");
    }
}

#[test]
fn a_variable_with_a_slip_is_told_and_its_value_is_not() {
    let setup = quiet().set("WHAPI_CHANEL", "s3cret").set("WHAPI_SERVICE_HOST", "10.0.0.1");
    let program = setup.start();
    let log = program.log();
    assert!(log.contains("variable=\"WHAPI_CHANEL\" did_you_mean=\"WHAPI_CHANNEL\""), "{log}");
    assert!(!log.contains("s3cret") && !log.contains("SERVICE_HOST"), "{log}");
    let told = "warning: the variable WHAPI_CHANEL is not a setting; did you mean WHAPI_CHANNEL?";
    let checked = setup.argument("check").run();
    assert!(checked.stderr.contains(told), "{checked:?}");
    // Where it is why there is nothing to watch, it is told as well.
    let told = "warning: the variable WHAPI_TOKN is not a setting; did you mean WHAPI_TOKEN?";
    for setup in [Setup::new(), Setup::new().argument("check")] {
        let ended = setup.set("WHAPI_TOKN", "s3cret").run();
        assert_eq!(ended.code, Some(2));
        assert!(ended.stderr.contains(told) && !ended.stderr.contains("s3cret"), "{ended:?}");
    }
}

#[test]
fn the_demo_says_what_it_ignores() {
    let mut program = Setup::bare()
        .set("LISTEN_ADDRESS", "127.0.0.1:0")
        .set("WEB_CONFIG_FILE", "/nowhere")
        .argument("demo")
        .start();
    let printed = program.printed();
    assert!(printed.contains("warning: the demo ignores WEB_CONFIG_FILE"), "{printed}");
    program.signal("TERM");
    program.wait(crate::common::DEADLINE);
}

fn script(files: &Files, shell: &str) -> std::path::PathBuf {
    let ended = Setup::bare().argument("completions").argument(shell).run();
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    files.write(shell, ended.stdout)
}

/// What a shell prints for a script; an error of it is one of the test.
fn shell(program: &str, arguments: &[&str], script: &Path) -> Vec<String> {
    let output = Command::new(program).args(arguments).arg(script).output();
    let output =
        output.unwrap_or_else(|error| panic!("{program}, which .ci/packages installs: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{program}: {errors}");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_and_their_words() {
    let files = Files::new();
    let script = script(&files, "bash");
    let complete = |words: &[&str]| {
        let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
        let last = words.len() - 1;
        let text = format!(
            ". \"$1\"\nCOMP_WORDS=({})\nCOMP_CWORD={last}\n_whatsapp_exporter whatsapp-exporter \
             '{}' '{}' 2>/dev/null\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
            quoted.join(" "),
            words[last],
            words[last - 1],
        );
        let path = files.write("complete.sh", format!("set -- {}\n{text}", script.display()));
        shell("bash", &["--norc"], &path)
    };
    let program = "whatsapp-exporter";
    assert_eq!(complete(&[program, "ch"]), ["check"]);
    assert_eq!(complete(&[program, "--log."]), ["--log.level=", "--log.format="]);
    assert_eq!(complete(&[program, "--log.level", "=", "d"]), ["debug"]);
    assert_eq!(complete(&[program, "--log.format", "="]), ["text", "json"]);
    assert_eq!(complete(&[program, "check", "--off"]), ["--offline"]);
    assert_eq!(complete(&[program, "completions", ""]).last().map(String::as_str), Some("fish"));
    let settings = files.write("settings-of-a-test.yaml", "");
    let begin = settings.display().to_string().replace(".yaml", "");
    assert_eq!(
        complete(&[program, "--config.file", "=", &begin]),
        [settings.display().to_string()]
    );
}

#[test]
fn fish_completes_commands_flags_and_their_words() {
    let files = Files::new();
    let script = script(&files, "fish");
    let complete = |line: &str| -> Vec<String> {
        let text = format!("source {}\ncomplete -C '{line}'\n", script.display());
        let path = files.write("complete.fish", text);
        let told = shell("fish", &["--no-config"], &path);
        told.iter().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(complete("whatsapp-exporter ch"), ["check"]);
    assert_eq!(complete("whatsapp-exporter --log."), ["--log.format", "--log.level"]);
    assert_eq!(complete("whatsapp-exporter --log.level d"), ["debug"]);
    assert_eq!(complete("whatsapp-exporter check --off"), ["--offline"]);
    assert_eq!(complete("whatsapp-exporter completions "), ["bash", "fish", "zsh"]);
}

#[test]
fn zsh_completes_commands_flags_and_their_words() {
    let files = Files::new();
    let script = script(&files, "zsh");
    // A terminal of its own, in which somebody types and asks for the list.
    let complete = |line: &str| -> String {
        let text = format!(
            "zmodload zsh/zpty\nzpty -b z zsh -f -i\nzpty -w z $'PROMPT=\"\"; LISTMAX=1000; \
             autoload -U compinit; compinit -u -d {directory}/dump; source {script}; \
             bindkey \"^I\" list-choices; print READY'\nwhile zpty -r z text '*READY*READY*' \
             2>/dev/null; do break; \
             done\nzpty -w -n z $'{line}\\t'\nsleep 1\nprint -r -- \"$(for i in {{1..40}}; do zpty \
             -rt z text && print -rn -- $text; done)\"\nzpty -d z\n",
            directory = files.directory().display(),
            script = script.display(),
        );
        let path = files.write("complete.zsh", text);
        shell("zsh", &["-f"], &path).join("\n")
    };
    for (line, words) in [
        ("whatsapp-exporter ", &["check", "completions", "healthcheck"][..]),
        ("whatsapp-exporter --log.", &["--log.level", "--log.format"]),
        ("whatsapp-exporter --log.level=", &["debug", "trace"]),
        ("whatsapp-exporter check --", &["--offline", "--json"]),
        ("whatsapp-exporter completions ", &["bash", "fish"]),
    ] {
        let told = complete(line);
        for word in words {
            assert!(told.contains(word), "{line:?} has no {word}: {told}");
        }
    }
}

#[test]
fn the_manual_page_is_one_and_names_every_flag() {
    let files = Files::new();
    let ended = Setup::bare().argument("man").run();
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    let page = files.write("whatsapp-exporter.1", ended.stdout);
    let lint = Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).arg(&page).output();
    let lint = String::from_utf8(lint.expect("mandoc").stdout).expect("UTF-8");
    // A date would be another one at each build.
    let told: Vec<&str> = lint.lines().filter(|line| !line.contains("missing date")).collect();
    assert_eq!(told, [""; 0]);
    let text = shell("mandoc", &["-T", "ascii", "-O", "width=400"], &page).join("\n");
    // Bold letters are typed twice, with a step back between them.
    let letters: Vec<char> = text.chars().collect();
    let shown: String = (0..letters.len())
        .filter(|at| letters[*at] != '\u{8}' && letters.get(at + 1) != Some(&'\u{8}'))
        .map(|at| letters[at])
        .collect();
    for part in [
        "--config.file=FILE",
        "--web.listen-address=ADDRESS",
        "-h, --help",
        "completions SHELL",
        "--offline",
        "WHAPI_TOKEN_FILE",
        "EXIT STATUS",
    ] {
        assert!(shown.contains(part), "{part}:\n{shown}");
    }
}

/// What is said of variables of these names.
fn told(names: &[&str]) -> Vec<String> {
    let variables: Vec<_> = names.iter().map(|name| ((*name).into(), "s3cret".into())).collect();
    unknown_variables(&variables).iter().map(ToString::to_string).collect()
}

#[test]
fn a_slip_is_told_with_the_setting_that_was_meant() {
    for (slip, meant) in [
        ("WHAPI_CHANEL", "WHAPI_CHANNEL"),
        ("META_POLL_INTERVALL", "META_POLL_INTERVAL"),
        ("GREEN_API_TOKENS", "GREEN_API_TOKEN"),
        ("WEBHOOK_SECRET_HEADR", "WEBHOOK_SECRET_HEADER"),
        ("LISTEN_ADRESS", "LISTEN_ADDRESS"),
        ("STATE_FLIE", "STATE_FILE"),
    ] {
        let expected = format!("the variable {slip} is not a setting; did you mean {meant}?");
        assert_eq!(told(&[slip]), [expected]);
    }
}

#[test]
fn one_with_a_prefix_of_ours_is_told_without_a_near_setting_too() {
    for name in
        ["WAHA_DASHBOARD_PASSWORD", "EVOLUTION_SERVER_DOMAIN", "GATEWAY_ALLOWED_ORIGINS_LIST"]
    {
        assert_eq!(told(&[name]).len(), 1, "{name}");
        assert!(told(&[name])[0].contains("--help"), "{name}");
    }
}

#[test]
fn what_others_set_is_not_told() {
    let others = [
        "PATH",
        "HOME",
        "LOG_DIRECTORY",
        "WEB_CONCURRENCY",
        "GREEN_THREADS",
        "ENABLE_FEATURE_X",
        "WAHA_SERVICE_HOST",
        "WAHA_SERVICE_PORT",
        "WAHA_SERVICE_PORT_HTTP",
        "WAHA_PORT",
        "WAHA_PORT_3000_TCP",
        "WAHA_PORT_3000_TCP_ADDR",
        "EVOLUTION_API_SERVICE_HOST",
        "EVOLUTION_API_PORT_8080_TCP_PROTO",
        "META_lower_case",
        &format!("META_{}", "X".repeat(64)),
    ];
    assert_eq!(told(&others), [""; 0]);
    let known: Vec<_> = variables().iter().map(|known| known.name).collect();
    assert_eq!(told(&known), [""; 0]);
}
