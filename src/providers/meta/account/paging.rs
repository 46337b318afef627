//! Pages of a list, from cursor to cursor, to an end that is always reached.
//!
//! Not here: what is on a page. The address of the next page, which Meta sends too, is not used: it
//! carries the token.

use std::collections::HashSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::upstream::lenient::{Lenient, LenientObject};

/// No list of an account has more pages: it has hundreds of numbers and thousands of templates at
/// most.
const MAX_PAGES: usize = 40;

/// Longer ones are no cursors.
const MAX_CURSOR: usize = 4096;

/// What follows a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageEnd {
    /// Another page.
    More,
    /// Nothing: the list is whole.
    Whole,
}

/// Where in a list we are.
#[derive(Default)]
pub(super) struct Cursors {
    current: Option<String>,
    seen: HashSet<String>,
}

/// What a page says of the next.
#[derive(Deserialize, Default)]
pub(super) struct Paging {
    #[serde(default)]
    cursors: LenientObject<CursorPair>,
    #[serde(default)]
    next: Lenient,
}

#[derive(Deserialize)]
struct CursorPair {
    #[serde(default)]
    after: Lenient,
}

impl Cursors {
    /// The cursor of the page to ask for, as a part of an address; `None` for the first.
    pub(super) fn current(&self) -> Option<&str> {
        self.current.as_deref()
    }

    /// Takes what a page says of the next. `None` when the list has no end, or leads where it
    /// cannot be followed: what is known of it is not the whole. A cursor that was met before is
    /// the end: the list leads in a circle.
    pub(super) fn follow(&mut self, paging: Option<Paging>) -> Option<PageEnd> {
        let Some(paging) = paging.filter(Paging::has_next) else { return Some(PageEnd::Whole) };
        let cursor = paging.cursor()?;
        if !self.seen.insert(cursor.clone()) {
            return Some(PageEnd::Whole);
        }
        if self.seen.len() >= MAX_PAGES {
            return None;
        }
        self.current = Some(utf8_percent_encode(&cursor, NON_ALPHANUMERIC).to_string());
        Some(PageEnd::More)
    }
}

impl Paging {
    /// Whether there is a next page.
    fn has_next(&self) -> bool {
        self.next.raw_text().is_some_and(|next| !next.is_empty())
    }

    /// The cursor of the next page, if there is one: the last page has a cursor too, and no `next`.
    fn cursor(&self) -> Option<String> {
        let next = self.next.raw_text().filter(|next| !next.is_empty())?;
        let told = self.cursors.0.as_ref().and_then(|cursors| cursors.after.raw_text());
        let in_address = || {
            let (_, query) = next.split_once('?')?;
            query.split('&').find_map(|pair| pair.strip_prefix("after="))
        };
        let cursor = told.or_else(in_address)?;
        (!cursor.is_empty() && cursor.len() <= MAX_CURSOR).then(|| cursor.to_owned())
    }
}
