//! What was seen to go wrong in a real Grafana: words that are cut, axes with odd ticks, panels
//! without a word of their own, names that two series share.
//!
//! Not here: colours (`dashboards_colours.rs`), and what the queries tell (`dashboards.rs`).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::peers::dashboards::{self, Dashboard, text};
use crate::peers::{assert_none, repository};

fn items<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// What an override sets for the column of this name.
fn property<'a>(panel: &'a Value, column: &str, id: &str) -> Option<&'a Value> {
    items(panel, "/fieldConfig/overrides")
        .filter(|one| one["matcher"]["options"] == column)
        .flat_map(|one| items(one, "/properties"))
        .find(|property| property["id"] == id)
        .map(|property| &property["value"])
}

/// The names of the columns that a table shows.
fn columns(panel: &Value) -> BTreeSet<&str> {
    let organize = items(panel, "/transformations").find(|one| one["id"] == "organize");
    let options = &organize.expect("a table's columns are in order")["options"];
    let order = options["indexByName"].as_object().expect("an order").keys();
    order
        .filter(|name| options["excludeByName"][name.as_str()] != true)
        .map(|name| options["renameByName"][name.as_str()].as_str().unwrap_or(name))
        .collect()
}

/// The panels of one kind, each with its dashboard.
fn each(kind: &str, mut look: impl FnMut(&Dashboard, &Value, &mut Vec<String>)) {
    let (mut mistakes, mut seen) = (Vec::new(), 0);
    for dashboard in dashboards::all() {
        for panel in dashboard.panels().into_iter().filter(|panel| panel["type"] == kind) {
            seen += 1;
            let mut found = Vec::new();
            look(&dashboard, panel, &mut found);
            let place = dashboard.place(panel);
            mistakes.extend(found.into_iter().map(|mistake| format!("{place}: {mistake}")));
        }
    }
    assert!(seen > 5, "{seen} of {kind}");
    assert_none(&mistakes);
}

/// A column is at least as wide as its head: 14 px letters, the margins and the sign of the filter.
#[test]
fn no_head_of_a_column_is_cut() {
    each("table", |_, panel, mistakes| {
        for column in columns(panel) {
            if !column.starts_with(|letter: char| letter.is_uppercase() || letter.is_numeric()) {
                mistakes.push(format!("{column} has a small letter"));
            }
            let filter = property(panel, column, "custom.filterable") == Some(&Value::Bool(true));
            let letters = column.chars().count() as u64;
            let needed = letters * 15 / 2 + 12 + if filter { 24 } else { 0 };
            match property(panel, column, "custom.width").and_then(Value::as_u64) {
                Some(width) if width >= needed => {}
                width => mistakes.push(format!("{column} is {width:?} px wide, not {needed}")),
            }
        }
        if panel["fieldConfig"]["defaults"]["custom"]["filterable"] != false {
            mistakes.push("each head has the sign of the filter".to_owned());
        }
    });
}

/// The words of a mapping fit their column. Capitals are wider, and a filter takes room in a cell.
#[test]
fn no_word_of_ours_is_cut() {
    each("table", |_, panel, mistakes| {
        for column in columns(panel) {
            let Some(width) = property(panel, column, "custom.width").and_then(Value::as_u64)
            else {
                continue;
            };
            let filter = property(panel, column, "custom.filterable") == Some(&Value::Bool(true));
            let filter = if filter { 20 } else { 0 };
            let mappings = property(panel, column, "mappings").into_iter();
            let options = mappings.flat_map(|all| items(all, "")).filter_map(|one| {
                let options = one["options"].as_object()?;
                Some(options.values().filter_map(|value| value["text"].as_str()))
            });
            for word in options.flatten() {
                let capital = |letter: &char| letter.is_uppercase() || *letter == '_';
                let capitals = word.chars().filter(capital).count() as u64;
                let letters = word.chars().count() as u64 - capitals;
                let needed = letters * 75 / 10 + capitals * 93 / 10 + 12 + filter;
                if needed > width {
                    mistakes.push(format!("{column}: {word} needs {needed} px of {width}"));
                }
            }
        }
    });
}

#[test]
fn coloured_cells_are_filled_and_others_are_plain() {
    each("table", |_, panel, mistakes| {
        for one in items(panel, "/fieldConfig/overrides") {
            let column = text(one, "/matcher/options");
            let Some(mode) = property(panel, column, "custom.displayMode") else { continue };
            if mode != "auto" && mode != "color-background-solid" {
                mistakes.push(format!("{column} is {mode}"));
            }
            let coloured = ["mappings", "thresholds"].into_iter().any(|id| {
                property(panel, column, id).is_some_and(|value| value.to_string().contains("#"))
            });
            if mode != "auto" && !coloured {
                mistakes.push(format!("{column} is filled with the colour of text"));
            }
        }
        // An empty cell must not show the words for an empty table.
        let first = &panel["fieldConfig"]["overrides"][0];
        if first["matcher"]["id"] != "byRegexp" || first["properties"][0]["value"] != "–" {
            mistakes.push("its empty cells have no sign".to_owned());
        }
    });
}

/// Grafana 9.4 puts the words of an empty panel of states into its legend and never in its middle.
#[test]
fn every_panel_says_what_empty_means() {
    let mut mistakes = Vec::new();
    for dashboard in dashboards::all() {
        for panel in dashboard.panels() {
            let said = text(panel, "/fieldConfig/defaults/noValue");
            let wrong = match text(panel, "/type") {
                "row" => false,
                "state-timeline" => !said.is_empty(),
                "stat" => said.is_empty(),
                _ => said.len() < 7 || said == "No data",
            };
            if wrong {
                mistakes.push(format!("{}: empty, it says {said:?}", dashboard.place(panel)));
            }
            // The same words stand beside ticks that such an axis leaves out.
            let whole = panel["fieldConfig"]["defaults"]["decimals"] == 0;
            if panel["type"] == "timeseries" && whole {
                mistakes.push(format!("{}: {said:?} for a tick", dashboard.place(panel)));
            }
        }
    }
    assert_none(&mistakes);
}

/// Grafana divides an axis of seconds by tens, which reads as "16.7 min" or "22.2 hour".
#[test]
fn ages_have_a_scale_with_even_ticks() {
    each("timeseries", |_, panel, mistakes| {
        let ages = items(panel, "/targets").any(|target| {
            let expr = text(target, "/expr");
            expr.contains("time() -") || expr.contains("- time()") || expr.contains("uptime")
        });
        let unit = text(panel, "/fieldConfig/defaults/unit");
        if ages && !unit.starts_with("suffix:") && unit != "percentunit" {
            mistakes.push(format!("an age in {unit}"));
        }
    });
}

#[test]
fn bars_have_names_and_room() {
    each("bargauge", |_, panel, mistakes| {
        let defaults = &panel["fieldConfig"]["defaults"];
        if defaults["displayName"] != "${__series.name}" {
            mistakes.push("a single bar has no name".to_owned());
        }
        if panel["options"]["minVizHeight"].as_u64().is_none_or(|height| height > 10) {
            mistakes.push("its tenth bar is cut".to_owned());
        }
        let expr = text(panel, "/targets/0/expr");
        let one = panel["gridPos"]["w"].as_u64().is_some_and(|width| width < 8);
        if !one && !expr.contains("topk(10, ") && !expr.contains("bottomk(10, ") {
            mistakes.push("shows more than ten bars".to_owned());
        }
    });
}

#[test]
fn states_are_few_enough_for_their_rows() {
    each("state-timeline", |_, panel, mistakes| {
        let expr = text(panel, "/targets/0/expr");
        let fleet = ["{{channel}}", "{{token}}", "{{account}}"]
            .iter()
            .any(|name| text(panel, "/targets/0/legendFormat").contains(name));
        if fleet && !expr.contains("topk(10, ") {
            mistakes.push("shows all there are, one upon the other".to_owned());
        }
    });
}

/// Two series with one name cannot be told apart.
#[test]
fn series_have_names_of_their_own() {
    let mut mistakes = Vec::new();
    for dashboard in dashboards::all() {
        for panel in dashboard.panels() {
            let mut taken = BTreeSet::new();
            for target in items(panel, "/targets") {
                let legend = text(target, "/legendFormat");
                let place = dashboard.place(panel);
                if !legend.starts_with("__") && !taken.insert(legend) && panel["type"] != "table" {
                    mistakes.push(format!("{place}: two queries are {legend}"));
                }
                let target = ["{{channel}}", "{{token}}", "{{account}}"]
                    .iter()
                    .any(|name| legend.contains(name));
                let here = ["{{job}}", "{{namespace}}", "{{cluster}}"];
                if target && !here.iter().all(|label| legend.contains(label)) {
                    mistakes.push(format!("{place}: {legend} may be of another environment"));
                }
            }
        }
    }
    assert_none(&mistakes);
}

#[test]
fn what_is_well_has_no_runbook_and_every_other_has_one_that_exists() {
    let mut seen = 0;
    each("table", |_, panel, mistakes| {
        let Some(runbooks) = property(panel, "Runbook", "mappings") else { return };
        seen += 1;
        let todo = ["What to do", "First step"];
        let advice = todo.iter().find_map(|column| property(panel, column, "mappings"));
        let (advice, runbooks) = (&advice.expect("advice")[0], &runbooks[0]);
        for (code, one) in advice["options"].as_object().expect("advice") {
            let (words, runbook) = (text(one, "/text"), text(&runbooks["options"][code], "/text"));
            let path = format!("docs/runbooks/WhatsApp{runbook}.md");
            if (words == "Nothing") != runbook.is_empty() {
                mistakes.push(format!("{words} has the runbook {runbook:?}"));
            } else if !runbook.is_empty() && !repository(&path).exists() {
                mistakes.push(format!("{words}: there is no {path}"));
            }
        }
        if property(panel, "Runbook", "noValue") != Some(&Value::String(String::new())) {
            mistakes.push("a sign stands for no runbook, and is a link".to_owned());
        }
    });
    assert_eq!(seen, 3);
}

/// A line that says AUTH is not well while its messages wait, while it is restricted, or when its
/// exporter cannot be asked.
#[test]
fn what_to_do_looks_further_than_the_status() {
    for (uid, column) in [("whatsapp-channels", "What to do"), ("whatsapp-channel", "First step")] {
        let dashboards = dashboards::all();
        let dashboard = dashboards.iter().find(|one| one.uid() == uid).expect("it");
        let panels = dashboard.panels();
        let with = |panel: &&&Value| property(panel, column, "mappings").is_some();
        let panel = panels.iter().find(with).expect("advice");
        let advised = |code: &str| {
            let begins = [format!("{code} * group"), format!("{code} * (group")];
            let asks = |expr: &str| begins.iter().any(|begin| expr.contains(begin));
            items(panel, "/targets").filter(|target| asks(text(target, "/expr"))).count()
        };
        let mappings = property(panel, column, "mappings").expect("advice");
        for code in ["20", "21", "22", "23"] {
            assert!(!mappings[0]["options"][code].is_null(), "{uid}: {code} has no words");
            assert_eq!(advised(code), 2, "{uid}: {code} is no advice, or has no runbook");
        }
    }
}

#[test]
fn alerts_are_counted_by_severity() {
    each("stat", |_, panel, mistakes| {
        for target in items(panel, "/targets") {
            let expr = text(target, "/expr");
            if expr.contains("ALERTS{") && !expr.contains("severity=\"") {
                mistakes.push("one warning looks like an outage".to_owned());
            }
        }
    });
}

/// Where an alert leads, everything about the line is in one place.
#[test]
fn one_line_has_everything_in_one_place() {
    let dashboards = dashboards::all();
    let channel = dashboards.iter().find(|one| one.uid() == "whatsapp-channel").expect("it");
    let titles: Vec<&str> = channel.panels().iter().map(|panel| text(panel, "/title")).collect();
    for title in [
        "Status",
        "What to do",
        "Status over time",
        "Firing alerts",
        "Delivery",
        "Polls and sessions",
        "Real traffic",
        "Webhooks",
        "Restrictions and subscriptions",
    ] {
        assert!(titles.contains(&title), "{title}");
    }
    // With several environments chosen, each keeps its own word.
    for panel in channel.panels().into_iter().filter(|panel| panel["type"] == "stat") {
        let expr = text(panel, "/targets/0/expr");
        assert!(!expr.starts_with("max(") && !expr.starts_with("min("), "{expr}");
    }
}
