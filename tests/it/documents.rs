//! The documents are held equal to what the code says. `BLESS=1` rewrites those that come from the
//! code.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use whatsapp_exporter::config::variables;
use whatsapp_exporter::domain::FailureReason;
use whatsapp_exporter::input::Variable;
use whatsapp_exporter::metrics::{catalog, reference};

fn read(path: &str) -> String {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(whole).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_reference_of_metrics_is_the_catalog() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let expected = reference::markdown();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == expected, "docs/metrics.md is not what the catalog says; run `make docs`");
}

#[test]
fn every_setting_is_documented_with_its_default() {
    let document = read("docs/settings.md");
    for Variable { name, default, .. } in variables() {
        let start = format!("| `{name}` | ");
        let row = document.lines().find_map(|line| line.strip_prefix(&start));
        let row = row.unwrap_or_else(|| panic!("docs/settings.md has no row for {name}"));
        let written = row.split(" |").next().unwrap_or_default();
        let named = written.contains(&format!("`{default}`"));
        assert!(
            default.is_empty() || named,
            "docs/settings.md: the default of {name} is {default}, not {written}"
        );
    }
}

#[test]
fn every_failure_that_backs_off_is_documented_and_no_other() {
    let document = read("docs/settings.md");
    let paragraph = document.split("\n\n").find(|text| text.contains("back off to 2, 4"));
    let paragraph = paragraph.expect("a paragraph about backing off");
    for reason in FailureReason::ALL {
        let named = paragraph.contains(&format!("`{}`", reason.as_str()));
        assert_eq!(named, reason.backs_off(), "{}:\n{paragraph}", reason.as_str());
    }
}

#[test]
fn no_document_names_a_metric_that_does_not_exist() {
    let known: Vec<&str> = catalog::all().map(|(_, metric)| metric.name).collect();
    for path in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "docs/settings.md",
        "docs/check.md",
        "docs/scale.md",
        "docs/webhooks.md",
        "docs/gateway.md",
        "docs/metrics.md",
        "docs/figures.md",
    ] {
        let text = read(path);
        let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
        for word in words.filter(|word| word.starts_with("whatsapp_") && !word.ends_with('_')) {
            let family =
                ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix));
            let ours = known.contains(&word)
                || family.is_some_and(|family| known.contains(&family))
                // The crate's own name, and Meta's scopes.
                || word == "whatsapp_exporter"
                || ["whatsapp_business_messaging", "whatsapp_business_management"].contains(&word);
            assert!(ours, "{path} names {word}, which is not in the catalog");
        }
    }
}

#[test]
fn every_help_text_is_one_plain_sentence_or_more() {
    for (_, metric) in catalog::all() {
        assert!(metric.help.ends_with('.'), "{}: {}", metric.name, metric.help);
        // Neither format's escapes are needed, so the same bytes serve both.
        assert!(!metric.help.contains(['\\', '"', '\n']), "{}: {}", metric.name, metric.help);
        assert!(!metric.query.is_empty(), "{} has no query", metric.name);
    }
}

/// An invariant in ARCHITECTURE.md names the test that keeps it, and that test exists.
#[test]
fn every_invariant_names_a_test_that_exists() {
    let mut sources = String::new();
    let mut folders = vec![
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"),
    ];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let document = read("ARCHITECTURE.md");
    let invariants =
        document.split("## Invariants").nth(1).expect("ARCHITECTURE.md has a section Invariants");
    let mut tests = 0;
    for line in invariants.lines().filter(|line| line.starts_with("| ")).skip(2) {
        let named: Vec<&str> =
            line.rsplit('|').nth(1).unwrap_or("").split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "an invariant names no test: {line}");
        for name in named {
            assert!(sources.contains(&format!("fn {name}(")), "no test is named {name}");
            tests += 1;
        }
    }
    assert!(tests >= 10, "ARCHITECTURE.md names only {tests} tests");
}
