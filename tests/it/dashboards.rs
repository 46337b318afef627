//! How dashboards must be built to tell the truth: about two environments with equal names, about
//! totals, and about what is not known.
//!
//! Not here: whether their queries name what exists (`contract.rs`), and whether they show
//! something (`end_to_end.rs`).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::peers::assert_none;
use crate::peers::dashboards::{self, Dashboard, text};

/// The labels that name a target within one environment.
const TARGETS: &[&str] = &["channel", "token", "source", "account", "instance"];
/// The labels that tell environments apart, as the alert rules do.
const ENVIRONMENT: &[&str] = &["cluster", "namespace", "job"];

/// The lists of labels in `by (…)`, `on (…)` and `without (…)`, with their keyword.
fn label_lists(expr: &str) -> Vec<(&str, BTreeSet<&str>)> {
    let mut lists = Vec::new();
    for keyword in ["by", "on"] {
        for part in expr.split(&format!(" {keyword} (")).skip(1) {
            let inside = part.split(')').next().unwrap_or_default();
            let names = inside.split(',').map(str::trim).filter(|name| !name.is_empty());
            lists.push((keyword, names.collect()));
        }
    }
    lists
}

/// The matchers of every selector of one of the exporter's metrics, and of alerts.
fn selectors(expr: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = expr;
    while let Some((before, after)) = rest.split_once('{') {
        let begins = before
            .rfind(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != ':')
            .map_or(0, |at| at + 1);
        let (inside, after) = after.split_once('}').expect("a selector has an end");
        found.push((&before[begins..], inside));
        rest = after;
    }
    found
}

fn queries(dashboard: &Dashboard) -> Vec<(String, String)> {
    dashboard.queries().into_iter().map(|query| (query.place, query.expr)).collect()
}

#[test]
fn two_environments_with_equal_names_never_hide_each_other() {
    let mut mistakes = Vec::new();
    for dashboard in dashboards::all() {
        for (place, expr) in queries(&dashboard) {
            for (keyword, labels) in label_lists(&expr) {
                // On other metrics, `source` tells who met an answer.
                let of_source =
                    |label: &str| label != "source" || expr.contains("whatsapp_source_");
                let names_target =
                    TARGETS.iter().any(|label| labels.contains(label) && of_source(label));
                let missing: Vec<_> =
                    ENVIRONMENT.iter().filter(|label| !labels.contains(*label)).collect();
                if names_target && !missing.is_empty() {
                    mistakes.push(format!("{place}: `{keyword} (…)` lacks {missing:?}: {expr}"));
                }
            }
        }
    }
    assert_none(&mistakes);
}

#[test]
fn every_query_asks_of_the_chosen_environment_alone() {
    let mut mistakes = Vec::new();
    for dashboard in dashboards::all() {
        for (place, expr) in queries(&dashboard) {
            for (metric, matchers) in selectors(&expr) {
                for label in ENVIRONMENT {
                    // Some alerts are about a provider or an exporter, and lack labels.
                    let (all, some) =
                        (format!("{label}=~\"${label}\""), format!("{label}=~\"${label}|\""));
                    let wanted = if metric.starts_with("ALERTS") { some } else { all };
                    if !matchers.contains(&wanted) {
                        mistakes.push(format!("{place}: {metric} lacks `{wanted}`"));
                    }
                }
            }
        }
    }
    assert_none(&mistakes);
}

/// A total is the sum of the steps' differences: windows that overlap count twice what both see,
/// windows side by side lose what happens between the last sample of one and the first of the next,
/// and the ten highest of each step are not the ten highest of all.
#[test]
fn a_total_equals_what_was_counted() {
    let mut mistakes = Vec::new();
    let mut totals = 0;
    for dashboard in dashboards::all() {
        for panel in dashboard.panels() {
            let calcs = panel["options"]["legend"]["calcs"].as_array();
            let sums = calcs.is_some_and(|calcs| calcs.iter().any(|calc| calc == "sum"));
            totals += usize::from(sums);
            for target in panel["targets"].as_array().into_iter().flatten() {
                let place = dashboard.place(panel);
                let expr = text(target, "/expr");
                let steps = expr.contains("offset $__interval");
                if sums && (!steps || expr.contains("_interval]")) {
                    mistakes.push(format!("{place}: sums up what no step alone saw"));
                }
                if steps && (!sums || text(target, "/interval") != "1m") {
                    mistakes.push(format!("{place}: counts steps of a minute and shows no total"));
                }
                if sums && expr.matches("topk").count() != expr.matches("] @ end())").count() {
                    mistakes.push(format!("{place}: chooses others at each step"));
                }
                if expr.contains("[$__interval]") {
                    mistakes.push(format!("{place}: windows without a sample in common"));
                }
            }
        }
    }
    assert!(totals > 20, "{totals}");
    assert_none(&mistakes);
}

#[test]
fn all_means_all_and_marks_are_off_until_asked_for() {
    let mut mistakes = Vec::new();
    for dashboard in dashboards::all() {
        for variable in dashboard.json["templating"]["list"].as_array().expect("variables") {
            if variable["includeAll"] == true && variable["allValue"] != ".*" {
                mistakes.push(format!("{}: All of {}", dashboard.file, text(variable, "/name")));
            }
        }
        for mark in dashboard.json["annotations"]["list"].as_array().expect("annotations") {
            let expr = text(mark, "/expr");
            // Alerts that wait and never fire have that series too.
            let fires = "} * 1000 and ignoring (alertstate) ALERTS{";
            let thin = expr.starts_with("ALERTS_FOR_STATE{")
                && expr.matches("severity=\"critical\"").count() == 2
                && expr.contains(fires)
                && expr.ends_with("alertstate=\"firing\"}")
                && mark["useValueForTime"] == true;
            if mark["enable"] != false || !thin {
                mistakes.push(format!(
                    "{}: marks must be off and stand where critical alerts began",
                    dashboard.file
                ));
            }
        }
    }
    assert_none(&mistakes);
}

#[test]
fn nothing_known_is_never_shown_as_all_clear() {
    let mut mistakes = Vec::new();
    for dashboard in dashboards::all() {
        for panel in dashboard.panels() {
            let place = dashboard.place(panel);
            for target in panel["targets"].as_array().into_iter().flatten() {
                let expr = text(target, "/expr");
                if panel["type"] == "stat" && expr.contains("vector(0)") {
                    mistakes.push(format!("{place}: says 0 where nothing is known: {expr}"));
                }
            }
            if panel["type"] == "stat" && panel["options"]["colorMode"] == "background" {
                mistakes.push(format!("{place}: its colour is a gradient"));
            }
            let said = text(panel, "/fieldConfig/defaults/noValue");
            if said.contains("No alert fires") || said == "None" || said == "0" {
                mistakes.push(format!("{place}: an empty answer reads as all-clear: {said}"));
            }
        }
    }
    assert_none(&mistakes);
}

/// Mappings of status codes, wherever they stand.
fn status_maps<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            let named = |code: &str, word: &str| {
                fields.get(code).is_some_and(|one| one["text"] == word && !one["color"].is_null())
            };
            if named("4", "AUTH") && named("3", "QR") {
                found.push(value);
            }
            fields.values().for_each(|value| status_maps(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| status_maps(value, found)),
        _ => {}
    }
}

#[test]
fn every_status_has_a_word_and_a_colour_of_its_own_and_the_same_everywhere() {
    let mut palettes = BTreeSet::new();
    for dashboard in dashboards::all() {
        let mut maps = Vec::new();
        status_maps(&dashboard.json, &mut maps);
        for map in maps {
            let map = map.as_object().expect("a map");
            let colours: BTreeSet<&str> = map.values().map(|one| text(one, "/color")).collect();
            assert_eq!(colours.len(), map.len(), "{}: {map:?}", dashboard.file);
            for code in -1..=8 {
                assert!(map.contains_key(&code.to_string()), "{}: {code}", dashboard.file);
            }
            palettes.insert(format!("{map:?}"));
        }
    }
    assert_eq!(palettes.len(), 1, "{palettes:#?}");
}

#[test]
fn durations_are_short_enough_for_their_columns() {
    for dashboard in dashboards::all() {
        assert!(!dashboard.text.contains("dtduration"), "{}", dashboard.file);
    }
}

#[test]
fn a_table_is_as_wide_as_a_small_screen() {
    // 1280 pixels, less the menu and the margins. Environment, version and the like may be beyond.
    const WIDTH: u64 = 1200;
    for dashboard in dashboards::all() {
        for panel in dashboard.panels().into_iter().filter(|panel| panel["type"] == "table") {
            let overrides = panel["fieldConfig"]["overrides"].as_array().expect("overrides");
            let beyond = [
                "Job",
                "Namespace",
                "Cluster",
                "Provider",
                "Source",
                "Account",
                "Version",
                "Runbook",
                "Exporter",
                "Expires on",
                "App ID",
            ];
            let widths = overrides
                .iter()
                .filter(|one| !beyond.contains(&text(one, "/matcher/options")))
                .flat_map(|one| one["properties"].as_array().into_iter().flatten())
                .filter(|property| property["id"] == "custom.width")
                .filter_map(|property| property["value"].as_u64());
            let width: u64 = widths.sum();
            let share = panel["gridPos"]["w"].as_u64().expect("a width");
            assert!(width <= WIDTH * share / 24, "{}: {width}", dashboard.place(panel));
        }
    }
}
