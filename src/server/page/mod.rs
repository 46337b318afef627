//! The pages for people: all targets, and one channel.
//!
//! Not here: what is said of a target (`report/`) and how it looks (`server/templates/`).

mod channel;
mod front;
mod pieces;
mod query;

pub(super) use query::PageQuery;

use crate::fleet::FleetView;

/// The script that renews a page without moving the focus. Without it a page stays as it is.
pub(super) const SCRIPT: &str = include_str!("../templates/page.js");

/// Which page is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which<'a> {
    /// All targets.
    Front,
    /// The channel of this name.
    Channel(&'a str),
}

/// The page as HTML; `None` if there is no such channel.
pub(super) fn render(
    view: &FleetView,
    which: Which<'_>,
    query: &PageQuery,
) -> Result<Option<String>, askama::Error> {
    match which {
        Which::Front => front::render(view, query).map(Some),
        Which::Channel(name) => channel::render(view, name, query),
    }
}
