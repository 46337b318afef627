//! The page of metrics, read by those who read it in earnest: a real Prometheus in both formats,
//! promtool, the prometheus crate's own encoder, and a person who looks at a change of the golden
//! pages.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::peers::program::{self, PATIENCE, installed, wait_for};
use crate::peers::prometheus::{Labels, Prometheus};
use crate::peers::{read, repository, settings};
use prometheus::{
    Encoder, Gauge, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use whatsapp_exporter::config::Settings;
use whatsapp_exporter::domain::{
    AnswerClass, ChannelEvent, ChannelObservation, DeliveryCount, Expiry, Failure, FailureReason,
    HeldOutcome, MessageEvent, MessageFailure, MessageId, MessageStatus, NewChatQuota, Now, Origin,
    QuotaLimit, Renewal, Reported, RestrictionReason, Restrictions, Status, Subscription,
    SubscriptionMode, TargetKind, Timestamp, TokenErrorReason, TokenInfo, TokenObservation,
    TokenReading, UnauthorizedReason, WebhookRefusal,
};
use whatsapp_exporter::fleet::{Fleet, FleetView};
use whatsapp_exporter::http::{ConnectionRefusal, ListenerKind};
use whatsapp_exporter::metrics::Features;
use whatsapp_exporter::metrics::catalog::{self, Metric};
use whatsapp_exporter::metrics::exporter::ExporterMetrics;
use whatsapp_exporter::metrics::exposition::Exposition;
use whatsapp_exporter::metrics::format::Format;
use whatsapp_exporter::providers;
use whatsapp_exporter::target::Shard;
use whatsapp_exporter::upstream::{Fact, ProviderId};
use whatsapp_simulator::{self as simulator, Fault, MetaToken, MetaTokenState, Simulator};

// ---- reading a page ----

/// What a page says, read by a reader of its own.
#[derive(Debug, Default, PartialEq)]
struct Page {
    /// By labels, `__name__` among them.
    samples: BTreeMap<Labels, f64>,
    /// Type, help and unit of each family.
    families: BTreeMap<String, [String; 3]>,
}

fn parse(text: &str) -> Page {
    let mut page = Page::default();
    for line in text.lines() {
        if line == "# EOF" {
            continue;
        }
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let mut word = || words.next().expect("a word").to_owned();
            let (kind, name, value) = (word(), word(), word());
            let at = match kind.as_str() {
                "TYPE" => 0,
                "HELP" => 1,
                "UNIT" => 2,
                _ => panic!("a comment of an unknown kind: {line}"),
            };
            page.families.entry(name).or_default()[at] = value;
            continue;
        }
        let end = line.find(['{', ' ']).expect("a sample");
        let mut labels = Labels::from([("__name__".to_owned(), line[..end].to_owned())]);
        let mut rest = &line[end..];
        while let Some(after) = rest.strip_prefix(['{', ',']) {
            let (name, after) = after.split_once("=\"").expect("a label");
            let mut value = String::new();
            let mut letters = after.char_indices();
            let closed = loop {
                match letters.next().expect("a closing quote") {
                    (at, '"') => break at,
                    (_, '\\') => match letters.next().expect("an escaped letter").1 {
                        'n' => value.push('\n'),
                        letter => value.push(letter),
                    },
                    (_, letter) => value.push(letter),
                }
            };
            labels.insert(name.to_owned(), value);
            rest = &after[closed + 1..];
        }
        let value = rest.trim_start_matches('}').trim();
        let value = value.parse().unwrap_or_else(|_| panic!("no number in {line}"));
        assert!(page.samples.insert(labels, value).is_none(), "twice on one page: {line}");
    }
    page
}

// ---- a real Prometheus ----

/// Passes what Prometheus asks on to the exporter, but asks for the text format: in 2.42 no setting
/// does.
async fn ask_for_text(exporter: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(from.read_u8().await?);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let kept = head.trim_end().lines().filter(|line| {
                    let line = line.to_ascii_lowercase();
                    !line.starts_with("accept:") && !line.starts_with("connection:")
                });
                let asked = kept.collect::<Vec<_>>().join("\r\n")
                    + "\r\nAccept: text/plain;version=0.0.4\r\nConnection: close\r\n\r\n";
                let mut to = TcpStream::connect(exporter).await?;
                to.write_all(asked.as_bytes()).await?;
                tokio::io::copy(&mut to, &mut from).await?;
                from.shutdown().await
            });
        }
    });
    address
}

async fn page(address: SocketAddr, accept: &str) -> String {
    let answer = program::client()
        .get(format!("http://{address}/metrics"))
        .header("Accept", accept)
        .send()
        .await
        .expect("the exporter answers");
    answer.text().await.expect("a body")
}

/// The upstreams of a small fleet in many states.
async fn upstream() -> Simulator {
    let sim = Simulator::start().await.expect("a free port");
    sim.set_channel("salesSecret", simulator::WhapiChannel::new("sales"));
    let logged_out =
        simulator::WhapiChannel::new("support").with_status(simulator::WhapiStatus::QR);
    sim.set_channel("supportSecret", logged_out);
    let mut marketing = MetaToken::new("marketing");
    marketing.application = "Lucky \"Shrub\" \\ Söhne\nand more".to_owned();
    sim.set_token("marketingSecret", marketing);
    let days = |days: u64| Duration::from_secs(days * 86_400);
    sim.set_token("campaignSecret", MetaToken::of_user("campaign", days(60), days(90)));
    let revoked = MetaToken { state: MetaTokenState::Revoked(460), ..MetaToken::new("revoked") };
    sim.set_token("revokedSecret", revoked);
    sim.set_token("limitedSecret", MetaToken::new("limited"));
    sim.set_fault("limitedSecret", Some(Fault::graph(4, 0)));
    sim.set_app(MetaToken::APP_ID, "appSecret", "shop");
    sim
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_reads_what_the_page_says_in_both_formats() {
    let directory = tempfile::tempdir().expect("a directory");
    let sim = upstream().await;
    let app = Some((MetaToken::APP_ID, "appSecret"));
    let file = settings::write(
        directory.path(),
        &[("sales", "salesSecret"), ("support", "supportSecret"), ("gone", "goneSecret")],
        &[
            ("marketing", "marketingSecret", None),
            ("campaign", "campaignSecret", app),
            ("revoked", "revokedSecret", app),
            ("limited", "limitedSecret", None),
        ],
    );
    // Asked once, and then not for hours: what is compared stands still.
    let exporter = program::exporter(
        directory.path(),
        &[
            ("CONFIG_FILE", file.display().to_string()),
            ("WHAPI_API_URL", sim.url()),
            ("META_API_URL", sim.url()),
            ("WHAPI_POLL_INTERVAL", "5h".to_owned()),
            ("META_POLL_INTERVAL", "5h".to_owned()),
        ],
    )
    .await;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, exporter.port));
    let is_polls = |labels: &Labels| labels["__name__"].ends_with("_polls_total");
    wait_for("a poll of every target", PATIENCE, async || {
        let page = parse(&page(address, "text/plain").await);
        let polls: Vec<f64> =
            page.samples.iter().filter(|(labels, _)| is_polls(labels)).map(|(_, n)| *n).collect();
        (polls.len() == 7 && polls.iter().all(|polls| *polls == 1.0)).then_some(())
    })
    .await;

    let text_address = ask_for_text(address).await;
    let prometheus = Prometheus::start(
        directory.path(),
        &format!(
            "global: {{ scrape_interval: 1s }}\n\
             scrape_configs:\n\
             - {{ job_name: openmetrics, static_configs: [{{ targets: ['{address}'] }}] }}\n\
             - {{ job_name: text, static_configs: [{{ targets: ['{text_address}'] }}] }}\n"
        ),
    )
    .await;
    wait_for("a scrape in each format", PATIENCE, async || {
        (prometheus.query("up == 1").await.len() == 2).then_some(())
    })
    .await;

    // Prometheus' own words, as of 2.42.
    let accept = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;\
        version=0.0.1;q=0.75,\
                  text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    for (job, accept) in [("openmetrics", accept), ("text", "text/plain;version=0.0.4")] {
        let written = page(address, accept).await;
        assert_eq!(written.ends_with("# EOF\n"), job == "openmetrics", "the format of the page");
        let written = parse(&written);
        let mut scraped = BTreeMap::new();
        for (mut labels, value) in prometheus.query(&format!("{{job=\"{job}\"}}")).await {
            let name = labels["__name__"].clone();
            assert_eq!(labels.remove("job").as_deref(), Some(job));
            assert!(labels.remove("instance").is_some());
            if name != "up" && !name.starts_with("scrape_") {
                scraped.insert(labels, value);
            }
        }
        let series = |samples: &BTreeMap<Labels, f64>| samples.keys().cloned().collect::<Vec<_>>();
        assert_eq!(series(&scraped), series(&written.samples), "the series of job {job}");
        let mut compared = 0;
        for (labels, value) in &written.samples {
            let name = labels["__name__"].as_str();
            // The process lives on and the countdown runs; nothing else may differ, to the last
            // digit.
            if !name.starts_with("process_") && name != "whatsapp_token_expires_in_seconds" {
                assert_eq!(scraped[labels], *value, "{labels:?} of job {job}");
                compared += 1;
            }
        }
        assert!(compared > 200, "only {compared} samples");

        let parameters = [("match_target", format!("{{job=\"{job}\"}}"))];
        let parameters = parameters.each_ref().map(|(name, value)| (*name, value.as_str()));
        let metadata = prometheus.ask("/api/v1/targets/metadata", &parameters).await;
        let mut families = BTreeMap::new();
        for family in metadata.as_array().expect("a list") {
            let field = |name: &str| family[name].as_str().expect("a text").to_owned();
            // Prometheus 2.42 tells the type of its own `up` and `scrape_…` not at all.
            families.insert(field("metric"), ["type", "help", "unit"].map(field));
        }
        assert_eq!(families, written.families, "the families of job {job}");
        let unit = &families["whatsapp_channel_uptime_seconds"][2];
        assert_eq!(unit, if job == "openmetrics" { "seconds" } else { "" });
    }

    let answer = promtool_check_metrics(&page(address, "text/plain").await);
    assert_eq!(answer, "", "promtool check metrics");
}

/// What `promtool check metrics` says of a page.
pub fn promtool_check_metrics(page: &str) -> String {
    let mut promtool = Command::new(installed(&["promtool"], "prometheus"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    promtool.stdin.take().expect("its input").write_all(page.as_bytes()).expect("it reads");
    let output = promtool.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() { said } else { format!("{}: {said}", output.status) }
}

#[test]
fn promtool_does_say_something_of_a_bad_page() {
    assert_ne!(promtool_check_metrics("# TYPE x_total gauge\nx_total 1\n"), "");
    assert_ne!(promtool_check_metrics("x{a=\"b} 1\n"), "");
}

// ---- golden pages ----

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_250);

fn seconds_before_now(seconds: u64) -> Now {
    let millis = i64::try_from(seconds * 1000).expect("a small number");
    Now { unix: NOW.plus_millis(-millis), steady: 100_000_000 - millis }
}

fn whapi() -> ProviderId {
    providers::with_label("whapi").expect("a provider")
}

fn meta() -> ProviderId {
    providers::with_label("meta").expect("a provider")
}

/// A fleet with something of everything, and the exporter's own metrics, at one moment.
fn fleet() -> (FleetView, ExporterMetrics) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = settings::write(
        directory.path(),
        &[("sales", "a"), ("support", "b"), ("stale", "c"), ("never-asked", "d")],
        &[
            ("system", "e", None),
            ("campaign", "f", None),
            ("expired", "g", None),
            ("new", "h", None),
        ],
    );
    let variables = [("CONFIG_FILE".into(), file.into_os_string())];
    let settings = Settings::load(variables).unwrap_or_else(|problems| panic!("{problems:?}"));
    let fleet = Fleet::new(settings.targets, seconds_before_now(7200), true);
    let apply = |kind, name: &str, when, fact| {
        let target = fleet.find(kind, name).expect("a target");
        let (_, sent_at) = fleet.begin_poll(target, when).expect("a target");
        fleet.apply(target, when, sent_at, false, fact);
    };
    let channels = ["sales", "support", "stale", "never-asked"];
    let polled = |at: usize, when, outcome| {
        apply(TargetKind::Channel, channels[at], when, Fact::Channel(outcome));
    };
    let tokens = ["system", "campaign", "expired", "new"];
    let token_polled = |at: usize, when, reading| {
        apply(TargetKind::Token, tokens[at], when, Fact::Token(reading));
    };

    let health = |status, started_before: u64| ChannelObservation {
        started: Some(seconds_before_now(started_before).unix),
        uptime_millis: Some(86_412_500),
        channel_id: Some("MANTIS-M72HC".into()),
        version: Some("1.8.7-12-gabc1234".into()),
        ..ChannelObservation::new(Reported::Known(status))
    };
    let failed = |reason| Failure::new(reason, "");
    for (ago, status) in [(7000, Status::Auth), (6970, Status::Init), (6940, Status::Auth)] {
        polled(0, seconds_before_now(ago), Ok(health(status, 7100)));
    }
    let locked = Restrictions::NONE
        .with(RestrictionReason::NewChats, Some(Expiry::At(NOW.plus_millis(604_800_000))))
        .with(RestrictionReason::Policy, None);
    let quota = NewChatQuota {
        limit: Some(QuotaLimit::Chats(1000)),
        used: Some(640),
        resets: Some(NOW.plus_millis(1_296_000_000)),
    };
    let sales = ChannelObservation {
        restrictions: Some(locked),
        quota: Some(quota),
        ..health(Status::Auth, 100)
    };
    polled(0, seconds_before_now(10), Ok(sales));
    polled(1, seconds_before_now(90), Ok(health(Status::Auth, 9000)));
    polled(1, seconds_before_now(60), Ok(health(Status::Qr, 9000)));
    let unauthorized = Err(failed(FailureReason::SessionUnauthorized));
    polled(1, seconds_before_now(30), unauthorized);
    polled(2, seconds_before_now(3600), Ok(health(Status::Auth, 9000)));
    let paid_until = |expiry, renewal| {
        Fact::Subscription(Subscription { expiry, mode: SubscriptionMode::Live, renewal })
    };
    let in_two_days = Some(Expiry::At(NOW.plus_millis(2 * 86_400_000)));
    for (name, subscription) in [
        ("support", paid_until(Some(Expiry::Never), Renewal::Automatic)),
        ("stale", paid_until(in_two_days, Renewal::Manual)),
        ("never-asked", paid_until(None, Renewal::Unknown)),
    ] {
        apply(TargetKind::Channel, name, seconds_before_now(600), subscription);
    }
    let counted = DeliveryCount { end: seconds_before_now(2750).unix, sent: 120, delivered: 117 };
    apply(TargetKind::Channel, "sales", seconds_before_now(600), Fact::Delivery(Some(counted)));
    for ago in [3570, 1800, 20] {
        polled(2, seconds_before_now(ago), Err(failed(FailureReason::Timeout)));
    }

    let qr = ChannelObservation { channel_id: None, ..health(Status::Qr, 80_000) };
    for event in
        [ChannelEvent::Status(qr), ChannelEvent::Login, ChannelEvent::Login, ChannelEvent::Other]
    {
        fleet.deliver(whapi(), None, "MANTIS-M72HC", seconds_before_now(8), event);
    }
    let ago = |seconds| Some(seconds_before_now(seconds).unix);
    let (id, sent) = (MessageId::from_hash, Some(MessageStatus::Sent));
    for message in [
        MessageEvent::inbound(id(1), ago(300)),
        MessageEvent::outbound(id(2), ago(200), Origin::Phone, sent),
        MessageEvent::outbound(id(3), ago(100), Origin::Api, None),
        MessageEvent::status(id(3), ago(99), sent, None),
        MessageEvent::status(
            id(4),
            ago(60),
            Some(MessageStatus::Failed),
            Some(MessageFailure::Undeliverable),
        ),
        MessageEvent::outbound(id(5), ago(30), Origin::Api, None),
    ] {
        let event = ChannelEvent::Message(message);
        fleet.deliver(whapi(), None, "MANTIS-M72HC", seconds_before_now(6), event);
    }
    let sales = fleet.find(TargetKind::Channel, "sales");
    let system = fleet.find(TargetKind::Token, "system");
    fleet.count_request(whapi(), sales, AnswerClass::Success);
    fleet.count_request(whapi(), sales, AnswerClass::Unauthorized);
    let now = seconds_before_now(7);
    fleet.count_unauthorized(sales.expect("a channel"), now, UnauthorizedReason::Session);
    fleet.count_request(meta(), system, AnswerClass::Forbidden);
    let missing = Some(TokenErrorReason::PermissionMissing);
    fleet.count_token_error(system.expect("a token"), missing, false);
    fleet.count_request(meta(), None, AnswerClass::Failed);

    let read =
        |observation| TokenReading { outcome: Ok(observation), error: None, unauthorized: false };
    let scopes = ["whatsapp_business_messaging", "whatsapp_business_management"];
    let healthy = TokenObservation {
        valid: true,
        expiry: Some(Expiry::Never),
        data_access_expiry: Some(Expiry::Never),
        issued: Some(Timestamp::from_secs(1_790_000_000)),
        scopes: Some(scopes.map(str::to_owned).to_vec()),
        info: Some(TokenInfo {
            app_id: "634974688087057".into(),
            kind: "SYSTEM_USER".into(),
            application: "Lucky \"Shrub\" \\ Söhne".into(),
        }),
    };
    token_polled(0, seconds_before_now(5), read(healthy.clone()));
    let campaign = TokenObservation {
        expiry: Some(Expiry::At(NOW.plus_millis(6 * 86_400_000 + 1))),
        data_access_expiry: Some(Expiry::At(NOW.plus_millis(-1500))),
        scopes: Some(vec![scopes[0].to_owned()]),
        ..healthy.clone()
    };
    token_polled(1, seconds_before_now(5), read(campaign));
    let expired =
        TokenObservation { expiry: Some(Expiry::At(seconds_before_now(600).unix)), ..healthy };
    token_polled(2, seconds_before_now(1200), read(expired));
    let dead = TokenReading {
        outcome: Ok(TokenObservation::dead()),
        error: Some(TokenErrorReason::TokenExpired),
        unauthorized: true,
    };
    token_polled(2, seconds_before_now(300), dead);
    token_polled(3, seconds_before_now(5), TokenReading::failed(failed(FailureReason::Tls)));

    let shard = Shard::parse("2/5", None).ok();
    let features = Features { webhooks: true, gateway: true, state_file: true, shard };
    let metrics =
        ExporterMetrics::new(features, seconds_before_now(86_400).unix).expect("the metrics");
    metrics.gateway_answered(whapi(), Duration::from_millis(80));
    metrics.gateway_held(HeldOutcome::Sent);
    metrics.webhook_refused(WebhookRefusal::Secret);
    metrics.state_written(true);
    metrics.loaded(seconds_before_now(7200).unix, [4, 4, 0, 0]);
    for millis in [3, 12, 45, 45, 250, 9_999, 20_000] {
        metrics.poll_took(whapi(), Duration::from_millis(millis));
    }
    metrics.unknown_status(whapi());
    metrics.panicked();
    (fleet.view(seconds_before_now(0)), metrics)
}

/// A page without what differs from build to build and from machine to machine.
fn steady(page: &[u8]) -> String {
    let page = String::from_utf8(page.to_vec()).expect("UTF-8");
    let of_process = |line: &str| {
        line.split(' ').any(|word| word.starts_with("process_")) || line.starts_with("process_")
    };
    let build_info = |line: &str| {
        line.split('"')
            .enumerate()
            .map(|(at, part)| if at % 2 == 1 { "X" } else { part })
            .collect::<Vec<_>>()
            .join("\"")
    };
    page.lines()
        .filter(|line| !of_process(line))
        .map(|line| {
            if line.starts_with("whatsapp_exporter_build_info{") {
                build_info(line) + "\n"
            } else {
                format!("{line}\n")
            }
        })
        .collect()
}

#[test]
fn the_pages_are_as_they_were() {
    let (members, metrics) = fleet();
    for (format, file) in [
        (Format::Text, "tests/golden/metrics.txt"),
        (Format::OpenMetrics, "tests/golden/metrics.openmetrics.txt"),
    ] {
        let page = steady(&Exposition::new(members.clone(), &metrics, format).into_bytes());
        if std::env::var_os("BLESS").is_some_and(|bless| bless == "1") {
            std::fs::create_dir_all(repository("tests/golden")).expect("a directory");
            std::fs::write(repository(file), &page).expect("the golden page");
        }
        let golden = read(file);
        for (at, (now, then)) in page.lines().zip(golden.lines()).enumerate() {
            assert_eq!(now, then, "{file}, line {}; BLESS=1 writes the page anew", at + 1);
        }
        assert_eq!(
            page.lines().count(),
            golden.lines().count(),
            "{file}: lines; BLESS=1 writes the page anew"
        );
    }
}

#[test]
fn both_formats_say_the_same() {
    let (members, metrics) = fleet();
    let page =
        |format| parse(&steady(&Exposition::new(members.clone(), &metrics, format).into_bytes()));
    let (text, mut open) = (page(Format::Text), page(Format::OpenMetrics));
    open.samples.retain(|labels, _| !labels["__name__"].ends_with("_created"));
    assert_eq!(text.samples, open.samples);
    for (name, [kind, help, _]) in &text.families {
        let of_open = if kind == "counter" { name.trim_end_matches("_total") } else { name };
        assert_eq!(open.families[of_open][..2], [kind.clone(), help.clone()], "{name}");
        // OpenMetrics would want these escaped.
        assert!(!help.contains(['"', '\\']), "{name}: {help}");
    }
}

/// Prometheus looks for the time right behind a counter's sample, and else reads the page once for
/// each sample.
#[test]
fn every_counter_says_right_behind_its_sample_since_when_it_counts() {
    let (members, metrics) = fleet();
    let page = |format| {
        let page = Exposition::new(members.clone(), &metrics, format).into_bytes();
        String::from_utf8(page).expect("UTF-8")
    };
    assert!(!page(Format::Text).contains("_created"));
    let page = page(Format::OpenMetrics);
    let mut lines = page.lines();
    let (mut kind, mut counters, mut histograms) = ("", 0, 0);
    while let Some(line) = lines.next() {
        if let Some(of_family) = line.strip_prefix("# TYPE ") {
            kind = of_family.split(' ').nth(1).expect("a type");
        }
        let name = line.split(['{', ' ']).next().expect("a name");
        let ending = match kind {
            "counter" => "_total",
            "histogram" => "_count",
            _ => continue,
        };
        let Some(base) = name.strip_suffix(ending) else {
            assert!(!name.ends_with("_created"), "not behind its counter: {line}");
            continue;
        };
        let (series, _) = line.rsplit_once(' ').expect("a value");
        let created = lines.next().expect("a line after a counter's");
        let (of_created, time) = created.rsplit_once(' ').expect("a value");
        assert_eq!(of_created, series.replacen(name, &format!("{base}_created"), 1));
        let time: f64 = time.parse().expect("a number");
        let now = members.now.unix.millis() as f64 / 1000.0;
        assert!((now - 10.0 * 86_400.0..=now).contains(&time), "{created}");
        *if kind == "counter" { &mut counters } else { &mut histograms } += 1;
    }
    assert!(counters > 100 && histograms > 3, "{counters} counters, {histograms} histograms");
}

#[test]
fn promtool_has_nothing_to_say_of_a_page_with_everything() {
    let (members, metrics) = fleet();
    let page = Exposition::new(members, &metrics, Format::Text).into_bytes();
    assert_eq!(promtool_check_metrics(&String::from_utf8(page).expect("UTF-8")), "");
}

// ---- the prometheus crate as an oracle ----

/// The exporter's own families once more, with the crate's own types and encoder.
struct Oracle {
    registry: Registry,
    poll_duration: HistogramVec,
    targets: IntGaugeVec,
    successful: IntGauge,
    timestamp: Gauge,
    unknown: IntCounterVec,
    refused: IntCounterVec,
    panics: IntCounter,
}

impl Oracle {
    fn new() -> Self {
        let opts = |metric: &Metric| Opts::new(metric.name, metric.help);
        // The buckets are told here again: a change of them breaks series of users.
        let buckets = vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
        let duration = HistogramOpts::from(opts(&catalog::POLL_DURATION)).buckets(buckets);
        let oracle = Self {
            registry: Registry::new(),
            poll_duration: HistogramVec::new(duration, &["provider"]).expect("a histogram"),
            targets: IntGaugeVec::new(opts(&catalog::TARGETS), &["kind"]).expect("a gauge"),
            successful: IntGauge::with_opts(opts(&catalog::RELOAD_SUCCESSFUL)).expect("a gauge"),
            timestamp: Gauge::with_opts(opts(&catalog::RELOAD_TIMESTAMP)).expect("a gauge"),
            unknown: IntCounterVec::new(opts(&catalog::UNKNOWN_STATUS), &["provider"])
                .expect("a counter"),
            refused: IntCounterVec::new(
                opts(&catalog::CONNECTIONS_REFUSED),
                &["listener", "reason"],
            )
            .expect("a counter"),
            panics: IntCounter::with_opts(opts(&catalog::PANICS)).expect("a counter"),
        };
        for provider in providers::LABELS {
            oracle.poll_duration.with_label_values(&[provider]);
            oracle.unknown.with_label_values(&[provider]);
        }
        for listener in ["metrics", "gateway"] {
            for reason in ["full", "requests", "descriptors", "passwords"] {
                oracle.refused.with_label_values(&[listener, reason]);
            }
        }
        let collectors: [Box<dyn prometheus::core::Collector>; 7] = [
            Box::new(oracle.poll_duration.clone()),
            Box::new(oracle.targets.clone()),
            Box::new(oracle.successful.clone()),
            Box::new(oracle.timestamp.clone()),
            Box::new(oracle.unknown.clone()),
            Box::new(oracle.refused.clone()),
            Box::new(oracle.panics.clone()),
        ];
        for collector in collectors {
            oracle.registry.register(collector).expect("a new name");
        }
        oracle
    }

    fn page(&self) -> String {
        let mut page = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut page).expect("a page");
        String::from_utf8(page).expect("UTF-8")
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_prometheus_crate_would_write_the_exporters_own_families_alike(
        polls in prop::collection::vec((any::<bool>(), 0_u64..60_000_000), 0..40),
        unknown in 0_u64..5,
        refused in 0_u64..5,
        panics in 0_u64..5,
        channels in 0_usize..200_000,
        tokens in 0_usize..1000,
        loaded in 0_i64..4_000_000_000_000,
    ) {
        let metrics = ExporterMetrics::new(Features::default(), Timestamp::from_secs(0));
        let (metrics, oracle) = (metrics.expect("the metrics"), Oracle::new());
        for (of_whapi, micros) in polls {
            let took = Duration::from_micros(micros);
            let (provider, word) =
                if of_whapi { (whapi(), "whapi") } else { (meta(), "meta") };
            metrics.poll_took(provider, took);
            oracle.poll_duration.with_label_values(&[word]).observe(took.as_secs_f64());
        }
        for _ in 0..unknown {
            metrics.unknown_status(whapi());
            oracle.unknown.with_label_values(&["whapi"]).inc();
        }
        for _ in 0..refused {
            metrics.connection_refused(ListenerKind::Gateway, ConnectionRefusal::Full);
            oracle.refused.with_label_values(&["gateway", "full"]).inc();
        }
        for _ in 0..panics {
            metrics.panicked();
            oracle.panics.inc();
        }
        metrics.loaded(Timestamp::from_millis(loaded), [channels, tokens, 0, 0]);
        oracle.targets.with_label_values(&["channel"]).set(channels as i64);
        oracle.targets.with_label_values(&["token"]).set(tokens as i64);
        oracle.targets.with_label_values(&["source"]).set(0);
        oracle.targets.with_label_values(&["account"]).set(0);
        oracle.successful.set(1);
        oracle.timestamp.set(loaded as f64 / 1000.0);

        let now = seconds_before_now(0);
        let nobody = Fleet::new(Vec::new(), now, false).view(now);
        let page = steady(&Exposition::new(nobody, &metrics, Format::Text).into_bytes());
        let build_info = |line: &&str| line.contains("whatsapp_exporter_build_info");
        let page: Vec<&str> = page.lines().filter(|line| !build_info(line)).collect();
        let expected = oracle.page();
        prop_assert_eq!(page, expected.lines().collect::<Vec<_>>());
    }
}
