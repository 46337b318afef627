//! Which file of a crate imports from which.
//!
//! A path leads to the file where its item is defined, through re-exports. Not followed: macros'
//! expansions, and traits' methods, whose trait has to be imported anyway.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::source::Source;

/// A `use` of one name.
struct Use {
    path: Vec<String>,
    /// The name it has here; `None` for `*`.
    name: Option<String>,
    public: bool,
}

/// A module, which is a file.
pub struct Module {
    pub file: PathBuf,
    parent: usize,
    children: HashMap<String, usize>,
    uses: Vec<Use>,
    /// Paths in the code with at least two segments.
    paths: Vec<Vec<String>>,
    defined: HashSet<String>,
    words: HashMap<String, usize>,
}

/// Where a path leads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Module(usize),
    Item(usize),
}

/// The modules of a crate.
pub struct Imports {
    pub modules: Vec<Module>,
}

impl Imports {
    /// Reads a crate from its root file on.
    pub fn of_crate(root: &str) -> Self {
        let folder = Path::new(root).parent().expect("a folder");
        let mut sources = HashMap::new();
        for source in Source::rust(folder.to_str().expect("UTF-8")) {
            sources.insert(source.path.clone(), source.code());
        }
        let mut imports = Self { modules: vec![] };
        imports.add(Path::new(root), folder, 0, &sources);
        imports
    }

    fn add(
        &mut self,
        file: &Path,
        folder: &Path,
        parent: usize,
        sources: &HashMap<PathBuf, String>,
    ) -> usize {
        let code = sources.get(file).unwrap_or_else(|| panic!("{} is missing", file.display()));
        let (module, children) = Module::read(file, parent, code);
        self.modules.push(module);
        let this = self.modules.len() - 1;
        for child in children {
            let inside = folder.join(&child);
            let (alone, with_folder) = (inside.with_extension("rs"), inside.join("mod.rs"));
            let file = if sources.contains_key(&alone) { alone } else { with_folder };
            let at = self.add(&file, &inside, this, sources);
            self.modules[this].children.insert(child, at);
        }
        this
    }

    /// Where a path leads that is written in this module; `None` when out of the crate.
    fn resolve(&self, from: usize, path: &[String], depth: usize) -> Option<Place> {
        assert!(depth < 20, "{path:?} in {} leads in a circle", self.modules[from].file.display());
        let (first, rest) = path.split_first()?;
        let begin = match first.as_str() {
            "crate" => Place::Module(0),
            "self" => Place::Module(from),
            "super" => Place::Module(self.modules[from].parent),
            name => self.find(from, name, depth, true)?,
        };
        rest.iter().try_fold(begin, |place, name| match place {
            Place::Module(module) if name == "super" => {
                Some(Place::Module(self.modules[module].parent))
            }
            Place::Module(module) => {
                Some(self.find(module, name, depth, false).unwrap_or(Place::Item(module)))
            }
            Place::Item(_) => Some(place),
        })
    }

    /// What a name is in a module.
    fn find(&self, at: usize, name: &str, depth: usize, local: bool) -> Option<Place> {
        let module = &self.modules[at];
        if let Some(child) = module.children.get(name) {
            return Some(Place::Module(*child));
        }
        if let Some(one) = module.uses.iter().find(|one| one.name.as_deref() == Some(name)) {
            // `use x::x` of another crate names itself.
            return match one.path.first().is_some_and(|first| first == name) && local {
                true => None,
                false => self.resolve(at, &one.path, depth + 1),
            };
        }
        if module.defined.contains(name) {
            return Some(Place::Item(at));
        }
        module.uses.iter().filter(|one| one.name.is_none()).find_map(|glob| {
            match self.resolve(at, &glob.path, depth + 1)? {
                Place::Module(other) if other != at => self.find(other, name, depth + 1, false),
                _ => None,
            }
        })
    }

    /// The files that each file imports from.
    pub fn edges(&self) -> BTreeMap<&Path, BTreeSet<&Path>> {
        let mut edges = BTreeMap::new();
        for (at, module) in self.modules.iter().enumerate() {
            let used = module.uses.iter().filter(|one| {
                // What is only passed on is nothing that this file needs.
                let words = one.name.as_ref().and_then(|name| module.words.get(name));
                one.name.is_none() || !one.public || words.is_some_and(|count| *count > 1)
            });
            let items = used.filter_map(|one| {
                let place = self.resolve(at, &one.path, 0)?;
                // The paths that begin with a module's name count, not the name.
                (one.name.is_none() || matches!(place, Place::Item(_))).then_some(place)
            });
            let paths = module.paths.iter().filter_map(|path| self.resolve(at, path, 0));
            let targets: BTreeSet<&Path> = items
                .chain(paths)
                .map(|place| match place {
                    Place::Module(other) | Place::Item(other) => other,
                })
                .filter(|other| *other != at)
                .map(|other| self.modules[other].file.as_path())
                .collect();
            edges.insert(module.file.as_path(), targets);
        }
        edges
    }
}

impl Module {
    /// The module, and the names of its children.
    fn read(file: &Path, parent: usize, code: &str) -> (Self, Vec<String>) {
        let tokens = tokens(code);
        let mut module = Self {
            file: file.to_owned(),
            parent,
            children: HashMap::new(),
            uses: vec![],
            paths: vec![],
            defined: HashSet::new(),
            words: HashMap::new(),
        };
        let mut children = vec![];
        let mut at = 0;
        while at < tokens.len() {
            let next = tokens.get(at + 1).copied().unwrap_or_default();
            match tokens[at] {
                "mod" if tokens.get(at + 2) == Some(&";") => {
                    children.push(next.to_owned());
                    at += 3;
                }
                "macro_rules" => {
                    module.defined.extend(tokens.get(at + 2).map(|name| (*name).to_owned()));
                    at += 3;
                }
                "use" if next != "<" => {
                    let public = at > 0 && matches!(tokens[at - 1], "pub" | ")");
                    at += 1;
                    module.read_use(&tokens, &mut at, &[], public);
                }
                "struct" | "enum" | "fn" | "type" | "trait" | "const" | "static" | "union" => {
                    module.defined.insert(next.to_owned());
                    at += 1;
                }
                word if is_word(word) => {
                    let mut path = vec![word.to_owned()];
                    while tokens.get(at + 1) == Some(&"::")
                        && tokens.get(at + 2).is_some_and(|next| is_word(next))
                    {
                        path.push(tokens[at + 2].to_owned());
                        at += 2;
                    }
                    for word in &path {
                        *module.words.entry(word.clone()).or_default() += 1;
                    }
                    if path.len() > 1 {
                        module.paths.push(path);
                    }
                    at += 1;
                }
                _ => at += 1,
            }
        }
        (module, children)
    }

    fn read_use(&mut self, tokens: &[&str], at: &mut usize, prefix: &[String], public: bool) {
        let mut path = prefix.to_vec();
        let mut add = |path: Vec<String>, name: Option<String>| {
            // Its own mention; another one is a use.
            name.iter().for_each(|name| *self.words.entry(name.clone()).or_default() += 1);
            self.uses.push(Use { path, name, public });
        };
        while let Some(token) = tokens.get(*at).copied() {
            *at += 1;
            match token {
                "::" => {}
                "*" => return add(path, None),
                "{" => {
                    while tokens[*at] != "}" {
                        self.read_use(tokens, at, &path, public);
                        if tokens[*at] == "," {
                            *at += 1;
                        }
                    }
                    *at += 1;
                    return;
                }
                word if is_word(word) => {
                    if word != "self" || path.is_empty() {
                        path.push(word.to_owned());
                    }
                    let next = tokens.get(*at).copied().unwrap_or_default();
                    if next == "as" {
                        let name = tokens[*at + 1].to_owned();
                        *at += 2;
                        return add(path, Some(name));
                    }
                    if next != "::" {
                        let name = path.last().cloned();
                        return add(path, name);
                    }
                }
                _ => return,
            }
        }
    }

    /// The paths of all that it uses, by `use` and in the code, as they lead out of the file.
    pub fn paths(&self) -> Vec<Vec<String>> {
        let of_uses = self.uses.iter().map(|one| one.path.clone());
        let in_code = self.paths.iter().map(|path| {
            let imported = self.uses.iter().find(|one| one.name.as_ref() == path.first());
            match imported {
                Some(one) => one.path.iter().chain(&path[1..]).cloned().collect(),
                None => path.clone(),
            }
        });
        of_uses.chain(in_code).collect()
    }

    /// Whether a name stands for something of this file.
    pub fn knows(&self, name: &str) -> bool {
        self.children.contains_key(name) || self.defined.contains(name)
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

/// Words, `::`, and single signs.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = vec![];
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let length = if is_word(rest) {
            let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            end.unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() {
            tokens.push(&rest[..length]);
        }
        rest = &rest[length..];
    }
    tokens
}

/// The files that import from each other in circles, each circle with all that it reaches.
pub fn circles<'a>(edges: &BTreeMap<&'a Path, BTreeSet<&'a Path>>) -> Vec<Vec<&'a Path>> {
    let reach: BTreeMap<&Path, BTreeSet<&Path>> =
        edges.keys().map(|file| (*file, reached(file, edges))).collect();
    let mut circles: BTreeSet<Vec<&Path>> = BTreeSet::new();
    for (file, reached) in &reach {
        if reached.contains(file) {
            let back = |other: &&&Path| reach[**other].contains(file);
            circles.insert(reached.iter().filter(back).copied().collect());
        }
    }
    circles.into_iter().collect()
}

/// What a file imports from, and what that imports from, and so on.
fn reached<'a>(file: &Path, edges: &BTreeMap<&'a Path, BTreeSet<&'a Path>>) -> BTreeSet<&'a Path> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&Path> = edges[file].iter().copied().collect();
    while let Some(file) = next.pop() {
        if reached.insert(file) {
            next.extend(&edges[file]);
        }
    }
    reached
}
