//! `/message_templates`: how many there are, by status and category.
//!
//! Not here: their names and texts, which are not asked for.

use serde::Deserialize;

use super::paging::{Cursors, PageEnd, Paging};
use crate::domain::{TemplateCategory, TemplateCounts, TemplateStatus};
use crate::upstream::lenient::{Lenient, LenientObject};
use crate::upstream::whole_list::WholeList;

/// Templates on a page: an account has up to 6,000.
pub(super) const PAGE: u32 = 250;

/// The templates so far.
#[derive(Default)]
pub(super) struct TemplateList {
    pub(super) counts: TemplateCounts,
}

#[derive(Deserialize)]
struct TemplatePage {
    data: WholeList<ListedTemplate>,
    #[serde(default)]
    paging: LenientObject<Paging>,
}

#[derive(Deserialize)]
struct ListedTemplate {
    #[serde(default)]
    status: Lenient,
    #[serde(default)]
    category: Lenient,
}

impl TemplateList {
    /// Adds a page; `None` when it is not one.
    pub(super) fn add(&mut self, body: &[u8], cursors: &mut Cursors) -> Option<PageEnd> {
        let TemplatePage { data: WholeList(data), paging } = serde_json::from_slice(body).ok()?;
        for ListedTemplate { status, category } in data {
            let status = status.raw_text().and_then(|word| word.parse().ok());
            let category = category.raw_text().and_then(|word| word.parse().ok());
            self.counts.add(
                status.unwrap_or(TemplateStatus::Other),
                category.unwrap_or(TemplateCategory::Other),
            );
        }
        cursors.follow(paging.0)
    }
}
