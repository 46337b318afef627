//! Settings, as data: every `NAME.env` or `NAME.yaml` in `settings/valid` and `settings/invalid` is
//! read by the exporter's own reader and compared with `NAME.expect.txt`. A new case is two new
//! files; `BLESS=1` writes what is expected anew.
//!
//! A `.env` file holds variables, one a line (`\xff` stands for that byte); a `.yaml` file is the
//! `CONFIG_FILE`; both of one name belong together.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests may block")]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::sync::Arc;

use humantime::format_duration;
use whatsapp_exporter::config::Settings;
use whatsapp_exporter::domain::TargetKind;
use whatsapp_exporter::secret::SecretSource;
use whatsapp_exporter::target::{Name, Target};

/// The variables in a `.env` file.
fn variables(text: &str) -> Vec<(OsString, OsString)> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.split_once('=').expect("NAME=value");
            let mut bytes = Vec::new();
            let mut parts = value.split("\\x");
            bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
            for part in parts {
                bytes.push(u8::from_str_radix(&part[..2], 16).expect("two digits"));
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            (name.into(), OsString::from_vec(bytes))
        })
        .collect()
}

/// Reads a case, and writes in lines what came of it.
fn read(directory: &str, name: &str) -> (bool, String) {
    let path = |ending: &str| format!("{directory}/{name}.{ending}");
    let text = std::fs::read_to_string(path("env")).unwrap_or_default();
    let mut variables = variables(&text);
    // Relative, so that what is printed is the same everywhere: tests run in the package's
    // directory.
    if Path::new(&path("yaml")).exists() {
        variables.push(("CONFIG_FILE".into(), path("yaml").into()));
    }
    match Settings::load(variables) {
        Ok(settings) => (true, describe(&settings)),
        Err(problems) => (false, format!("{problems}\n")),
    }
}

fn describe(settings: &Settings) -> String {
    let Settings { listen, log, polling, targets, .. } = settings;
    let mut text = format!("listen {listen}\nlog {} {:?}\n", log.level, log.format);
    let timeout = format_duration(polling.timeout);
    let _ = write!(text, "polling timeout {timeout}, {} at a time", polling.concurrency);
    if let Some(path) = &polling.extra_ca_file {
        let _ = write!(text, ", also trusting {}", path.display());
    }
    text.push('\n');
    for target in targets {
        describe_target(target, &mut text);
    }
    text
}

fn describe_target(target: &Target, text: &mut String) {
    let source = |source: &SecretSource| match source {
        SecretSource::Value(_) => "a value".to_owned(),
        SecretSource::File(file) => file.path().display().to_string(),
    };
    let options = &target.options;
    let (kind, name, provider) = (target.kind.as_str(), &target.name, target.provider().label());
    let interval = format_duration(options.policy.interval);
    let stale_after = format_duration(options.policy.stale_after);
    let _ = write!(
        text,
        "{kind} {name}: {provider} at {} with {}, every {interval}, stale after {stale_after}",
        options.api_url,
        source(&target.credential),
    );
    if let Some(policy) = options.listing.as_ref().and_then(|listing| listing.channel_policy) {
        let interval = format_duration(policy.interval);
        let stale_after = format_duration(policy.stale_after);
        let _ = write!(text, ", its channels every {interval}, stale after {stale_after}");
    }
    if target.kind == TargetKind::Token {
        let endpoint = options.endpoint.as_ref().expect("tokens are polled");
        let second = endpoint.second_secret().map(source);
        let inspected =
            second.map_or_else(|| "by itself".to_owned(), |app| format!("by app with {app}"));
        let _ = write!(text, ", {inspected}, scopes {}", options.required_scopes.join(" "));
        // The endpoint's own settings, such as the API's version and the app's id.
        let _ = write!(text, ", {endpoint:?}");
    }
    if let (TargetKind::Source, Some(endpoint)) = (target.kind, &options.endpoint) {
        let _ = write!(text, ", {endpoint:?}");
    }
    text.push('\n');
}

fn compare(directory: &str, good: bool, at_least: usize) {
    let names: BTreeSet<String> = std::fs::read_dir(directory)
        .expect("cases")
        .map(|entry| entry.expect("a file").file_name().into_string().expect("UTF-8"))
        .filter_map(|file| file.split_once('.').map(|(name, _)| name.to_owned()))
        .collect();
    assert!(names.len() >= at_least, "only {} cases in {directory}", names.len());
    let mut wrong = Vec::new();
    for name in names {
        let (is_good, said) = read(directory, &name);
        assert_eq!(is_good, good, "{directory}/{name}: {said}");
        assert!(!said.contains("s3cret"), "{directory}/{name} repeats a secret: {said}");
        let path = format!("{directory}/{name}.expect.txt");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &said).expect("a written file");
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        if said != expected {
            wrong.push(format!("{path} expects\n{expected}but it is\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}\nBLESS=1 writes them anew", wrong.join("\n"));
}

#[test]
fn good_settings_are_understood() {
    compare("tests/settings/valid", true, 8);
}

#[test]
fn mistakes_are_told_in_sentences_that_repeat_no_secret() {
    compare("tests/settings/invalid", false, 25);
}

#[test]
fn variables_that_are_not_ours_are_never_looked_at() {
    let variables = [
        ("WHAPI_TOKEN", OsString::from("s3cret")),
        ("WHAPI_POLL_INTERVALL", "nonsense".into()),
        ("PATH", OsString::from_vec(vec![0xff])),
        ("whapi_poll_interval", "nonsense".into()),
    ];
    let variables = variables.map(|(name, value)| (OsString::from(name), value));
    let settings = Settings::load(variables).expect("good settings");
    assert!(!format!("{settings:?}").contains("s3cret"));
}

/// A reload of unchanged settings makes nothing anew, whatever the provider; and what is configured
/// alike shares its options.
#[test]
fn targets_of_unchanged_settings_are_the_ones_that_are_watched() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("settings.yaml");
    let mut text = String::from("sources:\n");
    for provider in ["waha", "evolution", "green_api", "whapi"] {
        text += &format!(
            "- {{name: {provider}, provider: {provider}, token_file: t, api_url: 'http://h'}}\n"
        );
    }
    text += "channels:\n- {name: one, token_file: t}\n- {name: other, token_file: t}\n";
    text += "- {name: green, provider: green_api, channel_id: '1101', token_file: t}\n";
    text += "tokens:\n- {name: alone, token_file: t}\n";
    for name in ["one", "other"] {
        text += &format!("- {{name: {name}, token_file: t, app_id: '7', app_secret_file: s}}\n");
    }
    std::fs::write(&file, text).expect("a file");
    let variables = || [("CONFIG_FILE".into(), file.clone().into())];
    let before = Settings::load(variables()).expect("good settings").targets;
    let find = |kind, name: &Name| {
        before.iter().find(|target| target.kind == kind && target.name == *name).cloned()
    };
    let after = Settings::reload(variables(), &find).expect("good settings").targets;
    assert_eq!((before.len(), after.len()), (10, 10));
    for (before, after) in before.iter().zip(&after) {
        assert!(Arc::ptr_eq(before, after), "{:?} {}", before.kind, before.name);
    }
    let options = |kind, name| {
        let target = find(kind, &Name::new(name).expect("a name")).expect(name);
        Arc::clone(&target.options)
    };
    for kind in [TargetKind::Channel, TargetKind::Token] {
        assert!(Arc::ptr_eq(&options(kind, "one"), &options(kind, "other")), "{kind:?}");
    }
}

/// Neither does one overflow the stack, which would end the process.
#[test]
fn hostile_files_get_an_error_and_no_memory() {
    let repeat = |line: &dyn Fn(usize) -> String, times| (1..=times).map(line).collect::<String>();
    let nine = |of: usize| vec![format!("*a{of}"); 9].join(",");
    let cases = [
        ("brackets", "[".repeat(1_000_000), "nested too deep"),
        ("indentations", "- ".repeat(1_000_000), "nested too deep"),
        ("keys of keys", "? ".repeat(1_000_000), "nested too deep"),
        // Nine to the power of nine values in 300 bytes.
        (
            "laughs",
            format!("- &a0 x\n{}", repeat(&|n| format!("- &a{n} [{}]\n", nine(n - 1)), 9)),
            "too much of this file",
        ),
        // A gigabyte in two.
        (
            "a long word",
            format!("- &a {}\n{}", "x".repeat(1_000_000), "- *a\n".repeat(1000)),
            "too much of this file",
        ),
        // A tree of ten thousand levels, none of them deeper in the text than 200.
        (
            "a chain",
            format!(
                "- &a0 x\n{}",
                repeat(
                    &|n| format!("- &a{n} {}*a{}{}\n", "[".repeat(200), n - 1, "]".repeat(200)),
                    50
                )
            ),
            "too much of this file",
        ),
        // Each of 250 lists holds the next, and half a million words.
        (
            "anchors in anchors",
            format!(
                "{}{}{}",
                repeat(&|n| format!("&a{n} ["), 250),
                "x,".repeat(500_000),
                "]".repeat(250)
            ),
            "too much of this file",
        ),
        (
            "merges",
            format!(
                "- &a {{{}}}\n- {{<<: [{}]}}",
                repeat(&|n| format!("k{n}: x,"), 3000),
                "*a,".repeat(3000)
            ),
            "too much of this file",
        ),
        // Comparing each with each would take minutes.
        (
            "many keys",
            format!("{}k1: x", repeat(&|n| format!("k{n}: x\n"), 200_000)),
            "line 200001: a key is given twice",
        ),
    ];
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("hostile.yaml");
    for (name, text, said) in cases {
        std::fs::write(&path, text).expect("a written file");
        let problems = Settings::load([("CONFIG_FILE".into(), path.clone().into())]);
        let problems = problems.expect_err(name).to_string();
        assert!(problems.contains(said) && problems.len() < 1000, "{name}: {problems}");
    }
    assert!(peak_kib() < 512 * 1024, "{} KiB", peak_kib());
}

/// The most memory that this process ever had.
fn peak_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("VmHWM");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}
