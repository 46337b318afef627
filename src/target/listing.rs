//! Which of a source's channels are watched, and what they are called.
//!
//! Not here: asking the source for its list.

use std::collections::BTreeMap;

use wildmatch::WildMatch;

use super::Name;
use crate::domain::PollPolicy;
use crate::upstream::ListedChannel;

/// The most channels of one source that are watched unless its settings say otherwise.
pub const DEFAULT_MAX_CHANNELS: usize = 1000;

/// What a source's settings say of the channels that it lists.
#[derive(Debug, Clone, PartialEq)]
pub struct ListingOptions {
    /// Globs over names and ids; when there are any, only channels that match one are watched.
    pub only: Vec<WildMatch>,
    /// Globs over names and ids of channels that are not watched.
    pub except: Vec<WildMatch>,
    /// The operator's names for ids.
    pub names: BTreeMap<Box<str>, Name>,
    /// How many channels are watched at most.
    pub max_channels: usize,
    /// How often channels that have an endpoint are polled; `None` for as often as the list.
    pub channel_policy: Option<PollPolicy>,
    /// How often accounts are polled; `None` likewise.
    pub account_policy: Option<PollPolicy>,
}

impl Default for ListingOptions {
    fn default() -> Self {
        Self {
            only: Vec::new(),
            except: Vec::new(),
            names: BTreeMap::new(),
            max_channels: DEFAULT_MAX_CHANNELS,
            channel_policy: None,
            account_policy: None,
        }
    }
}

impl ListingOptions {
    /// All channels, each polled by this policy if it is polled itself.
    pub fn polled_by(policy: PollPolicy) -> Self {
        Self { channel_policy: Some(policy), ..Self::default() }
    }

    /// Whether a channel is wanted at all.
    pub(super) fn wants(&self, channel: &ListedChannel) -> bool {
        let matches = |glob: &WildMatch| {
            glob.matches(&channel.id)
                || channel.name.as_deref().is_some_and(|name| glob.matches(name))
        };
        (self.only.is_empty() || self.only.iter().any(matches)) && !self.except.iter().any(matches)
    }

    /// What a channel or an account may be called, the best first: the operator's name, the
    /// upstream's, the id. Each is there once.
    pub(super) fn candidate_names(&self, id: &str, name: Option<&str>) -> Vec<Name> {
        let given = self.names.get(id).cloned();
        let upstream = name.and_then(|name| Name::new(name).ok());
        let id = Name::new(id).ok();
        let mut names: Vec<Name> = Vec::with_capacity(1);
        for name in [given, upstream, id].into_iter().flatten() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}
