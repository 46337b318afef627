//! The rules of the house that can be read from the sources: who names providers, who imports from
//! whom, and how long files and lines are.
//!
//! Not here: what `clippy.toml` and the lints in `Cargo.toml` refuse.

mod imports;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use imports::{Imports, circles};
use source::Source;
use whatsapp_exporter::providers;

/// The layers of the exporter, from the bottom up: a file imports from its own layer and those
/// before it. They are the places of the code map in `ARCHITECTURE.md`, in its order.
fn layers() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let text = std::fs::read_to_string(path).expect("a file");
    let map = text.split("## Code map").nth(1).expect("a code map");
    let rows = map.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
    rows.filter_map(|row| row.split('|').nth(1))
        .flat_map(|places| places.split('`').skip(1).step_by(2))
        .map(|place| place.trim_end_matches('/').trim_end_matches(".rs").to_owned())
        .collect()
}

/// Lines of a file without its tests.
const MAX_LINES: usize = 600;
const MAX_COLUMNS: usize = 100;

#[test]
fn no_code_outside_a_providers_folder_names_a_provider() {
    let names: BTreeSet<(&str, Vec<String>)> = providers::all()
        .flat_map(|provider| {
            let label = provider.label();
            [(label, words(label)), (label, words(providers::get(provider).display_name()))]
        })
        .collect();
    let mut found = vec![];
    for source in checked_for_names() {
        for (at, line) in source.text.lines().enumerate() {
            let words = words(&line.replace(":meta", ":").replace("<meta ", "< "));
            for (label, name) in &names {
                let own = source.is_below(&format!("src/providers/{label}"));
                if !own && contains(&words, name) {
                    found.push(format!("{}:{}: {label}", source.path.display(), at + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "only a provider's own folder names it:\n{}", found.join("\n"));
}

/// The code that must not know which providers there are.
fn checked_for_names() -> Vec<Source> {
    let mut sources = Source::all("src");
    sources.retain(|source| !source.is("src/providers/mod.rs"));
    assert!(sources.len() > 100, "only {} files were found", sources.len());
    sources
}

/// The words of a text, in small letters: split at what is no letter, and where a capital begins
/// one, as in `aWord` and `HTTPServer`.
fn words(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut words = vec![String::new()];
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| letters.get(before));
        let small = |letter: Option<&char>| letter.is_some_and(|letter| letter.is_lowercase());
        let begins = letter.is_uppercase()
            && (small(before)
                || before.is_some_and(|before| before.is_uppercase())
                    && small(letters.get(at + 1)));
        if begins || !letter.is_alphabetic() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| letter.is_alphabetic()) {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a name of some words is among these words, apart or joined.
fn contains(words: &[String], name: &[String]) -> bool {
    words.windows(name.len()).any(|window| window == name) || words.contains(&name.concat())
}

#[test]
fn names_are_found_however_they_are_written() {
    let name = ["green", "api"].map(str::to_owned);
    for text in
        ["green_api", "GreenApi", "a GREEN-API b", "greenapi", "xGreenAPIUrl", "GREEN_API_URL"]
    {
        assert!(contains(&words(text), &name), "{text}");
    }
    for text in ["greenapis", "green", "evergreen_api", "green_apis"] {
        assert!(!contains(&words(text), &name), "{text}");
    }
    assert!(contains(&words("struct MetaUrl"), &["meta".to_owned()]));
    assert!(!contains(&words("fn metadata"), &["meta".to_owned()]));
}

#[test]
fn the_domain_knows_the_standard_library_alone() {
    const REFUSED: &[&str] = &[
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::thread",
        "std::io",
        "std::os",
        "std::time::Instant",
        "std::time::SystemTime",
        "std::time::UNIX_EPOCH",
    ];
    const PRIMITIVES: &[&str] = &[
        "bool", "char", "f32", "f64", "i128", "i16", "i32", "i64", "i8", "isize", "str", "u128",
        "u16", "u32", "u64", "u8", "usize",
    ];
    let imports = Imports::of_crate("src/lib.rs");
    let domain = imports.modules.iter().filter(|module| module.file.starts_with("src/domain"));
    let mut found = BTreeSet::new();
    let mut count = 0;
    for module in domain {
        for path in module.paths() {
            count += 1;
            let first = path[0].as_str();
            let good = match first {
                "crate" => path.get(1).is_some_and(|second| second == "domain"),
                "std" | "core" | "alloc" => true,
                "self" | "super" => true,
                name => {
                    name.starts_with(char::is_uppercase)
                        || PRIMITIVES.contains(&name)
                        || module.knows(name)
                }
            };
            let path = path.join("::");
            let refused = REFUSED.iter().any(|refused| {
                path.strip_prefix(refused)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
            });
            if !good || refused {
                found.insert(format!("{} uses {path}", module.file.display()));
            }
        }
    }
    assert!(count > 100, "only {count} paths were found");
    let found: Vec<_> = found.into_iter().collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_files_import_from_each_other_in_a_circle() {
    for root in ["src/lib.rs", "crates/simulator/src/lib.rs"] {
        let imports = Imports::of_crate(root);
        let edges = imports.edges();
        let count: usize = edges.values().map(BTreeSet::len).sum();
        assert!(count > 60, "{root}: only {count} imports were found");
        let circles: Vec<String> =
            circles(&edges).iter().map(|circle| format!("{circle:#?}")).collect();
        assert!(circles.is_empty(), "circles of imports: {}", circles.join("\n"));
    }
}

#[test]
fn a_file_imports_from_layers_below_alone() {
    let imports = Imports::of_crate("src/lib.rs");
    let (mut found, layers) = (vec![], layers());
    for (file, targets) in imports.edges() {
        // The root has no imports but declares all modules.
        let Some(layer) = layer(&layers, file) else { continue };
        for target in targets {
            let below = self::layer(&layers, target).is_some_and(|below| below <= layer);
            if !below {
                found.push(format!("{} imports from {}", file.display(), target.display()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The layer of a file; `None` for the root of the crate.
fn layer(layers: &[String], file: &Path) -> Option<usize> {
    let inside = file.strip_prefix("src").expect("a file in src");
    let name = inside.components().next().expect("a name").as_os_str().to_str().expect("UTF-8");
    let name = name.strip_suffix(".rs").unwrap_or(name);
    let position = layers.iter().position(|layer| layer == name);
    assert!(position.is_some() || name == "lib", "{name} has no layer");
    position
}

#[test]
fn no_two_types_have_one_name() {
    let mut places: BTreeMap<String, BTreeSet<PathBuf>> = BTreeMap::new();
    for source in Source::rust("src") {
        for line in source.code().lines() {
            // Items of a file begin at the margin; an `impl` has types of its trait's names.
            let mut words = line.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let item = line.starts_with(|first: char| first.is_alphabetic())
                && words.any(|word| ["struct", "enum", "trait", "type"].contains(&word));
            if let Some(name) = words.next().filter(|_| item) {
                let new = places.entry(name.to_owned()).or_default().insert(source.path.clone());
                assert!(new, "{} has two types {name}", source.path.display());
            }
        }
    }
    assert!(places.len() > 200, "only {} types were found", places.len());
    // Providers do not know each other, so two of them may have chosen the same name.
    let folder = |place: &PathBuf| place.parent().map(Path::to_owned).unwrap_or_default();
    let of_provider = |place: &PathBuf| folder(place).parent() == Some(Path::new("src/providers"));
    places.retain(|_, places| {
        let folders: BTreeSet<PathBuf> = places.iter().map(folder).collect();
        places.len() > 1 && !(places.iter().all(of_provider) && folders.len() == places.len())
    });
    assert!(places.is_empty(), "{places:#?}");
}

#[test]
fn files_stay_small() {
    for source in Source::rust("src") {
        let lines = source.without_tests().lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", source.path.display());
    }
}

#[test]
fn lines_stay_short() {
    let mut found = vec![];
    for source in ["src", "crates", "tests"].into_iter().flat_map(Source::rust) {
        for (at, line) in source.text.lines().enumerate() {
            if line.chars().count() > MAX_COLUMNS {
                found.push(format!("{}:{}", source.path.display(), at + 1));
            }
        }
    }
    assert!(found.is_empty(), "longer than {MAX_COLUMNS} columns:\n{}", found.join("\n"));
}
