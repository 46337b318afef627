//! No file of the simulator uses what is above it. Not what the files do.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests may block")]

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the crate, from the bottom up.
const LAYERS: [&str; 13] = [
    "unix_time",
    "shape",
    "http",
    "fault",
    "fault_table",
    "delivery",
    "request_log",
    "provider",
    "evolution green_api meta waha whapi",
    "state",
    "webhook_sender connection",
    "simulator",
    "demo",
];

fn layer(module: &str) -> usize {
    LAYERS
        .iter()
        .position(|layer| layer.split(' ').any(|name| name == module))
        .unwrap_or_else(|| panic!("the module {module} has no layer"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// The modules that a source names as `crate::module`.
fn used(source: &str) -> impl Iterator<Item = &str> {
    source.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn every_module_uses_only_modules_below_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut uses = 0;
    for path in sources(&root) {
        let inside = path.strip_prefix(&root).expect("a file in src");
        let first = inside.components().next().expect("a name").as_os_str().to_string_lossy();
        let module = first.strip_suffix(".rs").unwrap_or(&first);
        if module == "lib" {
            continue;
        }
        let source = fs::read_to_string(&path).expect("a source");
        for other in used(&source).filter(|other| *other != module) {
            assert!(layer(other) < layer(module), "{} uses {other}", inside.display());
            uses += 1;
        }
    }
    assert!(uses > 40, "only {uses} uses were found");
}
