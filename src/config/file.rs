//! The settings file: YAML with sources, channels and tokens.
//!
//! Not here: the environment. The file never holds a secret, only the names of files that do.

use std::io;
use std::path::Path;

use super::targets::Collector;
use crate::domain::TargetKind;
use crate::input::yaml::{self, Node, Section};
use crate::input::{Characters, Entry, EntryPlace, Policies, Problems};
use crate::provider::ProviderSettings;
use crate::providers;
use crate::secret::printable_path;
use crate::target::Name;
use crate::upstream::ProviderId;

/// The lists that a file may have, and what their entries are.
const LISTS: &[(&str, TargetKind)] = &[
    ("sources", TargetKind::Source),
    ("channels", TargetKind::Channel),
    ("tokens", TargetKind::Token),
];

/// A million targets take about 100 MB.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// What reading the file needs.
pub(super) struct FileReader<'a, 'c> {
    /// What each provider's variables say, in the order of the table.
    pub(super) settings: &'a [Box<dyn ProviderSettings>],
    pub(super) policies: &'a Policies,
    pub(super) targets: &'a mut Collector<'c>,
    pub(super) problems: &'a mut Problems,
}

impl FileReader<'_, '_> {
    /// Reads the file, entry by entry: a tree of a hundred thousand would take more memory than the
    /// targets themselves.
    pub(super) fn read(&mut self, path: &Path) {
        let place = format!("CONFIG_FILE {}", printable_path(path));
        let unread = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidData => format!("{place}: is not UTF-8 text"),
            _ => format!("{place}: cannot be read: {error}"),
        };
        let mut text = match Characters::of(path, MAX_FILE_BYTES) {
            Ok(text) => text,
            Err(error) => return self.problems.add(unread(error)),
        };
        let lists: Vec<&'static str> = LISTS.iter().map(|(list, _)| *list).collect();
        let directory = path.parent();
        let rest = yaml::parse_lists(&mut text, &lists, &mut |list, at, node| {
            self.item(&place, directory, list, at, node);
        });
        if let Some(error) = text.ended_by() {
            return self.problems.add(unread(error));
        }
        // What is left of the document are lists that have an anchor or came from one, and
        // mistakes.
        let checked = rest.map_err(|what| format!("{place}{what}")).and_then(|node| {
            let mut section =
                Section::new(node, &lists).map_err(|what| format!("{place}: {what}"))?;
            for list in lists.iter().copied() {
                let items = section.list(list).map_err(|what| format!("{place}: {what}"))?;
                for (at, node) in items.into_iter().flatten().enumerate() {
                    self.item(&place, directory, list, at, node);
                }
            }
            Ok(())
        });
        if let Err(sentence) = checked {
            self.problems.add(sentence);
        }
    }

    fn item(
        &mut self,
        file: &str,
        directory: Option<&Path>,
        list: &'static str,
        at: usize,
        node: Node,
    ) {
        let name = node.text_of("name").and_then(|name| Name::new(name).ok());
        self.entry(EntryPlace { file, directory, list, at, name }, node);
    }

    fn entry(&mut self, place: EntryPlace<'_>, node: Node) {
        let Some((_, kind)) = LISTS.iter().find(|(list, _)| *list == place.list) else { return };
        let provider = match self.provider(*kind, &node) {
            Ok(provider) => provider,
            Err(what) => return self.problems.add(format!("{place}: {what}")),
        };
        let keys = providers::get(provider).entry_keys(*kind).unwrap_or_default();
        match Section::new(node, keys) {
            Ok(mut section) => {
                // It was looked at above.
                let _ = section.take("provider");
                let (policies, problems) = (self.policies, &mut *self.problems);
                let further = Vec::new();
                let mut entry = Entry { place, section, policies, problems, further };
                let target = self.settings[provider.index()].target(*kind, &mut entry);
                let all = target.into_iter().chain(entry.further);
                all.for_each(|target| self.targets.add(target));
            }
            Err(what) => self.problems.add(format!("{place}: {what}")),
        }
    }

    /// The provider that an entry names, or the one that entries of its kind have by default.
    fn provider(&self, kind: TargetKind, node: &Node) -> Result<ProviderId, String> {
        let fits = |provider: &ProviderId| providers::get(*provider).entry_keys(kind).is_some();
        let named = match node.get("provider").map(Node::text) {
            Some(None) => return Err(yaml::not_one_value("provider")),
            named => named.flatten().filter(|label| !label.is_empty()),
        };
        let provider = match named {
            Some(label) => providers::with_label(label).filter(fits),
            None => match providers::default_for(kind) {
                Some(provider) => Some(provider),
                None => return Err("`provider` is missing".to_owned()),
            },
        };
        provider.ok_or_else(|| {
            let labels: Vec<_> =
                providers::all().filter(fits).map(|one| format!("`{}`", one.label())).collect();
            format!("`provider`: must be {}", labels.join(" or "))
        })
    }
}
