//! The contract between the catalog and everything that is written in PromQL: dashboards, rules,
//! their templates, runbooks and the catalog's own queries. Nothing runs here; the queries are put
//! to a real Prometheus in `end_to_end.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::peers::contract::{CHOICE, Contract, Labels, alternatives};
use crate::peers::dashboards::{self, Chosen, Dashboard, Filling, text};
use crate::peers::rules::{RULES, Rule, Rules, rules};
use crate::peers::{assert_none, files, read, repository};
use serde_json::Value;
use whatsapp_exporter::domain::TargetKind;
use whatsapp_exporter::metrics::catalog;
use whatsapp_exporter::providers;
use whatsapp_exporter::upstream::ProviderId;

const RUNBOOKS: &str = "docs/runbooks";

fn contract(rules: &Rules) -> Contract {
    Contract::of_catalog().with_rules(rules)
}

/// The mistakes of an expression, each with its place.
fn mistakes_in(contract: &Contract, place: &str, expr: &str) -> Vec<String> {
    match contract.check(expr) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(|mistake| format!("{place}: {mistake}")).collect(),
    }
}

// ---- dashboards ----

/// Every variable of the dashboard as a choice of several values, and windows that PromQL can read.
fn unknown_choice(dashboard: &Dashboard) -> Filling {
    let choice = || Chosen::Values(vec![CHOICE.to_owned()]);
    Filling {
        chosen: dashboard
            .variables()
            .into_iter()
            .map(|variable| (variable.name, choice()))
            .collect(),
        range: Duration::from_secs(3600),
        interval: Duration::from_secs(15),
        scrape_interval: Duration::from_secs(15),
    }
}

/// The names in `{{name}}`. Grafana's own `__auto` and its like are none.
fn named_labels(legend: &str) -> Vec<&str> {
    let parts = legend.split("{{").skip(1).filter_map(|part| part.split_once("}}"));
    parts.map(|(name, _)| name.trim()).filter(|name| !name.starts_with("__")).collect()
}

fn mistakes_in_dashboard(contract: &Contract, dashboard: &Dashboard) -> Vec<String> {
    let filling = unknown_choice(dashboard);
    let mut mistakes = Vec::new();
    for query in dashboard.queries() {
        let place = &query.place;
        let expr = match filling.fill(&query.expr) {
            Ok(expr) => expr,
            Err(mistake) => {
                mistakes.push(format!("{place}: {mistake}"));
                continue;
            }
        };
        match contract.check(&expr) {
            Err(found) => mistakes.extend(found.iter().map(|one| format!("{place}: {one}"))),
            Ok(labels) => {
                let labels = labels.unwrap_or_default();
                for name in query.legends.iter().flat_map(|legend| named_labels(legend)) {
                    if !labels.has(name) {
                        mistakes.push(format!(
                            "{place}: the legend shows the label `{name}`, which its series do not \
                             have"
                        ));
                    }
                }
            }
        }
    }
    for variable in dashboard.variables() {
        let place = &variable.place;
        let checked = filling
            .fill(&variable.selector)
            .map_err(|mistake| vec![mistake])
            .and_then(|selector| contract.check(&selector));
        match checked {
            Err(found) => mistakes.extend(found.iter().map(|one| format!("{place}: {one}"))),
            Ok(labels) => {
                if !labels.unwrap_or_default().has(&variable.label) {
                    mistakes.push(format!(
                        "{place}: {} has no label `{}`",
                        variable.selector, variable.label
                    ));
                }
            }
        }
    }
    mistakes
}

#[test]
fn dashboards_use_what_there_is() {
    let contract = contract(&rules());
    let mut mistakes = Vec::new();
    for dashboard in dashboards::all() {
        let found = dashboard.queries().len() + dashboard.variables().len();
        let written = dashboard.text.matches("\"expr\":").count()
            + dashboard.text.matches("\"definition\":").count();
        assert_eq!(found, written, "{}: some expressions were not looked at", dashboard.file);
        mistakes.extend(mistakes_in_dashboard(&contract, &dashboard));
    }
    assert_none(&mistakes);
}

/// Panels that show nothing of their own.
fn is_row(panel: &Value) -> bool {
    panel["type"] == "row"
}

#[test]
fn every_panel_says_what_it_shows_and_in_which_unit() {
    let mut mistakes = Vec::new();
    for dashboard in dashboards::all() {
        for panel in dashboard.panels().into_iter().filter(|panel| !is_row(panel)) {
            for (what, at) in
                [("description", "/description"), ("unit", "/fieldConfig/defaults/unit")]
            {
                if text(panel, at).trim().is_empty() {
                    mistakes.push(format!("{}: has no {what}", dashboard.place(panel)));
                }
            }
        }
    }
    assert_none(&mistakes);
}

/// Every `datasource` in a dashboard, wherever it stands.
fn data_sources<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "datasource" {
                    found.push(value);
                }
                data_sources(value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| data_sources(value, found)),
        _ => {}
    }
}

#[test]
fn no_data_source_is_wired_in() {
    let mut mistakes = Vec::new();
    for dashboard in dashboards::all() {
        let mut found = Vec::new();
        data_sources(&dashboard.json, &mut found);
        assert!(!found.is_empty(), "{} names no data source", dashboard.file);
        for source in found {
            if text(source, "/uid") != "${datasource}" || text(source, "/type") != "prometheus" {
                mistakes.push(format!("{}: the data source {source} is wired in", dashboard.file));
            }
        }
        for panel in dashboard.panels().into_iter().filter(|panel| !is_row(panel)) {
            if panel["datasource"].is_null() {
                let place = dashboard.place(panel);
                mistakes.push(format!("{place}: has no data source, so it takes the default one"));
            }
        }
    }
    assert_none(&mistakes);
}

#[test]
fn ids_are_unique() {
    let mut uids = BTreeSet::new();
    for dashboard in dashboards::all() {
        assert!(!dashboard.uid().is_empty(), "{} has no uid", dashboard.file);
        assert!(uids.insert(dashboard.uid().to_owned()), "{}: its uid is taken", dashboard.file);
        assert!(dashboard.json["id"].is_null(), "{}: an id belongs to one Grafana", dashboard.file);
        let mut ids = BTreeSet::new();
        for panel in dashboard.panels() {
            let place = dashboard.place(panel);
            let id = panel["id"].as_u64().unwrap_or_else(|| panic!("{place}: no id"));
            assert!(ids.insert(id), "{place}: its id is taken");
            let letters: Vec<&str> = panel["targets"].as_array().map_or_else(Vec::new, |targets| {
                targets.iter().map(|target| text(target, "/refId")).collect()
            });
            let unique: BTreeSet<&&str> = letters.iter().collect();
            assert_eq!(unique.len(), letters.len(), "{place}: two queries have one letter");
        }
    }
}

// ---- rules ----

fn place_of(rule: &Rule) -> String {
    let name = rule.alert.as_deref().or(rule.record.as_deref()).unwrap_or("a rule without a name");
    format!("{RULES}, {name}")
}

fn alerts(rules: &Rules) -> BTreeMap<&str, &Rule> {
    let all = rules.groups.iter().flat_map(|group| &group.rules);
    all.filter_map(|rule| Some((rule.alert.as_deref()?, rule))).collect()
}

#[test]
fn rules_use_what_there_is() {
    let rules = rules();
    let contract = contract(&rules);
    let mut mistakes = Vec::new();
    let mut looked_at = 0;
    for rule in rules.groups.iter().flat_map(|group| &group.rules) {
        looked_at += 1;
        mistakes.extend(mistakes_in(&contract, &place_of(rule), &rule.expr));
    }
    assert_eq!(looked_at, read(RULES).lines().filter(|line| line.trim() == "expr: |").count());
    assert_none(&mistakes);
}

/// What a template asks of Prometheus: the texts in backquotes that end in `| query`, with the
/// matchers that `$of` stands for.
///
/// A template puts values in with `%q` and `%f`; what they are does not matter here.
fn template_queries(template: &str) -> Result<Vec<String>, String> {
    let mut of = "";
    let mut queries = Vec::new();
    for action in template.split("{{").skip(1) {
        let Some((action, _)) = action.split_once("}}") else {
            return Err("`{{` is never closed".to_owned());
        };
        let literal = action.split('`').nth(1);
        if action.trim_start_matches('-').trim().starts_with("$of :=") {
            of = literal.ok_or("`$of` is not a text in backquotes")?;
        } else if action.contains("| query") {
            let query =
                literal.ok_or_else(|| format!("`{action}` asks for no text in backquotes"))?;
            queries.push(query.replace("%s", of).replace("=%q", "=~\".+\"").replace("%f", "1"));
        }
    }
    Ok(queries)
}

/// The labels that a template takes from the alert, and those that it takes from an answer.
fn template_labels(template: &str) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let end = |rest: &str| {
        rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .unwrap_or(rest.len())
    };
    let after = |mark: &'static str| {
        template.split(mark).skip(1).map(move |rest| &rest[..end(rest)]).collect()
    };
    let mut of_answers: BTreeSet<&str> = after("| label \"");
    of_answers.extend(after(" .Labels."));
    (after("$labels."), of_answers)
}

fn mistakes_in_template(contract: &Contract, alert: &str, template: &str) -> Vec<String> {
    let queries = match template_queries(template) {
        Ok(queries) => queries,
        Err(mistake) => return vec![mistake],
    };
    let mut mistakes = Vec::new();
    let mut answered: Vec<Labels> = Vec::new();
    for query in &queries {
        match contract.check(query) {
            Ok(labels) => answered.extend(labels),
            Err(found) => mistakes.extend(found),
        }
    }
    let (of_alert, of_answers) = template_labels(template);
    let labels = contract.alert(alert);
    for name in of_alert {
        // `cluster` and its like may be absent, and are then the empty text that matches an absent
        // label.
        if !labels.is_some_and(|labels| labels.has(name)) {
            mistakes.push(format!("the alert has no label `{name}`"));
        }
    }
    for name in of_answers {
        if !answered.iter().any(|labels| labels.has(name)) {
            mistakes.push(format!("no answer has the label `{name}`"));
        }
    }
    mistakes
}

#[test]
fn the_texts_of_alerts_use_what_there_is() {
    let rules = rules();
    let contract = contract(&rules);
    let mut mistakes = Vec::new();
    let mut looked_at = 0;
    for (alert, rule) in alerts(&rules) {
        for (name, template) in &rule.annotations {
            looked_at += template_queries(template).map_or(0, |queries| queries.len());
            mistakes.extend(
                mistakes_in_template(&contract, alert, template)
                    .iter()
                    .map(|mistake| format!("{RULES}, {alert}, {name}: {mistake}")),
            );
        }
    }
    assert_eq!(
        looked_at,
        read(RULES).matches("| query").count(),
        "some queries were not looked at"
    );
    assert_none(&mistakes);
}

#[test]
fn every_alert_says_how_bad_it_is_what_it_is_and_where_to_look() {
    let rules = rules();
    let dashboards = dashboards::all();
    let mut mistakes = Vec::new();
    for (alert, rule) in alerts(&rules) {
        let mut say = |what: String| mistakes.push(format!("{RULES}, {alert}: {what}"));
        if !alert.starts_with("WhatsApp") {
            say("its name does not begin with WhatsApp".to_owned());
        }
        let severity = rule.labels.get("severity").map(String::as_str);
        if !matches!(severity, Some("critical" | "warning")) {
            say(format!("its severity is {severity:?}"));
        }
        for name in ["summary", "description", "runbook_url", "dashboard_url"] {
            if rule.annotations.get(name).is_none_or(|text| text.trim().is_empty()) {
                say(format!("it has no {name}"));
            }
        }
        let runbook = rule.annotations.get("runbook_url").map_or("", String::as_str);
        if !runbook.ends_with(&format!("/{RUNBOOKS}/{alert}.md")) {
            say(format!("its runbook_url is {runbook}"));
        }
        let address = rule.annotations.get("dashboard_url").map_or("", String::as_str);
        mistakes_in_address(&dashboards, address).into_iter().for_each(say);
    }
    assert_none(&mistakes);
}

/// What is left of a template without its `{{ … }}`.
fn without_actions(template: &str) -> String {
    let mut parts = template.split("{{");
    let before = parts.next().unwrap_or_default().to_owned();
    parts.fold(before, |text, part| text + part.split_once("}}").map_or("", |(_, after)| after))
}

/// The mistakes of `/d/<uid>?var-<name>=…`, of which a template may hold several for different
/// labels.
fn mistakes_in_address(dashboards: &[Dashboard], address: &str) -> Vec<String> {
    let mut mistakes = Vec::new();
    let mut found = 0;
    for place in address.split("/d/").skip(1) {
        found += 1;
        let place = place.split("{{ else").next().unwrap_or(place);
        let (uid, query) = place.split_once('?').unwrap_or((place, ""));
        let query = without_actions(query);
        let Some(dashboard) = dashboards.iter().find(|dashboard| dashboard.uid() == uid) else {
            mistakes.push(format!("its dashboard_url names no dashboard of ours: {uid}"));
            continue;
        };
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let name = part.split('=').next().and_then(|name| name.strip_prefix("var-"));
            if !name.is_some_and(|name| dashboard.variable_names().contains(&name)) {
                mistakes.push(format!("{} has no variable for `{part}`", dashboard.file));
            }
        }
    }
    if found == 0 {
        mistakes.push(format!("its dashboard_url names no dashboard: {address}"));
    }
    mistakes
}

#[test]
fn wrong_addresses_are_refused() {
    let dashboards = dashboards::all();
    let good = "{{ if $labels.token }}/d/whatsapp-tokens?{{ with $labels.namespace \
        }}var-namespace={{ . }}&{{ end }}var-token=a{{ else \
        }}/d/whatsapp-channels?var-channel=b{{ end }}";
    assert_eq!(mistakes_in_address(&dashboards, good), Vec::<String>::new());
    for (address, mistake) in [
        ("https://grafana.example.com", "names no dashboard: https"),
        ("/d/whatsapp-chanels", "names no dashboard of ours: whatsapp-chanels"),
        (&good.replace("var-channel", "var-chanel"), "grafana/channels.json has no variable for"),
        (&good.replace("var-token", "var-channel"), "grafana/tokens.json has no variable for"),
    ] {
        let mistakes = mistakes_in_address(&dashboards, address);
        assert!(
            mistakes.len() == 1 && mistakes[0].contains(mistake),
            "{address} should be refused with: {mistake}\n  was told: {mistakes:?}"
        );
    }
}

// ---- runbooks ----

/// The pages of alerts: name and text. The index is none.
fn runbooks() -> BTreeMap<String, String> {
    let names = files(RUNBOOKS, ".md").into_iter().filter(|name| name != "README.md");
    names
        .map(|name| {
            let text = read(&format!("{RUNBOOKS}/{name}"));
            (name.trim_end_matches(".md").to_owned(), text)
        })
        .collect()
}

#[test]
fn every_alert_has_its_runbook_and_every_runbook_its_alert() {
    let rules = rules();
    let alerts: BTreeSet<String> = alerts(&rules).into_keys().map(str::to_owned).collect();
    let pages: BTreeSet<String> = runbooks().into_keys().collect();
    assert_eq!(alerts, pages);
    let index = read(&format!("{RUNBOOKS}/README.md"));
    for alert in alerts {
        assert!(index.contains(&format!("({alert}.md)")), "the index does not list {alert}");
    }
}

#[test]
fn every_runbook_has_its_four_sections() {
    for (name, text) in runbooks() {
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some(format!("# {name}").as_str()));
        let sections: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(sections, ["Meaning", "Impact", "Diagnosis", "Mitigation"], "{name}");
        for part in text.split("\n## ").skip(1) {
            let (title, body) = part.split_once('\n').unwrap_or((part, ""));
            assert!(!body.trim().is_empty(), "{name}: {title} is empty");
        }
    }
}

/// Runbooks about channels that need no steps of their own for each provider, and why.
const FOR_EVERY_PROVIDER: [(&str, &str); 6] = [
    ("WhatsAppChannelQualityLow", "one provider alone tells a rating"),
    ("WhatsAppChannelMessagingLimitLowered", "one provider alone tells a limit"),
    ("WhatsAppChannelSyncError", "one provider alone has the status"),
    ("WhatsAppChannelBlind", "points to the table of WhatsAppChannelStatusUnknown"),
    ("WhatsAppChannelRestricted", "points to the pages of the providers"),
    ("WhatsAppChannelSubscriptionExpiring", "only providers that bill have subscriptions"),
];

/// Whoever runs a gateway of their own cannot open somebody else's panel.
#[test]
fn a_channels_runbook_speaks_of_every_provider_that_has_channels() {
    let has_channels = |provider: &ProviderId| {
        let provider = providers::get(*provider);
        [TargetKind::Channel, TargetKind::Source]
            .iter()
            .any(|kind| provider.entry_keys(*kind).is_some())
    };
    let names: Vec<&str> = providers::all()
        .filter(has_channels)
        .map(|one| providers::get(one).display_name())
        .collect();
    assert!(names.len() >= 4, "{names:?}");
    for (runbook, text) in runbooks() {
        let is_general = FOR_EVERY_PROVIDER.iter().any(|(general, _)| *general == runbook);
        if is_general || !runbook.starts_with("WhatsAppChannel") {
            continue;
        }
        let missing: Vec<&&str> = names.iter().filter(|name| !text.contains(**name)).collect();
        assert!(missing.is_empty(), "{runbook} says nothing of {missing:?}");
    }
}

/// The queries in blocks marked `promql`: a line each, or several when the next ones are indented.
fn queries_in_markdown(text: &str) -> Vec<(usize, String)> {
    let mut queries: Vec<(usize, String)> = Vec::new();
    let mut block: Option<usize> = None;
    for (at, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if trimmed == "```promql" {
            block = Some(indent);
        } else if trimmed.starts_with("```") {
            block = None;
        } else if let Some(outer) = block
            && !trimmed.is_empty()
        {
            match queries.last_mut() {
                Some((_, query)) if indent > outer => {
                    query.push('\n');
                    query.push_str(trimmed);
                }
                _ => queries.push((at + 1, trimmed.to_owned())),
            }
        }
    }
    queries
}

#[test]
fn runbooks_use_what_there_is() {
    let contract = contract(&rules());
    let mut mistakes = Vec::new();
    for (name, text) in runbooks() {
        for (line, query) in queries_in_markdown(&text) {
            let place = format!("{RUNBOOKS}/{name}.md, line {line}");
            mistakes.extend(mistakes_in(&contract, &place, &query));
        }
    }
    assert_none(&mistakes);
}

#[test]
fn links_between_runbooks_lead_somewhere() {
    for name in files(RUNBOOKS, ".md") {
        for link in read(&format!("{RUNBOOKS}/{name}")).split("](").skip(1) {
            let link = link.split([')', '#']).next().unwrap_or("");
            if !link.is_empty() && !link.contains("://") {
                let target = repository(RUNBOOKS).join(link);
                assert!(target.exists(), "{RUNBOOKS}/{name}: {link} leads nowhere");
            }
        }
    }
}

/// The words of a text that could be names of series: a name that ends in `_` is the beginning of
/// several.
fn names_in_prose(text: &str) -> BTreeSet<&str> {
    let words =
        text.split(|letter: char| !letter.is_ascii_alphanumeric() && !"_:".contains(letter));
    words.map(|word| word.trim_matches(':')).filter(|word| word.contains("whatsapp_")).collect()
}

#[test]
fn prose_names_what_there_is() {
    let contract = contract(&rules());
    let mut mistakes = Vec::new();
    let listed = |directory: &str, ending| {
        let names = files(directory, ending).into_iter();
        names.map(|name| format!("{directory}/{name}")).collect::<Vec<_>>()
    };
    let texts = [
        listed(RUNBOOKS, ".md"),
        listed("grafana", ".md"),
        listed("grafana", ".json"),
        listed("alerts", ".yaml"),
    ];
    for file in texts.iter().flatten() {
        for name in names_in_prose(&read(file)) {
            // Meta's permissions begin like this.
            if !name.starts_with("whatsapp_business_") && !contract.knows(name) {
                mistakes.push(format!("{file}: {name} is no metric, nor the beginning of one"));
            }
        }
    }
    assert_none(&mistakes);
}

// ---- the catalog itself ----

#[test]
fn the_catalogs_own_queries_use_what_there_is() {
    let contract = contract(&rules());
    let mut mistakes = Vec::new();
    for (_, metric) in catalog::all() {
        let place = format!("the catalog's query of {}", metric.name);
        mistakes.extend(mistakes_in(&contract, &place, metric.query));
        if !metric.query.contains(metric.name) {
            mistakes.push(format!("{place} does not use it: {}", metric.query));
        }
    }
    assert_none(&mistakes);
}

// ---- the test's own teeth ----

#[test]
fn wrong_expressions_are_refused() {
    let contract = contract(&rules());
    for (expr, mistake) in [
        (
            "sum(whatsapp_chanel_status)",
            "whatsapp_chanel_status is neither in the catalog nor recorded by the rules; is \
             whatsapp_channel_status meant?",
        ),
        (
            "whatsapp_poll_duration_seconds",
            "whatsapp_poll_duration_seconds is neither in the catalog nor recorded by the rules",
        ),
        (
            "channel:whatsapp_channel_authorised:max",
            "is channel:whatsapp_channel_authorized:max meant?",
        ),
        ("node_load1", "node_load1 is neither"),
        (
            "whatsapp_channel_status{state=\"AUTH\"}",
            "whatsapp_channel_status has no label `state`; it has channel, cluster",
        ),
        (
            "whatsapp_channel_authorized{status=\"AUTH\"}",
            "whatsapp_channel_authorized has no label `status`",
        ),
        ("channel:whatsapp_channel_authorized:max{instance=\"a:1\"}", "has no label `instance`"),
        ("up{channel=\"sales\"}", "up has no label `channel`"),
        (
            "whatsapp_channel_status{status=\"AUHT\"}",
            "whatsapp_channel_status: the label `status` is never \"AUHT\"; it is one of AUTH, \
             BLOCKED, ERROR",
        ),
        ("whatsapp_channel_status{status!=\"auth\"}", "the label `status` is never \"auth\""),
        (
            "whatsapp_channel_status_transitions_total{to=\"UNKNOWN\"}",
            "the label `to` is never \"UNKNOWN\"",
        ),
        ("whatsapp_channel_status{status=~\"QR|STOPP\"}", "the label `status` is never \"STOPP\""),
        (
            "whatsapp_channel_status{status!~\"QR|(INIT|LAUNHC)\"}",
            "the label `status` is never \"LAUNHC\"",
        ),
        (
            "increase(whatsapp_channel_poll_failures_total{reason=\"time_out\"}[5m])",
            "the label `reason` is never \"time_out\"",
        ),
        (
            "whatsapp_token_errors_total{reason=~\"token_.*|permision_.*\"}",
            "the label `reason` is never \"permision_.*\"",
        ),
        (
            "whatsapp_channel_unauthorized_errors_total{source=\"webhook\"}",
            "the label `source` is never \"webhook\"",
        ),
        ("whatsapp_exporter_targets{kind=\"phone\"}", "the label `kind` is never \"phone\""),
        (
            "ALERTS{alertname=\"WhatsAppChannelDown\"}",
            "the label `alertname` is never \"WhatsAppChannelDown\"",
        ),
        (
            "ALERTS{alertname=~\"WhatsApp(Channel|Tokken).*\"}",
            "the label `alertname` is never \"WhatsAppTokken.*\"",
        ),
        ("ALERTS{alertstate=\"resolved\"}", "the label `alertstate` is never \"resolved\""),
        ("ALERTS{severity=\"page\"}", "the label `severity` is never \"page\""),
        (
            "ALERTS{alertname=\"WhatsAppTokenExpired\", channel=\"sales\"}",
            "ALERTS has no label `channel`",
        ),
        (
            "sum by (chanel) (whatsapp_channel_authorized)",
            "`sum by (…)`: there is no label `chanel` to group by",
        ),
        (
            "max without (statsu) (whatsapp_channel_status)",
            "`max without (…)`: there is no label `statsu`",
        ),
        (
            "sum by (channel) (sum by (reason) (whatsapp_channel_poll_failures_total))",
            "there is no label `channel` to group by; there are reason",
        ),
        (
            "whatsapp_channel_authorized == 0 and on (chanel) whatsapp_channel_info",
            "`and on (…)`: the left side has no label `chanel`",
        ),
        (
            "whatsapp_channel_authorized and on (token) whatsapp_token_valid",
            "the left side has no label `token`",
        ),
        (
            "whatsapp_channel_authorized and ignoring (state) whatsapp_channel_status",
            "neither side has a label `state`",
        ),
        (
            "whatsapp_channel_status == 1 and whatsapp_channel_authorized == 0",
            "`and` matches nothing: one side has the labels",
        ),
        (
            "max by (channel) (whatsapp_channel_authorized) - whatsapp_channel_authorized",
            "`-` matches nothing",
        ),
        (
            "rate(whatsapp_channel_uptime_seconds[5m])",
            "rate() is for counters, and whatsapp_channel_uptime_seconds is a gauge",
        ),
        (
            "histogram_quantile(0.9, sum by (provider) \
             (rate(whatsapp_poll_duration_seconds_bucket[5m])))",
            "histogram_quantile() needs the label `le`",
        ),
        (
            "whatsapp_channel_status{channel=\"GRAFANA_CHOICE\"}",
            "`channel` is compared with a variable of several values, which needs `=~`",
        ),
        (
            "label_replace(whatsapp_channel_authorized, \"token\", \"$1\", \"chanel\", \"(.*)\")",
            "`label_replace`: there is no label `chanel` to take",
        ),
        (
            "sum by (channel) \
             (label_replace(whatsapp_channel_authorized, \"channel\", \"\", \"channel\", \".*\"))",
            "there is no label `channel` to group by",
        ),
        ("sum(whatsapp_channel_status", "is not PromQL"),
        ("{channel=\"sales\"}", "names no metric"),
    ] {
        let mistakes = mistakes_in(&contract, "grafana/x.json, panel 1 \"X\", query A", expr);
        assert!(
            mistakes.iter().any(|one| one.starts_with("grafana/x.json, panel 1 \"X\", query A: ")
                && one.contains(mistake)),
            "{expr}\n  should be refused with: {mistake}\n  was told: {mistakes:?}"
        );
    }
}

#[test]
fn good_expressions_are_not_refused() {
    let contract = contract(&rules());
    for expr in [
        "whatsapp_channel_status{status=~\"INIT|LAUNCH\", job=~\".*\", instance!=\"a:1\"} == 1",
        "whatsapp_channel_status{status=~\".*ERROR\"}",
        "sum by (le, provider) (rate(whatsapp_poll_duration_seconds_bucket{le!=\"+Inf\"}[5m]))",
        "whatsapp_poll_duration_seconds_sum / whatsapp_poll_duration_seconds_count",
        "ALERTS{alertname=~\"WhatsApp(Channel|Token).*\", severity=\"critical\", \
            channel=~\"sales|\"}",
        "ALERTS_FOR_STATE{alertname=\"WhatsAppUpstreamDown\", provider=\"meta\"}",
        "up == 0 and on (job, instance) whatsapp_exporter_build_info",
        "whatsapp_channel_authorized * on (provider, channel) group_left (version) max by \
         (provider, channel, version) (whatsapp_channel_info)",
        "sum by (token) \
         (label_replace(whatsapp_channel_authorized, \"token\", \"$1\", \"channel\", \"(.*)\"))",
        "vector(0) + time()",
    ] {
        assert_eq!(mistakes_in(&contract, "here", expr), Vec::<String>::new());
    }
}

#[test]
fn a_wrong_dashboard_is_refused() {
    let json = serde_json::json!({
        "uid": "x",
        "templating": { "list": [
            { "name": "channel", "type": "query",
                "definition": "label_values(whatsapp_channel_status, chanel)",
              "query": { "query": "label_values(whatsapp_channel_status, chanel)" } },
        ] },
        "panels": [ { "id": 7, "title": "Out", "targets": [
            { "refId": "B", "range": true, "expr": "up", "legendFormat": "{{channel}}" },
            { "refId": "C", "range": true,
                "expr": "whatsapp_channel_authorized{channel=~\"$chanel\"}" },
            { "refId": "D", "range": true, "expr":
                "increase(whatsapp_channel_restarts_total{channel=\"$channel\"}[$__rate_interval])"
            },
        ] } ],
    });
    let dashboard = Dashboard { file: "grafana/x.json".to_owned(), text: String::new(), json };
    assert_eq!(
        mistakes_in_dashboard(&contract(&rules()), &dashboard),
        [
            "grafana/x.json, panel 7 \"Out\", query B: the legend shows the label `channel`, which \
             its series do not have",
            "grafana/x.json, panel 7 \"Out\", query C: the variable $chanel is neither Grafana's \
             nor the dashboard's",
            "grafana/x.json, panel 7 \"Out\", query D: whatsapp_channel_restarts_total: `channel` \
             is compared with a variable of several values, which needs `=~`",
            "grafana/x.json, variable channel: whatsapp_channel_status has no label `chanel`",
        ]
    );
}

#[test]
fn a_wrong_template_is_refused() {
    let contract = contract(&rules());
    let mistakes = |template| mistakes_in_template(&contract, "WhatsAppTokenExpired", template);
    assert_eq!(mistakes("{{ $labels.chanel }}"), ["the alert has no label `chanel`"]);
    assert_eq!(
        mistakes(
            "{{ $of := printf `tokn=%q` $labels.token }}{{ with printf `whatsapp_token_valid{%s} \
             == 1` $of | query }}yes{{ end }}"
        )
        .len(),
        1
    );
    assert_eq!(
        mistakes("{{ `whatsapp_token_valid` | query | first | label \"reason\" }}"),
        ["no answer has the label `reason`"]
    );
    assert_eq!(
        mistakes(
            "{{ `whatsapp_token_valid{token=\"a\"}` | query | first | label \"token\" }} {{ \
             $labels.token }}"
        ),
        Vec::<String>::new()
    );
}

#[test]
fn regular_expressions_are_taken_apart() {
    for (regex, parts) in [
        ("A|B", "A B"),
        ("A(B|C)D", "ABD ACD"),
        ("A(B|C).*|D", "AB.* AC.* D"),
        ("(A|B)(C|D)", "AC AD BC BD"),
        ("(A|(B|C))", "A B C"),
        ("A(B|C)+", "A(B|C)+"),
        (r"A\|B", r"A\|B"),
    ] {
        assert_eq!(alternatives(regex).join(" "), parts, "{regex}");
    }
}
