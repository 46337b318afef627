//! What the address of a page asks for: which page, what to look for, how often to renew it.
//!
//! Not here: what is shown.

use std::borrow::Cow;

/// The longest text that is looked for.
const MAX_SEARCH_CHARS: usize = 100;
/// How often a page may renew itself, in seconds.
const REFRESH: std::ops::RangeInclusive<u32> = 5..=3600;

/// `?q=…&page=…&refresh=…`, each of which may be missing. What makes no sense counts as
/// missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PageQuery {
    /// What is looked for, in lower case; empty for everything.
    pub(super) text: String,
    /// The page, counted from 1.
    pub(super) number: usize,
    /// How often the browser loads it again, in seconds, for a screen without scripts.
    pub(super) refresh: Option<u32>,
}

impl PageQuery {
    /// The query of an address.
    pub(crate) fn parse(query: Option<&str>) -> Self {
        let mut parsed = Self { number: 1, ..Self::default() };
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "q" => parsed.text = value.trim().chars().take(MAX_SEARCH_CHARS).collect(),
                "page" => parsed.number = value.parse().unwrap_or(1).max(1),
                "refresh" => parsed.refresh = value.parse().ok().filter(|s| REFRESH.contains(s)),
                _ => {}
            }
        }
        parsed
    }

    /// Whether any of these texts has what is looked for.
    pub(super) fn finds<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        let text = self.text.to_lowercase();
        texts.into_iter().any(|one| {
            // Few names have capitals that a copy is needed for.
            let lower = match one.chars().any(char::is_uppercase) {
                true => Cow::Owned(one.to_lowercase()),
                false => Cow::Borrowed(one),
            };
            lower.contains(&text)
        })
    }

    /// The same query for another page, as it stands in a link.
    pub(super) fn at(&self, number: usize) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.text.is_empty() {
            query.append_pair("q", &self.text);
        }
        if number > 1 {
            query.append_pair("page", &number.to_string());
        }
        if let Some(refresh) = self.refresh {
            query.append_pair("refresh", &refresh.to_string());
        }
        format!("/?{}", query.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_counts_as_missing() {
        let parsed = PageQuery::parse(Some("q=%20Sales+team&page=3&refresh=15&x=1"));
        let wanted = PageQuery { text: "Sales team".to_owned(), number: 3, refresh: Some(15) };
        assert_eq!(parsed, wanted);
        assert_eq!(parsed.at(2), "/?q=Sales+team&page=2&refresh=15");
        for odd in ["page=-1&refresh=1", "page=0&refresh=99999", "page=x&refresh=", "%ff=&&&=", ""]
        {
            let parsed = PageQuery::parse(Some(odd));
            assert_eq!(parsed, PageQuery { number: 1, ..PageQuery::default() }, "{odd}");
        }
        assert_eq!(
            PageQuery::parse(Some(&format!("q={}", "x".repeat(999)))).text.len(),
            MAX_SEARCH_CHARS
        );
    }

    #[test]
    fn capitals_do_not_matter() {
        let query = PageQuery::parse(Some("q=SaLes"));
        assert!(query.finds(["x", "eu-SALES-1"]));
        assert!(!query.finds(["sale", "support"]));
        assert!(PageQuery::default().finds(["anything"]));
    }
}
