//! The documents are held equal to what the code says. `BLESS=1` rewrites those that come from the
//! code.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

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
    let table = document.split("| variable | default | meaning |").nth(1).expect("a table");
    let table = table.trim_start().split("\n\n").next().unwrap_or_default();
    let mut rows: BTreeMap<&str, &str> = BTreeMap::new();
    for line in table.lines().skip(1) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let known = rows.insert(cells[1].trim_matches('`'), cells[2]);
        assert_eq!(known, None, "docs/settings.md has two rows for {}", cells[1]);
    }
    for Variable { name, default, .. } in variables() {
        let written = rows.remove(name);
        let expected = match default {
            // It depends on another setting.
            "" if name == "STALE_AFTER" => "5 intervals, at least `5m`",
            "" => "–",
            default => &format!("`{default}`"),
        };
        assert_eq!(written, Some(expected), "docs/settings.md: the default of {name}");
    }
    assert!(rows.is_empty(), "docs/settings.md has variables that do not exist: {rows:?}");
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

/// The fields that the views of targets are written with.
fn view_fields() -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    for path in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report"), ".rs") {
        let text = fs::read_to_string(path).unwrap();
        let mut lines = text.lines();
        while lines.by_ref().any(|line| line.starts_with("#[derive") && line.contains("Serialize"))
        {
            let mut skipped = false;
            for line in lines.by_ref().take_while(|line| *line != "}").map(str::trim) {
                if line.starts_with("#[serde(skip)]") || line.starts_with("#[serde(flatten)]") {
                    skipped = true;
                } else if let Some((name, _)) =
                    line.strip_prefix("pub ").and_then(|field| field.split_once(": "))
                {
                    fields.extend((!skipped).then(|| name.to_owned()));
                    skipped = false;
                }
            }
        }
    }
    fields
}

#[test]
fn every_field_of_the_status_is_documented_and_no_other() {
    let document = read("docs/api-status.md");
    // They are of lists, or written by hand.
    let others =
        ["version", "time", "channels", "tokens", "sources", "accounts", "todo", "runbook"];
    let fields = view_fields();
    assert!(fields.len() > 30, "{fields:?}");
    for name in fields.iter().map(String::as_str).chain(others) {
        let ways = [format!("`{name}`"), format!("`{name}."), format!(".{name}`")];
        let named = ways.iter().any(|way| document.contains(way));
        assert!(named, "docs/api-status.md does not name {name}");
    }
    for row in document.lines().filter_map(|line| line.strip_prefix("| `")) {
        let names = row.split(" |").next().unwrap_or_default();
        for name in names.split("`, `").flat_map(|name| name.trim_matches('`').split('.')) {
            let known = fields.contains(name) || others.contains(&name);
            assert!(known, "docs/api-status.md names {name}, which does not exist");
        }
    }
}

/// Every file below a folder with this ending, but for what is built or fetched.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let mut files = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && name != "node_modules" && path != built {
            files.extend(self::files(&path, ending));
        } else if name.ends_with(ending) {
            files.push(path);
        }
    }
    files
}

/// Words that begin like metrics and are none: the crate's own name, Meta's scopes, and a field of
/// its accounts.
const NO_METRICS: &[&str] = &[
    "whatsapp_exporter",
    "whatsapp_business_messaging",
    "whatsapp_business_management",
    "whatsapp_business_manager_messaging_limit",
];

#[test]
fn no_document_names_a_metric_that_does_not_exist() {
    let known: Vec<&str> = catalog::all().map(|(_, metric)| metric.name).collect();
    let documents = files(Path::new(env!("CARGO_MANIFEST_DIR")), ".md");
    assert!(documents.len() > 50, "all documents are found: {documents:?}");
    let rules = read("alerts/whatsapp.rules.yaml");
    let recorded: Vec<&str> =
        rules.lines().filter_map(|line| line.split("record: ").nth(1)).collect();
    let mut unknown = Vec::new();
    for path in documents {
        let text = fs::read_to_string(&path).unwrap();
        let ends = |letter: char| !(letter.is_ascii_alphanumeric() || "_:".contains(letter));
        let words = text.split(ends).map(|word| word.trim_matches(':'));
        let named = |word: &&str| word.starts_with("whatsapp_") || word.contains(":whatsapp_");
        for word in words.filter(named).filter(|word| !word.ends_with('_')) {
            let family =
                ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix));
            let ours = known.contains(&word)
                || recorded.contains(&word)
                || family.is_some_and(|family| known.contains(&family))
                || NO_METRICS.contains(&word);
            if !ours {
                unknown.push(format!("{}: {word}", path.display()));
            }
        }
    }
    assert!(unknown.is_empty(), "neither in the catalog nor recorded:\n{}", unknown.join("\n"));
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = ["src", "tests"].iter().flat_map(|folder| files(&root.join(folder), ".rs"));
    let sources: String = sources.map(|path| fs::read_to_string(path).unwrap()).collect();
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
