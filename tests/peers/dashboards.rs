//! The dashboards as Grafana reads them: panels, variables, queries, and the text that a query
//! becomes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::{files, read};

/// One of `grafana/*.json`.
pub struct Dashboard {
    /// Its path in the repository.
    pub file: String,
    /// Its text.
    pub text: String,
    /// What it holds.
    pub json: Value,
}

/// How a query is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// For one moment.
    Instant,
    /// For every step of the time range.
    Range,
}

/// A query of a dashboard.
pub struct Query {
    /// File, panel and letter, for a message.
    pub place: String,
    /// The expression, variables and all.
    pub expr: String,
    /// How it is put.
    pub ask: Ask,
    /// The shortest step, where the panel sets one.
    pub min_step: Option<Duration>,
    /// The texts that name labels as `{{label}}`.
    pub legends: Vec<String>,
}

/// A variable whose values come from a query `label_values(selector, label)`.
pub struct Variable {
    /// File and name, for a message.
    pub place: String,
    /// Its name.
    pub name: String,
    /// The selector.
    pub selector: String,
    /// The label.
    pub label: String,
}

/// Every dashboard.
pub fn all() -> Vec<Dashboard> {
    let dashboards: Vec<Dashboard> = files("grafana", ".json")
        .into_iter()
        .map(|name| {
            let file = format!("grafana/{name}");
            let text = read(&file);
            let json = serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("{file} is not JSON: {error}"));
            Dashboard { file, text, json }
        })
        .collect();
    assert!(!dashboards.is_empty(), "grafana/ has no dashboards");
    dashboards
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A field's text, or none.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

impl Dashboard {
    /// The part of its address after `/d/`.
    pub fn uid(&self) -> &str {
        text(&self.json, "/uid")
    }

    /// Every panel, rows and what they fold away too.
    pub fn panels(&self) -> Vec<&Value> {
        fn add<'a>(panels: &'a [Value], all: &mut Vec<&'a Value>) {
            for panel in panels {
                all.push(panel);
                add(list(panel, "/panels"), all);
            }
        }
        let mut all = Vec::new();
        add(list(&self.json, "/panels"), &mut all);
        all
    }

    /// File and panel, for a message.
    pub fn place(&self, panel: &Value) -> String {
        format!("{}, panel {} \"{}\"", self.file, panel["id"], text(panel, "/title"))
    }

    /// The names of all variables.
    pub fn variable_names(&self) -> Vec<&str> {
        list(&self.json, "/templating/list").iter().map(|one| text(one, "/name")).collect()
    }

    /// The variables that are asked of Prometheus. A choice of data source is none.
    pub fn variables(&self) -> Vec<Variable> {
        let mut variables = Vec::new();
        for variable in list(&self.json, "/templating/list") {
            let name = text(variable, "/name");
            let place = format!("{}, variable {name}", self.file);
            match text(variable, "/type") {
                "datasource" => continue,
                "query" => {}
                other => panic!("{place}: this test does not know variables of type \"{other}\""),
            }
            let query = text(variable, "/query/query");
            assert_eq!(
                query,
                text(variable, "/definition"),
                "{place}: the query and its definition differ"
            );
            let (selector, label) = query
                .strip_prefix("label_values(")
                .and_then(|rest| rest.strip_suffix(')'))
                .and_then(|inside| inside.rsplit_once(','))
                .unwrap_or_else(|| panic!("{place}: {query} is not label_values(selector, label)"));
            variables.push(Variable {
                place,
                name: name.to_owned(),
                selector: selector.trim().to_owned(),
                label: label.trim().to_owned(),
            });
        }
        variables
    }

    /// The queries of its panels and annotations.
    pub fn queries(&self) -> Vec<Query> {
        let mut queries = Vec::new();
        for panel in self.panels() {
            for target in list(panel, "/targets") {
                let min_step = match text(target, "/interval") {
                    "" => text(panel, "/interval"),
                    step => step,
                };
                let min_step = (!min_step.is_empty())
                    .then(|| humantime::parse_duration(min_step).expect("a duration"));
                let (range, instant) =
                    (target["range"] == Value::Bool(true), target["instant"] == Value::Bool(true));
                let place = format!("{}, query {}", self.place(panel), text(target, "/refId"));
                assert!(range != instant, "{place} must be either a range or an instant query");
                queries.push(Query {
                    place,
                    expr: text(target, "/expr").to_owned(),
                    ask: if range { Ask::Range } else { Ask::Instant },
                    min_step,
                    legends: vec![text(target, "/legendFormat").to_owned()],
                });
            }
        }
        for annotation in list(&self.json, "/annotations/list") {
            if text(annotation, "/expr").is_empty() {
                continue;
            }
            let legends = ["/titleFormat", "/textFormat"].map(|at| text(annotation, at).to_owned());
            let tags = text(annotation, "/tagKeys").split(',').map(str::trim);
            let tags = tags.filter(|tag| !tag.is_empty()).map(|tag| format!("{{{{{tag}}}}}"));
            queries.push(Query {
                place: format!("{}, annotation \"{}\"", self.file, text(annotation, "/name")),
                expr: text(annotation, "/expr").to_owned(),
                ask: Ask::Range,
                min_step: Some(
                    humantime::parse_duration(text(annotation, "/step")).expect("a step"),
                ),
                legends: legends.into_iter().chain(tags).collect(),
            });
        }
        queries
    }
}

/// What a person has chosen in a variable.
#[derive(Debug, Clone)]
pub enum Chosen {
    /// *All*: the variable's `allValue`, which is `.*` in all of ours.
    All,
    /// These values.
    Values(Vec<String>),
}

impl Chosen {
    /// The text that Grafana's Prometheus data source puts in place of a variable that takes
    /// several values.
    fn text(&self) -> String {
        match self {
            Self::All => ".*".to_owned(),
            Self::Values(values) => {
                let values: Vec<String> = values.iter().map(|value| escaped(value)).collect();
                if let [one] = values.as_slice() {
                    one.clone()
                } else {
                    format!("({})", values.join("|"))
                }
            }
        }
    }
}

/// Grafana's `prometheusSpecialRegexEscape`: the backslash is doubled, since the text stands within
/// a PromQL string.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for letter in value.chars() {
        match letter {
            '\\' => text.push_str(r"\\\\"),
            '$' | '^' | '*' | '{' | '}' | '[' | ']' | '\'' | '+' | '?' | '.' | '(' | ')' | '|' => {
                text.push_str(r"\\");
                text.push(letter);
            }
            other => text.push(other),
        }
    }
    text
}

/// What an expression's variables stand for.
pub struct Filling {
    /// Variables of the dashboard.
    pub chosen: BTreeMap<String, Chosen>,
    /// The time range that is looked at.
    pub range: Duration,
    /// The step between two points.
    pub interval: Duration,
    /// *Scrape interval* of the data source.
    pub scrape_interval: Duration,
}

impl Filling {
    /// Grafana's rule: four scrapes, and never so short that a point of the graph falls between two
    /// windows.
    pub fn rate_interval(&self) -> Duration {
        (self.interval + self.scrape_interval).max(4 * self.scrape_interval)
    }

    fn text(&self, name: &str) -> Option<String> {
        let duration = match name {
            "__range" => self.range,
            "__interval" => self.interval,
            "__rate_interval" => self.rate_interval(),
            name => return self.chosen.get(name).map(Chosen::text),
        };
        Some(format!("{}ms", duration.as_millis()))
    }

    /// The expression as Prometheus gets it, or the variable that nothing is known of.
    pub fn fill(&self, expr: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = expr;
        while let Some((before, after)) = rest.split_once('$') {
            filled.push_str(before);
            let (name, after) =
                match after.strip_prefix('{').and_then(|after| after.split_once('}')) {
                    Some((name, after)) => (name, after),
                    None => {
                        let end = after
                            .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                            .unwrap_or(after.len());
                        after.split_at(end)
                    }
                };
            filled.push_str(&self.text(name).ok_or_else(|| {
                format!("the variable ${name} is neither Grafana's nor the dashboard's")
            })?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}
