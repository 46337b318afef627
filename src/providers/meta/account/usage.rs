//! How much of Meta's limits of requests is used, by the headers of its answers.
//!
//! Not here: what follows from it for polls.
//!
//! Source: Meta's page on rate limits. Percentages; a time in minutes; the headers come only "after
//! enough calls". That the map's key is an account is a guess, so the worst of all counts.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::domain::ApiUsage;
use crate::upstream::lenient::{Lenient, LenientList, ListItem};

#[derive(Deserialize)]
struct UseCase {
    #[serde(default)]
    call_count: Lenient,
    #[serde(default)]
    total_time: Lenient,
    #[serde(default)]
    total_cputime: Lenient,
    #[serde(default)]
    estimated_time_to_regain_access: Lenient,
}

impl ListItem for UseCase {
    /// A header is short.
    fn says_anything(&self) -> bool {
        true
    }
}

/// What the headers say, if anything.
pub(super) fn usage(headers: &HeaderMap) -> Option<ApiUsage> {
    let app: Option<UseCase> = json(headers, "x-app-usage");
    let business: Option<BTreeMap<String, LenientList<UseCase>>> =
        json(headers, "x-business-use-case-usage");
    let of_business = business.into_iter().flat_map(BTreeMap::into_values);
    let all = of_business.flat_map(|LenientList(uses)| uses).chain(app);
    all.filter_map(|one| one.usage()).reduce(ApiUsage::worse)
}

fn json<T: DeserializeOwned>(headers: &HeaderMap, name: &str) -> Option<T> {
    serde_json::from_slice(headers.get(name)?.as_bytes()).ok()
}

impl UseCase {
    fn usage(&self) -> Option<ApiUsage> {
        let counts = [&self.call_count, &self.total_time, &self.total_cputime];
        let most = counts.into_iter().filter_map(Lenient::number).reduce(f64::max)?;
        let minutes = self.estimated_time_to_regain_access.number();
        let minutes =
            minutes.filter(|minutes| (0.0..100_000.0).contains(minutes) && *minutes > 0.0);
        Some(ApiUsage {
            // Bounded, so that it fits.
            percent: most.clamp(0.0, 1000.0).ceil() as u16,
            refused_for: minutes.map(|minutes| Duration::from_secs_f64(60.0 * minutes)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &'static str, value: &str) -> Option<(u16, Option<u64>)> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        let told = usage(&headers)?;
        Some((told.percent, told.refused_for.map(|time| time.as_secs())))
    }

    #[test]
    fn the_worst_of_all_counts() {
        let business = r#"{"112130216863063":[{"type":"x","call_count":95,"total_cputime":20,
            "total_time":20,
            "estimated_time_to_regain_access":19},{"call_count":"97.2"}],"2":[]}"#;
        let one_line = business.replace('\n', "");
        assert_eq!(read("x-business-use-case-usage", &one_line), Some((98, Some(1140))));
        let app = r#"{"call_count":28,"total_time":25,"total_cputime":31}"#;
        assert_eq!(read("x-app-usage", app), Some((31, None)));
        assert_eq!(read("x-app-usage", r#"{"call_count":1e9}"#), Some((1000, None)));
    }

    #[test]
    fn what_is_none_says_nothing() {
        for text in ["", "{}", "[]", "null", r#"{"call_count":null}"#, "\"x\"", "{"] {
            assert_eq!(read("x-app-usage", text), None, "{text}");
            assert_eq!(read("x-business-use-case-usage", text), None, "{text}");
        }
        assert_eq!(read("x-other", "{}"), None);
    }
}
