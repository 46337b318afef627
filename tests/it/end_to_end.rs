//! From a phone that is logged out to the page that says so, with real programs all the way: the
//! simulator of Whapi, WAHA and Meta, the exporter with its gateway, its webhooks and its state
//! file, an application that sends, Prometheus with the rules, Alertmanager with the example of its
//! settings, and a receiver. Then every query of the dashboards is put to that Prometheus.
//!
//! Time is hurried: the rules and Alertmanager's settings are used as they are, but each of their
//! durations is divided by [`TIMES`], and the exporter polls and Prometheus scrapes faster by as
//! much. See [`crate::peers::rules::hurried`].

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::peers::alertmanager::Alertmanager;
use crate::peers::application::Application;
use crate::peers::dashboards::{self, Ask, Chosen, Filling};
use crate::peers::program::{self, PATIENCE, installed, wait_for};
use crate::peers::prometheus::{Labels, Prometheus};
use crate::peers::rules::{ALERTMANAGER, RULES, hurried};
use crate::peers::webhook::{Message, Webhook};
use crate::peers::{read, repository, settings};
use serde_json::Value;
use whatsapp_simulator::{
    self as simulator, MessageFate, MetaToken, Simulator, WahaCapping, WahaLimits, WahaServer,
    WahaTimelock, WebhookMode, WhapiChannel, WhapiPartner, WhapiStatus,
};

/// A minute lasts three seconds: short enough for a test, and a rule's shortest window still holds
/// several scrapes.
const TIMES: u64 = 20;

/// What Alertmanager's example sends to.
const RECEIVER: &str = "http://alert-receiver.example.com";

const DAY: u64 = 86_400;

/// Queries that stay empty here, and why. The text is the beginning of the query's place.
const EMPTY: &[(&str, &str)] = &[
    (
        "grafana/exporter.json, annotation",
        "shows alerts on providers and on exporters, and here each provider answers and the \
         exporter runs",
    ),
    ("grafana/sources.json, annotation", "the same"),
    ("grafana/delivery.json, annotation", "no message is stuck here"),
    ("grafana/tokens.json, annotation", "no token is in a critical state here"),
    ("grafana/sources.json, panel 5 \"Sources, worst first\", query G", "no list fails here"),
];

/// The id, and so the name, of a partner's channel.
const PAID: &str = "PAIDXX-00001";

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

fn in_days(days: u64) -> u64 {
    now() as u64 + days * DAY
}

/// The status of an alert of this name about this target, in each message to this path, oldest
/// first.
fn told(messages: &[Message], path: &str, alert: &str, label: &str, target: &str) -> Vec<Value> {
    let alerts = messages.iter().filter(|message| message.path == path).flat_map(Message::alerts);
    alerts
        .filter(|one| one["labels"]["alertname"] == alert && one["labels"][label] == target)
        .cloned()
        .collect()
}

/// The seconds since 1970 of a time as templates write it, such as `2026-05-01 12:00:00.5 +0000
/// UTC`.
fn seconds_of(time: &str) -> f64 {
    let number = |range: std::ops::Range<usize>| -> i64 {
        time.get(range)
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| panic!("no time: {time}"))
    };
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    // Days since 1970 of a civil date, with the year beginning in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    let of_day = number(11..13) * 3600 + number(14..16) * 60 + number(17..19);
    (days * 86_400 + of_day) as f64
}

#[test]
fn times_are_read_as_templates_write_them() {
    assert_eq!(seconds_of("1970-01-01 00:00:00 +0000 UTC"), 0.0);
    assert_eq!(seconds_of("2026-11-20 21:40:32.125 +0000 UTC"), 1_795_210_832.0);
    assert_eq!(seconds_of("2024-02-29 23:59:59 +0000 UTC"), 1_709_251_199.0);
}

#[test]
fn durations_are_hurried_and_nothing_else_is() {
    for (text, expected) in [
        ("    interval: 30s\n", "    interval: 1500ms\n"),
        ("        for: 10m\n", "        for: 30000ms\n"),
        ("        keep_firing_for: 5m\n", "        keep_firing_for: 15000ms\n"),
        (
            "      group_wait: 30s\n      repeat_interval: 12h\n",
            "      group_wait: 1500ms\n      repeat_interval: 2160000ms\n",
        ),
        ("max_over_time(x[3m]) == 1 # after 3m\n", "max_over_time(x[9000ms]) == 1 # after 3m\n"),
        (
            "x{a=\"b\"}[6h:30s]) - time() > 48 * 3600",
            "x{a=\"b\"}[1080000ms:1500ms]) - time() > 48 * 3600",
        ),
        ("last_over_time(x[10m] offset 5m) > 50", "last_over_time(x[30000ms] offset 15000ms) > 50"),
        ("[15m] and y[a] or z[150m]", "[45000ms] and y[a] or z[450000ms]"),
        ("      for: as long as it takes\n", "      for: as long as it takes\n"),
        ("group_by: [cluster, channel]", "group_by: [cluster, channel]"),
    ] {
        assert_eq!(hurried(text, 20), expected);
    }
}

#[test]
fn the_hurried_rules_are_rules() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("rules.yaml");
    std::fs::write(&file, hurried(&read(RULES), TIMES)).expect("the rules");
    let output = Command::new(installed(&["promtool"], "prometheus"))
        .args(["check", "rules"])
        .arg(&file)
        .output()
        .expect("promtool runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let rules: usize =
        crate::peers::rules::rules().groups.iter().map(|group| group.rules.len()).sum();
    assert!(said.contains(&format!("{rules} rules found")), "{said}");
}

#[test]
#[should_panic(expected = "on Debian: apt-get install prometheus")]
fn a_missing_program_is_told_and_not_passed_over() {
    installed(&["no-such-program"], "prometheus");
}

/// Everything that runs.
struct World {
    sim: Simulator,
    exporter: program::Program,
    prometheus: Prometheus,
    webhook: Webhook,
    _application: Application,
    _alertmanager: Alertmanager,
    _directory: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let sim = Simulator::start().await.expect("a free port");
        let channel = |name: &str, id: &str| {
            let mut channel = WhapiChannel::new(name);
            channel.channel_id = id.to_owned();
            channel
        };
        sim.set_channel("salesSecret", channel("sales", "SHAZAM-3HDYQ"));
        sim.set_channel("supportSecret", channel("support", "MANTIS-M72HC"));
        sim.set_token("systemSecret", MetaToken::new("system"));
        let days = |days| Duration::from_secs(days * DAY);
        sim.set_token("campaignSecret", MetaToken::of_user("campaign", days(8), days(80)));
        sim.set_token("orphanSecret", MetaToken::new("orphan"));
        sim.set_app(MetaToken::APP_ID, "appSecret", "shop");
        // A session that may begin no new chats, and a channel that a partner pays for.
        let mut server = WahaServer::new("waha").with_session("locked", "WORKING");
        let week = in_days(7);
        let timelock = Some(WahaTimelock { active: true, ends: week });
        let status = "NONE".to_owned();
        let capping = Some(WahaCapping { status, total: 1000, used: 640, cycle_end: week });
        server.limits.insert("locked".to_owned(), WahaLimits { timelock, capping });
        sim.set_waha_server("wahaSecret", server);
        sim.set_channel("paidSecret", channel("paid", PAID));
        let mut partner = WhapiPartner::new("partner");
        partner.channels.push("paidSecret".to_owned());
        sim.set_whapi_partner("partnerSecret", partner);
        // The channel `gone` is unknown to Whapi, and the app that inspects `orphan` has a wrong
        // secret.
        let file = settings::write(
            directory.path(),
            &[("sales", "salesSecret"), ("support", "supportSecret"), ("gone", "goneSecret")],
            &[
                ("system", "systemSecret", None),
                ("campaign", "campaignSecret", Some((MetaToken::APP_ID, "appSecret"))),
                ("orphan", "orphanSecret", Some((MetaToken::APP_ID, "wrongSecret"))),
            ],
        );
        let exporter = program::exporter(
            directory.path(),
            &[
                ("CONFIG_FILE", file.display().to_string()),
                ("WHAPI_API_URL", sim.url()),
                ("META_API_URL", sim.url()),
                ("WAHA_URL", sim.url()),
                ("WAHA_API_KEY", "wahaSecret".to_owned()),
                ("WHAPI_PARTNER_URL", sim.url()),
                ("WHAPI_PARTNER_TOKEN", "partnerSecret".to_owned()),
                // The defaults, hurried; tokens even more, so that a test need not wait for 30
                // seconds.
                ("WHAPI_POLL_INTERVAL", "1500ms".to_owned()),
                ("META_POLL_INTERVAL", "2s".to_owned()),
                ("STALE_AFTER", "15s".to_owned()),
                ("POLL_TIMEOUT", "1s".to_owned()),
                ("GATEWAY_ADDRESS", "127.0.0.1:0".to_owned()),
                ("GATEWAY_HOLD", "200ms".to_owned()),
                ("WEBHOOK_SECRET", "webhookSecretOfTheseTests".to_owned()),
                ("STATE_FILE", directory.path().join("state.json").display().to_string()),
            ],
        )
        .await;
        for secret in ["salesSecret", "supportSecret"] {
            let webhook =
                simulator::WhapiWebhook::new(exporter.url("/webhook/whapi"), WebhookMode::Body)
                    .header("X-Webhook-Secret", "webhookSecretOfTheseTests");
            assert!(sim.update_channel(secret, |channel| channel.webhooks.push(webhook)));
        }
        let gateway = exporter.address_after("gateway listening").await;
        let application =
            Application::start(gateway, &["salesSecret", "supportSecret"], &["campaignSecret"]);

        let webhook = Webhook::start().await;
        let example = read(ALERTMANAGER);
        assert!(example.contains(RECEIVER), "{ALERTMANAGER} sends to other receivers");
        let example = hurried(&example, TIMES).replace(RECEIVER, &webhook.url);
        let alertmanager = Alertmanager::start(directory.path(), &example).await;

        let rules = directory.path().join("rules.yaml");
        std::fs::write(&rules, hurried(&read(RULES), TIMES)).expect("the rules");
        let prometheus = Prometheus::start(
            directory.path(),
            &format!(
                "global: {{ scrape_interval: 1s, external_labels: {{ grafana_url: \
                 'https://grafana.example.com' }} }}\n\
                 rule_files: ['{}']\n\
                 alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: ['{}'] }}] }}] }}\n\
                 scrape_configs: [{{ job_name: whatsapp, static_configs: [{{ targets: \
                 ['127.0.0.1:{}'] }}] }}]\n",
                rules.display(),
                alertmanager.address(),
                exporter.port,
            ),
        )
        .await;
        Self {
            sim,
            exporter,
            prometheus,
            webhook,
            _application: application,
            _alertmanager: alertmanager,
            _directory: directory,
        }
    }

    async fn wait_until_true(&self, expr: &str) {
        wait_for(expr, PATIENCE, async || {
            (!self.prometheus.query(expr).await.is_empty()).then_some(())
        })
        .await;
    }

    /// Waits for the last word on an alert to be this status, and returns all that was told.
    async fn wait_for_message(
        &self,
        path: &str,
        alert: &str,
        (label, target): (&str, &str),
        status: &str,
    ) -> Vec<Value> {
        wait_for(&format!("{alert} of {target}, {status}, at {path}"), 2 * PATIENCE, async || {
            let told = told(&self.webhook.messages(), path, alert, label, target);
            told.last().is_some_and(|last| last["status"] == status).then_some(told)
        })
        .await
    }
}

fn annotation<'a>(alert: &'a Value, name: &str) -> &'a str {
    alert["annotations"][name].as_str().unwrap_or_else(|| panic!("no {name}: {alert}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logged_out_channel_pages_once_and_every_panel_shows_something() {
    let begun = Instant::now();
    let world = World::start().await;
    let prometheus = &world.prometheus;
    world.wait_until_true("whatsapp_channel_authorized{channel=\"sales\"} == 1").await;
    let campaign = "token:whatsapp_token_expiry_timestamp_seconds:min{token=\"campaign\"}";
    world.wait_until_true(&format!("{campaign} - time() > 7 * 86400")).await;
    let sent = "whatsapp_gateway_requests_total{code=\"2xx\"";
    world.wait_until_true(&format!("{sent}, channel=\"sales\"}} > 0")).await;
    world.wait_until_true(&format!("{sent}, token=\"campaign\"}} > 0")).await;

    // Messages come and go, one fails and one is never acknowledged: too few for an alert.
    let sales = |change: fn(&mut WhapiChannel)| {
        assert!(world.sim.update_channel("salesSecret", change));
    };
    sales(|channel| {
        channel.receive_message();
        channel.send_message(MessageFate::Read);
    });
    let statuses = "whatsapp_channel_message_statuses_total{channel=\"sales\"";
    world.wait_until_true(&format!("{statuses}, status=\"delivered\"}} == 1")).await;
    sales(|channel| {
        channel.receive_message();
        channel.send_message_by_phone();
        channel.send_message(MessageFate::Failed);
        channel.send_message(MessageFate::Stuck);
    });
    world.wait_until_true(&format!("{statuses}, status=\"failed\"}} == 1")).await;

    // The phone is logged out, and a day and more of the token's life passes.
    let logged_out = now();
    assert!(world.sim.update_channel("salesSecret", |channel| channel.show(WhapiStatus::QR)));
    assert!(world.sim.update_token("campaignSecret", |token| token.expires_at = in_days(6)));
    const OUT: &str = "WhatsAppChannelNotAuthorized";
    const SOON: &str = "WhatsAppTokenExpiringSoon";
    let sales = ("channel", "sales");

    let pages = world.wait_for_message("/page", OUT, sales, "firing").await;
    let paged = now();
    let page = &pages[0];
    assert_eq!(
        annotation(page, "summary"),
        "WhatsApp channel sales is not authorized and cannot send"
    );
    let description = annotation(page, "description");
    assert!(description.contains("Its last known status is QR."), "{description}");
    assert!(description.contains("scan the channel's QR code"), "{description}");
    let (_, since) = description.split_once("out of AUTH since ").expect("since when");
    let since = seconds_of(since);
    assert!(
        (logged_out - 1.0..paged).contains(&since),
        "logged out at {logged_out}, paged at {paged}: {description}"
    );
    let runbook = annotation(page, "runbook_url");
    let (_, path) = runbook.split_once("/blob/main/").expect("a link into the repository");
    assert!(repository(path).is_file(), "{runbook}");
    assert_eq!(
        annotation(page, "dashboard_url"),
        "https://grafana.example.com/d/whatsapp-channel?var-job=whatsapp&var-channel=sales"
    );

    let warnings = world.wait_for_message("/chat", SOON, ("token", "campaign"), "firing").await;
    let warning = &warnings[0];
    assert_eq!(annotation(warning, "summary"), "Meta token campaign expires within 7 days");
    assert!(annotation(warning, "description").contains(", in 5d 23h "), "{warning}");
    assert_eq!(warning["labels"]["severity"], "warning");

    let locked = ("channel", "locked");
    let warnings =
        world.wait_for_message("/chat", "WhatsAppChannelRestricted", locked, "firing").await;
    let description = annotation(&warnings[0], "description");
    let (_, ends) = description.split_once("That ends ").expect("until when");
    assert!(seconds_of(ends) > now(), "{description}");

    // While alerts fire, every panel has something to show.
    world
        .wait_until_true(
            "ALERTS{alertname=\"WhatsAppChannelCredentialRejected\", alertstate=\"firing\"}",
        )
        .await;
    // Meanwhile the application was refused and webhooks told of it, too little or too much of
    // which would be an alert of its own.
    let refused = "whatsapp_channel_unauthorized_errors_total{channel=\"sales\", \
        source=\"gateway\", reason=\"session\"}";
    world.wait_until_true(&format!("{refused} > 20")).await;
    world.wait_until_true("whatsapp_channel_logouts_total{channel=\"sales\"} == 1").await;
    let everything = every_panel_shows_something(&world).await;
    every_total_is_what_was_counted(&world.prometheus).await;
    no_rule_fails(prometheus).await;

    // The QR code is scanned.
    assert!(world.sim.update_channel("salesSecret", |channel| channel.show(WhapiStatus::AUTH)));
    let pages = world.wait_for_message("/page", OUT, sales, "resolved").await;
    let statuses: Vec<&Value> = pages.iter().map(|page| &page["status"]).collect();
    assert_eq!(statuses, ["firing", "resolved"], "one page, one resolution");

    // Nobody was called for what can wait, told of what is well, or told of a warning beside its
    // page.
    let messages = world.webhook.messages();
    for message in &messages {
        for alert in message.alerts() {
            let (labels, severity) = (&alert["labels"], &alert["labels"]["severity"]);
            assert_eq!(severity == "critical", message.path == "/page", "{alert}");
            assert!(labels["channel"] != "support" && labels["token"] != "system", "{alert}");
            assert!(labels["channel"] != "gone" || message.path == "/page", "{alert}");
            assert!(labels["channel"] != "sales" || labels["alertname"] == OUT, "{alert}");
            for (name, text) in alert["annotations"].as_object().expect("annotations") {
                let text = text.as_str().unwrap_or_default();
                for bad in ["<error", "<no value>", "{{", "NaN"] {
                    assert!(!text.contains(bad), "{name}: {text}");
                }
            }
        }
    }
    tell(&format!(
        "the page came {:.1} s after the logout; {everything} queries; {:.0} s in all",
        paged - logged_out,
        begun.elapsed().as_secs_f64()
    ));
}

#[expect(clippy::print_stderr, reason = "shown with --nocapture")]
fn tell(what: &str) {
    eprintln!("{what}");
}

/// Prometheus tells of each rule whether its last evaluation went well.
async fn no_rule_fails(prometheus: &Prometheus) {
    let data = prometheus.ask("/api/v1/rules", &[]).await;
    let groups = data["groups"].as_array().expect("groups");
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().expect("rules"));
    let mut seen = 0;
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{}: {}", rule["name"], rule["lastError"]);
        seen += 1;
    }
    assert!(seen > 0, "Prometheus has no rules");
}

/// The labels of what a query comes back with, values that are no number aside.
async fn rows_of(
    prometheus: &Prometheus,
    query: &dashboards::Query,
    filling: &Filling,
    expr: &str,
) -> Vec<Labels> {
    match query.ask {
        Ask::Instant => {
            let rows = prometheus.query(expr).await.into_iter();
            rows.filter(|(_, value)| !value.is_nan()).map(|(labels, _)| labels).collect()
        }
        Ask::Range => {
            let (to, step) = (now(), filling.interval.as_secs_f64());
            // The last point is now, whatever the step.
            let steps = (filling.range.as_secs_f64() / step).floor();
            let from = to - steps * step;
            let rows = prometheus.points(expr, from, to, step).await.into_iter();
            rows.filter(|(_, points)| !points.is_empty()).map(|(labels, _)| labels).collect()
        }
    }
}

/// Puts every query of the dashboards, with *All* and with a few values chosen, and fails on one
/// that comes back empty.
async fn every_panel_shows_something(world: &World) -> usize {
    let prometheus = &world.prometheus;
    let instance = format!("127.0.0.1:{}", world.exporter.port);
    let choices = [
        ("job", vec!["whatsapp"]),
        ("channel", vec!["sales", "gone", "locked", PAID]),
        ("token", vec!["campaign", "orphan"]),
        ("instance", vec![instance.as_str()]),
        ("provider", vec!["whapi", "waha"]),
        ("source", vec!["whapi", "waha"]),
        // This Prometheus has neither label.
        ("cluster", Vec::new()),
        ("namespace", Vec::new()),
    ];
    let chosen: BTreeMap<String, Chosen> = choices
        .iter()
        .map(|(name, values)| {
            let values: Vec<_> = values.iter().map(|value| (*value).to_owned()).collect();
            let chosen = if values.is_empty() { Chosen::All } else { Chosen::Values(values) };
            ((*name).to_owned(), chosen)
        })
        .collect();
    let all: BTreeMap<String, Chosen> =
        chosen.keys().map(|name| (name.clone(), Chosen::All)).collect();

    let mut mistakes = Vec::new();
    let mut put = 0;
    let mut excused = BTreeSet::new();
    // This world has no numbers and accounts of Meta's; the contract alone holds their dashboard.
    let with_data = |dashboard: &dashboards::Dashboard| dashboard.uid() != "whatsapp-meta";
    for dashboard in dashboards::all().into_iter().filter(with_data) {
        for (what, chosen) in [("all chosen", &all), ("some chosen", &chosen)] {
            let mut filling = Filling {
                chosen: chosen.clone(),
                range: Duration::from_secs(300),
                interval: Duration::from_secs(15),
                scrape_interval: Duration::from_secs(15),
            };
            for variable in dashboard.variables() {
                let selector = filling.fill(&variable.selector).expect("known variables");
                let path = format!("/api/v1/label/{}/values", variable.label);
                let values = prometheus.ask(&path, &[("match[]", &selector)]).await;
                let (_, wanted) =
                    choices.iter().find(|(name, _)| *name == variable.name).expect("a choice");
                let values = values.as_array().expect("a list");
                if !wanted.iter().all(|value| values.iter().any(|one| one == value)) {
                    mistakes.push(format!("{}, {what}: offers {values:?}", variable.place));
                }
            }
            for query in dashboard.queries() {
                // Steps are hurried as everything is: what happened in one is the difference to
                // the step before.
                let step = query.min_step.unwrap_or(Duration::from_secs(15) * TIMES as u32);
                filling.interval = step / TIMES as u32;
                let expr = filling.fill(&query.expr).expect("known variables");
                // A subquery looks at multiples of its step, and this world may have none.
                let expr = expr.replace(":5m]", ":15s]").replace(":1m]", ":15s]");
                let mut rows = rows_of(prometheus, &query, &filling, &expr).await;
                if rows.is_empty() {
                    // What happened alone is shown; nothing may have happened.
                    rows = rows_of(prometheus, &query, &filling, &expr.replace(" > 0", "")).await;
                }
                put += 1;
                let place = format!("{}, {what}", query.place);
                if rows.is_empty() {
                    match EMPTY.iter().find(|(place, _)| query.place.starts_with(place)) {
                        Some((place, _)) => excused.insert(*place),
                        None => {
                            mistakes.push(format!("{place}: is empty: {expr}"));
                            continue;
                        }
                    };
                }
                let names = dashboard.variable_names();
                let limited = choices.iter().filter(|(name, values)| {
                    what == "some chosen" && names.contains(name) && !values.is_empty()
                });
                for (name, values) in limited {
                    let strange = rows.iter().filter_map(|row| row.get(*name));
                    for value in strange.filter(|value| !values.contains(&value.as_str())) {
                        mistakes
                            .push(format!("{place}: shows {name} {value}, which was not chosen"));
                    }
                }
            }
        }
    }
    for (place, reason) in EMPTY.iter().filter(|(place, _)| !excused.contains(place)) {
        mistakes.push(format!("{place} is not empty any more; take it out of the list ({reason})"));
    }
    assert!(mistakes.is_empty(), "{} mistakes:\n{}", mistakes.len(), mistakes.join("\n"));
    put
}

/// What a legend sums up over the steps is what the counters grew by from the first to the last.
async fn every_total_is_what_was_counted(prometheus: &Prometheus) {
    const STEPS: u32 = 15;
    let names = ["cluster", "namespace", "job", "provider", "channel", "token", "source"];
    let names = names.into_iter().chain(["account", "instance"]);
    let mut filling = Filling {
        chosen: names.map(|name| (name.to_owned(), Chosen::All)).collect(),
        range: Duration::from_secs(STEPS.into()),
        interval: Duration::from_secs(1),
        scrape_interval: Duration::from_secs(1),
    };
    let to = now();
    let mut counted = 0.0;
    let queries = dashboards::all().into_iter().flat_map(|dashboard| dashboard.queries());
    for query in queries.filter(|query| query.expr.contains("offset $__interval")) {
        let mut sums = Vec::new();
        for steps in [STEPS, 1] {
            filling.interval = filling.range / steps;
            let step = filling.interval.as_secs_f64();
            let from = to - step * f64::from(steps - 1);
            let expr = filling.fill(&query.expr).expect("known variables");
            let rows = prometheus.points(&expr, from, to, step).await;
            sums.push(rows.iter().flat_map(|(_, points)| points).sum::<f64>());
        }
        assert_eq!(sums[0], sums[1], "{}: {}", query.place, query.expr);
        counted += sums[1];
    }
    assert!(counted > 0.0, "nothing was counted");
}
