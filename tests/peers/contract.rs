//! What the catalog, the rules and Prometheus itself offer, and whether a PromQL expression keeps
//! to it.
//!
//! An expression is read into a tree, and for each of its parts it is worked out which labels the
//! result has and which values they can take. So a label can be refused where it was already lost,
//! two sides can be refused that no series could ever match, and a label can be told to a legend or
//! a template.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::token::{T_COUNT_VALUES, T_LAND, T_LOR, T_LUNLESS};
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorMatchCardinality, VectorSelector,
    parse,
};
use whatsapp_exporter::metrics::catalog::{self, Kind, Values};

use super::rules::Rules;

/// Labels that come from where and how Prometheus scrapes. The head of the rules file names them.
pub const SCRAPE_LABELS: &[&str] =
    &["job", "instance", "cluster", "namespace", "pod", "container", "endpoint", "node"];

/// Stands for what a person chooses in a dashboard, where several choices are possible.
pub const CHOICE: &str = "GRAFANA_CHOICE";

/// The values a label can have.
#[derive(Debug, Clone, PartialEq)]
pub enum Allowed {
    /// Any: the operator's or the upstream's words.
    Any,
    /// One of these.
    Words(BTreeSet<String>),
}

impl Allowed {
    fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Words(words.into_iter().map(str::to_owned).collect())
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Words(mut words), Self::Words(more)) => {
                words.extend(more);
                Self::Words(words)
            }
            _ => Self::Any,
        }
    }
}

/// The labels of a result.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Labels {
    all: BTreeMap<String, Allowed>,
    /// Some series lack some of them, as after an `or` of unlike sides.
    mixed: bool,
}

impl Labels {
    /// Whether a label is among them.
    pub fn has(&self, name: &str) -> bool {
        self.all.contains_key(name)
    }

    fn names(&self) -> BTreeSet<&str> {
        self.all.keys().map(String::as_str).collect()
    }

    fn listed(&self) -> String {
        let names: Vec<&str> = self.names().into_iter().collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    fn without(mut self, names: &[String]) -> Self {
        self.all.retain(|name, _| !names.contains(name));
        self
    }

    fn only(mut self, names: &[String]) -> Self {
        self.all.retain(|name, _| names.contains(name));
        self
    }

    fn or(mut self, other: Self) -> Self {
        self.mixed |= other.mixed || self.names() != other.names();
        for (name, allowed) in other.all {
            let joined = match self.all.remove(&name) {
                Some(ours) => ours.or(allowed),
                None => allowed,
            };
            self.all.insert(name, joined);
        }
        self
    }
}

struct Series {
    labels: Labels,
    /// Whether it only grows; nothing is known of recorded series.
    counter: Option<bool>,
}

/// All that an expression may use.
pub struct Contract {
    series: BTreeMap<String, Series>,
    alerts: BTreeMap<String, Labels>,
    severities: BTreeSet<String>,
}

fn scraped() -> Labels {
    let all = SCRAPE_LABELS.iter().map(|name| ((*name).to_owned(), Allowed::Any)).collect();
    Labels { all, mixed: false }
}

impl Contract {
    /// What the catalog and Prometheus itself offer.
    pub fn of_catalog() -> Self {
        let mut series = BTreeMap::new();
        for (shared, metric) in catalog::all() {
            let mut labels = scraped();
            for label in shared.iter().chain(metric.labels) {
                let allowed = match label.values {
                    Values::Closed(words) => Allowed::words(words.iter().copied()),
                    Values::Operator | Values::Upstream | Values::Build => Allowed::Any,
                };
                labels.all.insert(label.name.to_owned(), allowed);
            }
            if metric.kind == Kind::Histogram {
                let mut buckets = labels.clone();
                buckets.all.insert("le".to_owned(), Allowed::Any);
                for (ending, labels) in
                    [("bucket", buckets), ("sum", labels.clone()), ("count", labels)]
                {
                    let name = format!("{}_{ending}", metric.name);
                    series.insert(name, Series { labels, counter: Some(true) });
                }
            } else {
                let counter = Some(metric.kind == Kind::Counter);
                // A family that several kinds of targets share is listed once for each.
                let labels = match series.remove(metric.name) {
                    Some(Series { labels: before, .. }) => before.or(labels),
                    None => labels,
                };
                series.insert(metric.name.to_owned(), Series { labels, counter });
            }
        }
        // Prometheus: Automatically generated labels and time series.
        for name in [
            "up",
            "scrape_duration_seconds",
            "scrape_samples_post_metric_relabeling",
            "scrape_samples_scraped",
            "scrape_series_added",
        ] {
            series.insert(name.to_owned(), Series { labels: scraped(), counter: Some(false) });
        }
        Self { series, alerts: BTreeMap::new(), severities: BTreeSet::new() }
    }

    /// The same, and what these rules record and fire. Mistakes in the rules' own expressions are
    /// told by [`Contract::check`].
    pub fn with_rules(mut self, rules: &Rules) -> Self {
        for rule in rules.groups.iter().flat_map(|group| &group.rules) {
            if let Some(severity) = rule.labels.get("severity") {
                self.severities.insert(severity.clone());
            }
            // Names come first, so that an alert may ask for ALERTS of another.
            if let Some(name) = &rule.alert {
                self.alerts.insert(name.clone(), Labels::default());
            }
        }
        // Twice, so that a rule may ask for ALERTS of a later one.
        let groups = rules.groups.iter().chain(&rules.groups);
        for rule in groups.flat_map(|group| &group.rules) {
            // A rule may read its own last value, which is not known yet: its other parts say which
            // labels there are.
            let tree = parse(&rule.expr).ok();
            let labels = tree.and_then(|tree| self.labels(&tree, &mut Vec::new()));
            let mut labels = labels.unwrap_or_default();
            for (name, value) in &rule.labels {
                labels.all.insert(name.clone(), Allowed::words([value.as_str()]));
            }
            if let Some(name) = &rule.record {
                self.series.insert(name.clone(), Series { labels, counter: None });
            } else if let Some(name) = &rule.alert {
                labels.all.insert("alertname".to_owned(), Allowed::words([name.as_str()]));
                self.alerts.insert(name.clone(), labels);
            }
        }
        self
    }

    /// The labels of an alert.
    pub fn alert(&self, name: &str) -> Option<&Labels> {
        self.alerts.get(name)
    }

    /// Whether a word is the name of a series or of a histogram, or, when it ends in `_`, the
    /// beginning of one.
    pub fn knows(&self, word: &str) -> bool {
        let family = |name: &String| {
            name.strip_prefix(word).is_some_and(|rest| {
                rest.is_empty() || word.ends_with('_') || matches!(rest, "_bucket")
            })
        };
        self.series.keys().any(family)
    }

    /// The labels of the expression's result (`None` for a number or a text), or every mistake
    /// found.
    pub fn check(&self, expr: &str) -> Result<Option<Labels>, Vec<String>> {
        let tree = parse(expr).map_err(|what| vec![format!("`{expr}` is not PromQL: {what}")])?;
        let mut mistakes = Vec::new();
        let labels = self.labels(&tree, &mut mistakes);
        if mistakes.is_empty() { Ok(labels) } else { Err(mistakes) }
    }

    fn labels(&self, expr: &Expr, mistakes: &mut Vec<String>) -> Option<Labels> {
        match expr {
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) => None,
            Expr::Paren(inner) => self.labels(&inner.expr, mistakes),
            Expr::Unary(inner) => self.labels(&inner.expr, mistakes),
            Expr::Subquery(inner) => self.labels(&inner.expr, mistakes),
            Expr::VectorSelector(selector) => self.selector(selector, mistakes),
            Expr::MatrixSelector(matrix) => self.selector(&matrix.vs, mistakes),
            Expr::Call(call) => self.call(call, mistakes),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, mistakes),
            Expr::Binary(binary) => self.binary(binary, mistakes),
            other => {
                mistakes.push(format!("`{other}`: this test does not know such an expression"));
                None
            }
        }
    }

    fn selector(&self, selector: &VectorSelector, mistakes: &mut Vec<String>) -> Option<Labels> {
        let matchers = &selector.matchers.matchers;
        if !selector.matchers.or_matchers.is_empty() {
            mistakes.push(format!("`{selector}`: `or` in a selector is not Prometheus'"));
        }
        let Some(name) = &selector.name else {
            mistakes.push(format!("`{selector}` names no metric"));
            return None;
        };
        let labels = match name.as_str() {
            "ALERTS" | "ALERTS_FOR_STATE" => self.alerts_series(name, matchers),
            _ => match self.series.get(name) {
                Some(series) => series.labels.clone(),
                None => {
                    mistakes.push(format!(
                        "{name} is neither in the catalog nor recorded by the rules{}",
                        self.nearest(name)
                    ));
                    return None;
                }
            },
        };
        for matcher in matchers {
            match labels.all.get(&matcher.name) {
                None => mistakes.push(format!(
                    "{name} has no label `{}`; it has {}",
                    matcher.name,
                    labels.listed()
                )),
                Some(allowed) => check_values(name, matcher, allowed, labels.mixed, mistakes),
            }
        }
        Some(labels)
    }

    /// The labels of those alerts that the matchers on their name let through.
    fn alerts_series(&self, series: &str, matchers: &[Matcher]) -> Labels {
        let mut labels: Option<Labels> = None;
        for (name, of_alert) in &self.alerts {
            if matchers.iter().all(|one| one.name != "alertname" || one.is_match(name)) {
                labels = Some(match labels {
                    Some(labels) => labels.or(of_alert.clone()),
                    None => of_alert.clone(),
                });
            }
        }
        let mut labels = labels.unwrap_or_default();
        let names = Allowed::words(self.alerts.keys().map(String::as_str));
        labels.all.insert("alertname".to_owned(), names);
        labels.all.insert("severity".to_owned(), Allowed::Words(self.severities.clone()));
        if series == "ALERTS" {
            let states = Allowed::words(["pending", "firing"]);
            labels.all.insert("alertstate".to_owned(), states);
        }
        labels
    }

    fn call(&self, call: &Call, mistakes: &mut Vec<String>) -> Option<Labels> {
        let function = call.func.name;
        let mut labels = None;
        for argument in &call.args.args {
            let of_argument = self.labels(argument, mistakes);
            labels = labels.or(of_argument);
        }
        if matches!(function, "rate" | "irate" | "increase" | "resets")
            && let Some(Expr::MatrixSelector(matrix)) = call.args.args.first().map(AsRef::as_ref)
            && let Some(name) = &matrix.vs.name
            && self.series.get(name).is_some_and(|series| series.counter == Some(false))
        {
            mistakes.push(format!("{function}() is for counters, and {name} is a gauge"));
        }
        match function {
            "time" | "scalar" | "pi" => None,
            "vector" => Some(Labels::default()),
            "histogram_quantile" => {
                let labels = labels.unwrap_or_default();
                if !labels.has("le") {
                    mistakes.push("histogram_quantile() needs the label `le`".to_owned());
                }
                Some(labels.without(&["le".to_owned()]))
            }
            "label_replace" => Some(replaced(call, labels.unwrap_or_default(), mistakes)),
            "label_join" | "absent" | "absent_over_time" => {
                mistakes
                    .push(format!("{function}(): this test does not know which labels it makes"));
                labels
            }
            _ => labels,
        }
    }

    fn aggregate(&self, aggregate: &AggregateExpr, mistakes: &mut Vec<String>) -> Option<Labels> {
        let inner = self.labels(&aggregate.expr, mistakes)?;
        if let Some(parameter) = &aggregate.param {
            self.labels(parameter, mistakes);
        }
        if aggregate.op.id() == T_COUNT_VALUES {
            mistakes.push("count_values: this test does not know which label it makes".to_owned());
        }
        if let Some(modifier) = &aggregate.modifier {
            for name in &modifier.labels().labels {
                if !inner.has(name) {
                    let word = if modifier.is_include() { "by" } else { "without" };
                    mistakes.push(format!(
                        "`{} {word} (…)`: there is no label `{name}` to group by; there are {}",
                        aggregate.op,
                        inner.listed()
                    ));
                }
            }
        }
        // topk and its like keep series as they are; the others keep what they group by.
        if matches!(
            aggregate.op.to_string().as_str(),
            "topk" | "bottomk" | "limitk" | "limit_ratio"
        ) {
            return Some(inner);
        }
        Some(match &aggregate.modifier {
            Some(LabelModifier::Include(names)) => {
                Labels { mixed: false, ..inner.only(&names.labels) }
            }
            Some(LabelModifier::Exclude(names)) => inner.without(&names.labels),
            None => Labels::default(),
        })
    }

    fn binary(&self, binary: &BinaryExpr, mistakes: &mut Vec<String>) -> Option<Labels> {
        let (left, right) =
            match (self.labels(&binary.lhs, mistakes), self.labels(&binary.rhs, mistakes)) {
                (Some(left), Some(right)) => (left, right),
                (one, other) => return one.or(other),
            };
        let modifier = binary.modifier.as_ref();
        let matching = modifier.and_then(|modifier| modifier.matching.as_ref());
        let op = binary.op.id();
        match matching {
            Some(LabelModifier::Include(names)) => {
                for name in &names.labels {
                    if !left.has(name) || !right.has(name) {
                        let (side, labels) =
                            if left.has(name) { ("right", &right) } else { ("left", &left) };
                        mistakes.push(format!(
                            "`{} on (…)`: the {side} side has no label `{name}`; it has {}",
                            binary.op,
                            labels.listed()
                        ));
                    }
                }
            }
            Some(LabelModifier::Exclude(names)) => {
                for name in &names.labels {
                    if !left.has(name) && !right.has(name) {
                        mistakes.push(format!(
                            "`{} ignoring (…)`: neither side has a label `{name}`",
                            binary.op
                        ));
                    }
                }
            }
            None => {}
        }
        // Without `on`, series match only when all their other labels are equal. For `or` that is
        // what it is often used for.
        let ignored: &[String] = match matching {
            Some(LabelModifier::Exclude(names)) => &names.labels,
            _ => &[],
        };
        let includes = matches!(matching, Some(LabelModifier::Include(_)));
        if !includes && op != T_LOR && !left.mixed && !right.mixed {
            let (ours, theirs) = (left.clone().without(ignored), right.clone().without(ignored));
            if ours.names() != theirs.names() {
                mistakes.push(format!(
                    "`{}` matches nothing: one side has the labels {}, the other {}",
                    binary.op,
                    ours.listed(),
                    theirs.listed()
                ));
            }
        }
        if op == T_LOR {
            return Some(left.or(right));
        }
        if op == T_LAND || op == T_LUNLESS {
            return Some(left);
        }
        let added =
            |mut many: Labels, one: &Labels, names: &[String], mistakes: &mut Vec<String>| {
                for name in names {
                    match one.all.get(name) {
                        Some(allowed) => {
                            many.all.insert(name.clone(), allowed.clone());
                        }
                        None => mistakes.push(format!(
                            "`{}`: the side of one has no label `{name}` to take over",
                            binary.op
                        )),
                    }
                }
                many
            };
        Some(match modifier.map(|modifier| &modifier.card) {
            Some(VectorMatchCardinality::ManyToOne(names)) => {
                added(left, &right, &names.labels, mistakes)
            }
            Some(VectorMatchCardinality::OneToMany(names)) => {
                added(right, &left, &names.labels, mistakes)
            }
            _ => match matching {
                Some(LabelModifier::Include(names)) => left.only(&names.labels),
                Some(LabelModifier::Exclude(names)) => left.without(&names.labels),
                None => left,
            },
        })
    }

    /// A name that differs in little, for a message.
    fn nearest(&self, name: &str) -> String {
        let near = self.series.keys().map(|known| (distance(known, name), known)).min();
        near.filter(|(distance, _)| *distance <= 3)
            .map_or_else(String::new, |(_, known)| format!("; is {known} meant?"))
    }
}

/// What `label_replace(…, "new", "$1", "old", "(.*)")` makes: another label, or one fewer where
/// nothing is put in its place. A fixed text is taken from no label: `"new", "text", "", ""`.
fn replaced(call: &Call, labels: Labels, mistakes: &mut Vec<String>) -> Labels {
    let texts = call.args.args.iter().filter_map(|argument| match argument.as_ref() {
        Expr::StringLiteral(text) => Some(text.val.clone()),
        _ => None,
    });
    let texts: Vec<String> = texts.collect();
    let [new, replacement, old, _] = texts.as_slice() else {
        mistakes.push("label_replace() needs four texts".to_owned());
        return labels;
    };
    let fixed = old.is_empty() && !replacement.contains('$');
    if !fixed && !labels.has(old) {
        mistakes.push(format!(
            "`label_replace`: there is no label `{old}` to take; there are {}",
            labels.listed()
        ));
    }
    if replacement.is_empty() {
        return labels.without(std::slice::from_ref(new));
    }
    let mut labels = labels;
    labels.all.insert(new.clone(), Allowed::Any);
    labels
}

/// A value that a matcher names must be one that the label can have; of a regular expression, each
/// of its alternatives. It may be empty where some of the series lack the label: `mixed`.
fn check_values(
    metric: &str,
    matcher: &Matcher,
    allowed: &Allowed,
    mixed: bool,
    mistakes: &mut Vec<String>,
) {
    let regex = matches!(matcher.op, MatchOp::Re(_) | MatchOp::NotRe(_));
    if !regex && matcher.value.contains(CHOICE) {
        mistakes.push(format!(
            "{metric}: `{}` is compared with a variable of several values, which needs `=~`",
            matcher.name
        ));
    }
    // Series that a rule records may lack a label that others of the same name have.
    let may_lack = mixed || metric.contains(':');
    if matcher.value.is_empty() && may_lack {
        return;
    }
    let Allowed::Words(words) = allowed else { return };
    let refused = |value: &str| {
        let known: Vec<&str> = words.iter().map(String::as_str).collect();
        format!(
            "{metric}: the label `{}` is never \"{value}\"; it is one of {}",
            matcher.name,
            known.join(", ")
        )
    };
    if !regex {
        if !words.contains(&matcher.value) {
            mistakes.push(refused(&matcher.value));
        }
        return;
    }
    let written =
        |alternative: &String| alternative != CHOICE && !(may_lack && alternative.is_empty());
    for alternative in alternatives(&matcher.value).into_iter().filter(written) {
        // The parser's own regular expressions, so that no other crate is needed.
        let pattern = format!("x{{l=~{alternative:?}}}");
        let matches = match parse(&pattern) {
            Ok(Expr::VectorSelector(selector)) => {
                words.iter().any(|word| selector.matchers.matchers[0].is_match(word))
            }
            _ => false,
        };
        if !matches {
            mistakes.push(refused(&alternative));
        }
    }
}

/// `A(B|C)|D` as `AB`, `AC`, `D`. What stands behind a backslash, and a group that repeats, is left
/// as it is.
pub fn alternatives(regex: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let mut group = None;
    let mut skip = false;
    let mut parts = vec![String::new()];
    for (at, letter) in regex.char_indices() {
        let plain = !skip;
        skip = plain && letter == '\\';
        if plain && letter == '(' {
            depth += 1;
            if depth == 1 && group.is_none() {
                group = Some((at, None));
            }
        } else if plain && letter == ')' {
            depth = depth.saturating_sub(1);
            if depth == 0
                && let Some((_, end @ None)) = &mut group
            {
                *end = Some(at);
            }
        } else if plain && letter == '|' && depth == 0 {
            parts.push(String::new());
            continue;
        }
        if let Some(last) = parts.last_mut() {
            last.push(letter);
        }
    }
    if parts.len() > 1 {
        return parts.iter().flat_map(|part| alternatives(part)).collect();
    }
    let Some((start, Some(end))) = group else { return parts };
    let (before, inside, after) = (&regex[..start], &regex[start + 1..end], &regex[end + 1..]);
    if after.starts_with(['*', '+', '?', '{']) || inside.starts_with('?') {
        return parts;
    }
    let inside = alternatives(inside);
    let after = alternatives(after);
    inside
        .iter()
        .flat_map(|middle| after.iter().map(move |end| format!("{before}{middle}{end}")))
        .collect()
}

/// The number of letters to change, add or take away.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (place, theirs) in other.iter().enumerate() {
            let change = diagonal + usize::from(letter != *theirs);
            diagonal = row[place + 1];
            row[place + 1] = change.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}
